"""Reference solver of reaction, diffusion and treatment: adaptive, 64-bit, slow, trusted.

For clones c that share one capacity, and dead cells w that are still seen:

    ∂u_c/∂t = div(D_c grad u_c) + ρ_c u_c (1 - Σu) - Σ_k s_ck c_k(t) u_c
    ∂w/∂t   = Σ_ck s_ck c_k(t) u_c - (ln 2 / T) w
    fraction of d Gy:  u_c <- S_c u_c,  w <- w + Σ (1 - S_c) u_c,  S_c = exp(-α_c (d + d²/(α/β)))
    drug k:            da_k/dt = A_k a_k, c_k its central amount; a dose adds (dose mg/m²) /
                       (reference dose) to the central amount, or to the depot if it is absorbed

Method of lines: cell-centered finite volumes on the tissue mask, faces with harmonic means of the
diffusivity and no flux through the mask; Tsit5 (Tsitouras 2011, doi:10.1016/j.camwa.2011.06.002)
or Dopri8 of diffrax (Kidger 2021, arXiv:2202.02435) with the local error bounded in the maximum
norm. Integration stops at every event, so that no step straddles a dose. It shares no code with
the fast solver: it is what that one is checked against.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import expm

from twin.errors import TwinError
from twin.solvers.reference_equations import (
    CENTRAL,
    DEPOT,
    Clone,
    Problem,
    face_conductances,
    irradiate,
    per_clone_fields,
    rate,
    transfer_matrix,
)
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import Schedule

__all__ = ["SOLVERS", "Clone", "ReferenceSolution", "solve_reference"]

SOLVERS: Mapping[str, Callable[[], diffrax.AbstractSolver]] = {
    "tsit5": diffrax.Tsit5,
    "dopri8": diffrax.Dopri8,
}

MAXIMUM_STEPS = 100_000


@dataclass(frozen=True)
class ReferenceSolution:
    """States at the days asked for, float64.

    Arguments:
        times_days: (T,) days since the first visit.
        viable: (T, C, x, y, z) cell fractions of each clone.
        dead: (T, x, y, z) killed cells that are not yet cleared.
        steps: accepted and rejected steps, all segments together.
    """

    times_days: np.ndarray
    viable: np.ndarray
    dead: np.ndarray
    steps: int

    @property
    def seen(self) -> np.ndarray:
        """(T, x, y, z) viable and not yet cleared cells: what a diffusion image shows."""
        return self.viable.sum(axis=1) + self.dead


def solve_reference(
    initial: np.ndarray,
    clones: Sequence[Clone],
    save_days: Sequence[float],
    *,
    tissue: np.ndarray,
    spacing_mm: Sequence[float],
    schedule: Schedule | None = None,
    body_surface_m2: float = 1.8,
    clearance_half_life_days: float = np.inf,
    start_day: float = 0.0,
    relative_tolerance: float = 1e-6,
    absolute_tolerance: float = 1e-8,
    method: str = "tsit5",
) -> ReferenceSolution:
    """Integrate a treated tumor and return its state at the days asked for.

    The state saved at the time of a dose is the state before it. The local error of a step is
    below `absolute_tolerance + relative_tolerance * |u|` in every voxel.

    Arguments:
        initial: (C, x, y, z) cell fractions at `start_day`, (x, y, z) for a single clone.
        clones: C clones.
        save_days: increasing days, none before `start_day`.
        tissue: (x, y, z) bool, where cells can be.
        spacing_mm: three voxel edges in mm.
        schedule: fractions and drug doses; those before `start_day` or not before the last saved
            day have no effect.
        body_surface_m2: patient's body surface, for drug doses.
        clearance_half_life_days: half-life T of killed cells; infinite keeps them, 0 removes
            them at once.
        method: "tsit5", or "dopri8" for tight tolerances.

    Raises:
        TwinError: shapes that do not fit, days out of order, an unknown method, surgery inside
            the interval (not modeled here), or an integration that did not finish.
    """
    tissue = np.asarray(tissue, bool)
    days = np.asarray(save_days, float)
    first = np.asarray(initial, float)
    first = first[None] if first.ndim == 3 else first
    _check(first, clones, days, tissue, start_day, method)
    schedule = schedule if schedule is not None else Schedule()
    end = float(days[-1])
    if any(start_day <= surgery.time_days < end for surgery in schedule.surgeries):
        raise TwinError(
            "surgery is not modeled",
            where="solve_reference",
            expected=f"no surgery before day {end:g}",
            fix="Split the schedule at the surgery",
        )
    half_life = float(clearance_half_life_days)
    drugs = sorted({dose.drug for dose in schedule.drug_doses})
    kinetics = [get_drug(name).kinetics for name in drugs]
    transfer = np.array([transfer_matrix(each) for each in kinetics]).reshape(len(drugs), 3, 3)
    with jax.enable_x64(True):
        problem = Problem(
            conductance=face_conductances(clones, tissue, spacing_mm),
            growth=per_clone_fields([clone.proliferation_rate for clone in clones], tissue),
            sensitivity=jnp.asarray(
                [[clone.drug_sensitivity.get(name, 0.0) for name in drugs] for clone in clones],
                jnp.float64,
            ).reshape(len(clones), len(drugs)),
            transfer=jnp.asarray(transfer, jnp.float64),
            clearance=jnp.asarray(np.log(2) / half_life if half_life > 0 else 0.0, jnp.float64),
        )
        alpha = per_clone_fields([clone.radiosensitivity_alpha for clone in clones], tissue)
        ratio = jnp.asarray([clone.alpha_beta_ratio for clone in clones], jnp.float64)
        viable = jnp.asarray(np.where(tissue, first, 0.0))
        dead = jnp.zeros(tissue.shape, jnp.float64)
        amounts = np.zeros((len(drugs), 3))
        fractions = [f for f in schedule.fractions if start_day <= f.time_days < end]
        doses = [d for d in schedule.drug_doses if start_day <= d.time_days < end]
        stops = {float(event.time_days) for event in (*fractions, *doses)} | set(days.tolist())
        saved_viable, saved_dead, steps, now = [], [], 0, float(start_day)
        for stop in sorted(stops):
            if stop > now:
                (viable, dead), used, ok = _advance(
                    problem,
                    (viable, dead),
                    jnp.asarray(now, jnp.float64),
                    jnp.asarray(stop, jnp.float64),
                    jnp.asarray(amounts, jnp.float64),
                    relative_tolerance,
                    absolute_tolerance,
                    method,
                )
                if not bool(ok):
                    raise TwinError(
                        "the integration did not finish",
                        where=f"solve_reference, day {now:g} to {stop:g}",
                        fix="Loosen the tolerances or lower the diffusivity",
                    )
                amounts = np.einsum("kij,kj->ki", expm(transfer * (stop - now)), amounts)
                steps, now = steps + int(used), stop
            if half_life == 0:
                dead = jnp.zeros_like(dead)
            if stop in days:
                saved_viable.append(np.asarray(viable))
                saved_dead.append(np.asarray(dead))
            for dose in (d for d in doses if d.time_days == stop):
                index = drugs.index(dose.drug)
                into = CENTRAL if kinetics[index].absorption_rate_per_day is None else DEPOT
                relative = dose.dose_mg / body_surface_m2 / get_drug(dose.drug).reference_dose_mg_m2
                amounts[index, into] += relative
            for fraction in (f for f in fractions if f.time_days == stop):
                viable, dead = irradiate(viable, dead, alpha, ratio, fraction.dose_gy)
    return ReferenceSolution(days, np.stack(saved_viable), np.stack(saved_dead), steps)


@eqx.filter_jit
def _advance(
    problem: Problem,
    state: tuple[jax.Array, jax.Array],
    start: jax.Array,
    stop: jax.Array,
    amounts: jax.Array,
    relative_tolerance: float,
    absolute_tolerance: float,
    method: str,
) -> tuple[tuple[jax.Array, jax.Array], jax.Array, jax.Array]:
    """Integrate between two events."""
    controller = diffrax.PIDController(
        rtol=relative_tolerance, atol=absolute_tolerance, norm=_largest
    )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rate),
        SOLVERS[method](),
        start,
        stop,
        None,
        state,
        args=(problem, start, amounts),
        stepsize_controller=controller,
        saveat=diffrax.SaveAt(t1=True),
        max_steps=MAXIMUM_STEPS,
        throw=False,
    )
    last = jax.tree.map(lambda leaf: leaf[0], solution.ys)
    ok = (solution.result == diffrax.RESULTS.successful) & jnp.isfinite(last[0]).all()
    return last, solution.stats["num_steps"], ok


def _largest(tree: Any) -> jax.Array:
    """Maximum norm over all leaves: one bad voxel may not hide among many good ones."""
    return jnp.stack([jnp.abs(leaf).max() for leaf in jax.tree.leaves(tree)]).max()


def _check(
    initial: np.ndarray,
    clones: Sequence[Clone],
    days: np.ndarray,
    tissue: np.ndarray,
    start_day: float,
    method: str,
) -> None:
    where = "solve_reference"
    if initial.shape != (len(clones), *tissue.shape):
        raise TwinError(
            "the initial state does not fit",
            where=where,
            expected=f"shape {(len(clones), *tissue.shape)}",
            got=str(initial.shape),
            fix="Give one field per clone on the grid of the tissue mask",
        )
    if not np.isfinite(initial).all() or initial.min() < 0:
        raise TwinError("the initial state has negative or non-finite values", where=where)
    if days.size == 0 or (np.diff(days) <= 0).any() or days[0] < start_day:
        raise TwinError(
            "the days to save are out of order",
            where=where,
            expected=f"increasing days from {start_day:g} on",
            got=str(days.tolist()),
        )
    if method not in SOLVERS:
        raise TwinError(
            "unknown method", where=where, expected=" or ".join(SOLVERS), got=repr(method)
        )
