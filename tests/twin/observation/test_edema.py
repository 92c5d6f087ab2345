"""Swelling: it comes with dying cells and goes with them, and can mislead outlines and ADC."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.observation.courses import (
    DOMAIN,
    FIVE_LARGE_FRACTIONS,
    GRID,
    LAST_LARGE_FRACTION,
    VOXEL,
    WEEKS_OF_RADIOTHERAPY,
    course,
    numbers,
    single,
)
from tests.twin.tumors import blob, box, in_double
from twin.models.clearance import TwoRateClearance
from twin.observation.adc import ApparentDiffusion, cell_fraction
from twin.observation.blur import blur
from twin.observation.edema import Edema, shown
from twin.observation.volume import Volume
from twin.treatments.schedule import Schedule

EDEMA = Edema(DOMAIN)
PARAMS = numbers(
    {
        "edema_per_viable_cell": 0.3,
        "edema_per_dead_cell": 0.6,
        "edema_per_debris": 1.5,
        "edema_length": 5.0,
        "visibility_threshold_flair": 0.2,
        "adc_noise": 0.08,
        "volume_noise": 0.15,
    }
)
FLAIR = Volume(DOMAIN, "flair", EDEMA)


def test_blur_is_the_gaussian_and_keeps_the_sum_inside():
    point = np.zeros(GRID)
    point[9, 9, 9] = 1.0
    blurred = DOMAIN.volume(blur(jnp.asarray(point.reshape(-1)), GRID, VOXEL, 4.0))
    away = 3.0 * (np.indices(GRID) - 9)
    expected = np.exp(-(away**2).sum(0) / 32.0)
    np.testing.assert_allclose(blurred, expected / expected.sum(), rtol=1e-4, atol=1e-9)
    assert blurred.sum() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("length", [0.0, 1e-6, 0.3])
def test_blur_by_less_than_a_voxel_changes_nothing(length):
    field = jnp.asarray(np.random.default_rng(1).random((2, np.prod(GRID))), jnp.float32)
    np.testing.assert_allclose(blur(field, GRID, VOXEL, length), field, rtol=1e-5)


def test_uniform_cells_swell_by_the_formula():
    """Deep inside, where nothing of the blur leaves the tissue."""
    state = single(0.2 * np.ones(GRID), 0.1)
    found = DOMAIN.volume(EDEMA.fraction(state, PARAMS))[9, 9, 9]
    assert found == pytest.approx(1.0 - np.exp(-(0.3 * 0.2 + 0.6 * 0.1)), rel=1e-4)


@settings(max_examples=10)
@given(
    values=st.lists(st.floats(0.0, 50.0), min_size=4, max_size=4),
    seed=st.integers(0, 100),
)
def test_extra_water_is_a_share_of_tissue_and_only_adds_to_what_is_shown(values, seed):
    random = np.random.default_rng(seed)
    state = single(random.random(GRID) * box(GRID), random.random(GRID) * box(GRID))
    names = ("edema_per_viable_cell", "edema_per_dead_cell", "edema_per_debris", "edema_length")
    params = PARAMS | numbers(dict(zip(names, values, strict=True)))
    water = np.asarray(EDEMA.fraction(state, params))
    assert water.min() >= 0.0 and water.max() <= 1.0
    assert not water[~box(GRID).reshape(-1)].any()
    assert np.all(np.asarray(shown(state, params, EDEMA)) >= np.asarray(state.seen))


def test_without_swelling_what_is_shown_is_what_is_seen():
    state = single(blob(box(GRID)), 0.1 * blob(box(GRID)))
    none = PARAMS | numbers(dict.fromkeys([n for n in PARAMS if n.startswith("edema_per")], 0.0))
    np.testing.assert_array_equal(shown(state, none, EDEMA), state.seen)
    np.testing.assert_array_equal(shown(state, PARAMS), state.seen)


def test_pseudoprogression_the_outline_grows_under_radiotherapy_while_the_tumor_dies():
    """Swelling of dead cells a standard deviation above its median."""
    params = PARAMS | numbers({"edema_per_dead_cell": 1.2})
    days = np.array([0.0, 14.0, 28.0, 42.0, 56.0, 98.0, 140.0])
    found, states = course(days, WEEKS_OF_RADIOTHERAPY, radiosensitivity_alpha=0.05)
    volume = np.asarray(FLAIR.predict(states, params))
    cells_only = np.asarray(Volume(DOMAIN, "flair").predict(states, params))
    print(f"outlined, mL, days {days}: {volume.round(1)}; cells alone {cells_only.round(1)}")
    print(f"viable, mL: {found.viable_ml.round(2)}")
    typical = np.asarray(FLAIR.predict(states, PARAMS))
    print(f"at the median of every coefficient: {typical.round(2)}")
    assert np.all(np.diff(found.viable_ml[:4]) < 0.0)
    assert typical[1] < 1.1 * typical[0]
    assert found.viable_ml[3] < 0.2 * found.viable_ml[0]
    assert volume[1] > 1.15 * volume[0] and volume[2] > volume[0]
    assert cells_only[2] < 0.8 * cells_only[0]
    assert volume[-1] < 0.2 * volume[0]


def test_swelling_goes_with_the_half_life_of_the_dead_cells():
    """Where nothing grows or moves, −ln(1 − e) less the living tumor's part halves in 30 days."""
    days = np.array([40.0, 70.0, 100.0])
    still = {"proliferation_rate": 0.0, "diffusivity": 1e-6, "clearance_half_life": 30.0}
    _, states = course(days, WEEKS_OF_RADIOTHERAPY, **still)
    water = np.asarray(EDEMA.fraction(states, PARAMS), float)
    alive = 0.3 * np.asarray(blur(states.viable, GRID, VOXEL, 5.0), float)
    middle = np.ravel_multi_index((9, 9, 9), GRID)
    excess = -np.log1p(-water[:, middle]) - alive[:, middle]
    np.testing.assert_allclose(excess[1:] / excess[:-1], 0.5, rtol=1e-3)


def test_lingering_debris_makes_the_outline_grow_for_weeks_after_the_last_fraction():
    """Debris that swells a standard deviation more than its median, after five large fractions."""
    params = PARAMS | numbers({"edema_per_debris": 3.0, "edema_per_dead_cell": 0.3})
    weeks = np.arange(0, 36, 2)
    days = np.concatenate([[0.0], LAST_LARGE_FRACTION + 0.5 + 7.0 * weeks])
    found, states = course(days, FIVE_LARGE_FRACTIONS, TwoRateClearance())
    volume = np.asarray(FLAIR.predict(states, params))
    peak = int(volume[1:].argmax())
    above = int(np.flatnonzero(volume[1:] > volume[0])[-1])
    print(f"outlined, mL: {volume.round(2)}, viable {found.viable_ml.round(3)}")
    print(f"peak {weeks[peak]} weeks after the last fraction, above baseline for {weeks[above]}")
    assert weeks[peak] >= 2 and weeks[above] >= 6
    assert volume[1 + peak] > 1.05 * volume[0]
    assert found.viable_ml[1 : above + 2].max() < 0.03 * found.viable_ml[0]
    assert found.viable_ml[-1] > 5.0 * found.viable_ml[1 + peak]
    assert volume[-1] < 0.75 * volume[0]


def test_swelling_raises_adc_and_hides_cells_from_it():
    state = single(blob(box(GRID), 0.8, 3.0))
    plain, swollen = ApparentDiffusion(), ApparentDiffusion(EDEMA)
    without, with_edema = plain.predict(state, PARAMS), swollen.predict(state, PARAMS)
    water = np.asarray(EDEMA.fraction(state, PARAMS))
    assert np.all(np.asarray(with_edema) >= np.asarray(without))
    seen = cell_fraction(np.asarray(with_edema))
    np.testing.assert_allclose(seen, (1.0 - water) * np.asarray(state.seen), atol=2e-6)
    assert seen.sum() < 0.95 * state.seen.sum()


def test_an_untreated_tumor_is_outlined_beyond_its_cells():
    _, states = course([0.0, 30.0], Schedule())
    ratio = FLAIR.predict(states, PARAMS) / Volume(DOMAIN, "flair").predict(states, PARAMS)
    assert np.all(np.asarray(ratio) > 1.05)


def test_every_coefficient_can_be_differentiated():
    _, states = course([0.0, 40.0], FIVE_LARGE_FRACTIONS, TwoRateClearance())
    names = [row.name for row in EDEMA.parameters()]
    with jax.enable_x64(True):
        states, params, flair = in_double((states, PARAMS, FLAIR))

        @jax.jit
        def volumes(logs):
            moved = {n: params[n] * jnp.exp(logs[i]) for i, n in enumerate(names)}
            return flair.predict(states, params | moved)

        zero, units = jnp.zeros(len(names)), 1e-5 * jnp.eye(len(names))
        forward = jax.jit(jax.jacfwd(volumes))(zero)
        reverse = jax.jit(jax.jacrev(volumes))(zero)
        differences = jnp.stack([(volumes(s) - volumes(-s)) / 2e-5 for s in units], axis=-1)
        np.testing.assert_allclose(forward, differences, rtol=1e-4, atol=1e-8)
        np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-12)
        assert np.all(np.abs(np.asarray(forward)).max(axis=0) > 1e-3)
