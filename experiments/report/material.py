"""What a report is made of: the results, and what is read off them in more than one section."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.report.names import Names

if TYPE_CHECKING:
    from twin.calibration.posterior import Posterior
    from twin.forecasting import Forecast
    from twin.patient import Patient, Visit
    from twin.scenarios.outcomes import Outcomes
    from twin.scenarios.plans import Plan
    from twin.scenarios.ranking import RankedPlan, Ranking


@dataclass(frozen=True)
class Material:
    """All results of one run; forecast, outcomes and ranking may be missing."""

    patient: "Patient"
    posterior: "Posterior"
    outcomes: "Outcomes | None"
    forecast: "Forecast | None"
    ranking: "Ranking | None"
    provenance: dict[str, Any]
    names: Names

    @property
    def shareable(self) -> bool:
        """Whether the page may hold neither voxels nor identifiers."""
        return self.names.shareable

    @property
    def simulated_note(self) -> str:
        """What of this patient is simulated, in one sentence; "" if nothing is."""
        note = self.patient.simulated_note
        if not note and not any(visit.simulated for visit in self.patient.visits):
            return ""
        return self.names.text(note) or "Parts of this patient's data are simulated."

    def role(self, visit: "Visit") -> str:
        """ "fitted" or "held out"."""
        return "fitted" if visit.name in self.posterior.fitted_visits else "held out"

    def simulated(self, visit_name: str) -> bool:
        """Whether the visit of this name is simulated."""
        return any(visit.simulated for visit in self.patient.visits if visit.name == visit_name)

    @property
    def best(self) -> "RankedPlan | None":
        """The best plan that keeps every limit, or the best of all where none does."""
        rows = self.ranking.rows if self.ranking else ()
        return next((row for row in rows if row.feasible), rows[0] if rows else None)

    @property
    def standard(self) -> "RankedPlan | None":
        """The standard of care, as ranked."""
        rows = self.ranking.rows if self.ranking else ()
        return next((row for row in rows if row.plan.standard_of_care), None)

    def plan_name(self, row: "RankedPlan") -> str:
        """The plan's name; a number when shareable."""
        return f"plan {row.index + 1}" if self.shareable else row.plan.name

    def undetermined(self) -> list[str]:
        """Shown names of the parameters and maps that rest on their prior."""
        return [self.names.parameter(name) for name in self.posterior.undetermined]


def describe_plan(plan: "Plan", names: Names) -> str:
    """A plan in words, from its events alone: "25 × 2 Gy from day 46; doxorubicin 3 × 142 mg"."""
    schedule = plan.schedule
    parts = []
    fractions = list(schedule.fractions)
    while fractions:
        dose = fractions[0].dose_gy
        run = [item for item in fractions if abs(item.dose_gy - dose) < 1e-6]
        fractions = [item for item in fractions if abs(item.dose_gy - dose) >= 1e-6]
        days = len({int(item.time_days) for item in run})
        twice = f", {len(run) / days:.2g} a day" if len(run) > days else ""
        start, end = run[0].time_days, run[-1].time_days
        parts.append(f"{len(run)} × {dose:.3g} Gy{twice}, days {start:.0f}–{end:.0f}")
    for drug in sorted({item.drug for item in schedule.drug_doses}):
        given = [item for item in schedule.drug_doses if item.drug == drug]
        dose, day = given[0].dose_mg, given[0].time_days
        parts.append(f"{names.drug(drug)} {len(given)} × {dose:.3g} mg from day {day:.0f}")
    for surgery in schedule.surgeries:
        parts.append(f"surgery day {surgery.time_days:.0f}")
    return "; ".join(parts) or "no further treatment"
