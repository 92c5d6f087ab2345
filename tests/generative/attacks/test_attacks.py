"""Attacks find what a leaking generator gives away, and nothing where there is nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from generative.attacks.copies import (
    Comparison,
    copy_threshold,
    count_repeats,
    find_copies,
    magnitudes,
)
from generative.attacks.disclosure import attribute_inference, linkability
from generative.attacks.membership import density_ratio, membership_attacks, nearest_features
from generative.attacks.outcome import judge, tpr_at
from generative.metrics.features import features, first_scan_only
from generative.metrics.figure import auc
from tests.generative.cohorts import SIZE, blank, copying, thirds, turned


def normal(count: int, size: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size))


def test_members_found_at_a_rate_of_false_alarms_are_counted():
    members, others = np.array([5.0, 4.0, 1.0, 0.0]), np.arange(100.0) / 25.0
    assert tpr_at(members, others, 0.01) == pytest.approx(0.5)  # above the second of 100
    assert tpr_at(members, others, 0.0) == pytest.approx(0.5)
    assert tpr_at(members, others, 1.0) == pytest.approx(1.0)
    # Half a false alarm is a coin between two thresholds.
    assert tpr_at(np.array([9.5, 8.5]), np.arange(10.0), 0.05) == pytest.approx(0.75)


def test_bounds_of_the_strongest_attack_allow_for_all_of_them():
    random = np.random.default_rng(0)
    missed = 0
    for seed in range(60):
        scores = {str(k): (random.normal(size=80), random.normal(size=80)) for k in range(6)}
        found = judge(scores, seed=seed)
        assert found.attacks[0].auc.value == max(a.auc.value for a in found.attacks)
        missed += found.auc_bounds[0] > 0.5
    assert missed <= 8  # 5 % of 60 are 3
    leaking = judge({"inside": (random.normal(2.0, 1.0, 80), random.normal(size=80))})
    assert leaking.auc_bounds[0] > 0.8 and leaking.strongest_tpr()[1] > 0.01


@pytest.mark.parametrize("kernel", [False, True])
def test_density_ratio_sees_overfitting_and_only_that(kernel):
    members, others = normal(200), normal(200, seed=1)
    overfitted = members + 0.2 * normal(200, seed=2)
    assert auc(*density_ratio(overfitted, members, others, kernel=kernel))[0] > 0.75
    fresh = normal(200, seed=3)
    assert abs(auc(*density_ratio(fresh, members, others, kernel=kernel))[0] - 0.5) < 0.09


def test_nearest_synthetic_patient_gives_members_away():
    members, others = normal(150), normal(150, seed=1)
    assert auc(*nearest_features(members + 0.1, members, others))[0] > 0.99
    assert abs(auc(*nearest_features(normal(150, seed=2), members, others))[0] - 0.5) < 0.1


@given(st.integers(0, 10_000), st.floats(0.2, 5.0), st.floats(-20.0, 20.0))
def test_similarity_ignores_turns_shifts_and_affine_intensity(seed, scale, shift):
    _, test, other = thirds()
    one, fresh = test.select(np.arange(6)), other.select(np.arange(20))
    random = np.random.default_rng(seed)
    moved = [turned(i, m, random) for i, m in zip(one.images, one.masks, strict=True)]
    images = np.stack([i for i, _ in moved]) * np.float32(scale) + np.float32(shift)
    same = replace(one, images=images, masks=np.stack([m for _, m in moved]))
    similarity, nearest = Comparison(one, fresh).nearest(same)
    np.testing.assert_allclose(similarity, 1.0, atol=0.02)
    np.testing.assert_array_equal(nearest, np.arange(6))


def test_the_copies_of_a_copying_generator_are_counted_and_named():
    members, test, fresh = thirds()
    found = find_copies(copying(members, noise=0.1), members, test)
    assert found.count == len(members)
    np.testing.assert_array_equal(found.nearest, np.arange(len(members)))
    few = replace(fresh, images=fresh.images.copy())
    few.images[[3, 40]] = copying(members).images[[8, 9]]
    assert np.flatnonzero(find_copies(few, members, test).copied).tolist() == [3, 40]


def test_a_generator_that_repeats_itself_is_counted():
    _, test, fresh = thirds()
    assert count_repeats(fresh, test) == 0
    images = fresh.images.copy()
    images[10:20] = copying(fresh.select(np.arange(10)), noise=0.1).images
    assert count_repeats(replace(fresh, images=images), test) == 20


def test_fresh_patients_and_copies_of_others_are_no_copies():
    members, test, fresh = thirds()
    assert find_copies(fresh, members, test).count == 0
    assert find_copies(copying(test), members, test).count == 0
    assert find_copies(blank(fresh), members, test).count == 0


def test_blurred_and_mixed_copies_are_copies():
    members, test, fresh = thirds()
    blurred = ndimage.gaussian_filter(members.images, (0, 0, 0.8, 0.8, 0.8))
    mixed = np.float32(0.7) * members.images + np.float32(0.3) * np.roll(members.images, 1, axis=0)
    for images in (blurred, mixed):
        assert find_copies(replace(fresh, images=images), members, test).count > 0.9 * SIZE


def test_one_copied_scan_is_enough():
    members, test, fresh = thirds()
    images = fresh.images.copy()
    images[0, 1] = members.images[5, 1][::-1]
    found = find_copies(replace(fresh, images=images), members, test)
    assert found.copied[0] and found.nearest[0] == 5


def test_the_threshold_rises_with_the_number_of_patients_compared():
    between = np.random.default_rng(0).uniform(0.1, 0.3, 200)
    assert between.max() < copy_threshold(between, 10) < copy_threshold(between, 1000) < 1.0


def test_magnitudes_do_not_move_with_the_volume():
    images = np.random.default_rng(0).standard_normal((2, 1, 16, 16, 16))
    moved = magnitudes(np.roll(images, (3, -2, 5), (2, 3, 4)))
    np.testing.assert_allclose(moved, magnitudes(images), atol=1e-4)


def test_a_copying_generator_fails_and_a_fresh_draw_shows_nothing():
    members, test, fresh = thirds()

    def attacked(synthetic, **more):
        values = tuple(features(cohort)[1] for cohort in (synthetic, members, test))
        return membership_attacks(synthetic, members, test, values, **more)

    leaking = attacked(copying(members))
    assert leaking.auc_bounds[0] > 0.9 and leaking.strongest_tpr()[1] > 0.5
    aucs = {attack.name: attack.auc.value for attack in leaking.attacks}
    assert aucs["nearest up to flips and shifts"] > 0.99
    quiet = attacked(fresh)
    assert quiet.auc_bounds[0] < 0.5 and quiet.strongest_tpr()[1] <= 0.02
    inside = {"discriminator": (np.ones(len(members)), np.zeros(len(test)))}
    assert attacked(fresh, extra=inside).strongest.name == "discriminator"


def test_attributes_and_links_of_members_are_given_away_by_copies():
    members, others = normal(150), normal(150, seed=1)
    random = np.random.default_rng(5)
    secrets = [random.random(150) < 0.5 for _ in range(3)]
    copied = members + 0.05 * normal(150, seed=2)
    leak = attribute_inference(
        "response", (copied, secrets[0]), (members, secrets[0]), (others, secrets[1])
    )
    assert leak.members == 1.0 and leak.risk.low > 0.3
    fresh = normal(150, seed=3), secrets[2]
    none = attribute_inference("response", fresh, (members, secrets[0]), (others, secrets[1]))
    assert none.risk.low < 0.0 < none.risk.high
    age = [60.0 + 10.0 * random.standard_normal(150) for _ in range(2)]
    leak = attribute_inference("age", (copied, age[0]), (members, age[0]), (others, age[1]))
    assert leak.members == 1.0 and leak.nonmembers < 0.4
    first = np.arange(6) < 3
    assert linkability(copied, members, others, first).risk.low > 0.5
    assert linkability(fresh[0], members, others, first).risk.low < 0.0


def test_what_everyone_knows_of_a_disease_is_no_leak():
    members, others, made = normal(300), normal(300, seed=1), normal(300, seed=2)
    secrets = [rows[:, 0] > 0.0 for rows in (made, members, others)]
    found = attribute_inference(
        "response", (made, secrets[0]), (members, secrets[1]), (others, secrets[2])
    )
    assert found.nonmembers > 0.65 and found.risk.low < 0.0 < found.risk.high + 0.05


def test_features_of_the_first_scan_are_some_and_not_all():
    names, _ = features(thirds()[0].select(np.arange(1)))
    assert 0 < first_scan_only(names).sum() < len(names)
