"""What a virtual trial found: curves, restricted means, and differences between strategies.

Differences are paired, patient by patient, with bootstrap intervals over patients (Efron &
Tibshirani 1993, doi 10.1201/9780429246593). A strategy has a gain over another where the interval
of the difference in days without progression lies above 0, and none where it holds 0. The mean of
the worst fifth of patients (CVaR over patients) is what a robust plan is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twin.errors import TwinError
from twin.scenarios.risk import cvar
from twin.scenarios.trial import PatientResult
from twin.scenarios.trial_protocol import TrialProtocol
from twin.scenarios.trial_strategies import REPLANNING, ROBUST

BOOTSTRAPS = 4000
_WORST = 0.8
Verdict = Literal["gain", "no gain", "loss"]


@dataclass(frozen=True)
class Estimate:
    """A mean over patients with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Whether a difference is told from 0."""
        if self.low > 0.0:
            return "gain"
        return "loss" if self.high < 0.0 else "no gain"


@dataclass(frozen=True)
class Curve:
    """Kaplan-Meier estimate of the share without progression, with 95 % limits (log-log).

    Attributes:
        days: (T,) after the decision, the first one 0.
        share, low, high: (T,) from each day on.
    """

    days: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Arm:
    """One strategy in all patients.

    Attributes:
        name: of the strategy.
        curve: without progression.
        progression_days: mean within the horizon.
        worst_days: the same of the fifth of patients who progressed first.
        control_days: mean days until control was lost, within the horizon.
        gain_days, worst_gain_days, control_gain_days: differences to the standard of care.
        promised_days: gain that the twin expected on fresh posterior draws.
        progressed: patients who progressed.
        changes: mean number of changes of plan.
        organ_eqd2_gy: mean EQD2 of every organ, Gy.
        drug_mg_m2: mean cumulative dose of every drug, mg/m².
        nadir_1e9_per_l: mean lowest neutrophil count; None where no drug acts on it.
        clinic_days: mean days in the clinic.
        more_toxic: share of patients in whom an organ, the marrow or a lifetime dose had more than
            under the standard of care.
    """

    name: str
    curve: Curve
    progression_days: Estimate
    worst_days: Estimate
    control_days: Estimate
    gain_days: Estimate
    worst_gain_days: Estimate
    control_gain_days: Estimate
    promised_days: Estimate
    progressed: int
    changes: float
    organ_eqd2_gy: dict[str, float]
    drug_mg_m2: dict[str, float]
    nadir_1e9_per_l: float | None
    clinic_days: float
    more_toxic: float


@dataclass(frozen=True)
class TrialResult:
    """A trial in one world.

    Attributes:
        world: its name.
        patients: how many.
        horizon_days: of the restricted means.
        arms: strategies, the standard of care first.
        adaptive_gain_days: re-planning over the plan it began with, where both were tried.
        scan_value_days, perfect_value_days: what the twin expected the next scan, and perfect
            knowledge, to be worth before any of it was used; None where no plan was chosen.
        converged: share of first calibrations that did.
    """

    world: str
    patients: int
    horizon_days: float
    arms: tuple[Arm, ...]
    adaptive_gain_days: Estimate | None
    scan_value_days: Estimate | None
    perfect_value_days: Estimate | None
    converged: float

    def arm(self, name: str) -> Arm:
        """The arm of a strategy."""
        return next(arm for arm in self.arms if arm.name == name)


def summarize(
    world: str, results: Sequence[PatientResult], protocol: TrialProtocol, *, seed: int = 0
) -> TrialResult:
    """Put the patients of a trial together.

    Args:
        world: name of the world.
        results: at least two patients, all with the same strategies.
        protocol: of the trial.
        seed: of the bootstrap.

    Raises:
        TwinError: fewer than two patients.
    """
    if len(results) < 2:
        raise TwinError(
            "an interval needs patients", where="trial", expected="2 or more", got=str(len(results))
        )
    rows = np.random.default_rng(seed).integers(0, len(results), (BOOTSTRAPS, len(results)))
    names = list(results[0].courses)
    table = {
        (name, end): np.array([getattr(r.courses[name], f"{end}_days") for r in results])
        for name in names
        for end in ("progression", "control")
    }
    arms = tuple(_arm(name, names[0], results, table, protocol, rows) for name in names)
    adaptive = None
    if {ROBUST, REPLANNING} <= set(names):
        gained = table[REPLANNING, "progression"] - table[ROBUST, "progression"]
        adaptive = _estimate(gained, rows)
    values = np.array([r.scan_value_days for r in results if r.scan_value_days is not None])
    scan, perfect = (None, None) if not len(values) else (_estimate(v, rows) for v in values.T)
    return TrialResult(
        world=world,
        patients=len(results),
        horizon_days=protocol.horizon_days,
        arms=arms,
        adaptive_gain_days=adaptive,
        scan_value_days=scan,
        perfect_value_days=perfect,
        converged=float(np.mean([r.converged for r in results])),
    )


def kaplan_meier(days: np.ndarray, happened: np.ndarray, horizon_days: float) -> Curve:
    """Share without the event, from day 0 to the horizon; flat at 1 where it never happens."""
    from sksurv.nonparametric import kaplan_meier_estimator

    times, share, limits = kaplan_meier_estimator(  # type: ignore[misc]
        np.asarray(happened, bool), np.asarray(days, float), conf_type="log-log"
    )
    ends = np.append(times, horizon_days)
    return Curve(
        np.concatenate([[0.0], ends]),
        *(np.concatenate([[1.0], values, values[-1:]]) for values in (share, *limits)),
    )


def _arm(
    name: str,
    standard: str,
    results: Sequence[PatientResult],
    table: dict[tuple[str, str], np.ndarray],
    protocol: TrialProtocol,
    rows: np.ndarray,
) -> Arm:
    courses = [result.courses[name] for result in results]
    costs = [protocol.cost(course.given) for course in courses]
    usual = [protocol.cost(result.courses[standard].given) for result in results]
    days, control = table[name, "progression"], table[name, "control"]
    usual_days = table[standard, "progression"]
    nadirs = [c.neutrophil_nadir_1e9_per_l for c in costs]
    known = [nadir for nadir in nadirs if nadir is not None]
    drugs = sorted({drug for cost in costs for drug in cost.drug_mg_m2})
    return Arm(
        name=name,
        curve=kaplan_meier(days, np.array([c.progressed for c in courses]), protocol.horizon_days),
        progression_days=_estimate(days, rows),
        worst_days=_worst(rows, days),
        control_days=_estimate(control, rows),
        gain_days=_estimate(days - usual_days, rows),
        worst_gain_days=_worst(rows, days, usual_days),
        control_gain_days=_estimate(control - table[standard, "control"], rows),
        promised_days=_estimate(np.array([r.promised_days[name] for r in results]), rows),
        progressed=sum(course.progressed for course in courses),
        changes=float(np.mean([course.changes for course in courses])),
        organ_eqd2_gy={
            organ.name: float(np.mean([c.organ_eqd2_gy[organ.name] for c in costs]))
            for organ in protocol.organs
        },
        drug_mg_m2={
            drug: float(np.mean([c.drug_mg_m2.get(drug, 0.0) for c in costs])) for drug in drugs
        },
        nadir_1e9_per_l=float(np.mean(known)) if known else None,
        clinic_days=float(np.mean([c.clinic_days for c in costs])),
        more_toxic=float(
            np.mean([not c.no_worse_than(u) for c, u in zip(costs, usual, strict=True)])
        ),
    )


def _estimate(values: np.ndarray, rows: np.ndarray) -> Estimate:
    """Mean over patients with the central 95 % of its bootstrap distribution."""
    low, high = np.quantile(values[rows].mean(axis=1), (0.025, 0.975))
    return Estimate(float(values.mean()), float(low), float(high))


def _worst(rows: np.ndarray, days: np.ndarray, other: np.ndarray | None = None) -> Estimate:
    """Mean of the shortest fifth over patients, or its difference to that of another strategy."""

    def tail(order: np.ndarray) -> np.ndarray:
        found = -cvar(-days[order], _WORST)
        return found if other is None else found + cvar(-other[order], _WORST)

    low, high = np.quantile(tail(rows), (0.025, 0.975))
    return Estimate(float(tail(np.arange(len(days))[None])[0]), float(low), float(high))
