"""A lesion model fitted to the outlines of one patient, whose treatments are known.

Only the volumes of the outlines are used, no image: what a clinic has without a diffusion scan. A
few volumes cannot tell growth from kill from clearance; the result says which they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.errors import TwinError
from twin.lesions.fit import fit_lesions
from twin.lesions.fits import CONVERGED, STATUS, LesionFits, LesionForecast
from twin.lesions.model import LesionModel
from twin.lesions.series import lesion_series
from twin.lesions.treated import Treated, treated
from twin.parameters import ParameterTable, Prior
from twin.patient import Patient, Visit
from twin.treatments.chemotherapy import get_drug

FEWEST_VISITS = 2


@dataclass(frozen=True, eq=False, repr=False)
class PatientLesion:
    """A lesion model fitted to one patient.

    Attributes:
        fits: a fit of a single lesion.
        model: the growth model.
        label: of the masks whose volumes were fitted.
        visits: the fitted ones.
        warnings: what limits the fit, as sentences.
    """

    fits: LesionFits
    model: LesionModel
    label: str
    visits: tuple[Visit, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"PatientLesion({self.model.name}, {self.label}, {len(self.visits)} visits)"

    @property
    def table(self) -> ParameterTable:
        """Parameters of growth, treatment and readings."""
        return self.fits.table

    @property
    def names(self) -> tuple[str, ...]:
        """The K estimated parameters."""
        return self.fits.names

    @property
    def units(self) -> tuple[str, ...]:
        """(K,) units of the estimated parameters."""
        return tuple(self.table[name].unit for name in self.names)

    @property
    def point(self) -> dict[str, float]:
        """Most probable natural value of every parameter."""
        return {name: float(value[0]) for name, value in self.fits.point.items()}

    def interval(self, name: str, level: float = 0.9) -> tuple[float, float]:
        """Central posterior interval of one parameter in its unit."""
        low, high = self.fits.interval(name, level)
        return float(low[0]), float(high[0])

    @property
    def contraction(self) -> np.ndarray:
        """(K,) share of the prior's spread that the volumes removed."""
        return self.fits.contraction[0]

    @property
    def determined(self) -> np.ndarray:
        """(K,) whether the volumes say something about each parameter."""
        return self.fits.determined[0]

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Names of the parameters that this patient's volumes do not determine."""
        return self.fits.undetermined(0)

    @property
    def converged(self) -> bool:
        """Whether the fit ended at a minimum."""
        return bool(self.fits.status[0] == CONVERGED)

    @property
    def fitted_visits(self) -> tuple[str, ...]:
        """Names of the fitted visits."""
        return tuple(visit.name for visit in self.visits)

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Warnings, status and evaluations of the fit."""
        return {
            "warnings": list(self.warnings),
            "status": STATUS[self.fits.status[0]],
            "iterations": int(self.fits.iterations[0]),
        }

    def summary(self, level: float = 0.9) -> list[dict[str, Any]]:
        """One row a parameter, with the keys of `twin.calibration.Posterior.summary`."""
        return self.fits.summary(0, level)

    def predict(
        self, days: np.ndarray, *, level: float = 0.9, readings: bool = False, seed: int = 0
    ) -> LesionForecast:
        """Volumes from the last fitted visit on, treatments of the patient included.

        Args:
            days: (t,) since the patient's first visit.
            level, readings, seed: as for `LesionFits.predict`.
        """
        return self.fits.predict(days, level=level, readings=readings, seed=seed)


def fit_patient(
    patient: Patient,
    model: LesionModel,
    *,
    visits: int | None = None,
    label: str | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> PatientLesion:
    """Fit a lesion model to the volumes of a patient's outlines.

    Args:
        patient: with outlines at two visits or more; treatments as given. Treatments from the
            first surgery on are left out.
        model: growth of the lesion, one of `LESION_MODELS`.
        visits: how many to use, from the first on; all by default. Those without the outline and
            those after a surgery are passed over.
        label: of the masks; by default the one with the largest mask.
        priors: replacements by name of the parameter; they come after those the markers shift.

    Raises:
        TwinError: fewer than two outlines, no such label, a prior of an unknown parameter.
    """
    count = len(patient.visits) if visits is None else visits
    if not 1 <= count <= len(patient.visits):
        raise TwinError(
            "that many visits cannot be fitted",
            where="visits",
            expected=f"1 to {len(patient.visits)}",
            got=str(count),
        )
    surgery = min((s.time_days for s in patient.treatments.surgeries), default=np.inf)
    seen = [v for v in patient.visits[:count] if v.masks and v.time_days <= surgery]
    label = _label(patient, seen) if label is None else label
    used = tuple(visit for visit in seen if label in visit.masks)
    if len(used) < FEWEST_VISITS:
        raise TwinError(
            "too few outlines to fit a lesion model to",
            where=f"patient {patient.id}, mask {label or 'of any label'}",
            expected=f"at least {FEWEST_VISITS} visits with it, before any surgery",
            got=str(len(used)),
            fix="Outline the tumor at more visits, or fit more of them",
        )
    with_doses = treated(
        model,
        patient.treatments.before(surgery),
        site=patient.site,
        first_day=used[0].time_days,
        body_surface_m2=patient.body_surface_m2,
    )
    table = with_doses.table()
    for shift in patient.applied_shifts:
        if shift.parameter in table and not table[shift.parameter].fixed:
            prior = table[shift.parameter].prior.shifted(shift.factor)
            table = table.with_priors({shift.parameter: prior})
    series = lesion_series(
        [[visit.time_days for visit in used]],
        [[patient.volume_ml(visit.masks[label]) for visit in used]],
        ids=[patient.id],
    )
    fits = fit_lesions(series, with_doses, table=table.with_priors(priors or {}))
    return PatientLesion(fits, model, label, used, _warnings(patient, fits, with_doses, used))


def _label(patient: Patient, seen: list[Visit]) -> str:
    """The label with the largest mask; empty without one."""
    sizes = {label: int(mask.sum()) for visit in seen for label, mask in visit.masks.items()}
    for visit in seen:
        for label, mask in visit.masks.items():
            sizes[label] = max(sizes[label], int(mask.sum()))
    return max(sorted(sizes), key=sizes.__getitem__, default="")


def _warnings(
    patient: Patient, fits: LesionFits, model: Treated, used: tuple[Visit, ...]
) -> tuple[str, ...]:
    first, last = used[0].time_days, used[-1].time_days
    found = []
    if fits.status[0] != CONVERGED:
        found.append(f"The fit is {STATUS[fits.status[0]]}.")
    if fits.undetermined(0):
        found.append(
            f"{len(used)} volumes do not determine {', '.join(fits.undetermined(0))}:"
            " these rest on their priors."
        )
    if patient.treatments.before(first):
        found.append(
            f"Treatment was given before the first outline (day {first:g}); what it killed is taken"
            " as cleared by then."
        )
    late = patient.treatments.from_(last)
    unseen = [*(["radiotherapy"] if late.fractions else []), *late.drugs]
    given = patient.treatments.before(last)
    unseen = [
        u for u in unseen if u not in given.drugs and not (u == "radiotherapy" and given.fractions)
    ]
    if unseen:
        found.append(
            f"No outline was made after {', '.join(unseen)} began: its effect is the prior's."
        )
    indirect = [drug for drug in model.drugs if get_drug(drug).action != "cytotoxic"]
    if indirect:
        found.append(f"{', '.join(indirect)} acts here as a direct kill of tumor cells.")
    return tuple(found)
