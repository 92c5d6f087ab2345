"""What every plan leads to under every draw, and when the tumor progresses.

Arrays are (plan, draw) or (plan, draw, time). Burden is in mL of tissue at full carrying capacity.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from twin.errors import TwinError
from twin.scenarios.plan_set import Plan

GROWTH_FACTORS = {"rano_volume": 1.40, "recist_volume": 1.728}
"""Volume over nadir that is progression: +40 % (RANO 2.0); +20 % in diameter (RECIST)."""

_PLAN_DRAW = (
    "endpoint_ml",
    "residual_ml",
    "outside_margin_ml",
    "progression_days",
    "progressed",
    "tumor_bed_gy",
    "status",
)
_PLAN_DRAW_TIME = ("viable_ml", "visible_ml")


@dataclass(frozen=True)
class Outcomes:
    """Results of P plans under S common draws at T times.

    Attributes:
        plans: (P,).
        times_days: (T,), since the first visit.
        viable_ml: (P, S, T) viable burden.
        visible_ml: (P, S, T) volume above the visibility threshold.
        endpoint_ml: (P, S) viable burden just before surgery, at the horizon without surgery.
        residual_ml: (P, S) viable burden at the horizon.
        outside_margin_ml: (P, S) viable burden left just after surgery; endpoint_ml without.
        progression_days: (P, S) days after the decision, censored at the horizon.
        progressed: (P, S) bool, False where censored.
        tumor_bed_gy: (P, S) BED of the tumor with the drawn alpha/beta.
        parameters: name -> (S,) drawn values.
        status: (P, S) int8, 0 where the simulation ended well.

    Raises:
        TwinError: an array does not have the shape that the plans, draws and times ask for.
    """

    plans: tuple[Plan, ...]
    times_days: np.ndarray
    viable_ml: np.ndarray
    visible_ml: np.ndarray
    endpoint_ml: np.ndarray
    residual_ml: np.ndarray
    outside_margin_ml: np.ndarray
    progression_days: np.ndarray
    progressed: np.ndarray
    tumor_bed_gy: np.ndarray
    parameters: dict[str, np.ndarray]
    status: np.ndarray

    def __post_init__(self) -> None:
        plan_draw = (len(self.plans), self.draws)
        shapes = dict.fromkeys(_PLAN_DRAW, plan_draw)
        shapes |= dict.fromkeys(_PLAN_DRAW_TIME, (*plan_draw, len(self.times_days)))
        for name, shape in shapes.items():
            _check_shape(name, np.shape(getattr(self, name)), shape)
        for name, values in self.parameters.items():
            _check_shape(f"parameters[{name}]", np.shape(values), (self.draws,))

    @property
    def draws(self) -> int:
        """Number of common draws S."""
        return int(np.shape(self.status)[-1])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the plans, in order."""
        return tuple(plan.name for plan in self.plans)

    def select(self, indices: Sequence[int]) -> Outcomes:
        """The outcomes of some of the plans, in the order given."""
        index = np.asarray(indices, dtype=int)
        arrays = {name: getattr(self, name)[index] for name in (*_PLAN_DRAW, *_PLAN_DRAW_TIME)}
        return replace(self, plans=tuple(self.plans[i] for i in index), **arrays)

    def first_draws(self, count: int) -> Outcomes:
        """The outcomes under the first draws."""
        arrays = {name: getattr(self, name)[:, :count] for name in (*_PLAN_DRAW, *_PLAN_DRAW_TIME)}
        drawn = {name: values[:count] for name, values in self.parameters.items()}
        return replace(self, parameters=drawn, **arrays)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Flat arrays for a file: one per field, "parameters/<name>", the plans as JSON bytes."""
        arrays = {
            f.name: np.asarray(getattr(self, f.name))
            for f in fields(self)
            if f.name not in ("plans", "parameters")
        }
        arrays |= {f"parameters/{name}": np.asarray(v) for name, v in self.parameters.items()}
        text = json.dumps([plan.to_dict() for plan in self.plans], sort_keys=True)
        arrays["plans_json"] = np.frombuffer(text.encode(), dtype=np.uint8)
        return arrays

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, np.ndarray], plans: Sequence[Plan] | None = None
    ) -> Outcomes:
        """The outcomes that `to_arrays` took apart.

        Args:
            arrays: flat arrays.
            plans: taken instead of the stored ones (which have lost their recipes).

        Raises:
            TwinError: an array is missing or has the wrong shape.
        """
        try:
            if plans is None:
                text = np.asarray(arrays["plans_json"], dtype=np.uint8).tobytes().decode()
                plans = [Plan.from_dict(entry) for entry in json.loads(text)]
            named = {
                f.name: np.asarray(arrays[f.name])
                for f in fields(cls)
                if f.name not in ("plans", "parameters")
            }
        except KeyError as error:
            raise TwinError(
                "stored outcomes lack an array", where="outcomes", got=str(error)
            ) from None
        prefix = "parameters/"
        drawn = {k[len(prefix) :]: np.asarray(v) for k, v in arrays.items() if k.startswith(prefix)}
        return cls(plans=tuple(plans), parameters=drawn, **named)


def concatenate(parts: Sequence[Outcomes], axis: str = "plan") -> Outcomes:
    """Outcomes of several shards as one.

    Args:
        parts: shards over the same times; along "plan" over the same draws, along "draw" over the
            same plans.
        axis: "plan" or "draw".

    Raises:
        TwinError: there is no part, the axis is unknown, or the parts do not fit together.
    """
    if not parts:
        raise TwinError("there are no outcomes to join", where="concatenate", expected=">= 1 part")
    if axis not in ("plan", "draw"):
        raise TwinError("unknown axis", where="axis", expected="plan or draw", got=repr(axis))
    first = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        same = np.array_equal(part.times_days, first.times_days)
        same &= part.parameters.keys() == first.parameters.keys()
        if axis == "plan":
            same = same and all(
                np.array_equal(part.parameters[k], v) for k, v in first.parameters.items()
            )
        else:
            same &= part.names == first.names
        if not same:
            raise TwinError(
                "outcomes do not fit together",
                where=f"part {number}",
                expected="the same times and the same " + ("draws" if axis == "plan" else "plans"),
            )
    number = 0 if axis == "plan" else 1
    arrays = {
        name: np.concatenate([getattr(p, name) for p in parts], axis=number)
        for name in (*_PLAN_DRAW, *_PLAN_DRAW_TIME)
    }
    if axis == "plan":
        return replace(first, plans=tuple(plan for p in parts for plan in p.plans), **arrays)
    drawn = {k: np.concatenate([p.parameters[k] for p in parts]) for k in first.parameters}
    return replace(first, parameters=drawn, **arrays)


def time_to_progression(
    times_days: np.ndarray,
    visible_ml: np.ndarray,
    rule: str = "rano_volume",
    *,
    minimum_rise_ml: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """First time the visible volume has outgrown its nadir, at two consecutive times.

    Progression is at time i when, at both i and i + 1, the volume exceeds the smallest volume so
    far by the rule's factor (RANO 2.0: +40 % in volume; RECIST 1.1: +20 % in diameter, as a
    sphere +73 %) and by at least `minimum_rise_ml`, so that a tumor that had vanished does not
    progress on its first visible voxel. Times are not interpolated. A rise at the last time alone
    is unconfirmed, hence censored.

    Args:
        times_days: (T,), increasing, from the decision to the horizon.
        visible_ml: (..., T).
        rule: "rano_volume" or "recist_volume".
        minimum_rise_ml: smallest absolute rise over the nadir.

    Returns:
        Days after `times_days[0]`, censored at the last time, and whether the tumor progressed;
        both (...). Where the volume is not a number there is no progression.

    Raises:
        TwinError: unknown rule, times that do not increase, or shapes that differ.
    """
    if rule not in GROWTH_FACTORS:
        raise TwinError(
            "unknown progression rule",
            where="rule",
            expected=", ".join(GROWTH_FACTORS),
            got=repr(rule),
        )
    times, volume = np.asarray(times_days, dtype=float), np.asarray(visible_ml, dtype=float)
    _check_shape("visible_ml (last axis)", volume.shape[-1:], times.shape)
    if times.size == 0 or np.any(np.diff(times) <= 0):
        raise TwinError(
            "times must increase", where="times_days", expected="at least one, increasing"
        )
    nadir = np.fmin.accumulate(volume, axis=-1)
    grown = (volume > GROWTH_FACTORS[rule] * nadir) & (volume - nadir >= minimum_rise_ml)
    confirmed = grown[..., :-1] & grown[..., 1:]
    progressed = confirmed.any(axis=-1)
    first = confirmed.argmax(axis=-1) if confirmed.shape[-1] else np.zeros(progressed.shape, int)
    days = np.where(progressed, times[first], times[-1]) - times[0]
    return np.asarray(days), np.asarray(progressed)


def restricted_mean_days(progression_days: np.ndarray, horizon_days: float) -> np.ndarray:
    """Mean progression-free time within the horizon, over the last axis.

    Every draw counts with the smaller of its time and the horizon, so that draws that never
    progress count with the whole horizon instead of being left out (Royston and Parmar 2013, doi
    10.1186/1471-2288-13-152).
    """
    days = np.minimum(np.asarray(progression_days, dtype=float), horizon_days)
    return np.asarray(days.mean(axis=-1))


def _check_shape(name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(got) != tuple(expected):
        raise TwinError(
            "array has the wrong shape", where=name, expected=str(expected), got=str(got)
        )
