"""Time is a line: no instant, unit or stopping place on it is special."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case, Drug
from twin.testing.claims import Claim, at_least, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject


@relation(
    11,
    "an answer does not depend on the unit of time",
    double=1e-12,
    single=1e-6,
    examples=8,
    case=strategies.courses(),
)
def time_can_be_told_in_half_days(simulator: Subject, case: Case) -> Claim:
    """Every time twice as large, every rate half as large."""
    other = case.but(
        diffusivity=0.5 * float(case.diffusivity),
        proliferation_rate=0.5 * case.proliferation_rate,
        start_days=2.0 * case.start_days,
        times_days=tuple(2.0 * t for t in case.times_days),
        fractions=tuple((2.0 * t, d) for t, d in case.fractions),
        drugs=tuple(
            Drug(
                0.5 * drug.sensitivity_per_day,
                0.5 * drug.elimination_rate_per_day,
                tuple((2.0 * t, amount) for t, amount in drug.doses),
            )
            for drug in case.drugs
        ),
        dt_days=None if case.dt_days is None else 2.0 * case.dt_days,
    )
    return equal("density", simulator(other), simulator(case), scale=case.carrying_capacity)


@relation(
    12,
    "a calendar has no origin: the same course a year later gives the same answer",
    double=1e-12,
    single=1e-6,
    examples=8,
    case=strategies.courses(),
    days=st.sampled_from([3.0, 365.25, -12.5]),
)
def the_calendar_can_be_shifted(simulator: Subject, case: Case, days: float) -> Claim:
    """Start, outputs and treatments are moved by the same number of days."""
    other = case.but(
        start_days=case.start_days + days,
        times_days=tuple(t + days for t in case.times_days),
        fractions=tuple((t + days, d) for t, d in case.fractions),
        drugs=tuple(
            Drug(
                drug.sensitivity_per_day,
                drug.elimination_rate_per_day,
                tuple((t + days, amount) for t, amount in drug.doses),
            )
            for drug in case.drugs
        ),
    )
    return equal("density", simulator(other), simulator(case), scale=case.carrying_capacity)


@relation(
    12,
    "a fraction at four in the afternoon is not one at midnight",
    double=1e-10,
    single=1e-5,
    case=strategies.cases(uniform=True, growing=False, times_days=(2.0, 2.5, 3.0)),
    hours=st.sampled_from([6, 16, 11, 13]),
)
def hours_count(simulator: Subject, case: Case, hours: int) -> Claim:
    """A fraction during day 2 shows at the outputs after it and at no other."""
    when = 2.0 + hours / 24.0
    given = case.but(fractions=((when, 2.0),), alpha=0.2)
    survival = np.exp(-0.2 * 2.0 * (1.0 + 2.0 / case.alpha_beta_ratio))
    expected = [case.initial * (survival if t > when else 1.0) for t in case.times_days]
    return equal("density", simulator(given), np.array(expected), scale=case.carrying_capacity)


@relation(
    13,
    "a simulation can be taken up where it was left: today's state holds all there is to know",
    double=1e-12,
    single=1e-6,
    examples=8,
    case=strategies.courses(),
)
def a_course_can_be_run_in_two_parts(simulator: Subject, case: Case) -> Claim:
    """Running to day 10 equals running to day 4 and from there to day 10."""
    whole = simulator(case)
    middle, last = case.times_days
    state = simulator(case.but(times_days=(middle,)))[0]
    rest = simulator(case.but(initial=state, start_days=middle, times_days=(last,)))
    return equal("density at the end", rest[0], whole[-1], scale=case.carrying_capacity)


@relation(
    14,
    "a run that is restarted from its checkpoint is the same run",
    double=0.0,
    single=0.0,
    needs=("split",),
    case=strategies.cases(treated=True),
)
def a_restart_changes_no_bit(simulator: Subject, case: Case) -> Claim:
    """Through a checkpoint at day 4 as in one go."""
    found = np.asarray(simulator.split(case, case.times_days[0]), float)
    return equal("density", found, simulator(case), scale=case.carrying_capacity)


@relation(
    15,
    "looking more often changes nothing",
    double=1e-12,
    single=1e-6,
    examples=8,
    case=strategies.courses(),
)
def more_outputs_change_nothing(simulator: Subject, case: Case) -> Claim:
    """Further output times, on step ends, leave the others as they were."""
    first, last = case.times_days
    found = simulator(case.but(times_days=(2.0, first, 6.0, last)))
    return equal("density", found[[1, 3]], simulator(case), scale=case.carrying_capacity)


@relation(
    15,
    "looking at an odd hour changes no more than the error of a step",
    double=5e-3,
    single=5e-3,
    examples=8,
    case=strategies.courses(),
)
def outputs_between_steps_change_little(simulator: Subject, case: Case) -> Claim:
    """A further output between two step ends changes the others by the error of a step only."""
    first, last = case.times_days
    found = simulator(case.but(times_days=(2.3, first, 6.8, last)))
    return equal("density", found[[1, 3]], simulator(case), scale=case.carrying_capacity)


@relation(
    29,
    "halving the step must buy what a second-order method promises, treatments and all",
    double=0.2,
    single=0.2,
    examples=3,
    rate=st.sampled_from([0.2, 0.1]),
)
def errors_fall_with_the_square_of_the_step(simulator: Subject, rate: float) -> Claim:
    """Steps of 2, 1 and 1/2 days: the order seen is 2, or the error too small to tell."""
    mask = np.zeros((7, 7, 7), bool)
    mask[1:-1, 1:-1, 1:-1] = True
    distance = ((np.indices(mask.shape) - 2) ** 2).sum(axis=0)
    case = Case(
        mask=mask,
        spacing_mm=(1.0, 1.0, 1.0),
        initial=np.where(mask, 0.7 * np.exp(-distance / 6.0), 0.0),
        diffusivity=0.05,
        proliferation_rate=rate,
        times_days=(20.0,),
        fractions=tuple((float(day), 2.0) for day in (2, 4, 6, 14)),
        alpha=0.05,
        drugs=(Drug(0.3, 0.5, ((2.0, 1.0), (10.0, 1.0))), Drug(0.4, 9.2, ((6.0, 1.0),))),
    )
    coarse, middle, fine = (simulator(case.but(dt_days=dt))[0] for dt in (2.0, 1.0, 0.5))
    first, second = np.abs(coarse - middle).max(), np.abs(middle - fine).max()
    small = second <= 2e-6
    order = 2.0 if small else float(np.log2(max(first, 1e-300) / second))
    return at_least("order in the time step", order, 2.0)
