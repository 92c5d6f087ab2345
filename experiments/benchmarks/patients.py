"""The patient of a case, in memory: anatomy, treatment, start, and images that we simulate."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from experiments.benchmarks.case import FIXED, TRUTH, Case
from twin.calibration.posterior import Posterior
from twin.calibration.setting import make_setting
from twin.domain import Domain, make_domain
from twin.grid import Grid
from twin.imaging.image import Image
from twin.models import FisherKPP
from twin.parameters import Fixed, Prior
from twin.patient import Patient, Visit
from twin.simulation import simulate
from twin.treatments.schedule import DrugDose, Fraction, Schedule

BODY_SURFACE_M2 = 1.8
VISIT_DAYS = (0.0, 30.0, 60.0, 90.0, 120.0)
FRACTIONS, DAILY_DOSES, ADJUVANT_DOSES = 30, 42, 32
PARAMETERS = {**TRUTH, **FIXED}
PRIORS: dict[str, Prior] = {
    **{name: Fixed(value) for name, value in FIXED.items()},
    "infiltration_length": Fixed(2.0),
}


def treatments(case: Case, dose_gy: float = 2.0, daily_mg_m2: float = 75.0) -> Schedule:
    """30 fractions on weekdays, 42 daily doses of temozolomide, and 32 adjuvant ones: five days of
    every 28, two in the last cycle. What lies beyond the case's days is left out."""
    start = case.start_days
    weekdays = (d for d in range(math.ceil(start), 10_000) if d % 7 < 5)
    fractions = tuple(Fraction(float(next(weekdays)), dose_gy) for _ in range(FRACTIONS))
    adjuvant = start + DAILY_DOSES + 14.0
    days = [start + d for d in range(DAILY_DOSES)]
    days += [adjuvant + 28.0 * (i // 5) + i % 5 for i in range(ADJUVANT_DOSES)]
    mg = daily_mg_m2 * BODY_SURFACE_M2
    doses = tuple(DrugDose(float(day), "temozolomide", mg) for day in days)
    return Schedule(fractions, doses).before(case.days)


def tissue(case: Case) -> np.ndarray:
    """(x, y, z) an ellipsoid that fills the box but for its outermost layer."""
    half = [(n - 1) / 2.0 for n in case.shape]
    axes = [
        ((np.arange(n) - h) / (h - 0.5)).reshape([-1 if i == k else 1 for k in range(3)]) ** 2
        for i, (n, h) in enumerate(zip(case.shape, half, strict=True))
    ]
    return np.asarray(axes[0] + axes[1] + axes[2] < 1.0)


def start(case: Case) -> np.ndarray:
    """(x, y, z) cell fraction on day 0: a smooth ball off the center, 0.8 at its peak."""
    radius2 = sum(
        (((np.arange(n) - 0.4 * n) * h).reshape([-1 if i == k else 1 for k in range(3)])) ** 2
        for i, (n, h) in enumerate(zip(case.shape, case.spacing_mm, strict=True))
    )
    width = min(8.0, 0.15 * min(n * h for n, h in zip(case.shape, case.spacing_mm, strict=True)))
    return np.asarray(0.8 * np.exp(-radius2 / (2.0 * width**2)) * tissue(case))


def domain(case: Case) -> Domain:
    """The domain of a case."""
    return make_domain(tissue(case), case.spacing_mm)


@cache
def patient(case: Case, *, treated: bool = True) -> Patient:
    """The patient with cell fraction images at five visits; without treatment, on day 0 alone."""
    grid = Grid.from_spacing(case.shape, case.spacing_mm)
    days = [day for day in VISIT_DAYS if day <= case.days] if treated else [0.0]
    seen = [start(case)]
    if len(days) > 1:
        course = simulate(
            FisherKPP(),
            PARAMETERS,
            domain(case),
            treatments(case),
            days[1:],
            initial=seen[0],
            body_surface_m2=BODY_SURFACE_M2,
        )
        seen += list(course.seen)
    visits = tuple(
        Visit(
            f"day {day:g}",
            day,
            {"CELL_FRACTION": Image(field, grid, "CELL_FRACTION", "1")},
            simulated=True,
        )
        for day, field in zip(days, seen, strict=True)
    )
    return Patient(
        id="benchmark",
        site="glioma",
        grid=grid,
        tissue=tissue(case),
        tissues={},
        visits=visits,
        treatments=treatments(case) if treated else Schedule(),
        body_surface_m2=BODY_SURFACE_M2,
        simulated_note="all of it",
    )


def posterior(case: Case) -> Posterior:
    """A posterior around the truth, decided on day 0, so that plans hold all treatment."""
    of_no_drug = {name: p for name, p in PRIORS.items() if not name.startswith("enhancement_")}
    setting = make_setting(patient(case, treated=False), FisherKPP(), priors=of_no_drug)
    scores = setting.table.scores_of({n: v for n, v in TRUTH.items() if n in setting.table})
    names = setting.table.free
    return Posterior(
        table=setting.table,
        names=names,
        z_mean=np.array([scores[name] for name in names]),
        z_covariance=0.01 * np.eye(len(names)),
        converged=True,
        decision_day=0.0,
        fitted_visits=(setting.fitted[0].name,),
        setting=setting,
    )
