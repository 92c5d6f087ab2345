"""Schedules as parameter-free tables per time step, the only form in which a solver sees treatment.

A step starts at an event or a multiple of the largest step and never holds an event inside. For
each of its two halves the table keeps the drug exposure up to quadrature nodes, so that kill and
logistic growth under a decaying drug are integrated exactly at any sensitivity (twin/solvers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from twin.errors import TwinError
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import Schedule

SHARED_STEPS, SHARED_ROWS = 64, 4
"""Courses are padded to multiples of this many steps and rows: most share a compiled program."""
MAX_STEP_DAYS = 3.0
"""Longest time step by default; the diffusion part is sub-stepped where stability asks for it."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
NODES = (0.5 * (_NODES + 1.0)) ** 2
"""Quadrature nodes of a half step, crowded towards its start where a fast drug decays."""
WEIGHTS = 0.5 * _WEIGHTS * (_NODES + 1.0)
NEVER = -1e6
"""Days since the first fraction where there is none."""
CONCURRENT_DAYS = 1.0
"""A drug dose counts as given together with a fraction that follows within this time (assumed)."""


class Forcing(eqx.Module):
    """Time steps, rows of steps between recorded times, and what happens in them.

    Attributes:
        dt_days: (M,) length of each step.
        dose_gy: (M,) sum of the fractions at the start of the step.
        dose_squared_gy2: (M,) sum of their squares.
        dose_map: (M,) index of the dose map of those fractions.
        exposure_days: (M, 2, nodes + 1, drugs) exposure in each half of the step up to each node
            and to its end, at unit sensitivity.
        recent_doses: (M, drugs) doses within the day up to the start of the step, relative to the
            reference dose: drugs that make cells more sensitive to a fraction then.
        since_radiotherapy_days: (M,) start of the step since the first fraction; `NEVER` without.
        row_start, row_stop: (R,) steps of each row; the state is recorded at the end of a row.
        resection_mm: (R,) margin of a resection at the start of the row, negative without one.
        drugs: names along the last axis of the exposure.
    """

    dt_days: Float[Array | np.ndarray, " steps"]
    dose_gy: Float[Array | np.ndarray, " steps"]
    dose_squared_gy2: Float[Array | np.ndarray, " steps"]
    dose_map: Int[Array | np.ndarray, " steps"]
    exposure_days: Float[Array | np.ndarray, "steps 2 nodes drugs"]
    recent_doses: Float[Array | np.ndarray, "steps drugs"]
    since_radiotherapy_days: Float[Array | np.ndarray, " steps"]
    row_start: Int[Array | np.ndarray, " rows"]
    row_stop: Int[Array | np.ndarray, " rows"]
    resection_mm: Float[Array | np.ndarray, " rows"]
    drugs: tuple[str, ...] = eqx.field(static=True)


def compile_forcing(
    schedule: Schedule,
    *,
    start_days: float,
    times_days: Sequence[float] | np.ndarray,
    drugs: tuple[str, ...] = (),
    body_surface_m2: float = 1.0,
    max_step_days: float = MAX_STEP_DAYS,
    steps: int | None = None,
    rows: int | None = None,
    multiple_of: int = 1,
    rows_multiple_of: int = 1,
) -> tuple[Forcing, np.ndarray]:
    """Tables for a course from `start_days` to the last of `times_days`.

    Events from the start on and before the last time act; drug given earlier still decays. An
    event at a recorded time acts after the recording.

    Args:
        schedule: treatments, in days since the first visit.
        start_days: when the simulation starts.
        times_days: increasing times at which the state is recorded.
        drugs: order of the drugs along the last axis; must hold every drug of the schedule.
        body_surface_m2: patient's body surface, turns mg into mg/m².
        max_step_days: longest step.
        steps, rows: pad the tables to these lengths, so that many schedules share one program.
        multiple_of, rows_multiple_of: pad steps and rows to multiples of these, where `steps` and
            `rows` do not say to how many.

    Returns:
        The forcing and, for each of `times_days`, the row that ends there.

    Raises:
        TwinError: times not increasing or before the start, a drug that is not listed, two
            fractions at one time through different dose maps, a step or a body surface that is
            not positive, or a capacity that is too small.
    """
    times = np.asarray(times_days, float)
    in_order = times.size > 0 and times[0] >= start_days and bool(np.all(np.diff(times) > 0.0))
    if not (in_order and np.isfinite(times).all()):
        raise TwinError(
            "recorded times must increase and not precede the start",
            where="times_days",
            expected=f"increasing days from {start_days:g} on",
            got=str(times.tolist()),
        )
    for name, value in (("max_step_days", max_step_days), ("body_surface_m2", body_surface_m2)):
        if not value > 0.0:
            raise TwinError("not positive", where=name, expected="above 0", got=f"{value:g}")
    missing = set(schedule.drugs) - set(drugs)
    if missing:
        raise TwinError(
            "the schedule holds drugs that are not simulated",
            where="drugs",
            expected=", ".join(sorted(schedule.drugs)),
            got=", ".join(drugs) or "none",
        )
    course = schedule.between(start_days, times[-1])
    resections = {s.time_days: s.margin_mm for s in course.surgeries}
    marks = np.union1d(times, sorted(resections))
    edges, row_start, row_stop = _edges(start_days, marks, course.times_days, max_step_days)
    dt = np.diff(edges)
    starts = edges[:-1]

    dose, squared, dose_map = np.zeros_like(dt), np.zeros_like(dt), np.zeros(dt.size, np.int32)
    for fraction in course.fractions:
        step = np.searchsorted(starts, fraction.time_days)
        dose[step] += fraction.dose_gy
        squared[step] += fraction.dose_gy**2
        if squared[step] > fraction.dose_gy**2 and dose_map[step] != fraction.field:
            raise TwinError(
                "two fractions at one time go through different dose maps",
                where=f"fraction on day {fraction.time_days:g}",
                expected="one dose map at a time",
                got=f"maps {dose_map[step]} and {fraction.field}",
                fix="Give them a minute apart (0.0007 days).",
            )
        dose_map[step] = fraction.field
    row_begin = np.concatenate([[start_days], marks[:-1]])
    resection = np.array([resections.get(float(t), -1.0) for t in row_begin])
    resection[row_start == row_stop] = -1.0
    exposure = _exposure(schedule, starts, dt, drugs, body_surface_m2)
    recent = _recent_doses(schedule, starts, drugs, body_surface_m2)
    first = min((f.time_days for f in schedule.fractions), default=math.inf)
    since = starts - first if math.isfinite(first) else np.full_like(starts, NEVER)

    # Tables are never empty.
    pad_steps = max(_padding(steps, dt.size, "steps"), -dt.size % multiple_of, 1 - dt.size)
    pad_rows = max(_padding(rows, marks.size, "rows"), -marks.size % rows_multiple_of)
    forcing = Forcing(
        dt_days=np.pad(dt, (0, pad_steps)).astype(np.float32),
        dose_gy=np.pad(dose, (0, pad_steps)).astype(np.float32),
        dose_squared_gy2=np.pad(squared, (0, pad_steps)).astype(np.float32),
        dose_map=np.pad(dose_map, (0, pad_steps)),
        exposure_days=np.pad(exposure, [(0, pad_steps)] + [(0, 0)] * 3).astype(np.float32),
        recent_doses=np.pad(recent, [(0, pad_steps), (0, 0)]).astype(np.float32),
        since_radiotherapy_days=np.pad(since, (0, pad_steps), constant_values=NEVER).astype(
            np.float32
        ),
        row_start=np.pad(row_start, (0, pad_rows), mode="edge").astype(np.int32),
        row_stop=np.concatenate([row_stop, np.full(pad_rows, row_start[-1])]).astype(np.int32),
        resection_mm=np.pad(resection, (0, pad_rows), constant_values=-1.0).astype(np.float32),
        drugs=tuple(drugs),
    )
    return forcing, np.searchsorted(marks, times)


def _edges(
    start: float, marks: np.ndarray, events: tuple[float, ...], max_step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step edges that hit every mark and event, and the steps of the row before each mark."""
    stops = np.union1d(np.union1d(marks, events), [start])
    edges = [start]
    for stop in stops[1:]:
        count = max(1, math.ceil((stop - edges[-1]) / max_step - 1e-9))
        edges += list(np.linspace(edges[-1], stop, count + 1)[1:])
    array = np.asarray(edges)
    row_stop = np.searchsorted(array, marks)
    return array, np.concatenate([[0], row_stop[:-1]]), row_stop


def _exposure(
    schedule: Schedule,
    starts: np.ndarray,
    dt: np.ndarray,
    drugs: tuple[str, ...],
    body_surface_m2: float,
) -> np.ndarray:
    """(M, 2, nodes + 1, drugs) integral of the relative concentration within each half step."""
    result = np.zeros((dt.size, 2, NODES.size + 1, len(drugs)))
    half_days = 0.5 * dt
    offsets = np.append(NODES, 1.0) * half_days[:, None]
    for index, name in enumerate(drugs):
        drug = get_drug(name)
        doses = [d for d in schedule.drug_doses if d.drug == name]
        if not doses:
            continue
        given = np.array([d.time_days for d in doses])
        relative = np.array([d.dose_mg for d in doses]) / (
            body_surface_m2 * drug.reference_dose_mg_m2
        )
        levels = drug.kinetics.levels(relative, starts[:, None] - given)
        result[:, 0, :, index] = drug.kinetics.exposure(levels, offsets)
        levels = drug.kinetics.later(levels, half_days)
        result[:, 1, :, index] = drug.kinetics.exposure(levels, offsets)
    return result


def _recent_doses(
    schedule: Schedule, starts: np.ndarray, drugs: tuple[str, ...], body_surface_m2: float
) -> np.ndarray:
    """(M, drugs) relative doses given within a day before each step, or at its start."""
    result = np.zeros((starts.size, len(drugs)))
    for dose in schedule.drug_doses:
        age = starts - dose.time_days
        together = (age >= 0.0) & (age < CONCURRENT_DAYS - 1e-9)
        reference_mg = body_surface_m2 * get_drug(dose.drug).reference_dose_mg_m2
        result[:, drugs.index(dose.drug)] += together * dose.dose_mg / reference_mg
    return result


def _padding(wanted: int | None, needed: int, name: str) -> int:
    if wanted is None:
        return 0
    if wanted < needed:
        raise TwinError("table too small", where=name, expected=f">= {needed}", got=str(wanted))
    return wanted - needed
