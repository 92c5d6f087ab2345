"""The Fisher-KPP model: its parameter table is complete, and rates follow the tissue."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.twin.tumors import MODEL, PARAMS, SHAPE, SPACING, TREATED, blob, box, run
from twin.domain import make_domain
from twin.errors import TwinError
from twin.patient import SITES
from twin.treatments.chemotherapy import DRUGS


@pytest.mark.parametrize("site", SITES)
def test_every_parameter_has_a_unit_a_source_and_a_usable_prior(site):
    table = MODEL.table(site, tuple(DRUGS), ("white", "grey", "fat"))
    sensitizers = sum(d.radiosensitizer is not None for d in DRUGS.values())
    assert len(table) == 9 + len(DRUGS) + sensitizers + 6
    for parameter in table.values():
        assert parameter.unit and parameter.description and parameter.citation
        low, high = parameter.interval(0.9)
        assert 0.0 <= low <= high < np.inf
        assert (low == high) == parameter.fixed


def test_an_unknown_site_is_answered_with_the_known_ones():
    with pytest.raises(TwinError, match="unknown tumor site 'lung'.*glioma"):
        MODEL.table("lung", (), ("tissue",))


@pytest.mark.parametrize("site", SITES)
def test_the_table_names_all_that_the_rates_need(site):
    tissues = {"muscle": np.zeros(SHAPE), "fat": np.full(SHAPE, 0.25)}
    domain = make_domain(box(), SPACING, tissues)
    drugs = ("doxorubicin", "paclitaxel")
    equations = MODEL.equations(
        MODEL.table(site, drugs, domain.tissues).values_at({}), domain, drugs
    )
    assert equations.sensitivities.shape == (2,)
    assert equations.growth.shape == (2,)


def test_rates_follow_the_parameters_and_the_tissue():
    tissues = {"muscle": np.zeros(SHAPE), "fat": np.full(SHAPE, 0.25)}
    domain = make_domain(box(), (1.0, 1.0, 1.0), tissues)
    params = PARAMS | {
        "diffusivity_ratio_fat": 3.0,
        "growth_ratio_fat": 0.5,
        "capacity_ratio_fat": 0.8,
    }
    equations = MODEL.equations(
        {k: jnp.asarray(v) for k, v in params.items()}, domain, ("doxorubicin",)
    )
    mixed = 0.15 * (0.75 + 0.25 * 3.0)
    assert float(equations.operator.rate) == pytest.approx(6 * mixed, rel=1e-6)
    np.testing.assert_allclose(equations.growth, [0.06, 0.03], rtol=1e-6)
    np.testing.assert_allclose(equations.capacity, [1.0, 0.8], rtol=1e-6)
    assert float(equations.radiation.alpha) == pytest.approx(0.05)
    assert float(equations.clearance) == pytest.approx(np.log(2) / 30.0)
    np.testing.assert_allclose(
        equations.sensitivities, [PARAMS["sensitivity_doxorubicin"]], rtol=1e-6
    )


@pytest.mark.parametrize("sensitivity", [9e3, 2e4, 1e6])
def test_a_kill_beyond_what_single_precision_can_hold_leaves_dead_cells_only(sensitivity):
    """exp(−log kill) is 0 there and exp(log kill) infinite: their product must not be taken."""
    found = run(blob(box()), [9.0], TREATED, params={"sensitivity_doxorubicin": sensitivity})
    assert found.status == 0
    assert found.viable.sum() < 1e-6 * blob(box()).sum()
    assert found.dead.sum() > 0.5 * blob(box()).sum()
