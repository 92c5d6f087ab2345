"""Adversarial fine-tuning end to end, on simulated patients: what it pays, and that it goes on."""

from pathlib import Path

import numpy as np
import pytest
from dp_accounting import ComposedDpEvent
from dp_accounting.rdp import RdpAccountant

from experiments.synth.training import train_model
from generative.cohort import ScanCohort, write_cohort
from generative.model import ScanProtocol, read_model
from generative.privacy.ledger import GuardedCohort, Ledger, PrivacyStatement
from generative.steering.loop import ROUNDS
from generative.steering.model import SteeredModel
from generative.training import train_generator
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world
from twin.errors import TwinError

EPSILON = 8.0


@pytest.fixture(scope="module")
def cohort() -> ScanCohort:
    return simulate_cohort(get_world("B"), 40, seed=8, side=16)


def train(cohort: ScanCohort, epsilon: float | None, **options) -> SteeredModel:
    private = GuardedCohort(cohort, Ledger(len(cohort), epsilon))
    chosen = {"engine": "adversarial", "members": 30, "secret": 3, **options}
    return train_generator(private, ScanProtocol.of(cohort), **chosen)


def test_without_a_budget_both_uses_are_written_down(cohort, tmp_path):
    model = train(cohort, None)
    assert model.privacy.engine == "adversarial" and model.privacy.epsilon is None
    assert len(model.privacy.unpaid) == 2 and "discriminator" in model.privacy.unpaid[1]
    model.save(tmp_path / "model")
    first, again = model.sample(3, seed=4), read_model(tmp_path / "model").sample(3, seed=4)
    assert (first.images == again.images).all()


def assert_paid(statement: PrivacyStatement) -> None:
    """The budget pays for moments and discriminator together."""
    assert statement.unpaid == () and len(statement.charges) == 2
    assert statement.epsilon is not None and 0.99 * EPSILON < statement.epsilon <= EPSILON
    # from the logged sampling, by another accountant, which is an upper bound and not far off
    accountant = RdpAccountant()
    accountant.compose(ComposedDpEvent([charge.event() for charge in statement.charges]))
    assert 1.0 <= accountant.get_epsilon(statement.delta) / statement.epsilon < 1.2


class Interrupted(Exception):
    pass


@pytest.mark.parametrize(("engine", "epsilon"), [("moments", None), ("adversarial", EPSILON)])
def test_an_interrupted_training_goes_on_to_the_same_end(cohort, tmp_path, engine, epsilon):
    def stop(round_: int, model: SteeredModel) -> None:
        if round_ == 5:
            raise Interrupted

    rounds = []
    options = {"engine": engine, "checkpoints": tmp_path / "kept"}
    with pytest.raises(Interrupted):
        train(cohort, epsilon, show=stop, **options)
    model = train(cohort, epsilon, show=lambda round_, _: rounds.append(round_), **options)
    assert rounds == list(range(6, ROUNDS + 1))
    secret = _secret(tmp_path / "kept")
    whole = train(cohort, epsilon, engine=engine, secret=secret)
    np.testing.assert_array_equal(model.pool.scores, whole.pool.scores)
    np.testing.assert_array_equal(model.weights, whole.weights)
    assert model.privacy == whole.privacy
    if engine == "adversarial":
        assert_paid(whole.privacy)
    with pytest.raises(TwinError, match="checkpoints of another training") as refusal:
        train(cohort.select(np.arange(30)), epsilon, **options)
    assert "patients" in str(refusal.value) and "another folder" in str(refusal.value)


def _secret(folder: Path) -> int:
    from generative.steering.checkpoints import Keeper

    keeper = Keeper(folder, {})
    keeper.close()
    return keeper.secret


def test_pictures_are_kept_while_it_trains(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c.h5")
    train_model(
        tmp_path / "c.h5",
        tmp_path / "model",
        epsilon="none",
        delta=None,
        engine=None,
        members=30,
        seed=0,
        checkpoints=tmp_path / "kept",
    )
    pictures = sorted((tmp_path / "kept").glob("*.png"))
    assert len(pictures) == ROUNDS + 1 and all(p.read_bytes()[:4] == b"\x89PNG" for p in pictures)
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["arrays.npz", "model.json"]


def test_an_unknown_engine_is_named(cohort):
    with pytest.raises(TwinError, match="unknown engine") as refusal:
        train(cohort, None, engine="magic")
    assert "moments, adversarial" in str(refusal.value)
