"""A tiny patient whose posterior is its prior: enough to sweep plans without a calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.calibration.posterior import Posterior
from twin.calibration.setting import make_setting
from twin.grid import Grid
from twin.imaging.image import Image
from twin.models import FisherKPP
from twin.parameters import Prior
from twin.patient import Patient, Visit
from twin.scenarios.plan_set import Plan, PlanSet
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

DECISION_DAY = 14.0
HORIZON_DAYS = 60.0


def tiny_patient(given: Schedule | None = None) -> Patient:
    """A round tumor in a box of tissue, seen on day 0 and on the decision day."""
    grid = Grid.from_spacing((12, 11, 10), 5.0)
    tissue = np.zeros(grid.shape, bool)
    tissue[1:-1, 1:-1, 1:-1] = True
    center = np.array([27.0, 26.0, 24.0])[:, None, None, None]
    distance = np.sqrt((((np.indices(grid.shape) * 5.0) - center) ** 2).sum(0))
    fraction = (0.7 * np.exp(-0.5 * (distance / 9.0) ** 2) * tissue).astype(np.float32)
    image = Image(fraction, grid, "CELL_FRACTION", "1")
    visits = tuple(
        Visit(name, day, {"CELL_FRACTION": image}, {"gtv": (fraction > 0.3)}, simulated=True)
        for name, day in (("first", 0.0), ("second", DECISION_DAY))
    )
    return Patient(
        id="tiny",
        site="soft_tissue_sarcoma",
        grid=grid,
        tissue=tissue,
        tissues={},
        visits=visits,
        treatments=given or Schedule(),
        organs=(),
        body_surface_m2=1.9,
        simulated_note="all of it",
    )


def prior_posterior(patient: Patient, priors: dict[str, Prior] | None = None) -> Posterior:
    """The posterior of a patient from whom nothing was learned."""
    setting = make_setting(patient, FisherKPP(), priors=priors)
    names = setting.table.free
    return Posterior(
        table=setting.table,
        names=tuple(names),
        z_mean=np.zeros(len(names)),
        z_covariance=np.eye(len(names)),
        converged=True,
        decision_day=setting.decision_day,
        fitted_visits=tuple(visit.name for visit in setting.fitted),
        setting=setting,
    )


def radiotherapy(name: str, fractions: int, dose_gy: float, *, surgery_day: float | None = None):
    """Daily fractions from the day after the decision on."""
    given = tuple(Fraction(DECISION_DAY + 1 + i, dose_gy) for i in range(fractions))
    cut = () if surgery_day is None else (Surgery(surgery_day, 5.0),)
    return Plan(name, Schedule(given, (), cut))


def chemotherapy(name: str, day: float, dose_mg: float) -> Plan:
    """One dose of doxorubicin."""
    return Plan(name, Schedule((), (DrugDose(day, "doxorubicin", dose_mg),)))


def plan_set(*plans: Plan) -> PlanSet:
    """Plans from the decision day on, over 60 days."""
    first, *rest = plans
    return PlanSet((replace(first, standard_of_care=True), *rest), HORIZON_DAYS, DECISION_DAY)
