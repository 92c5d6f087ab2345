"""A patient put into the shape that calibration, forecast and sweep work on."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy import ndimage

from twin.domain import Domain, domain_of
from twin.errors import TwinError
from twin.markers import PriorShift
from twin.models.model import TumorModel
from twin.observation.adc import cell_fraction
from twin.observation.denoise import denoised
from twin.observation.initial_state import ImageError, InitialState, initial_parameters
from twin.observation.segmentation import threshold_parameter
from twin.parameters import Fixed, ParameterTable, Prior
from twin.patient import Patient, Visit
from twin.treatments.chemotherapy import DRUGS
from twin.treatments.forcing import MAX_STEP_DAYS, SHARED_STEPS, Forcing, compile_forcing
from twin.treatments.surgery import distance_mm

DENSITY = ("CELL_FRACTION", "ADC")
"""Modalities that show density, best first. CELL_FRACTION covers all tissue, ADC the outlines."""


@dataclass(frozen=True)
class Setting:
    """What does not change while parameters do.

    Attributes:
        patient: on the grid that is simulated, cropped around the tumor.
        model: the equations.
        fitted: the visits that calibration sees, from the first on.
        table: parameters of model, treatments and observation.
        max_step_days: longest time step.
        image_error: of the first image as calibration found it (twin/calibration/resampling).
    """

    patient: Patient
    model: TumorModel
    fitted: tuple[Visit, ...]
    table: ParameterTable
    max_step_days: float = MAX_STEP_DAYS
    image_error: ImageError | None = None

    @cached_property
    def domain(self) -> Domain:
        """Tissue of the patient."""
        return domain_of(self.patient)

    @property
    def start_days(self) -> float:
        """Day of the first visit, where simulations start."""
        return self.fitted[0].time_days

    @property
    def decision_day(self) -> float:
        """Day of the last fitted visit."""
        return self.fitted[-1].time_days

    @property
    def labels(self) -> tuple[str, ...]:
        """Mask labels of the fitted visits."""
        return tuple(sorted({label for visit in self.fitted for label in visit.masks}))

    @property
    def visible_label(self) -> str:
        """The label whose threshold defines the visible volume: the one with the largest mask.

        Empty where no fitted visit has a mask (see `visibility_threshold`).
        """
        return max(
            self.labels,
            key=lambda label: max(v.masks[label].sum() for v in self.fitted if label in v.masks),
            default="",
        )

    @property
    def density_everywhere(self) -> bool:
        """Whether density is measured in all tissue, not within the outline alone."""
        return "CELL_FRACTION" in self.fitted[0].images

    @cached_property
    def initial(self) -> InitialState:
        """The initial state as a function of the parameters."""
        found = initial_state(self, raw_density(self.patient, self.fitted[0]))
        return replace(found, error=self.image_error)

    @cached_property
    def resectable_mm(self) -> np.ndarray | None:
        """(x, y, z) distance from the last fitted outline that holds something, which surgery
        follows."""
        for visit in reversed(self.fitted):
            if visit.masks and outline(visit).any():
                return distance_mm(outline(visit), tuple(self.patient.grid.spacing_mm))
        return None

    @property
    def resectable_flat(self) -> Array | None:
        """`resectable_mm` as a flat array."""
        distance = self.resectable_mm
        return None if distance is None else jnp.asarray(distance.reshape(-1))

    def forcing(
        self, times_days: Sequence[float] | np.ndarray, start_days: float | None = None
    ) -> tuple[Forcing, np.ndarray]:
        """Tables of the treatments given, from a day on (see `compile_forcing`); by default from
        the first visit."""
        forcing, rows = compile_forcing(
            self.patient.treatments,
            start_days=self.start_days if start_days is None else start_days,
            times_days=times_days,
            drugs=self.drugs(),
            body_surface_m2=self.patient.body_surface_m2,
            max_step_days=self.max_step_days,
            multiple_of=SHARED_STEPS,
        )
        return jax.tree.map(jnp.asarray, forcing), rows

    def treatment_table(self, drugs: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model under `drugs`, with what the patient's markers say of them."""
        table = self.model.table(self.patient.site, drugs, self.domain.tissues)
        return _shifted(table, self.patient)

    def drugs(self, *more: str) -> tuple[str, ...]:
        """Drugs of the patient's treatments and any more, sorted."""
        return tuple(sorted({*self.patient.treatments.drugs, *more}))


def make_setting(
    patient: Patient,
    model: TumorModel,
    *,
    visits: int | None = None,
    priors: Mapping[str, Prior] | None = None,
    max_step_days: float = MAX_STEP_DAYS,
) -> Setting:
    """Choose the fitted visits and assemble the parameter table.

    Where the patient's markers shift a prior, it is the shifted one; `priors` come after that.

    Raises:
        TwinError: more visits asked for than there are, nothing to see at the first of them, a
            prior or a shift for an unknown parameter, or a shift of a fixed one.
    """
    count = len(patient.visits) if visits is None else visits
    if not 1 <= count <= len(patient.visits):
        raise TwinError(
            "that many visits cannot be fitted",
            where="visits",
            expected=f"1 to {len(patient.visits)}",
            got=str(count),
        )
    fitted = patient.visits[:count]
    model = model.for_patient(patient, fitted)
    if raw_density(patient, fitted[0]) is None and not fitted[0].masks:
        raise TwinError(
            "the first visit shows no tumor",
            where=f"visit {fitted[0].name}",
            expected="a mask, or an ADC or CELL_FRACTION image",
            fix="Add the outline of the tumor to the first visit.",
        )
    labels = sorted({label for visit in patient.visits for label in visit.masks})
    tissues = tuple(patient.tissues) or ("tissue",)
    observed = ParameterTable(initial_parameters())
    observed += ParameterTable([threshold_parameter(label) for label in labels])
    table = model.table(patient.site, patient.treatments.drugs, tissues) + observed
    if "CELL_FRACTION" in fitted[0].images:
        table = table.with_priors({"initial_scale": Fixed(1.0)})
    for shift in patient.prior_shifts:
        # A drug that only plans hold has its parameter later, in `Setting.treatment_table`.
        if shift.parameter not in table:
            _known(shift, model.table(patient.site, tuple(DRUGS), tissues) + observed)
    table = _shifted(table, patient)
    return Setting(patient, model, fitted, table.with_priors(priors or {}), max_step_days)


def _shifted(table: ParameterTable, patient: Patient) -> ParameterTable:
    """The table with the priors that the patient's markers shift."""
    for shift in patient.applied_shifts:
        if shift.parameter not in table:
            continue
        parameter = table[shift.parameter]
        if parameter.fixed:
            raise TwinError(
                "a fixed parameter has no prior to shift",
                where=f"prior shift of {shift.parameter}",
                expected="a parameter that is estimated",
                got=parameter.prior.describe(),
                fix="Remove the shift.",
            )
        table = table.with_priors({shift.parameter: parameter.prior.shifted(shift.factor)})
    return table


def _known(shift: PriorShift, table: ParameterTable) -> None:
    if shift.parameter not in table:
        close = difflib.get_close_matches(shift.parameter, table, n=1)
        raise TwinError(
            f"the shift of a prior is for an unknown parameter {shift.parameter!r}",
            where="prior_shifts",
            expected=", ".join(table),
            got=repr(shift.parameter),
            fix=f"Did you mean {close[0]!r}?" if close else "",
        )


def outline(visit: Visit) -> np.ndarray:
    """Union of the masks of a visit, (x, y, z) bool."""
    return np.logical_or.reduce(list(visit.masks.values()))


def raw_density(patient: Patient, visit: Visit) -> tuple[np.ndarray, np.ndarray] | None:
    """Cell fraction shown by a visit and where it is measured; None without a density image."""
    if "CELL_FRACTION" in visit.images:
        return visit.images["CELL_FRACTION"].data, patient.tissue
    if "ADC" in visit.images and visit.masks:
        return cell_fraction(visit.images["ADC"].data), outline(visit) & patient.tissue
    return None


def initial_state(setting: Setting, found: tuple[np.ndarray, np.ndarray] | None) -> InitialState:
    """Initial state from a density and its region as `raw_density` gives them, or from outlines."""
    visit, domain, patient = setting.fitted[0], setting.domain, setting.patient
    spacing = tuple(patient.grid.spacing_mm)
    measured, density, edge, label = np.zeros(domain.shape, bool), None, None, ""
    if found is not None:
        density, measured = denoised(*found)
    if "CELL_FRACTION" in visit.images and density is not None:
        nearest = ndimage.distance_transform_edt(
            ~measured, sampling=spacing, return_distances=False, return_indices=True
        )
        edge = domain.flat(density[tuple(np.asarray(nearest))])
    else:
        measured = outline(visit) & patient.tissue
        label = setting.visible_label
    return InitialState(
        density=None if density is None else domain.flat(density),
        measured=domain.flat(measured.astype(np.float32)),
        edge=edge,
        outside_mm=jnp.asarray(distance_mm(measured, spacing).reshape(-1)),
        inside_mm=jnp.asarray(distance_mm(~measured, spacing).reshape(-1)),
        mask=domain.mask,
        label=label,
    )
