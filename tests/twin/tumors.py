"""Small tumors that the physics tests share: few shapes, so that little is compiled."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from twin.domain import Domain, make_domain
from twin.models import FisherKPP, State, TumorModel
from twin.simulation import Trajectory, simulate, trajectory
from twin.treatments.forcing import compile_forcing
from twin.treatments.schedule import DrugDose, Fraction, Schedule

SHAPE = (9, 8, 7)
SPACING = (1.0, 1.5, 2.0)
MODEL = FisherKPP()
PARAMS = {
    "diffusivity": 0.15,
    "proliferation_rate": 0.06,
    "radiosensitivity_alpha": 0.05,
    "alpha_beta_ratio": 10.0,
    "clearance_half_life": 30.0,
    "sensitivity_temozolomide": 0.4,
    "sensitivity_doxorubicin": 9.1,
    "sensitivity_pembrolizumab": 0.005,
    "enhancement_temozolomide": 0.0,
    "repair_half_time": 1e-3,
    "linear_onset_dose": 1e3,
    "repopulation_factor": 0.0,
    "repopulation_delay": 28.0,
}
"""Fractions repaired at once and purely linear-quadratic: what the reference solver knows."""
DRUGS = tuple(n.removeprefix("sensitivity_") for n in PARAMS if n.startswith("sensitivity_"))
SURFACE_M2 = 1.8
TREATED = Schedule(
    fractions=tuple(Fraction(float(day), 2.0) for day in (4, 5, 6, 12, 16)),
    drug_doses=(
        DrugDose(4.0, "temozolomide", 135.0),
        DrugDose(8.0, "doxorubicin", 100.0),
        DrugDose(8.0, "pembrolizumab", 200.0),
    ),
)


def box(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Tissue everywhere but in the outermost layer."""
    tissue = np.zeros(shape, bool)
    tissue[1:-1, 1:-1, 1:-1] = True
    return tissue


def notched(seed: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """A box with about a fifth of its voxels missing."""
    return box(shape) & (np.random.default_rng(seed).random(shape) < 0.8)


def blob(tissue: np.ndarray, peak: float = 0.8, width: float = 2.0) -> np.ndarray:
    """A smooth tumor in the middle."""
    position = np.indices(tissue.shape) - (np.array(tissue.shape)[:, None, None, None] - 1) / 2
    return peak * np.exp(-(position**2).sum(axis=0) / width**2) * tissue


def run(
    initial: np.ndarray,
    times: Sequence[float],
    schedule: Schedule | None = None,
    *,
    model: TumorModel = MODEL,
    params: Mapping[str, float] | None = None,
    domain: Domain | None = None,
    **keywords,
) -> Trajectory:
    """`simulate` in float32, with the parameters above where none are given."""
    return simulate(
        model,
        {**PARAMS, **(params or {})},
        domain or make_domain(box(initial.shape), SPACING),
        schedule or Schedule(),
        times,
        initial=initial,
        body_surface_m2=SURFACE_M2,
        **keywords,
    )


def in_double(tree):
    """The same arrays in float64; call it inside `jax.enable_x64(True)`."""

    def double(leaf):
        array = jnp.asarray(leaf)
        return array.astype(jnp.float64) if jnp.issubdtype(array.dtype, jnp.floating) else array

    return jax.tree.map(double, tree)


def states_in_double(
    initial,
    times,
    schedule=None,
    *,
    model=MODEL,
    params=None,
    domain=None,
    max_step_days=2.0,
    derivatives="forward",
):
    """States (T, N) of the fast solver in float64; `initial` is a density or a whole state.

    They are NumPy's, unless values of `params` are traced inside the caller's `enable_x64(True)`.
    """
    schedule, domain = schedule or Schedule(), domain or make_domain(box(), SPACING)
    # Drugs that nobody gets change nothing, and Fisher-KPP under any schedule is one program.
    always = DRUGS if model == MODEL else ()
    drugs = tuple(dict.fromkeys((*always, *schedule.drugs)))
    forcing, rows = _padded(schedule, drugs, times, max_step_days)
    with jax.enable_x64(True):
        if not isinstance(initial, State):
            initial = jnp.asarray(initial, jnp.float64).reshape(-1)
        found = trajectory(
            model,
            in_double({**PARAMS, **(params or {})}),
            in_double(domain),
            in_double(forcing),
            in_double(initial),
            derivatives=derivatives,
        )
        found = jax.tree.map(lambda leaf: leaf[jnp.asarray(rows)], found)
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(found))
    return found if traced else jax.tree.map(np.asarray, found)


def _padded(schedule, drugs, times, max_step_days):
    """Tables of few different lengths, so that courses of many steps share a compiled program."""

    def tables(**lengths):
        return compile_forcing(
            schedule,
            start_days=0.0,
            times_days=times,
            drugs=drugs,
            body_surface_m2=SURFACE_M2,
            max_step_days=max_step_days,
            **lengths,
        )

    bare, _ = tables()
    steps, rows = bare.dt_days.size, bare.row_start.size
    return tables(steps=max(600, 2 ** int(np.ceil(np.log2(steps)))), rows=-(-rows // 4) * 4)


def solve_in_double(initial, times, schedule=None, *, domain=None, **keywords):
    """(viable, dead), each (T, x, y, z), of the fast solver in float64."""
    domain = domain or make_domain(box(initial.shape), SPACING)
    found = states_in_double(initial, times, schedule, domain=domain, **keywords)
    return domain.volume(found.viable), domain.volume(found.dead)
