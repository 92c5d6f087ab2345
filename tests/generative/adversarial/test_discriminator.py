"""The discriminator finds how much likelier private patients are, with and without privacy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from generative.adversarial.discriminator import (
    PRIVATE,
    Settings,
    Virtual,
    inputs_of,
    private_loss,
    scores,
    start,
    train,
    train_private,
)
from generative.privacy.accountant import Charge
from generative.privacy.gradients import PrivateGradients

PUBLIC = jnp.zeros(2), jnp.ones(2)
PATIENTS = 2000


def patients(shift: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((PATIENTS, 2)) + [shift, 0.0]
    return rows.astype(np.float32), random.choice([-1.0, 1.0], PATIENTS).astype(np.float32)


def seen(rows: np.ndarray, sign: np.ndarray) -> jax.Array:
    return inputs_of(jnp.asarray(rows), jnp.asarray(sign), *PUBLIC)


@pytest.fixture(scope="module")
def virtual() -> Virtual:
    return Virtual(seen(*patients(0.0, 1)), jnp.full(PATIENTS, 1.0 / PATIENTS))


def slope_of(found: np.ndarray, virtual: Virtual) -> float:
    """Of D along the first summary, within the middle of the simulated patients."""
    values = np.asarray(virtual.inputs[:, 1])
    middle = np.abs(values) < 1.5
    return float(np.polyfit(values[middle], found[middle], 1)[0])


def test_it_finds_the_logarithm_of_the_density_ratio(virtual):
    """For normal laws a distance s apart it is s x - s²/2; R1 and R2 flatten it a little."""
    graph, params = train(seen(*patients(0.8, 2)), virtual, Settings(), seed=0)
    assert slope_of(scores(graph, params, virtual.inputs), virtual) == pytest.approx(0.8, rel=0.2)
    graph, params = train(seen(*patients(0.0, 3)), virtual, Settings(gamma=0.3), seed=0)
    assert abs(slope_of(scores(graph, params, virtual.inputs), virtual)) < 0.15


def test_noise_on_clipped_gradients_leaves_the_direction(virtual):
    graph, params = start(virtual.inputs.shape[1], PRIVATE)
    gradients = PrivateGradients(
        patients(0.8, 2),
        partial(private_loss, graph),
        charge=Charge("a test", 3.0, 0.3, PRIVATE.steps),
        bound=1.0,
        secret=4,
    )
    params = train_private(gradients, graph, PUBLIC, virtual, params)
    assert 0.3 < slope_of(scores(graph, params, virtual.inputs), virtual) < 1.3
    assert len(gradients.sizes) == PRIVATE.steps


def test_the_score_of_a_patient_depends_on_no_other(virtual):
    graph, params = train(seen(*patients(0.8, 2)), virtual, Settings(steps=20), seed=0)
    together = scores(graph, params, virtual.inputs[:50])
    alone = [scores(graph, params, virtual.inputs[i : i + 1])[0] for i in range(50)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_it_starts_by_telling_nobody_apart(virtual):
    graph, params = start(virtual.inputs.shape[1], Settings())
    assert (scores(graph, params, virtual.inputs) == 0.0).all()
