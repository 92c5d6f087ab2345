"""Entries of a patient file that need neither times nor images: organs, shifts of priors."""

from __future__ import annotations

from twin.errors import Problems
from twin.markers import PriorShift
from twin.patient import Organ
from twin.patient_folder.names import FILE
from twin.patient_folder.schema import PatientFile


def read_organs(entry: PatientFile, problems: Problems) -> tuple[Organ, ...]:
    """The organs at risk; those that are wrong are left out and reported."""
    organs: list[Organ] = []
    for number, organ in enumerate(entry.organs):
        with problems.at(f"{FILE}: organs[{number}]"):
            organs.append(
                Organ(organ.name, organ.alpha_beta_gy, organ.sparing, organ.eqd2_limit_gy)
            )
    return tuple(organs)


def read_shifts(entry: PatientFile, problems: Problems) -> tuple[PriorShift, ...]:
    """What markers say about priors; rows that are wrong are left out and reported."""
    shifts: list[PriorShift] = []
    for number, row in enumerate(entry.prior_shifts):
        with problems.at(f"{FILE}: prior_shifts[{number}]"):
            shift = PriorShift(row.marker, row.value, row.parameter, row.factor, row.source)
            shift.applies(entry.markers)
            shifts.append(shift)
    return tuple(shifts)
