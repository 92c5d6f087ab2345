"""Numbers that follow from the equation, not from the grid, the step, the precision or the run."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case
from twin.testing.claims import Claim, at_least, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject
from twin.testing.strategies import box_mask


@relation(
    28,
    "cells spread by 2 D t along every axis, whatever the voxel's shape",
    double=0.01,
    single=0.01,
    examples=3,
    speed=st.sampled_from([0.05, 0.03]),
    spacing=st.sampled_from([(1.0, 1.5, 2.0), (1.0, 1.0, 1.0)]),
)
def a_blob_widens_as_diffusion_says(
    simulator: Subject, speed: float, spacing: tuple[float, float, float]
) -> Claim:
    """The variance of a Gaussian grows by 2 D t along x, y and z."""
    shape, days = (17, 17, 17), 10.0
    mask = box_mask(shape)
    position = (np.indices(shape) - 8.0) * np.array(spacing)[:, None, None, None]
    widths = 1.2 * np.array(spacing)[:, None, None, None]
    case = Case(
        mask=mask,
        spacing_mm=spacing,
        initial=np.where(mask, 0.5 * np.exp(-0.5 * ((position / widths) ** 2).sum(axis=0)), 0.0),
        diffusivity=speed,
        times_days=(days,),
        dt_days=0.5,
    )

    def variance(u: np.ndarray) -> np.ndarray:
        return (position**2 * u).sum(axis=(1, 2, 3)) / u.sum()

    gain = variance(simulator(case)[0]) - variance(case.initial)
    return equal("gain of variance along x, y, z", gain, 2.0 * speed * days * np.ones(3))


@relation(
    28,
    "halving the voxels must buy what a second-order method promises, inside the tissue",
    double=0.2,
    single=0.2,
    examples=2,
    rate=st.sampled_from([0.1, 0.05]),
)
def errors_fall_with_the_square_of_the_voxel(simulator: Subject, rate: float) -> Claim:
    """A smooth tumor in smoothly uneven tissue on 12, 24 and 48 voxels: the order seen is 2."""
    length = 24.0
    fine = (np.arange(48) + 0.5) * length / 48
    density = 0.6 * np.exp(-(((fine - 11.0) / 3.5) ** 2))
    speed = 0.2 + 0.1 * np.sin(2.0 * np.pi * fine / length)

    def solved(count: int) -> np.ndarray:
        spacing = length / count
        mask = box_mask((count + 2, 5, 5))

        def laid(values: np.ndarray) -> np.ndarray:
            means = np.pad(values.reshape(count, -1).mean(axis=1), 1, mode="edge")
            return np.broadcast_to(means[:, None, None], mask.shape).copy()

        case = Case(
            mask=mask,
            spacing_mm=(spacing, 1.0, 1.0),
            initial=laid(density) * mask,
            diffusivity=laid(speed),
            proliferation_rate=rate,
            times_days=(10.0,),
            dt_days=0.25,
        )
        return simulator(case)[0][1:-1, 2, 2].reshape(12, -1).mean(axis=1)

    coarse, middle, finest = (solved(count) for count in (12, 24, 48))
    first, second = np.abs(coarse - middle).max(), np.abs(middle - finest).max()
    order = float(np.log2(max(first, 1e-300) / max(second, 1e-300)))
    return at_least("order in the voxel size", order, 2.0)


@relation(
    28,
    "layers hold cells up one after another, as resistances in series do",
    double=0.05,
    single=0.05,
    examples=2,
    axis=st.sampled_from([0, 2]),
    thickness=st.sampled_from([1, 2]),
)
def layers_resist_in_series(simulator: Subject, axis: int, thickness: int) -> Claim:
    """Across layers of D and D/10, cells level out as at the harmonic mean of the two."""
    shape = [5, 5, 5]
    shape[axis] = 18
    mask = box_mask((shape[0], shape[1], shape[2]))
    there = np.indices(mask.shape)[axis] - 1
    wave = np.where(mask, 0.5 + 0.4 * np.cos(np.pi * (there + 0.5) / 16), 0.0)
    layered = np.where((there // thickness) % 2 == 0, 1.0, 0.1)
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=wave,
        diffusivity=layered,
        times_days=(100.0,),
        dt_days=0.5,
    )
    even = simulator(case.but(diffusivity=2.0 / (1.0 / 1.0 + 1.0 / 0.1)))[0]
    found = simulator(case)[0]
    weights = np.where(mask, np.cos(np.pi * (there + 0.5) / 16), 0.0)
    return equal("amplitude of the wave", (weights * found).sum(), (weights * even).sum())


@relation(
    35,
    "single precision is enough for what is decided on, and shown to be",
    double=1e-4,
    single=1e-4,
    needs=("at_precision",),
    case=strategies.cases(treated=True),
)
def single_precision_agrees_with_double(simulator: Subject, case: Case) -> Claim:
    """Burden at every output, in float32 and float64."""
    one, two = (
        np.asarray(simulator.at_precision(case, name), float).sum(axis=(1, 2, 3))
        for name in ("single", "double")
    )
    return equal("sum of the density", one, two)


@relation(
    36,
    "another machine, another chunk, another compiler flag: the same answer",
    double=1e-5,
    single=1e-5,
    examples=3,
    needs=("variants",),
    case=strategies.cases(treated=True, steep=True),
)
def every_way_to_run_agrees(simulator: Subject, case: Case) -> list[Claim]:
    """Every variant that the simulator offers gives the same densities."""
    usual = simulator(case)
    return [
        equal(f"density, {name}", run(case), usual, scale=case.carrying_capacity)
        for name, run in simulator.variants().items()
    ]


@relation(
    37,
    "the same question gets the same answer",
    double=0.0,
    single=0.0,
    examples=8,
    case=strategies.courses(),
)
def runs_can_be_repeated(simulator: Subject, case: Case) -> Claim:
    """Two runs of one case agree to the last bit, another case in between."""
    first = simulator(case)
    simulator(case.but(proliferation_rate=0.5 * case.proliferation_rate))
    return equal("density", simulator(case), first)
