"""Growth and spread by the equation: logistic at rest, a front of known speed in motion."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case
from twin.testing.claims import Claim, at_least, at_most, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject
from twin.testing.strategies import box_mask


@relation(
    16,
    "growth without neighbors has a closed form, and no step should be felt in it",
    double=1e-4,
    single=1e-4,
    case=strategies.cases(uniform=True),
)
def uniform_tumors_grow_logistically(simulator: Subject, case: Case) -> Claim:
    """u = theta / (1 + (theta/u0 - 1) exp(-rho t))."""
    theta, start = case.carrying_capacity, case.initial[case.mask]
    expected = np.array(
        [
            theta / (1.0 + (theta / start - 1.0) * np.exp(-case.proliferation_rate * t))
            for t in case.times_days
        ]
    )
    return equal("density", simulator(case)[:, case.mask], expected)


@relation(
    17,
    "without growth the equation is linear: two tumors spread as each would alone",
    double=1e-12,
    single=1e-6,
    case=strategies.cases(growing=False, share=0.5),
    seed=st.integers(0, 9),
)
def without_growth_solutions_add_up(simulator: Subject, case: Case, seed: int) -> Claim:
    """u(a + b) = u(a) + u(b) when rho = 0."""
    rough = np.random.default_rng(seed).random(case.shape)
    other = case.but(initial=np.where(case.mask, 0.5 * case.carrying_capacity * rough, 0.0))
    both = simulator(case.but(initial=case.initial + other.initial))
    theta = case.carrying_capacity
    return equal("density", both, simulator(case) + simulator(other), scale=theta)


@relation(
    18,
    "a tumor that starts with more cells has more of them ever after",
    double=1e-14,
    single=1e-6,
    examples=8,
    case=strategies.courses(share=0.7),
    seed=st.integers(0, 9),
)
def more_cells_stay_more_cells(simulator: Subject, case: Case, seed: int) -> Claim:
    """u0 <= v0 everywhere gives u <= v everywhere and always."""
    rough = np.random.default_rng(seed).random(case.shape)
    room = np.where(case.mask, case.carrying_capacity - case.initial, 0.0)
    more = simulator(case.but(initial=case.initial + rough * room))
    return at_least("density", more, simulator(case), scale=case.carrying_capacity)


@relation(
    42,
    "a front travels at the speed that diffusivity and growth set: it is what is calibrated",
    double=0.05,
    single=0.05,
    examples=1,
    axis=st.just(2),
)
def fronts_travel_at_fishers_speed(simulator: Subject, axis: int) -> list[Claim]:
    """2 sqrt(D rho) (1 - 3 / (4 rho t)), slower than its limit and quickening.

    Bramson 1983 (doi 10.1090/memo/0285).
    """
    diffusivity, rate, spacing = 0.4, 0.2, 0.7
    shape = [5, 5, 5]
    shape[axis] = 120
    mask = np.zeros(shape, bool)
    mask[1:-1, 1:-1, 1:-1] = True
    there = np.indices(mask.shape)[axis]
    days = np.array([40.0, 60.0, 80.0])
    case = Case(
        mask=mask,
        spacing_mm=(spacing, spacing, spacing),
        initial=np.where(mask & (there < 15), 1.0, 0.0),
        diffusivity=diffusivity,
        proliferation_rate=rate,
        times_days=tuple(float(day) for day in days),
        dt_days=0.5,
    )
    line = np.moveaxis(simulator(case), axis + 1, 1)[:, 1:-1, 2, 2]
    place = spacing * np.arange(1, shape[axis] - 1)
    front = np.array([np.interp(-0.5, -u, place) for u in line])
    speed = np.diff(front) / np.diff(days)
    middle = 0.5 * (days[1:] + days[:-1])
    limit = 2.0 * np.sqrt(diffusivity * rate)
    return [
        equal("speed of the front", speed, limit * (1.0 - 3.0 / (4.0 * rate * middle))),
        at_most("speed of the front", speed, limit, within=0.0),
        at_least("gain of speed", np.diff(speed), 0.0, within=0.0),
    ]


@relation(
    42,
    "a round tumor stays round: the grid must not show in its outline",
    double=0.02,
    single=0.02,
    examples=1,
    speed=st.just(0.9),
)
def round_tumors_stay_round(simulator: Subject, speed: float) -> Claim:
    """Radius at half density along the axes and the diagonals."""
    shape = (25, 25, 25)
    mask = box_mask(shape)
    position = np.indices(shape) - 12.0
    radius = np.sqrt((position**2).sum(axis=0))
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=np.where(mask, 1.0 / (1.0 + np.exp(radius - 6.0)), 0.0),
        diffusivity=speed,
        proliferation_rate=0.1,
        times_days=(5.0,),
        dt_days=0.25,
    )
    found = simulator(case)[0]
    axis = np.arange(12)
    along = np.interp(-0.5, -found[12:24, 12, 12], axis * 1.0)
    plane = np.interp(-0.5, -found[12 + axis, 12 + axis, 12], axis * np.sqrt(2.0))
    space = np.interp(-0.5, -found[12 + axis, 12 + axis, 12 + axis], axis * np.sqrt(3.0))
    return equal("radius along diagonals over radius along axes", [plane / along, space / along], 1)
