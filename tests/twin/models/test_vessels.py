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


def test_an_antiangiogenic_drug_removes_the_vessels_of_the_tumor_and_starves_delivery():
    doses = tuple(DrugDose(14.0 * i, "bevacizumab", 700.0) for i in range(3))
    strong = {"sensitivity_bevacizumab": 0.15, "angiogenesis_rate": 0.01, "diffusivity": 0.005}
    treated = run(Vessels(), Schedule((), doses), **strong)
    vessels = treated.fields["vessels"][0] / run(Vessels(), **strong).fields["vessels"][0]
    middle, corner = vessels[tuple(n // 2 for n in SHAPE)], vessels[1, 1, 1]
    print(f"vessels left by the drug in the middle {middle:.2f}, in a corner {corner:.2f}")
    assert middle < 0.1 and corner > 0.5
    assert treated.dead.max() == 0.0
    cytotoxic = DrugDose(43.0, "paclitaxel", 300.0)
    both = run(Vessels(), Schedule((), (*doses, cytotoxic)), **strong)
    only = run(Vessels(), Schedule((), (cytotoxic,)), **strong)
    assert both.dead.sum() < 0.9 * only.dead.sum()


def test_the_prior_of_an_antiangiogenic_drug_is_one_of_vessels():
    table = Vessels().table("glioma", ("bevacizumab", "paclitaxel"), ("tissue",))
    row = table["sensitivity_bevacizumab"]
    assert "vessels" in row.description and row.interval(0.9)[0] > 0.005
    other = FisherKPP().table("glioma", ("bevacizumab", "paclitaxel"), ("tissue",))
    assert table["sensitivity_paclitaxel"] == other["sensitivity_paclitaxel"]


def test_more_vessels_make_radiation_count_more():
    fraction = Schedule((Fraction(0.0, 2.0),))
    rich = run(Vessels(), fraction, days=(0.01,), vessel_density=200.0)
    poor = run(Vessels(), fraction, days=(0.01,), vessel_density=15.0)
    assert rich.viable_ml[0] < 0.95 * poor.viable_ml[0]
