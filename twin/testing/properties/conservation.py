"""What diffusion moves it neither makes nor loses; what treatment kills does not vanish at once."""

from __future__ import annotations

import numpy as np

from twin.testing import strategies
from twin.testing.case import Case
from twin.testing.claims import Claim, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject
from twin.testing.strategies import tensor_field


@relation(
    3,
    "a scheme that makes or loses cells grows or cures a tumor that nothing acts on",
    double=1e-12,
    single=1e-6,
    examples=8,
    case=strategies.cases(growing=False, isotropic=False, times_days=(10.0, 20.0)),
)
def cells_are_conserved_without_growth(simulator: Subject, case: Case) -> Claim:
    """The sum of u stays when rho = 0 and nothing is given."""
    return equal("sum of the density", simulator(case).sum(axis=(1, 2, 3)), case.initial.sum())


@relation(
    3,
    "tissue that conducts better in one place than in another loses no cells in between",
    double=1e-12,
    single=1e-6,
    case=strategies.cases(growing=False, isotropic=False, field=True),
)
def cells_are_conserved_in_uneven_tissue(simulator: Subject, case: Case) -> Claim:
    """The sum of u stays when D differs between voxels."""
    return equal("sum of the density", simulator(case).sum(axis=(1, 2, 3)), case.initial.sum())


@relation(
    3,
    "fibers guide cells, they neither make nor eat them",
    double=1e-12,
    single=1e-6,
    case=strategies.cases(growing=False, isotropic=False),
    tensor=strategies.tensors(),
)
def cells_are_conserved_along_fibers(
    simulator: Subject, case: Case, tensor: np.ndarray
) -> list[Claim]:
    """The sum of u stays, and u >= 0, when D is a tensor."""
    found = simulator(case.but(diffusivity=tensor_field(tensor, case.shape)))
    return [
        equal("sum of the density", found.sum(axis=(1, 2, 3)), case.initial.sum()),
        equal("negative part", np.minimum(found, 0.0), 0.0, within=0.0),
    ]


@relation(
    38,
    "cells that one compartment loses another gains: the killed ones are still there to be seen",
    double=1e-12,
    single=1e-6,
    needs=("compartments",),
    examples=8,
    case=strategies.courses(growing=False),
)
def transfers_between_compartments_conserve(simulator: Subject, case: Case) -> Claim:
    """The sum over all compartments stays when rho = 0 and nothing is cleared."""
    parts = [np.asarray(part, float) for part in simulator.compartments(case).values()]
    total = sum(part.sum(axis=(1, 2, 3)) for part in parts)
    return equal("sum over all compartments", total, case.initial.sum())
