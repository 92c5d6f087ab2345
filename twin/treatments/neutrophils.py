"""Neutrophils under chemotherapy: dividing cells, three stages of maturation, the blood.

    dP/dt  = k P ((1 − E(t)) (B / N)^γ − 1)      dividing cells, slowed by drugs, spurred by lack
    dT1/dt = k (P − T1),  dT2/dt = k (T1 − T2),  dT3/dt = k (T2 − T3)
    dN/dt  = k (T3 − N)                          circulating neutrophils, B without treatment
    k      = 4 / (mean transit time),   E = Σ_j s_j c_j / (1 + c_j / e_j)

Friberg et al. 2002 (doi 10.1200/JCO.2002.02.140). A drug acts through its concentration in the
blood (twin/treatments/kinetics.py), given at once or as an infusion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.parameters import Provenance
from twin.treatments.chemotherapy import get_drug
from twin.treatments.concentration import volume_l
from twin.treatments.kinetics import HOURS
from twin.treatments.schedule import DrugDose, Schedule

MAX_STEPS = 4096
_ROUND_ROWS = 16
GRADES_1E9_PER_L = ((4, 0.5), (3, 1.0), (2, 1.5), (1, 2.0))
"""Neutropenia grades (CTCAE) and the count below which each begins; 2.0 for the normal limit."""


class Marrow(eqx.Module):
    """The marrow of one patient; the defaults are the docetaxel fit of Friberg et al. 2002.

    The fits of other drugs there have transit times of 124 to 135 h (not checked), so that their
    nadirs come three days later.

    Attributes:
        baseline_1e9_per_l: neutrophils without treatment, B; variability between patients 42 %.
        transit_hours: mean transit time from division to blood; 16 % between patients.
        feedback: exponent γ by which lack spurs division.
    """

    baseline_1e9_per_l: Float[Array, ""] | float = 5.05
    transit_hours: Float[Array, ""] | float = 89.3
    feedback: Float[Array, ""] | float = 0.163


@dataclass(frozen=True)
class MarrowEffect:
    """How a drug slows the dividing cells; either of two ways to say it.

    Attributes:
        log_kill: log kill of dividing cells by one reference dose, linear in the concentration;
            or None where a saturating effect is known.
        largest, half_mg_per_l: saturating effect E = largest c / (half + c), c in mg/L.
        infusion_hours: over which a dose runs in; 0 at once.
        citation: source.
        provenance: of the numbers.
    """

    log_kill: float | None
    citation: str
    provenance: Provenance
    largest: float = math.nan
    half_mg_per_l: float = math.nan
    infusion_hours: float = 0.0


_ASSUMED = "assumed: one reference dose leaves a nadir of about {} · 10⁹/L of 5.05"
_DOCETAXEL_MG_PER_UMOL = 0.8079

MARROW_EFFECTS: dict[str, MarrowEffect] = {
    "docetaxel": MarrowEffect(
        None,
        "Friberg et al. 2002, Table 4: 83.9 and 7.17 µM, as coded in the R package DTAT",
        "literature human",
        largest=83.9,
        half_mg_per_l=7.17 * _DOCETAXEL_MG_PER_UMOL,
        infusion_hours=1.0,
    ),
    "paclitaxel": MarrowEffect(2.0, _ASSUMED.format(1.1), "assumed"),
    "doxorubicin": MarrowEffect(2.5, _ASSUMED.format(0.8), "assumed"),
    "cyclophosphamide": MarrowEffect(1.0, _ASSUMED.format(2.4), "assumed"),
    "carboplatin": MarrowEffect(1.2, _ASSUMED.format(2.1), "assumed"),
    "ifosfamide": MarrowEffect(1.0, _ASSUMED.format(2.4), "assumed"),
}
"""Drugs that slow division, by name. What is not listed does nothing here: temozolomide's nadir
comes after three to four weeks, which this chain cannot say."""


class Exposure(eqx.Module):
    """Doses as exponentials: the concentration of drug j is a sum over its rows.

    Attributes:
        given_days: (R,) time of the dose.
        height: (R,) share of the exponential in what the dose reaches at once, mg/L or relative.
        rate_per_day: (R,) of the exponential.
        absorption_per_day: (R,) of the depot, 0 without one.
        infusion_days: (R,) length of the infusion, 0 at once.
        drug: (R, J) 1 where the row belongs to the drug.
        slope: (J,) effect per unit of concentration, far below saturation.
        half: (J,) concentration of half the largest effect, infinite where it is linear.
    """

    given_days: Float[Array, " rows"]
    height: Float[Array, " rows"]
    rate_per_day: Float[Array, " rows"]
    absorption_per_day: Float[Array, " rows"]
    infusion_days: Float[Array, " rows"]
    drug: Float[Array, "rows drugs"]
    slope: Float[Array, " drugs"]
    half: Float[Array, " drugs"]

    def effect(self, time_days: Array | float) -> Array:
        """E at a time."""
        age = time_days - self.given_days
        past = jnp.maximum(age, 0.0)
        slower = jnp.minimum(self.rate_per_day, self.absorption_per_day)
        gap = jnp.abs(self.absorption_per_day - self.rate_per_day) * past
        safe = jnp.where(gap > 0.0, gap, 1.0)
        spread = jnp.where(gap > 0.0, -jnp.expm1(-safe) / safe, 1.0)
        absorbed = self.absorption_per_day * past * jnp.exp(-slower * past) * spread
        length = jnp.where(self.infusion_days > 0.0, self.infusion_days, 1.0)
        after = jnp.maximum(past - self.infusion_days, 0.0)
        infused = jnp.exp(-self.rate_per_day * after) - jnp.exp(-self.rate_per_day * past)
        infused = infused / (self.rate_per_day * length)
        at_once = jnp.exp(-self.rate_per_day * past)
        shape = jnp.where(self.infusion_days > 0.0, infused, at_once)
        shape = jnp.where(self.absorption_per_day > 0.0, absorbed, shape)
        concentration = jnp.where(age >= 0.0, self.height * shape, 0.0) @ self.drug
        return (self.slope * concentration / (1.0 + concentration / self.half)).sum()


@dataclass(frozen=True)
class NeutrophilCourse:
    """Neutrophils over time.

    Attributes:
        times_days: (T,) days since the first visit.
        neutrophils_1e9_per_l: (T,) count.
    """

    times_days: np.ndarray
    neutrophils_1e9_per_l: np.ndarray

    @property
    def nadir(self) -> tuple[float, float]:
        """(day, count) of the lowest of the times asked for."""
        lowest = int(np.argmin(self.neutrophils_1e9_per_l))
        return float(self.times_days[lowest]), float(self.neutrophils_1e9_per_l[lowest])

    @property
    def grade(self) -> int:
        """Grade of neutropenia at the nadir (CTCAE), 0 to 4."""
        return next((grade for grade, limit in GRADES_1E9_PER_L if self.nadir[1] < limit), 0)


def neutrophil_course(
    schedule: Schedule,
    times_days: Sequence[float] | np.ndarray,
    *,
    body_surface_m2: float = 1.8,
    marrow: Marrow | None = None,
    effects: Mapping[str, MarrowEffect] | None = None,
) -> NeutrophilCourse:
    """Neutrophils of a patient under a schedule, from their untreated count on.

    Args:
        schedule: its drug doses are read.
        times_days: (T,) increasing times, the first no later than the first dose.
        body_surface_m2: patient's body surface.
        marrow: of the patient.
        effects: drug -> effect; a drug that is not listed does nothing.

    Raises:
        TwinError: times do not increase or start after a dose, or the integration failed.
    """
    times = np.asarray(times_days, float)
    effects = MARROW_EFFECTS if effects is None else effects
    doses = [d for d in schedule.drug_doses if d.drug in effects]
    first = min((d.time_days for d in doses), default=math.inf)
    if not (times.size > 1 and (np.diff(times) > 0.0).all() and times[0] <= first):
        raise TwinError(
            "times must increase, from the first dose or before",
            where="times_days",
            expected=f"increasing days from {min(first, 0.0):g} on",
            got=str(times.tolist()[:5]),
        )
    with jax.enable_x64(True):
        exposure = exposure_of(doses, effects, body_surface_m2, marrow or Marrow())
        counts, ok = solve_neutrophils(marrow or Marrow(), exposure, jnp.asarray(times))
        result = np.asarray(counts)
    if not bool(ok):
        raise TwinError("the integration did not finish", where="neutrophil_course")
    return NeutrophilCourse(times, result)


@eqx.filter_jit
def solve_neutrophils(
    marrow: Marrow,
    exposure: Exposure,
    times_days: Float[Array, " t"],
    adjoint: diffrax.AbstractAdjoint = diffrax.RecursiveCheckpointAdjoint(),  # noqa: B008
) -> tuple[Float[Array, " t"], Array]:
    """(T,) circulating neutrophils and whether all went well.

    Differentiable in reverse; forward with `adjoint=diffrax.ForwardMode()`.
    """
    baseline = jnp.asarray(marrow.baseline_1e9_per_l, times_days.dtype)
    rate = 4.0 * HOURS / marrow.transit_hours

    def change(time: Any, state: Any, _: Any) -> Array:
        dividing, blood = state[0], state[4]
        spur = (baseline / blood) ** marrow.feedback
        fed = dividing * (1.0 - exposure.effect(time)) * spur
        gains = jnp.concatenate([fed[None], state[:4]])
        return rate * (gains - state)

    jumps = jnp.concatenate([exposure.given_days, exposure.given_days + exposure.infusion_days])
    controller = diffrax.PIDController(rtol=1e-7, atol=1e-9)
    if jumps.size:
        controller = diffrax.ClipStepSizeController(controller, jump_ts=jnp.sort(jumps))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(change),
        diffrax.Tsit5(),
        times_days[0],
        times_days[-1],
        None,
        jnp.full(5, baseline),
        saveat=diffrax.SaveAt(ts=times_days),
        stepsize_controller=controller,
        adjoint=adjoint,
        max_steps=MAX_STEPS,
        throw=False,
    )
    counts = solution.ys[:, 4]  # type: ignore[index]
    return counts, (solution.result == diffrax.RESULTS.successful) & jnp.isfinite(counts).all()


def exposure_of(
    doses: Sequence[DrugDose],
    effects: Mapping[str, MarrowEffect],
    body_surface_m2: float,
    marrow: Marrow,
) -> Exposure:
    """Doses of listed drugs as rows of exponentials (see `Exposure`).

    Rows of no height fill up the last sixteen, so that courses of any length share few programs.
    """
    names = sorted({dose.drug for dose in doses})
    rows, slopes, halves = [], [], []
    for index, name in enumerate(names):
        drug, effect = get_drug(name), effects[name]
        kinetics, absorption = drug.kinetics, drug.kinetics.absorption_rate_per_day or 0.0
        if effect.log_kill is None:
            unit_mg = volume_l(kinetics, body_surface_m2) / kinetics.bioavailability
            slopes.append(effect.largest / effect.half_mg_per_l)
            halves.append(effect.half_mg_per_l)
        else:
            unit_mg = drug.reference_dose_mg_m2 * body_surface_m2
            slopes.append(
                effect.log_kill * marrow.transit_hours / (4.0 * HOURS * kinetics.exposure_days)
            )
            halves.append(jnp.inf)
        for dose in (d for d in doses if d.drug == name):
            for weight, rate in kinetics.phases:
                height = weight * dose.dose_mg / unit_mg
                infusion = effect.infusion_hours / HOURS
                rows.append((dose.time_days, height, rate, absorption, infusion, index))
    rows += [(rows[-1][0], 0.0, 1.0, 0.0, 0.0, 0)] * (-len(rows) % _ROUND_ROWS) if rows else []
    table = np.array(rows, float).reshape(len(rows), 6)
    columns = [jnp.asarray(column) for column in table[:, :5].T]
    return Exposure(
        *columns,
        drug=jnp.asarray(table[:, 5:] == np.arange(len(names)), columns[0].dtype),
        slope=jnp.asarray(slopes),
        half=jnp.asarray(halves),
    )
