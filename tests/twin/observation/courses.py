"""An irradiated tumor in a small box, as states that observations look at."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from tests.twin.tumors import PARAMS, blob, box, run
from twin.domain import make_domain
from twin.models import FisherKPP, State, TumorModel
from twin.simulation import Trajectory
from twin.treatments.schedule import Fraction, Schedule

GRID, VOXEL = (18, 18, 18), (3.0, 3.0, 3.0)
DOMAIN = make_domain(box(GRID), VOXEL)
WEEKS_OF_RADIOTHERAPY = Schedule(
    tuple(Fraction(7.0 * week + day, 2.0) for week in range(6) for day in range(5))
)
FIVE_LARGE_FRACTIONS = Schedule(tuple(Fraction(2.0 * number, 7.0) for number in range(5)))
LAST_LARGE_FRACTION = 8.0
SLOW = PARAMS | {
    "diffusivity": 0.02,
    "proliferation_rate": 0.01,
    "radiosensitivity_alpha": 0.08,
    "debris_share": 0.5,
    "debris_half_life": 150.0,
}


def course(
    days: Sequence[float] | np.ndarray,
    schedule: Schedule,
    model: TumorModel | None = None,
    **params: float,
) -> tuple[Trajectory, State]:
    """The trajectory, and its states with a leading time axis."""
    found = run(
        blob(box(GRID), 0.9, 2.5), days, schedule,
        model=model or FisherKPP(), params=SLOW | params, domain=DOMAIN,
    )  # fmt: skip
    one_by_one = [found.state(index) for index in range(len(days))]
    return found, jax.tree.map(lambda *leaves: jnp.stack(leaves), *one_by_one)


def single(viable: np.ndarray, dead: np.ndarray | float = 0.0) -> State:
    """One instant on the grid of the domain."""
    flat = jnp.asarray(viable, jnp.float32).reshape(-1)
    return State((flat,), jnp.broadcast_to(jnp.asarray(dead, jnp.float32).reshape(-1), flat.shape))


def numbers(values: Mapping[str, float]) -> dict[str, jax.Array]:
    """Parameters as JAX has them."""
    return {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
