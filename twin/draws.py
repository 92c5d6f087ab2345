"""Many courses of one patient: parameter draws, and their states at a day."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.calibration.posterior import Posterior
from twin.calibration.setting import Setting
from twin.domain import Domain
from twin.errors import TwinError
from twin.models.model import Params, TumorModel
from twin.models.state import State
from twin.observation.initial_state import InitialState
from twin.simulation import trajectory
from twin.treatments.forcing import Forcing

Draws = dict[str, Float[Array, "s ..."]]


def setting_of(posterior: Posterior) -> Setting:
    """The setting of a posterior; an error where it was loaded without its patient."""
    if posterior.setting is None:
        raise TwinError(
            "the posterior has no patient",
            where="posterior",
            expected="a posterior from calibrate, or one loaded together with its patient",
        )
    return posterior.setting


def sample(posterior: Posterior, count: int, seed: int) -> Draws:
    """Natural parameter values drawn from a posterior, ready for the solver."""
    return ready(posterior.sample(count, seed))


def ready(values: Mapping[str, np.ndarray]) -> Draws:
    """Natural parameter values as the solver takes them."""
    return {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}


def states_at_decision(posterior: Posterior, draws: Draws) -> State:
    """(S, N) states of every draw on the decision day, before that day's treatments."""
    setting = setting_of(posterior)
    forcing, _ = setting.forcing([setting.decision_day])
    return _last_states(
        setting.model,
        draws,
        setting.domain,
        forcing,
        setting.initial,
        setting.resectable_flat,
    )


@eqx.filter_jit
def _last_states(
    model: TumorModel,
    draws: Draws,
    domain: Domain,
    forcing: Forcing,
    initial: InitialState,
    resectable_mm: Array | None,
) -> State:
    def one(params: Params) -> State:
        return trajectory(model, params, domain, forcing, initial(params), resectable_mm).at(-1)

    return jax.lax.map(one, draws)


def failed(*fields: np.ndarray) -> np.ndarray:
    """Draws (first axis) that hold a value which is not finite."""
    bad = [~np.isfinite(f).reshape(len(f), -1).all(axis=1) for f in fields]
    return np.logical_or.reduce(bad)
