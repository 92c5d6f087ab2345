"""Densities stay where they can be: not negative, not above the capacity, inside the tissue."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case
from twin.testing.claims import Claim, at_least, at_most, equal, refuses
from twin.testing.property import relation
from twin.testing.protocol import Subject
from twin.testing.strategies import FAULTS, broken


@relation(
    1,
    "a negative number of cells is never an answer, whatever step the simulator chooses",
    double=0.0,
    single=0.0,
    examples=8,
    case=strategies.cases(
        dt_days=None, field=None, isotropic=False, steep=True, times_days=strategies.ONE_STEP
    ),
)
def densities_are_never_negative(simulator: Subject, case: Case) -> Claim:
    """u >= 0 at every output."""
    return at_least("density", simulator(case), 0.0, scale=case.carrying_capacity)


@relation(
    1,
    "a dose takes cells away, it never takes more than there are",
    double=0.0,
    single=0.0,
    case=strategies.cases(treated=True),
)
def treated_densities_are_never_negative(simulator: Subject, case: Case) -> Claim:
    """u >= 0 at every output of a treated course."""
    return at_least("density", simulator(case), 0.0, scale=case.carrying_capacity)


@relation(
    2,
    "tissue has room for a limited number of cells",
    double=1e-12,
    single=1e-6,
    examples=10,
    case=strategies.cases(dt_days=None),
)
def densities_never_exceed_the_capacity(simulator: Subject, case: Case) -> Claim:
    """u <= theta at every output."""
    theta = case.carrying_capacity
    return at_most("density", simulator(case), theta, scale=theta)


@relation(
    2,
    "a fast tumor must not blow up because a step was too long for it",
    double=1e-12,
    single=1e-6,
    case=strategies.cases(),
    speed=st.sampled_from([2.0, 10.0]),
)
def strong_diffusion_stays_bounded(simulator: Subject, case: Case, speed: float) -> list[Claim]:
    """0 <= u <= theta at a diffusivity of several mm²/day and a step of half a day."""
    theta = case.carrying_capacity
    found = simulator(case.but(diffusivity=speed))
    return [
        at_least("density", found, 0.0, scale=theta),
        at_most("density", found, theta, scale=theta),
    ]


@relation(
    2,
    "the capacity is a parameter: a tumor left alone long enough fills it, whatever it is",
    double=1e-6,
    single=1e-5,
    case=strategies.cases(
        uniform=True, times_days=(100.0, 200.0), dt_days=1.0, capacities=(2.0, 0.5)
    ),
)
def growth_ends_at_the_capacity(simulator: Subject, case: Case) -> Claim:
    """u -> theta where rho t is large."""
    theta = case.carrying_capacity
    found = simulator(case.but(proliferation_rate=0.2))
    return equal("density", found[-1][case.mask], theta, scale=theta)


@relation(
    5,
    "cells cannot live outside the tissue",
    double=0.0,
    single=0.0,
    case=strategies.cases(),
)
def nothing_is_outside_the_mask(simulator: Subject, case: Case) -> Claim:
    """u = 0 off the mask."""
    return equal("density outside", simulator(case)[:, ~case.mask], 0.0)


@relation(
    5,
    "a contour that spills over the skull must not grow there",
    double=0.0,
    single=0.0,
    case=strategies.cases(touching=False, uniform=True),
)
def cells_outside_the_mask_do_not_live(simulator: Subject, case: Case) -> Claim:
    """Densities outside the mask at the start are refused, or gone at every output."""
    spilled = case.but(initial=np.full(case.shape, case.initial.max()))
    try:
        found = simulator(spilled)
    except ValueError:
        return equal("density outside", 0.0, 0.0)
    return equal("density outside", found[:, ~case.mask], 0.0)


@relation(
    19,
    "mixing makes neither peaks nor holes: without growth no voxel leaves the initial range",
    double=1e-12,
    single=1e-6,
    examples=12,
    case=st.one_of(
        strategies.cases(growing=False, dt_days=None, steep=True, times_days=strategies.ONE_STEP),
        strategies.cases(growing=False, dt_days=None),
    ),
)
def diffusion_makes_no_new_extremes(simulator: Subject, case: Case) -> list[Claim]:
    """min u0 <= u <= max u0 in the tissue when rho = 0."""
    found, start = simulator(case)[:, case.mask], case.initial[case.mask]
    theta = case.carrying_capacity
    return [
        at_least("density", found, start.min(), scale=theta),
        at_most("density", found, start.max(), scale=theta),
    ]


@relation(
    39,
    "a caller's arrays are the caller's: a second run must not start from a changed first",
    double=0.0,
    single=0.0,
    examples=8,
    case=strategies.courses(),
)
def inputs_are_left_as_they_are(simulator: Subject, case: Case) -> list[Claim]:
    """Mask, initial state and diffusivity are unchanged after a run."""
    own = case.copy()
    simulator.simulator(own)
    return [
        equal(f"{name} after the run", getattr(own, name), getattr(case, name), within=0.0)
        for name in ("mask", "initial", "diffusivity")
    ]


@relation(
    40,
    "a bad input must stop with its name: silence turns a slip into a treatment",
    double=0.0,
    single=0.0,
    examples=1,
    case=strategies.cases(touching=False, uniform=True, capacities=(1.0,)),
)
def bad_input_is_refused_by_name(simulator: Subject, case: Case) -> list[Claim]:
    """NaN, negative values, wrong shapes, order and units raise an error that says so."""
    raw = simulator.simulator
    claims = []
    for fault, words in FAULTS.items():
        bad = broken(case, fault)
        claims += refuses(fault, lambda bad=bad: raw(bad), words)
    return claims
