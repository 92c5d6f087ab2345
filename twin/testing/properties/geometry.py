"""Walls are walls, and space has no preferred axis, side or origin."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case
from twin.testing.claims import Claim, at_least, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject
from twin.testing.strategies import box_mask, tensor_field


@relation(
    4,
    "cells do not jump over a wall, nor leave at one side of the array to return at the other",
    double=0.0,
    single=0.0,
    axis=st.integers(0, 2),
    speed=st.sampled_from([0.2, 0.05]),
)
def cells_do_not_cross_what_is_no_tissue(simulator: Subject, axis: int, speed: float) -> Claim:
    """Two pieces of tissue that touch opposite sides of the array, a tumor in one of them."""
    mask = np.ones((7, 7, 7), bool)
    there = np.indices(mask.shape)[axis]
    mask[there == 3] = False
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=np.where(mask & (there < 3), 0.5, 0.0),
        diffusivity=speed,
        proliferation_rate=0.1,
        times_days=(4.0, 10.0),
        dt_days=0.5,
    )
    return equal("density beyond the wall", simulator(case)[:, there > 3], 0.0)


@relation(
    4,
    "the border of an array is a wall like any other: a crop of an image is no way out",
    double=1e-12,
    single=1e-6,
    corner=st.tuples(*[st.sampled_from([0, 6])] * 3),
    speed=st.sampled_from([0.2, 0.05]),
)
def nothing_leaves_at_the_border_of_the_array(
    simulator: Subject, corner: tuple[int, int, int], speed: float
) -> Claim:
    """A tumor in the corner of an array that is all tissue keeps its cells when rho = 0."""
    mask = np.ones((7, 7, 7), bool)
    start = np.zeros(mask.shape)
    start[corner] = 0.8
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=start,
        diffusivity=speed,
        times_days=(4.0, 10.0),
        dt_days=0.5,
    )
    return equal("sum of the density", simulator(case).sum(axis=(1, 2, 3)), 0.8)


@relation(
    6,
    "cortex and fascia are a voxel thick: cells move along them as they do in a slab",
    double=1e-12,
    single=1e-6,
    axis=st.integers(0, 2),
    speed=st.sampled_from([0.2, 0.05]),
)
def a_thin_sheet_conducts_along(simulator: Subject, axis: int, speed: float) -> Claim:
    """A sheet one voxel thick gives what each layer of a slab with equal layers gives."""
    mask = box_mask()
    layer = np.indices(mask.shape)[axis]
    spot = np.array([3, 2, 3])
    spot[axis] = 3
    flat = np.delete(np.indices(mask.shape), axis, axis=0)
    start = (np.delete(spot, axis)[:, None, None, None] == flat).all(axis=0)
    thin, thick = mask & (layer == 3), mask
    case = Case(
        mask=thin,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=0.8 * (start & thin),
        diffusivity=speed,
        proliferation_rate=0.05,
        times_days=(4.0, 10.0),
        dt_days=0.5,
    )
    slab = simulator(case.but(mask=thick, initial=0.8 * (start & thick)))
    return equal("density in the sheet", simulator(case)[:, thin], slab[:, thin])


@relation(
    6,
    "cells cross a thin layer of tissue",
    double=0.05,
    single=0.05,
    axis=st.integers(0, 2),
)
def a_thin_sheet_conducts_across(simulator: Subject, axis: int) -> list[Claim]:
    """Two layers of voxels, one full and one empty, level out over a few diffusion times."""
    mask = box_mask()
    layer = np.indices(mask.shape)[axis]
    mask &= (layer == 3) | (layer == 4)
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=np.where(mask & (layer == 3), 0.8, 0.0),
        diffusivity=0.3,
        times_days=(4.0, 20.0),
        dt_days=0.5,
    )
    late = simulator(case)[-1]
    return [equal("density of both layers", late[mask], 0.4), at_least("density", late, 0.0)]


@relation(
    7,
    "x, y and z are names: permuting them, spacing and all, permutes the answer",
    double=1e-12,
    single=1e-6,
    examples=10,
    case=strategies.cases(field=None, isotropic=False),
    axes=st.sampled_from([(1, 0, 2), (2, 1, 0), (1, 2, 0)]),
)
def axes_can_be_permuted(simulator: Subject, case: Case, axes: tuple[int, int, int]) -> Claim:
    """Permuting mask, initial state, diffusivity and spacing permutes the result."""

    def turned(field: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.transpose(field, axes))

    other = case.but(
        mask=turned(case.mask),
        initial=turned(case.initial),
        spacing_mm=tuple(case.spacing_mm[a] for a in axes),
    )
    if case.dimensions == 3:
        other = other.but(diffusivity=turned(np.asarray(case.diffusivity)))
    expected = np.stack([turned(u) for u in simulator(case)])
    return equal("density", simulator(other), expected, scale=case.carrying_capacity)


@relation(
    8,
    "left and right are names: a mirrored patient gets a mirrored answer",
    double=1e-12,
    single=1e-6,
    examples=10,
    case=strategies.cases(field=None),
    axis=st.integers(0, 2),
)
def a_mirror_image_gives_the_mirror_image(simulator: Subject, case: Case, axis: int) -> Claim:
    """Reflecting everything reflects the result."""
    other = case.but(
        mask=np.flip(case.mask, axis).copy(), initial=np.flip(case.initial, axis).copy()
    )
    if case.dimensions == 3:
        other = other.but(diffusivity=np.flip(np.asarray(case.diffusivity), axis).copy())
    expected = np.flip(simulator(case), axis + 1)
    return equal("density", simulator(other), expected, scale=case.carrying_capacity)


@relation(
    9,
    "fibers run in every direction, not along the axes of the scanner",
    double=0.02,
    single=0.02,
    examples=3,
    angle=st.sampled_from([0.25, 0.0, 0.15]).map(lambda a: a * np.pi),
)
def fibers_can_be_turned(simulator: Subject, angle: float) -> list[Claim]:
    """A Gaussian under a tensor at any angle stays the Gaussian with covariance S + 2 D t."""
    shape, days, width = (25, 25, 13), 8.0, 3.0
    position = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    position[2] = 0.0  # nothing varies along z, so that a flat box will do

    def gaussian(covariance: np.ndarray) -> np.ndarray:
        plane = covariance[:2, :2]
        inverse = np.zeros((3, 3))
        inverse[:2, :2] = np.linalg.inv(plane)
        exponent = np.einsum("ixyz,ij,jxyz->xyz", position, inverse, position)
        return 0.5 * width**2 / np.sqrt(np.linalg.det(plane)) * np.exp(-0.5 * exponent)

    mask, inner = box_mask(shape), (slice(4, -4), slice(4, -4), slice(4, -4))
    claims = []
    for turned in (angle, -angle):
        along = np.array([np.cos(turned), np.sin(turned), 0.0])
        tensor = 0.04 * np.eye(3) + 0.16 * np.outer(along, along)
        case = Case(
            mask=mask,
            spacing_mm=(1.0, 1.0, 1.0),
            initial=gaussian(width**2 * np.eye(3)) * mask,
            diffusivity=tensor_field(tensor, shape),
            times_days=(days,),
            dt_days=0.5,
        )
        expected = gaussian(width**2 * np.eye(3) + 2.0 * days * tensor)[inner]
        what = f"density, fibers at {np.degrees(turned):.0f} degrees"
        claims.append(equal(what, simulator(case)[0][inner], expected))
    return claims


@relation(
    9,
    "fibers leave the plane of an image, and some voxels hold little else",
    double=0.02,
    single=0.02,
    examples=4,
    tensor=strategies.tensors(ratio=10.0),
)
def a_blob_spreads_by_its_tensor(simulator: Subject, tensor: np.ndarray) -> Claim:
    """The second moments of a blob grow by 2 D t, also where one direction prevails tenfold."""
    shape, days = (17, 17, 17), 4.0
    position = np.indices(shape).reshape(3, -1) - 8.0
    blob = np.exp(-0.5 * (position**2).sum(axis=0) / 1.2**2).reshape(shape)
    case = Case(
        mask=box_mask(shape),
        spacing_mm=(1.0, 1.0, 1.0),
        initial=0.5 * blob * box_mask(shape),
        diffusivity=tensor_field(tensor, shape),
        times_days=(days,),
        dt_days=0.5,
    )

    def moments(density: np.ndarray) -> np.ndarray:
        weights = density.reshape(-1) / density.sum()
        return (position * weights) @ position.T

    spread = moments(simulator(case)[0]) - moments(case.initial)
    return equal("growth of the second moments, mm²", spread, 2.0 * days * tensor)


@relation(
    9,
    "a tensor that prefers no direction is a number",
    double=1e-10,
    single=1e-6,
    examples=3,
    case=strategies.cases(isotropic=False),
)
def a_round_tensor_is_a_number(simulator: Subject, case: Case) -> Claim:
    """D times the unit tensor gives what D gives."""
    field = tensor_field(float(case.diffusivity) * np.eye(3), case.shape)
    found = simulator(case.but(diffusivity=field))
    return equal("density", found, simulator(case), scale=case.carrying_capacity)


@relation(
    10,
    "an answer does not depend on the unit of length",
    double=1e-10,
    single=1e-6,
    examples=3,
    case=strategies.cases(isotropic=False),
)
def lengths_can_be_told_in_centimeters(simulator: Subject, case: Case) -> Claim:
    """h / 10 with D / 100 changes nothing."""
    other = case.but(
        spacing_mm=tuple(s / 10.0 for s in case.spacing_mm),
        diffusivity=np.asarray(case.diffusivity) / 100.0
        if case.dimensions
        else float(case.diffusivity) / 100.0,
    )
    return equal("density", simulator(other), simulator(case), scale=case.carrying_capacity)


@relation(
    10,
    "an answer does not depend on the unit of density: cells per mL or share of the capacity",
    double=1e-12,
    single=1e-6,
    case=strategies.courses(),
    factor=st.sampled_from([2.0, 0.5, 100.0]),
)
def densities_can_be_told_in_any_unit(simulator: Subject, case: Case, factor: float) -> Claim:
    """Capacity and initial state times a factor give the result times the factor."""
    other = case.but(
        initial=factor * case.initial, carrying_capacity=factor * case.carrying_capacity
    )
    return equal(
        "density", simulator(other) / factor, simulator(case), scale=case.carrying_capacity
    )


@relation(
    30,
    "how an image was cropped must not matter: more air around the same tissue changes nothing",
    double=0.0,
    single=1e-6,
    case=strategies.cases(),
)
def padding_with_air_changes_nothing(simulator: Subject, case: Case) -> Claim:
    """The same tissue in an array that is wider by two voxels on every side."""
    inner = (slice(None), slice(2, -2), slice(2, -2), slice(2, -2))
    wider = case.but(mask=np.pad(case.mask, 2), initial=np.pad(case.initial, 2))
    return equal("density", simulator(wider)[inner], simulator(case), scale=case.carrying_capacity)


@relation(
    31,
    "what lies far from a slow tumor has no say in it yet",
    double=1e-8,
    single=1e-6,
    axis=st.integers(0, 2),
)
def far_tissue_has_no_effect(simulator: Subject, axis: int) -> Claim:
    """Tissue more than two voxels from the tumor is taken away; D t / h² = 0.04."""
    mask = box_mask()
    there = np.indices(mask.shape)[axis]
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=np.where(mask & (there <= 2), 0.5, 0.0),
        diffusivity=0.01,
        proliferation_rate=0.05,
        times_days=(2.0, 4.0),
        dt_days=0.5,
    )
    near = there <= 2
    cut = simulator(case.but(mask=mask & (there <= 4)))
    return equal("density near the tumor", cut[:, near], simulator(case)[:, near])


@relation(
    31,
    "room to spread into never makes a tumor smaller",
    double=1e-10,
    single=1e-6,
    case=strategies.cases(touching=False),
    axis=st.integers(0, 2),
)
def more_room_never_lowers_the_total(simulator: Subject, case: Case, axis: int) -> Claim:
    """A box of tissue gets a layer more on one side; the total of u does not fall."""
    box = box_mask()
    there = np.indices(box.shape)[axis]
    inside = case.but(mask=box & (there < 5), initial=case.initial * (there < 5))
    less = simulator(inside).sum(axis=(1, 2, 3))
    more = simulator(inside.but(mask=box)).sum(axis=(1, 2, 3))
    scale = max(float(less.max()), 1.0)
    return at_least("sum of the density", more, less, scale=scale)
