"""A report says what held, what failed and what could not be asked; a failure's script runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.twin.testing.broken_simulators import DEFECTS, blunt
from twin.testing import Case, NotApplicable, conformance
from twin.testing.property import relation
from twin.testing.reference import NumpySimulator, reference
from twin.testing.report import FAILS, HOLDS, NOT_APPLICABLE

# beartype looks at a random item of a container, also while Hypothesis draws.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

FEW = ["nothing_is_outside_the_mask", "uniform_tumors_grow_logistically"]


def test_report_of_a_good_simulator_lists_every_property_asked():
    report = conformance.check(reference, properties=FEW)
    assert [v.outcome for v in report] == [HOLDS, HOLDS]
    assert report.summary == "2 hold, 0 fail, 0 not applicable"
    assert all(name in str(report) for name in FEW)
    assert all(v.examples > 0 and v.error <= v.tolerance for v in report)
    report.raise_if_failed()


def test_failure_tells_where_what_was_found_and_what_was_expected():
    report = conformance.check(blunt, properties=["uniform_tumors_grow_logistically"])
    (verdict,) = report.failed
    assert verdict.outcome == FAILS
    assert "density at [" in verdict.detail
    assert "found" in verdict.detail and "expected" in verdict.detail
    with pytest.raises(AssertionError, match="This script reproduces it"):
        report.raise_if_failed()


def test_simulator_can_be_named_and_a_group_be_asked_for():
    report = conformance.check("twin.testing.reference:reference", properties=["batches"])
    assert [v.name for v in report] == ["a_batch_is_a_loop"]
    assert not report.failed


def test_unknown_property_is_refused_with_the_names_there_are():
    with pytest.raises(KeyError, match="no property or group is called 'mass'.*cells_are"):
        conformance.check(reference, properties=["mass"])


@pytest.mark.parametrize("path", ["twin.testing.reference", "twin.testing.reference:__name__"])
def test_what_is_no_simulator_is_refused(path):
    with pytest.raises(ValueError, match="package.module:name|not callable"):
        conformance.load(path)


class NoTensors(NumpySimulator):
    exempt = {"runs_can_be_repeated": "the model is a coin"}

    def __call__(self, case):
        if case.dimensions == 5:
            raise NotApplicable("tensors")
        return super().__call__(case)


def test_what_cannot_be_expressed_is_not_applicable_with_its_reason():
    names = ["cells_are_conserved_along_fibers", "runs_can_be_repeated", "drug_levels_add_up"]
    report = conformance.check(NoTensors(), properties=names)
    assert {v.name: v.detail for v in report.not_applicable} == {
        "cells_are_conserved_along_fibers": "tensors",
        "runs_can_be_repeated": "the model is a coin",
        "drug_levels_add_up": "offers no concentration",
    }
    assert {v.outcome for v in report} == {NOT_APPLICABLE}


def test_verdict_is_the_same_every_time():
    one, two = (conformance.check(blunt, properties=["hours_count"]).verdicts[0] for _ in "ab")
    assert (one.outcome, one.detail, one.script) == (two.outcome, two.detail, two.script)


@pytest.mark.parametrize(
    "result",
    [lambda case: np.zeros((1, 2)), lambda case: None, lambda case: np.full((2, 7, 7, 7), np.nan)],
)
def test_what_is_no_density_fails(result):
    (verdict,) = conformance.check(result, properties=["densities_are_never_negative"]).verdicts
    assert verdict.failed


def test_exception_on_a_good_case_is_a_failure_that_names_it():
    def raises(case):
        raise RuntimeError("out of ideas")

    (verdict,) = conformance.check(raises, properties=["runs_can_be_repeated"]).verdicts
    assert verdict.detail == "FAILS: raised RuntimeError: out of ideas"


def test_a_simulator_that_writes_on_its_case_does_not_spoil_the_next_property():
    spoiler = DEFECTS["the caller's initial state used as working memory"][0]()
    report = conformance.check(spoiler, properties=["a_dose_of_zero_does_nothing", *FEW])
    assert not report.failed


def test_failing_example_is_shrunk_to_a_plain_one():
    (verdict,) = conformance.check(blunt, properties=["a_thin_sheet_conducts_across"]).verdicts
    assert "axis = 0" in verdict.script
    (verdict,) = conformance.check(blunt, properties=["survival_is_linear_quadratic"]).verdicts
    assert "spacing_mm=(1.0, 1.0, 1.0)" in verdict.script
    assert "np.where(case_mask, 0.5, 0.0)" in verdict.script


@pytest.mark.parametrize(
    "name",
    [
        "densities_never_exceed_the_capacity",
        "cells_are_conserved_without_growth",
        "cells_are_conserved_along_fibers",
        "cells_are_conserved_in_uneven_tissue",
        "survival_is_linear_quadratic",
        "fibers_can_be_turned",
        "hours_count",
    ],
)
def test_script_of_a_failure_runs_by_itself_and_shows_it(name, repository, tmp_path):
    doubled = "tests.twin.testing.broken_simulators:doubled"
    (verdict,) = conformance.check(doubled, properties=[name]).verdicts
    assert verdict.failed, verdict.explained()
    assert len(verdict.script.splitlines()) < 120
    script = tmp_path / "reproduce.py"
    script.write_text(verdict.script)
    run = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(repository)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = verdict.detail.partition("; and")[0]
    assert told in run.stdout.splitlines()


def test_property_of_ones_own_can_be_checked():
    @relation(99, "a whim", double=0.0, single=0.0)
    def always(simulator):
        from twin.testing.claims import true

        return true("two and two is four", 2 + 2 == 4)

    (verdict,) = conformance.check(reference, properties=[always]).verdicts
    assert verdict.outcome == HOLDS


def test_core_of_the_kit_needs_neither_jax_nor_the_rest_of_the_package(repository, tmp_path):
    code = (
        "import sys\n"
        "from twin.testing import conformance\n"
        "from twin.testing.reference import reference\n"
        "report = conformance.check(reference, properties=['nothing_is_outside_the_mask'])\n"
        "assert len(report.held) == 1\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "assert not loaded & {'jax', 'equinox', 'jaxtyping', 'pydantic', 'pytest'}, loaded\n"
        "own = {m for m in sys.modules if m.startswith('twin.')}\n"
        "assert all(m.startswith('twin.testing') for m in own), own\n"
    )
    env = {**os.environ, "PYTHONPATH": str(repository)}
    subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, check=True)


def test_case_equals_its_copy_and_no_other():
    mask = np.ones((2, 2, 2), bool)
    case = Case(mask, (1.0, 1.0, 1.0), np.zeros((2, 2, 2)))
    assert case == case.copy()
    assert case.copy().mask is not case.mask
    assert case != case.but(alpha=0.1)
    assert case != case.but(initial=np.ones((2, 2, 2)))


def test_modules_of_the_kit_are_plain_enough_for_python_3_11(repository):
    import ast

    files = sorted(Path(repository, "twin", "testing").rglob("*.py"))
    assert len(files) > 20
    for path in files:
        ast.parse(path.read_text(), feature_version=(3, 11))
