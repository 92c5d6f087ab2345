"""Every model can be fitted to the embedded patient, here on coarse voxels, and says what it cannot
determine."""

import re

import pytest

from experiments import workflow
from tests.experiments.commands import DEMO, SPACING_MM, oncotwin
from twin.lesions import LESION_MODELS
from twin.models import MODELS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_is_calibrated_and_names_what_rests_on_its_priors(name, tmp_path):
    run, posterior = workflow.calibrate_run(
        DEMO, tmp_path / "run", model=name, visits=3, spacing_mm=float(SPACING_MM)
    )
    unknown = {row["name"] for row in posterior.summary() if row["determined"] is False}
    assert "radiosensitivity_alpha" in unknown
    # Maps of growth leave little for anything else to explain; what they leave goes to the drug.
    assert "sensitivity_doxorubicin" in unknown or name == "varied"
    warnings = " ".join(posterior.diagnostics["warnings"])
    assert re.search("The data does not determine .*radiosensitivity_alpha", warnings)
    for sentence in posterior.setting.model.fallbacks(posterior.setting.domain):
        assert sentence in warnings
    again = workflow.load_posterior(run)
    assert type(again.setting.model) is MODELS[name]


def test_a_lesion_model_is_fitted_to_volumes_from_the_command_line(tmp_path):
    answer = oncotwin("calibrate", DEMO, "-o", tmp_path / "run", "--model", "lesion-exponential")
    assert answer.code == 0, answer.err
    assert "undetermined: rests on the prior" in answer.out and "growth_rate" in answer.out
    refused = oncotwin("forecast", tmp_path / "run")
    assert refused.code == 2 and "knows volumes alone" in refused.err


def test_an_unknown_lesion_model_is_answered_with_the_known_ones(tmp_path):
    answer = oncotwin("calibrate", DEMO, "-o", tmp_path / "run", "--model", "lesion-quadratic")
    assert answer.code == 2
    told = answer.err.replace("\n", "")
    assert all(f"lesion-{name}" in told for name in LESION_MODELS)
