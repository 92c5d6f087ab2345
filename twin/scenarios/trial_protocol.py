"""The protocol of a virtual trial: when there are scans, what is standard, what may be chosen.

Glioma that is not resected. Standard: 60 Gy in 30 fractions with temozolomide 75 mg/m² daily, then
from week 9 on six cycles of 150 mg/m² on days 1-5 of 28 (Stupp 2005, doi 10.1056/NEJMoa043330; 150
mg/m² in all cycles). Second line: carboplatin 400 mg/m² every four weeks. Scans four weeks before
the decision, on its day, and every eight weeks. Organs, their sparing and the second line's dose
are assumed.

A candidate is a fractionation and one of the two drugs in each of three periods of eight weeks
between scans: plans form a tree, so that whoever decides again at a scan chooses among whole plans,
all of which give no organ more than the standard does and keep to `LIMITS`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

from twin.errors import TwinError
from twin.patient import Organ
from twin.scenarios.constraints import Cost, Limits, cost_of
from twin.scenarios.courses import DrugCourse, RadiotherapyCourse, Recipe
from twin.scenarios.plan_set import Plan, PlanSet
from twin.treatments.schedule import Schedule

FIRST, SECOND = "temozolomide", "carboplatin"
DRUGS = (SECOND, FIRST)
"""Of the protocol, sorted."""
LIMITS = Limits(ntcp=0.05, neutrophil_nadir_1e9_per_l=0.5)
_CYCLES = {FIRST: (150.0, 5), SECOND: (400.0, 1)}
"""mg/m² of a dose, and doses of a cycle, one a day."""
_CYCLE_DAYS, _CYCLES_PER_PERIOD = 28.0, 2
_CONCOMITANT = DrugCourse(FIRST, 75.0, 42, interval_days=1.0)
_SIZES = ((1.2, 2), (2.0, 1), (2.67, 1))
"""Doses of a fraction, Gy, and fractions a day, to choose from."""


@dataclass(frozen=True)
class TrialProtocol:
    """What all patients and strategies of a trial share.

    Attributes:
        site: of the tumor; its priors are the twin's.
        decision_day: day of the second scan, on which treatment begins.
        scan_every_days: days between later scans, length of the first period, of radiotherapy, and
            of each of those of one drug.
        periods: of drugs.
        horizon_days: days from the decision to the end.
        body_surface_m2: of every patient.
        organs: that get a share of every fraction.

    Raises:
        TwinError: the horizon is no whole number of scans.
    """

    site: str = "glioma"
    decision_day: float = 28.0
    scan_every_days: float = 56.0
    periods: int = 3
    horizon_days: float = 336.0
    body_surface_m2: float = 1.8
    organs: tuple[Organ, ...] = (
        Organ("brain", alpha_beta_gy=2.0, sparing=0.5),
        Organ("brainstem", alpha_beta_gy=2.0, sparing=0.7),
    )

    def __post_init__(self) -> None:
        if self.horizon_days % self.scan_every_days:
            raise TwinError(
                "the horizon has to fall on a scan",
                where="horizon_days",
                expected=f"a multiple of {self.scan_every_days:g} days",
                got=f"{self.horizon_days:g}",
            )

    @property
    def end_day(self) -> float:
        """Last day."""
        return self.decision_day + self.horizon_days

    @property
    def scan_days(self) -> tuple[float, ...]:
        """Days of the scans after the decision, the last one before the end."""
        count = round(self.horizon_days / self.scan_every_days)
        return tuple(self.decision_day + self.scan_every_days * i for i in range(1, count))

    @property
    def informative_scan_day(self) -> float:
        """Day of the scan after the first period of a drug alone."""
        return self.scan_days[1]

    @property
    def drug_course(self) -> DrugCourse:
        """The standard drug after radiotherapy."""
        return self._cycles(FIRST, _CYCLES_PER_PERIOD * self.periods)

    @property
    def second_line(self) -> DrugCourse:
        """The drug after progression, as many cycles as of the first; begins when it is given."""
        course = self._cycles(SECOND, _CYCLES_PER_PERIOD * self.periods)
        return replace(course, start_delay_days=0.0)

    @cached_property
    def standard(self) -> Plan:
        """Standard of care."""
        course = RadiotherapyCourse(30, 2.0)
        plan = self._plan(course, (FIRST,) * self.periods)
        return replace(plan, standard_of_care=True)

    @cached_property
    def candidates(self) -> PlanSet:
        """Plans no more toxic than the standard of care, which is the first of them."""
        sizes = [self._largest(dose, per_day) for dose, per_day in _SIZES]
        series = list(itertools.product((FIRST, SECOND), repeat=self.periods))
        plans = [self._plan(course, drugs) for course in sizes for drugs in series]
        return PlanSet(
            (self.standard, *(p for p in plans if self.allows(p.schedule))),
            self.horizon_days,
            self.decision_day,
        )

    def allows(self, schedule: Schedule) -> bool:
        """Whether a treatment is no more toxic than the standard of care."""
        cost = self.cost(schedule)
        within = cost.worst_ratio(self.organs, LIMITS) <= 1.0
        return within and cost.no_worse_than(self.cost(self.standard.schedule))

    def cost(self, schedule: Schedule) -> Cost:
        """What treatments cost a patient of this protocol."""
        return cost_of(schedule, self.organs, self.body_surface_m2)

    def _plan(self, course: RadiotherapyCourse, drugs: tuple[str, ...]) -> Plan:
        """Radiotherapy with the first drug, then a drug in each period."""
        cycles = (
            self._cycles(drug, _CYCLES_PER_PERIOD, period) for period, drug in enumerate(drugs)
        )
        recipe = Recipe(course, (_CONCOMITANT, *cycles))
        runs = [(drug, len(list(run))) for drug, run in itertools.groupby(drugs)]
        series = ", ".join(f"{drug} x{_CYCLES_PER_PERIOD * periods}" for drug, periods in runs)
        return Plan(f"{course}, then {series}", self._laid_out(recipe), recipe=recipe)

    def _cycles(self, drug: str, count: int, period: int = 0) -> DrugCourse:
        """Cycles of a drug from the first day of a period on."""
        dose, days = _CYCLES[drug]
        start = self.scan_every_days * (period + 1)
        return DrugCourse(drug, dose, count, _CYCLE_DAYS, days, start_delay_days=start)

    def _largest(self, dose_gy: float, per_day: int) -> RadiotherapyCourse:
        """Most fractions of a size that leave every organ with no more than the standard does."""
        course = RadiotherapyCourse(1, dose_gy, per_day, 5 * per_day)
        while self.allows(self._laid_out(Recipe(more := _longer(course)))):
            course = more
        return course

    def _laid_out(self, recipe: Recipe) -> Schedule:
        return recipe.schedule(self.decision_day, 0, self.body_surface_m2)


def _longer(course: RadiotherapyCourse) -> RadiotherapyCourse:
    return replace(course, fractions=course.fractions + 1)
