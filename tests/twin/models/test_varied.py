"""Maps: without them it is Fisher-KPP; a factor of a voxel is the factor of its rate."""

import numpy as np
import pytest

from tests.patients import small_patient
from tests.twin.tumors import SHAPE, SPACING, SURFACE_M2, TREATED, blob, notched
from twin.domain import make_domain
from twin.models import FisherKPP, Varied
from twin.models.clearance import TwoRateClearance
from twin.simulation import simulate
from twin.treatments.schedule import Fraction, Schedule

TISSUE = notched(5)
DOMAIN = make_domain(TISSUE, SPACING)


def values(model, drugs=(), **changes):
    table = model.table("generic", drugs, DOMAIN.tissues)
    median = {name: float(p.prior.transform(0.0)) for name, p in table.items()}
    return median | {"diffusivity": 0.1, "proliferation_rate": 0.05} | changes


def run(model, schedule=TREATED, days=(30.0,), **changes):
    found = simulate(
        model,
        values(model, schedule.drugs, **changes),
        DOMAIN,
        schedule,
        days,
        initial=blob(TISSUE),
        body_surface_m2=SURFACE_M2,
        max_step_days=0.25,
    )
    assert found.status == 0
    return found


@pytest.mark.parametrize(
    "maps, tolerance", [({"growth": False}, 1e-6), ({"kill": False}, 2e-4), ({}, 2e-4)]
)
def test_flat_maps_are_fisher_kpp(maps, tolerance):
    """With a map of growth the drugs' kill is split around the growth, of second order."""
    plain, varied = run(FisherKPP()), run(Varied(**maps))
    np.testing.assert_allclose(varied.viable, plain.viable, atol=tolerance)
    np.testing.assert_allclose(varied.dead, plain.dead, atol=tolerance)


def test_a_fraction_kills_each_voxel_by_its_own_radiosensitivity():
    model = Varied(growth=False, modes=6)
    scores = {f"kill_map_{i:02d}": 0.5 * (-1.0) ** i for i in range(1, 7)}
    still = {"proliferation_rate": 0.0, "diffusivity": 0.0, "clearance_half_life": 1e9}
    found = run(model, Schedule((Fraction(1.0, 3.0),)), (0.5, 2.0), **still, **scores)
    basis = model.field(DOMAIN).basis(DOMAIN.shape, DOMAIN.spacing_mm)
    factor = np.exp(np.tensordot(list(scores.values()), basis, axes=1))
    there = blob(TISSUE) > 0.05
    at = values(model)
    plain = at["radiosensitivity_alpha"] * 3.0 * (1.0 + 3.0 / at["alpha_beta_ratio"])
    log_kill = -np.log(found.viable[1][there] / found.viable[0][there])
    np.testing.assert_allclose(log_kill, plain * factor[there], rtol=1e-4)
    assert factor[there].min() < 0.65 and factor[there].max() > 0.9


def test_growth_follows_its_map():
    model = Varied(kill=False, modes=6)
    scores = {f"growth_map_{i:02d}": 0.4 for i in range(1, 7)}
    found = run(model, Schedule(), (20.0,), diffusivity=0.0, **scores)
    basis = model.field(DOMAIN).basis(DOMAIN.shape, DOMAIN.spacing_mm)
    rate = 0.05 * np.exp(0.4 * basis.sum(axis=0))
    start, end = blob(TISSUE), found.viable[0]
    there = (start > 0.02) & (start < 0.9)
    grown = np.log(end[there] / (1 - end[there])) - np.log(start[there] / (1 - start[there]))
    np.testing.assert_allclose(grown, 20.0 * rate[there], rtol=2e-3)


def test_maps_cover_the_outlines_and_a_margin_whatever_the_voxels():
    patient = small_patient()
    placed = Varied().for_patient(patient, patient.visits)
    assert placed.region_mm is not None
    low, high = np.array(placed.region_mm)
    places = np.argwhere(
        np.logical_or.reduce([m for v in patient.visits for m in v.masks.values()])
    )
    edges, whole = patient.grid.spacing_mm, np.array(patient.grid.shape) * patient.grid.spacing_mm
    np.testing.assert_allclose(low, np.maximum(places.min(axis=0) * edges - 10.0, 0.0))
    np.testing.assert_allclose(high, np.minimum((places.max(axis=0) + 1) * edges + 10.0, whole))
    assert placed.for_patient(patient, patient.visits[:1]) is placed
    wrapped = TwoRateClearance(Varied()).for_patient(patient, patient.visits)
    assert wrapped.model == placed
    assert FisherKPP().for_patient(patient, patient.visits) == FisherKPP()


def test_the_model_says_what_is_assumed_and_left_out():
    (sentence,) = Varied(growth=False, modes=10).fallbacks(DOMAIN)
    held = Varied(modes=10).field(DOMAIN).held_share
    assert "assumed" in sentence and f"10 modes hold {held:.0%}" in sentence
    assert sentence.startswith("Maps of radiosensitivity:") and DOMAIN.shape == SHAPE
