"""The front door: what acts when, going on from any state, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.twin.tumors import MODEL, PARAMS, SHAPE, SPACING, TREATED, blob, box, notched, run
from twin.domain import make_domain
from twin.errors import TwinError
from twin.models import Hypoxia
from twin.models.state import State
from twin.simulation import NOT_FINITE, simulate, status_of, trajectory
from twin.treatments.chemotherapy import get_drug
from twin.treatments.forcing import compile_forcing
from twin.treatments.radiotherapy import survival_fraction
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery
from twin.treatments.surgery import distance_mm

STILL = {"proliferation_rate": 0.0, "diffusivity": 0.0}
VOXEL = (4, 4, 3)
SURVIVAL = float(survival_fraction(2.0, 0.05, 10.0))


def test_a_fraction_acts_after_the_image_of_its_day_and_at_the_start():
    schedule = Schedule((Fraction(0.0, 2.0), Fraction(5.0, 2.0)))
    found = run(0.5 * box(), [0.0, 1.0, 5.0, 6.0], schedule, params=STILL)
    expected = 0.5 * SURVIVAL ** np.array([0, 1, 1, 2])
    np.testing.assert_allclose(found.viable[:, 4, 4, 3], expected, rtol=1e-5)


def test_two_fractions_at_one_time_and_two_on_one_day_both_count():
    for times in [(2.0, 2.0), (2.0, 2.25)]:
        schedule = Schedule(tuple(Fraction(t, 2.0) for t in times))
        found = run(0.5 * box(), [4.0], schedule, params=STILL)
        assert found.viable[0][VOXEL] == pytest.approx(0.5 * SURVIVAL**2, rel=1e-5)


def test_killed_cells_are_conserved_and_vanish_with_their_half_life():
    kept = run(blob(box()), [0.0, 60.0], TREATED, params=STILL | {"clearance_half_life": 1e9})
    np.testing.assert_allclose(kept.seen[1], kept.seen[0], rtol=1e-5, atol=1e-6)
    assert kept.viable_ml[1] < 0.8 * kept.viable_ml[0]
    schedule = Schedule((Fraction(0.0, 10.0),))
    days = [10.0, 40.0, 100.0]
    found = run(0.5 * box(), days, schedule, params=STILL)
    killed = 0.5 * (1 - survival_fraction(10.0, 0.05, 10.0))
    np.testing.assert_allclose(
        found.dead[:, 4, 4, 3], killed * 0.5 ** (np.array(days) / 30.0), rtol=1e-5
    )


def test_surgery_removes_exactly_what_lies_within_the_margin():
    outline = np.zeros(SHAPE, bool)
    outline[VOXEL] = True
    distance = distance_mm(outline, SPACING)
    schedule = Schedule((Fraction(1.0, 2.0),), (), (Surgery(3.0, 2.0),))
    found = run(
        blob(box()), [3.0, 3.001], schedule, params={"diffusivity": 1e-6}, resectable_mm=distance
    )
    removed = (distance <= 2.0) & box()
    assert (distance == 2.0).any() and (distance[box()] > 2.0).any()
    assert np.all(found.viable[0][removed] > 0)
    assert found.viable[1][removed].max() < 1e-6 and found.dead[1][removed].max() < 1e-6
    left = box() & ~removed & (distance > 4.0)
    np.testing.assert_allclose(found.viable[1][left], found.viable[0][left], rtol=1e-3)


def test_going_on_from_a_handed_state_gives_the_uninterrupted_course():
    """Fractions, surgery and drugs on both sides; drug given before still acts after."""
    schedule = TREATED + Schedule((), (), (Surgery(10.0, 1.0),))
    distance = distance_mm(blob(box()) > 0.7, SPACING)
    whole = run(blob(box()), [10.0, 30.0], schedule, resectable_mm=distance)
    first = run(blob(box()), [10.0], schedule, resectable_mm=distance)
    second = run(
        first.viable[0], [30.0], schedule, initial_dead=first.dead[0], start_days=10.0,
        resectable_mm=distance,
    )  # fmt: skip
    np.testing.assert_allclose(second.viable[0], whole.viable[1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(second.dead[0], whole.dead[1], rtol=1e-5, atol=1e-7)
    forgotten = run(first.viable[0], [30.0], schedule.from_(10.0), start_days=10.0,
                    resectable_mm=distance)  # fmt: skip
    assert forgotten.viable_ml[0] > 1.02 * second.viable_ml[0]


@pytest.mark.parametrize("rate", [0.01, 0.06, 0.13, 0.31, 0.7])
def test_a_saturated_tumor_can_be_handed_on(rate):
    full = run(0.97 * box(), [100.0], params={"proliferation_rate": rate})
    again = run(full.viable[0], [200.0], params={"proliferation_rate": rate}, start_days=100.0)
    assert again.status == 0


def test_the_calendar_can_be_shifted():
    base = run(blob(box()), [20.0], TREATED)
    moved = run(blob(box()), [27.0], TREATED.shifted(7.0), start_days=7.0)
    np.testing.assert_allclose(moved.viable, base.viable, rtol=1e-5, atol=1e-8)


def test_more_recorded_times_do_not_change_the_others():
    few = run(blob(box()), [10.0, 30.0], TREATED)
    many = run(blob(box()), [1.3, 7.7, 10.0, 11.1, 23.0, 30.0], TREATED)
    scale = few.viable.max()
    np.testing.assert_allclose(many.viable[[2, 5]], few.viable, rtol=0, atol=2e-3 * scale)


def test_only_the_state_at_the_start_can_be_asked_for():
    found = run(blob(box()), [0.0], TREATED)
    np.testing.assert_allclose(found.viable[0], blob(box()), rtol=1e-6)


def test_more_dose_leaves_fewer_cells_everywhere_and_no_dose_is_no_treatment():
    def treated(factor):
        return run(
            blob(box()),
            [20.0],
            Schedule(
                tuple(Fraction(t, 2.0 * factor) for t in (3.0, 4.0)),
                (DrugDose(3.0, "doxorubicin", 100.0 * factor),) if factor else (),
            ),
        ).viable[0]

    none, some, more = treated(0.0), treated(1.0), treated(2.0)
    tissue = box()
    assert np.all(more[tissue] < some[tissue]) and np.all(some[tissue] < none[tissue])
    np.testing.assert_allclose(none, run(blob(box()), [20.0]).viable[0], rtol=2e-3, atol=1e-6)


def test_dose_maps_scale_the_dose_of_each_voxel():
    maps = np.stack([np.full(SHAPE, 0.5), np.random.default_rng(0).random(SHAPE) * 1.2])
    schedule = Schedule((Fraction(1.0, 4.0, 0), Fraction(2.0, 3.0, 1)))
    found = run(0.5 * box(), [3.0], schedule, params=STILL, dose_maps=maps)
    expected = (
        0.5 * survival_fraction(4.0 * maps[0], 0.05, 10.0)
        * survival_fraction(3.0 * maps[1], 0.05, 10.0)
    )  # fmt: skip
    np.testing.assert_allclose(found.viable[0][box()], expected[box()], rtol=1e-4)


def test_axes_can_be_reflected():
    tissue = notched(8)
    field = np.random.default_rng(1).random(SHAPE) * tissue
    base = run(field, [20.0], TREATED, domain=make_domain(tissue, SPACING)).viable[0]
    for axis in range(3):
        domain = make_domain(np.flip(tissue, axis), SPACING)
        turned = run(np.flip(field, axis), [20.0], TREATED, domain=domain).viable[0]
        np.testing.assert_allclose(np.flip(turned, axis), base, rtol=1e-5, atol=1e-8)


def test_an_overwhelming_drug_leaves_nothing_alive_and_nothing_undefined():
    """A log kill of 600 by one dose."""
    schedule = Schedule((), (DrugDose(1.0, "doxorubicin", 135.0),))
    sensitivity = 600.0 / get_drug("doxorubicin").exposure_per_dose_days
    found = run(0.5 * box(), [1.0, 5.0], schedule, params={"sensitivity_doxorubicin": sensitivity})
    assert found.status == 0
    assert found.viable[1].max() < 1e-30
    assert 0.4 < found.dead[1][VOXEL] < 0.6


@pytest.mark.parametrize(
    "broken",
    [
        {"proliferation_rate": np.inf},
        {"diffusivity": np.inf},
        {"diffusivity": np.nan},
        {"radiosensitivity_alpha": np.nan},
        {"clearance_half_life": np.nan},
    ],
    ids=str,
)
def test_failure_is_a_status_and_no_value_is_ever_undefined(broken):
    found = run(blob(box()), [0.0, 6.0, 20.0], TREATED, params=broken)
    assert found.status == NOT_FINITE
    assert np.isfinite(found.viable).all() and np.isfinite(found.dead).all()


def test_an_absurd_diffusivity_ends_without_hanging():
    found = run(blob(box()), [2.0], params={"diffusivity": 1e9})
    assert found.status != 0
    assert np.isfinite(found.viable).all()


def test_a_swift_tumor_takes_long_steps_of_diffusion_that_agree_with_short_ones():
    """40 mm²/day empty a voxel 135 times a day."""
    tissue = notched(3)
    start = blob(tissue)
    domain = make_domain(tissue, SPACING)
    params = PARAMS | {"diffusivity": 40.0, "proliferation_rate": 0.0}
    days = np.array([0.25, 0.5])
    found = simulate(MODEL, params, domain, Schedule(), days, initial=start)
    forcing, rows = compile_forcing(Schedule(), start_days=0.0, times_days=days, drugs=())
    values = {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}
    short = trajectory(MODEL, values, domain, forcing, domain.flat(start))
    expected = domain.volume(np.asarray(short.viable)[rows])
    assert not np.array_equal(found.viable, expected), "the steps are not others"
    assert found.viable.min() >= 0.0
    np.testing.assert_allclose(found.viable, expected, atol=2e-3 * expected.max())
    np.testing.assert_allclose(found.viable.sum((1, 2, 3)), (start).sum(), rtol=1e-5)


def test_dead_cells_can_be_handed_to_a_model_with_a_memory():
    tissue = box()
    model = Hypoxia()
    table = model.table("generic", (), ("tissue",))
    params = {name: float(p.prior.transform(0.0)) for name, p in table.items()}
    found = simulate(
        model, params, make_domain(tissue, SPACING), Schedule(), [5.0],
        initial=blob(tissue), initial_dead=0.2 * tissue,
    )  # fmt: skip
    assert found.status == 0 and found.dead.max() > 0.1


def test_status_tells_what_is_wrong():
    good = np.full((1, 3), 0.5)

    def status(viable, dead, other=good):
        return status_of(State((viable,), dead, {"other": other}))

    assert status(good, good) == 0
    assert status(good * np.nan, good) == 1 and status(good, good * np.inf) == 1
    assert status(good, good, good * np.nan) == 1
    assert status(good + 1.0, good) == 2 and status(-good, good) == 2


def with_value(value):
    field = blob(box())
    field[VOXEL] = value
    return field


@pytest.mark.parametrize(
    "change, message",
    [
        ({"initial": with_value(np.nan)}, "initial: cell fraction is not usable.*1 not finite"),
        ({"initial": with_value(np.inf)}, "initial: cell fraction is not usable.*1 not finite"),
        ({"initial": with_value(1.5)}, "initial: cell fraction.*0..1.*to 1.5"),
        ({"initial": with_value(-0.5)}, "initial: cell fraction.*got -0.5 to"),
        ({"initial_dead": with_value(-0.5)}, "dead: cell fraction.*got -0.5 to"),
        ({"initial": np.zeros((7, 8, 9))}, "not on the grid.*9, 8, 7.*7, 8, 9"),
        ({"times_days": [5.0, 5.0]}, "recorded times must increase"),
        ({"times_days": []}, "recorded times must increase"),
        ({"times_days": [1.0, np.nan]}, "recorded times must increase"),
        ({"start_days": 30.0}, "not precede the start.*from 30 on"),
        ({"params": {}}, "parameters are missing.*without alpha_beta_ratio"),
        ({"schedule": Schedule((), (), (Surgery(3.0, 5.0),))}, "surgery but no outline"),
        ({"resectable_mm": np.zeros((7, 8, 9))}, "not on the grid"),
        ({"dose_maps": np.ones((1, 7, 8, 9))}, "not on the grid"),
        (
            {"schedule": Schedule((Fraction(1.0, 2.0, 2),)), "dose_maps": np.ones((1, *SHAPE))},
            "names a dose map that is not given.*at least 3 maps",
        ),
        ({"body_surface_m2": 0.0}, "body_surface_m2: not positive"),
    ],
)
def test_unusable_input_is_refused(change, message):
    keywords = {
        "params": PARAMS,
        "schedule": TREATED,
        "times_days": [5.0, 20.0],
        "initial": blob(box()),
        **change,
    }
    with pytest.raises(TwinError, match=message):
        simulate(MODEL, domain=make_domain(box(), SPACING), **keywords)


def test_a_drug_without_its_sensitivity_is_named():
    schedule = Schedule((), (DrugDose(1.0, "paclitaxel", 100.0),))
    with pytest.raises(TwinError, match="parameters are missing.*without sensitivity_paclitaxel"):
        run(blob(box()), [5.0], schedule)


def test_the_burden_is_tissue_volume_at_full_capacity():
    found = run(0.5 * box(), [0.0])
    assert found.viable_ml[0] == pytest.approx(0.5 * box().sum() * 3.0 / 1000)
    assert found.visible_ml(0.4)[0] == pytest.approx(box().sum() * 3.0 / 1000)
    assert found.visible_ml(0.6)[0] == 0.0


@pytest.mark.parametrize(
    "name, value, expected",
    [("diffusivity", -0.1, "at least 0"), ("alpha_beta_ratio", 0.0, "above 0")],
)
def test_a_parameter_out_of_range_is_refused_by_name(name, value, expected):
    with pytest.raises(TwinError, match=f"{name}: parameter out of range.*{expected}"):
        run(blob(box()), [2.0], params={name: value})
