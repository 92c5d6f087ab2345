"""Vessels: Fisher-KPP in plenty, angiogenesis where oxygen lacks, drugs that act on vessels."""

import numpy as np

from tests.twin.tumors import SHAPE, SPACING, SURFACE_M2, blob, box
from twin.domain import make_domain
from twin.models import FisherKPP, Vessels
from twin.simulation import simulate
from twin.treatments.schedule import DrugDose, Fraction, Schedule

DOMAIN = make_domain(box(), SPACING)
START = blob(box())


def run(model, schedule=None, days=(60.0,), **params):
    schedule = schedule or Schedule()
    table = model.table("generic", schedule.drugs, DOMAIN.tissues)
    values = {n: float(p.prior.transform(0.0)) for n, p in table.items()}
    values |= {"diffusivity": 0.15, "proliferation_rate": 0.05}
    found = simulate(
        model,
        values | params,
        DOMAIN,
        schedule,
        days,
        initial=START,
        body_surface_m2=SURFACE_M2,
        max_step_days=1.0,
    )
    assert found.status == 0
    return found


def test_plenty_of_oxygen_and_normal_vessels_are_fisher_kpp():
    treated = Schedule(
        tuple(Fraction(10.0 + day, 2.0) for day in range(5)), (DrugDose(5.0, "doxorubicin", 130),)
    )
    rich = {"oxygen_consumption": 1e-6, "compression_rate": 1e-9}
    found = run(Vessels(), treated, **rich)
    expected = run(FisherKPP(), treated)
    np.testing.assert_allclose(found.viable, expected.viable, rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(found.fields["vessels"][0][box()], 1.0, atol=1e-4)


def test_cells_without_oxygen_call_vessels_and_vessels_feed_cells():
    poor = {"vessel_density": 20.0, "compression_rate": 1e-9}
    fed = run(Vessels(), angiogenesis_rate=0.3, **poor)
    starved = run(Vessels(), angiogenesis_rate=1e-9, **poor)
    middle = tuple(n // 2 for n in SHAPE)
    assert fed.fields["vessels"][(0, *middle)] > 1.5
    assert fed.viable_ml[0] > 1.05 * starved.viable_ml[0]


def test_dense_cells_crush_vessels():
    found = run(Vessels(), compression_rate=0.2, angiogenesis_rate=1e-9)
    vessels = found.fields["vessels"][0]
    assert vessels[tuple(n // 2 for n in SHAPE)] < 0.5 * vessels[1, 1, 1]


def test_an_antiangiogenic_drug_removes_vessels_and_not_cells_and_starves_delivery():
    doses = tuple(DrugDose(14.0 * i, "bevacizumab", 700.0) for i in range(3))
    alone = run(Vessels(), Schedule((), doses), sensitivity_bevacizumab=0.05)
    untreated = run(Vessels())
    assert alone.fields["vessels"][0][box()].mean() < 0.5 * (
        untreated.fields["vessels"][0][box()].mean()
    )
    assert alone.dead.max() == 0.0
    cytotoxic = DrugDose(43.0, "paclitaxel", 300.0)
    both = run(Vessels(), Schedule((), (*doses, cytotoxic)), sensitivity_bevacizumab=0.05)
    only = run(Vessels(), Schedule((), (cytotoxic,)))
    assert both.dead.sum() < 0.8 * only.dead.sum()


def test_more_vessels_make_radiation_count_more():
    fraction = Schedule((Fraction(0.0, 2.0),))
    rich = run(Vessels(), fraction, days=(0.01,), vessel_density=200.0)
    poor = run(Vessels(), fraction, days=(0.01,), vessel_density=15.0)
    assert rich.viable_ml[0] < 0.95 * poor.viable_ml[0]
