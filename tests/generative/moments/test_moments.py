"""Simulated patients that follow the moments of others, and what each step of it promises."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generative import read_cohort, write_cohort
from generative.cohort import ScanCohort
from generative.model import ScanProtocol, read_model
from generative.moments.tilting import tilt
from generative.privacy.ledger import GuardedCohort, Ledger
from generative.steering.model import SteeredModel
from generative.steering.population import effective_size
from generative.steering.prior import Pool, draw_scores
from generative.summaries import summarize, summary_names
from generative.training import train_generator
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world
from twin.errors import TwinError

SIDE = 16


def protocol(*days: float) -> ScanProtocol:
    return ScanProtocol(SIDE, 4.0, "PET", days)


def train(cohort: ScanCohort, epsilon: float | None, members: int = 90) -> SteeredModel:
    private = GuardedCohort(cohort, Ledger(len(cohort), epsilon))
    return train_generator(private, ScanProtocol.of(cohort), members=members, secret=7)


@pytest.fixture(scope="module")
def private() -> ScanCohort:
    return simulate_cohort(get_world("B"), 60, seed=21, side=SIDE)


@pytest.fixture(scope="module")
def model(private) -> SteeredModel:
    return train(private, None)


def test_weights_meet_moments_that_the_pool_can_have():
    random = np.random.default_rng(0)
    pool = random.standard_normal((4000, 3))
    target = np.array([0.4, -0.2, 0.0])
    weights = tilt(pool, target, np.full(3, 1e-8))
    np.testing.assert_allclose(weights @ pool, target, atol=1e-3)
    assert weights.sum() == pytest.approx(1.0) and (weights > 0.0).all()
    # for normal pools the solution is known: exp(target·x), worth exp(-|target|²) of the pool
    assert effective_size(weights) / 4000 == pytest.approx(np.exp(-(target**2).sum()), rel=0.05)


def test_noise_in_the_moments_is_not_followed():
    pool = np.random.default_rng(0).standard_normal((1000, 2))
    weights = tilt(pool, np.array([3.0, -3.0]), np.full(2, 1e6))
    assert effective_size(weights) > 990


def test_a_patient_of_a_pool_can_be_simulated_again():
    pool = Pool(protocol(0.0), 5, draw_scores(6, np.random.default_rng(2)), np.arange(6))
    part = pool.select(np.array([4, 1]))
    for index, number in enumerate((4, 1)):
        first, again = pool.patient(number), part.patient(index)
        assert first is not None and again is not None
        assert (first.images == again.images).all() and first.images.shape[0] == 1


def test_the_steered_simulation_is_nearer_to_the_cohort_than_the_prior(private, model):
    wanted = summarize(private)
    scale = wanted.std(axis=0)
    drawn = summarize(model.sample(80, seed=1))
    prior = Pool(protocol(0.0, 30.0, 120.0), 9, *_prior(80)).summarize()[0]
    gap = np.abs(drawn.mean(axis=0) - wanted.mean(axis=0)) / scale
    prior_gap = np.abs(np.median(prior, axis=0) - wanted.mean(axis=0)) / scale
    assert gap.mean() < 0.7 * prior_gap.mean()


def _prior(count: int) -> tuple[np.ndarray, np.ndarray]:
    return draw_scores(count, np.random.default_rng(3)), np.arange(count)


def test_the_response_goes_with_the_course(private, model):
    ratio = summary_names(3).index("log_volume_ratio_2")
    drawn = model.sample(60, seed=2)
    found = summarize(drawn)[:, ratio]
    assert found[drawn.response].mean() < found[~drawn.response].mean() - 0.5
    assert drawn.response.mean() == pytest.approx(private.response.mean(), abs=0.2)


def test_volume_and_response_can_be_asked_for(model):
    wanted = np.exp(np.linspace(np.log(6.0), np.log(14.0), 40))
    drawn = model.sample(40, seed=3, volume_ml=wanted, response=True)
    assert drawn.response.all()
    found = drawn.volumes_ml[:, 0]
    assert np.corrcoef(np.log(found), np.log(wanted))[0, 1] ** 2 > 0.8
    np.testing.assert_array_equal(drawn.columns["requested_volume_ml"], wanted)
    with pytest.raises(TwinError, match="no tumor of this volume was learned"):
        model.sample(1, seed=3, volume_ml=np.array([1e4]))


def test_a_saved_model_draws_the_same(model, tmp_path):
    model.save(tmp_path / "model")
    first, again = model.sample(5, seed=4), read_model(tmp_path / "model").sample(5, seed=4)
    assert (first.images == again.images).all() and (first.masks == again.masks).all()
    assert first.patients == ("syn-000001", "syn-000002", "syn-000003", "syn-000004", "syn-000005")
    assert first.provenance == "synthetic"


def test_a_budget_is_paid_in_one_sum_and_nothing_else_is_touched():
    cohort = simulate_cohort(get_world("B"), 40, seed=3, side=SIDE)
    statement = train(cohort, 8.0, members=30).privacy
    assert statement.unpaid == () and len(statement.charges) == 1
    assert statement.epsilon is not None and 7.9 < statement.epsilon <= 8.0
    assert "40 patients" in statement.weakness
    with pytest.raises(TwinError, match="noise would drown the moments"):
        train(cohort, 0.5, members=30)
    with pytest.raises(TwinError, match="too few patients") as refusal:
        train(cohort.select(np.arange(8)), 8.0, members=30)
    assert "at least 20" in str(refusal.value)


def test_scans_of_many_protocols_are_refused(private):
    days = private.days.copy()
    days[3, 1] = 31.0

    with pytest.raises(TwinError, match="scanned on different days"):
        ScanProtocol.of(replace(private, days=days))
    with pytest.raises(TwinError, match="not a cube"):
        ScanProtocol.of(replace(private, spacing_mm=(4.0, 4.0, 5.0)))


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "text"])
def test_a_damaged_model_is_named(model, tmp_path, damage):
    folder: Path = tmp_path / "model"
    model.save(folder)
    page = folder / "model.json"
    if damage == "missing":
        page.unlink()
    elif damage == "cut":
        arrays = folder / "arrays.npz"
        arrays.write_bytes(arrays.read_bytes()[:200])
    elif damage == "other":
        page.write_text(page.read_text().replace('"moments"', '"magic"', 1))
    else:
        page.write_text("{")
    with pytest.raises(TwinError, match="model") as refusal:
        read_model(folder)
    assert str(folder) in str(refusal.value)


def test_a_sample_is_a_cohort_file_like_any_other(model, tmp_path):
    drawn = model.sample(3, seed=6)
    write_cohort(drawn, tmp_path / "drawn.h5")
    assert (read_cohort(tmp_path / "drawn.h5").images == drawn.images).all()
