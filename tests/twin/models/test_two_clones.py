"""Two clones of one capacity: the adaptive reference, limits, bounds, and adaptive therapy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.tumors import (
    PARAMS,
    SHAPE,
    SPACING,
    SURFACE_M2,
    blob,
    box,
    notched,
    run,
    solve_in_double,
    states_in_double,
)
from twin.domain import make_domain
from twin.models import FisherKPP, TwoClones
from twin.solvers.reference import Clone, solve_reference
from twin.treatments.schedule import DrugDose, Fraction, Schedule

MODEL = TwoClones()
CLONES = {
    "resistant_share": 0.2,
    "resistant_growth_ratio": 0.6,
    "resistant_alpha_ratio": 0.5,
    "residual_sensitivity_paclitaxel": 0.2,
    "residual_sensitivity_pembrolizumab": 0.5,
    "sensitivity_paclitaxel": 0.4,
    "sensitivity_pembrolizumab": 0.01,
}
COURSE = Schedule(
    (Fraction(8.0, 2.0), Fraction(16.0, 2.0)),
    (DrugDose(8.0, "pembrolizumab", 200.0), DrugDose(16.0, "paclitaxel", 233.0)),
)


def largest(found, expected):
    return float(np.abs(found - expected).max())


def mixed():
    """Fat fractions, and a domain with two tissues of different spread, growth and capacity."""
    fat = np.random.default_rng(6).random(SHAPE)
    ratios = {"diffusivity_ratio_fat": 2.0, "growth_ratio_fat": 0.7, "capacity_ratio_fat": 0.9}
    return make_domain(notched(5), SPACING, {"muscle": 1 - fat, "fat": fat}), ratios


def test_both_clones_of_a_treated_course_agree_with_the_adaptive_reference():
    """Drugs and fractions that kill the clones unequally, diffusion in a ragged mask, clearance."""
    tissue, days = notched(5), [10.0, 25.0, 60.0]
    drugs = ("paclitaxel", "pembrolizumab")
    kill = {d: CLONES[f"sensitivity_{d}"] for d in drugs}
    left = {d: kill[d] * CLONES[f"residual_sensitivity_{d}"] for d in drugs}
    first = np.stack([0.8 * blob(tissue), 0.2 * blob(tissue)])
    exact = solve_reference(
        first,
        [Clone(0.15, 0.06, 0.05, 10.0, kill), Clone(0.15, 0.036, 0.025, 10.0, left)],
        days,
        tissue=tissue,
        spacing_mm=SPACING,
        schedule=COURSE,
        body_surface_m2=SURFACE_M2,
        clearance_half_life_days=30.0,
        relative_tolerance=1e-8,
    )
    domain, errors = make_domain(tissue, SPACING), []
    for step in (0.5, 0.25):
        found = states_in_double(
            blob(tissue), days, COURSE, model=MODEL, params=CLONES, domain=domain,
            max_step_days=step,
        )  # fmt: skip
        clones = [largest(domain.volume(found.cells[c]), exact.viable[:, c]) for c in (0, 1)]
        errors.append([*clones, largest(domain.volume(found.dead), exact.dead)])
    print(f"error of both clones and the dead with steps of 0.5 and 0.25 days: {errors}")
    assert max(errors[1]) < 2e-4
    assert np.all(np.array(errors[0]) > 3.0 * np.array(errors[1]))


def test_the_error_of_a_treated_course_falls_with_the_square_of_the_step():
    # A drug gone within a day, as strong as above, needs steps shorter than two days.
    params = CLONES | {"diffusivity": 0.02, "sensitivity_paclitaxel": 0.1}
    params |= {"proliferation_rate": 0.1}

    def course(step):
        found = states_in_double(
            blob(box()), [32.0], COURSE, model=MODEL, params=params, max_step_days=step
        )
        return np.stack([*found.cells, found.dead])

    runs = {step: course(step) for step in (2.0, 1.0, 0.5, 1 / 16)}
    for part, name in enumerate(("sensitive", "resistant", "dead")):
        errors = [largest(runs[s][part], runs[1 / 16][part]) for s in (2.0, 1.0, 0.5)]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        print(f"order in time of the {name} cells: {orders.round(2)}, errors {errors}")
        assert orders.min() >= 1.9


def test_without_a_resistant_clone_it_is_fisher_kpp():
    domain, ratios = mixed()
    params = CLONES | ratios | {"resistant_share": 0.0}
    keywords = {"params": params, "domain": domain}
    alone = states_in_double(blob(notched(5)), [10.0, 60.0], model=MODEL, **keywords)
    one, _ = solve_in_double(blob(notched(5)), [10.0, 60.0], **keywords)
    np.testing.assert_allclose(domain.volume(alone.viable), one, rtol=1e-9, atol=1e-15)
    assert not alone.cells[1].any()
    both, one = (
        solve_in_double(blob(notched(5)), [40.0], COURSE, model=model, **keywords)[0]
        for model in (MODEL, FisherKPP())
    )
    print(f"with drugs, at steps of two days: {largest(both, one):.1e} of the capacity")
    assert largest(both, one) < 1e-5


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_equal_clones_behave_as_one(share):
    """Their shares stay as they were; what the order of growth errs falls with the step squared."""
    equal = CLONES | {"resistant_share": share, "resistant_growth_ratio": 1.0}
    equal |= {"resistant_alpha_ratio": 1.0}
    equal |= {n: 1.0 for n in CLONES if n.startswith("residual")}
    errors, shares = [], []
    for step in (1.0, 0.5):
        found = states_in_double(
            blob(box()), [40.0], COURSE, model=MODEL, params=equal, max_step_days=step
        )
        one, _ = solve_in_double(blob(box()), [40.0], COURSE, params=equal, max_step_days=step)
        errors.append(largest(found.viable.reshape(one.shape), one))
        inside = box().reshape(-1)
        shares.append(largest((found.cells[1] / found.viable.clip(1e-300))[:, inside], share))
    print(f"share {share}: error of all cells {errors}, of the share {shares}")
    assert errors[1] < 2e-5 and shares[1] < 1e-5
    assert errors[0] > 3.5 * errors[1]


def test_few_cells_of_both_clones_grow_apart_at_their_own_rates():
    found = states_in_double(1e-9 * box(), [50.0], model=MODEL, params=CLONES)
    sensitive, resistant = (cells[0].max() for cells in found.cells)
    rate = PARAMS["proliferation_rate"]
    assert sensitive == pytest.approx(0.8e-9 * np.exp(50.0 * rate), rel=1e-6)
    assert resistant == pytest.approx(0.2e-9 * np.exp(50.0 * rate * 0.6), rel=1e-6)


def test_mass_of_each_clone_is_kept_without_growth_and_treatment():
    domain, ratios = mixed()
    still = CLONES | ratios | {"proliferation_rate": 0.0}
    keywords = {"model": MODEL, "params": still, "domain": domain}
    double = states_in_double(blob(notched(5)), [0.0, 270.0], **keywords)
    single = run(blob(notched(5)), [0.0, 270.0], **keywords)
    for clone in (0, 1):
        drift = abs(double.cells[clone][1].sum() / double.cells[clone][0].sum() - 1.0)
        volume = single.cells[:, clone].sum(axis=(1, 2, 3), dtype=float)
        rough = abs(volume[1] / volume[0] - 1.0)
        print(f"mass drift of clone {clone}: {drift:.1e} in float64, {rough:.1e} in float32")
        assert drift <= 1e-12 and rough <= 1e-6


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    diffusivity=st.floats(0.001, 10.0),
    growth=st.floats(0.0, 2.0),
    ratio=st.floats(0.0, 5.0),
    share=st.floats(0.0, 1.0),
    sensitivity=st.floats(0.0, 1e5),
    step=st.sampled_from([1.0, 7.0]),
)
def test_clones_stay_within_one_capacity_for_any_step(
    seed, diffusivity, growth, ratio, share, sensitivity, step
):
    tissue = notched(5)
    initial = np.where(np.random.default_rng(seed).random(SHAPE) > 0.5, 1.0, 0.0) * tissue
    params = CLONES | {
        "diffusivity": diffusivity,
        "proliferation_rate": growth,
        "resistant_growth_ratio": ratio,
        "resistant_share": share,
        "sensitivity_paclitaxel": sensitivity,
    }
    found = run(
        initial, [1.0, 20.0], COURSE, model=MODEL, params=params,
        domain=make_domain(tissue, SPACING), max_step_days=step,
    )  # fmt: skip
    assert found.status == 0
    assert found.cells.min() >= 0.0 and found.dead.min() >= 0.0
    assert found.viable.max() <= 1.0 + 1e-6
    assert not found.seen[:, ~tissue].any()


WEEK = 7.0


def progression_weeks(ratio, pause_below, density=0.7):
    """Weeks until the burden exceeds the one at the start by a fifth.

    Weekly paclitaxel, paused when the burden has fallen to `pause_below` of the first and resumed
    when it is back at the first: abiraterone was paced so in Zhang et al. 2022.
    """
    params = CLONES | {
        "diffusivity": 0.01,
        "resistant_share": 0.01,
        "resistant_growth_ratio": ratio,
        "sensitivity_paclitaxel": 0.5,
        "residual_sensitivity_paclitaxel": 0.0,
    }
    state, domain = density * box(), make_domain(box(), SPACING)
    first = burden = density * box().sum() * domain.voxel_ml
    treating, week = True, 0
    while burden < 1.2 * first and week < 150:
        # A pause is a dose of next to nothing, so that one program is compiled for both.
        doses = (DrugDose(0.0, "paclitaxel", 315.0 if treating else 1e-3),)
        found = run(state, [WEEK], Schedule((), doses), model=MODEL, params=params, domain=domain)
        state, burden, week = found.state(-1), found.viable_ml[-1], week + 1
        if burden <= pause_below * first:
            treating = False
        elif burden >= first:
            treating = True
    return week


@pytest.mark.parametrize("ratio", [0.3, 0.6])
def test_drug_pauses_delay_progression_where_clones_compete(ratio):
    continuous, adaptive = (progression_weeks(ratio, below) for below in (-1.0, 0.5))
    print(f"growth ratio {ratio}: {continuous} weeks of control without pauses, {adaptive} with")
    assert continuous < adaptive < 150
    assert adaptive >= 1.25 * continuous


def test_drug_pauses_delay_nothing_where_there_is_room_for_both_clones():
    continuous, adaptive = (progression_weeks(0.6, b, density=0.01) for b in (-1.0, 0.5))
    print(f"at a hundredth of the capacity: {continuous} weeks without pauses, {adaptive} with")
    assert adaptive <= continuous + 1 < 150
