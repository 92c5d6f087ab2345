"""Doses count: each once, at its time, by the formula that the plan was made with."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case, Drug
from twin.testing.claims import Claim, at_least, at_most, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject

_STILL = strategies.cases(uniform=True, growing=False)


@relation(
    20,
    "no dose, no effect",
    double=1e-12,
    single=1e-6,
    case=strategies.cases(treated=True),
)
def a_dose_of_zero_does_nothing(simulator: Subject, case: Case) -> Claim:
    """Fractions of 0 Gy and drugs without effect give the untreated course."""
    nothing = case.but(
        fractions=tuple((t, 0.0) for t, _ in case.fractions),
        drugs=tuple(Drug(0.0, d.elimination_rate_per_day, d.doses) for d in case.drugs),
    )
    untreated = simulator(case.untreated())
    return equal("density", simulator(nothing), untreated, scale=case.carrying_capacity)


@relation(
    21,
    "more dose never leaves more tumor, anywhere, at any time",
    double=1e-14,
    single=1e-6,
    case=strategies.cases(treated=True),
    factor=st.sampled_from([1.5, 1.1]),
)
def more_radiation_never_leaves_more_cells(simulator: Subject, case: Case, factor: float) -> Claim:
    """Each fraction larger: u nowhere larger."""
    more = case.but(fractions=tuple((t, factor * d) for t, d in case.fractions))
    theta = case.carrying_capacity
    return at_most("density", simulator(more), simulator(case), scale=theta)


@relation(
    21,
    "more of a drug never leaves more tumor, anywhere, at any time",
    double=1e-14,
    single=1e-6,
    case=strategies.cases(treated=True),
    factor=st.sampled_from([1.5, 1.1]),
)
def more_drug_never_leaves_more_cells(simulator: Subject, case: Case, factor: float) -> Claim:
    """Each amount larger: u nowhere larger."""
    more = case.but(
        drugs=tuple(
            Drug(
                d.sensitivity_per_day,
                d.elimination_rate_per_day,
                tuple((t, factor * a) for t, a in d.doses),
            )
            for d in case.drugs
        )
    )
    theta = case.carrying_capacity
    return at_most("density", simulator(more), simulator(case), scale=theta)


@relation(
    22,
    "treatment that kills never leaves more tumor than no treatment",
    double=1e-14,
    single=1e-6,
    case=strategies.cases(treated=True),
)
def treatment_never_leaves_more_than_none(simulator: Subject, case: Case) -> Claim:
    """Treated <= untreated at all times and places."""
    untreated = simulator(case.untreated())
    return at_most("density", simulator(case), untreated, scale=case.carrying_capacity)


@relation(
    23,
    "the kill of a fraction is the one that the plan was made with",
    double=1e-10,
    single=1e-5,
    case=_STILL,
    dose=st.sampled_from([2.0, 1.8, 6.0, 3.0]),
    alpha=st.sampled_from([0.1, 0.04, 0.3]),
)
def survival_is_linear_quadratic(
    simulator: Subject, case: Case, dose: float, alpha: float
) -> Claim:
    """Three fractions leave exp(-3 (alpha d + beta d²)), beta = alpha / (alpha/beta)."""
    given = case.but(fractions=tuple((float(day), dose) for day in (1, 2, 3)), alpha=alpha)
    beta = alpha / case.alpha_beta_ratio
    expected = case.initial * np.exp(-3.0 * (alpha * dose + beta * dose**2))
    return equal("density", simulator(given)[0], expected)


@relation(
    23,
    "one large fraction kills more than many small ones of the same total",
    double=0.0,
    single=0.0,
    case=_STILL,
)
def dividing_a_dose_spares(simulator: Subject, case: Case) -> list[Claim]:
    """12 Gy at once, as 2 x 6 and as 6 x 2, ordered, and the more so the smaller alpha/beta."""

    def left(count: int, ratio: float) -> float:
        doses = tuple((1.0 + i, 12.0 / count) for i in range(count))
        plan = case.but(fractions=doses, alpha=0.05, alpha_beta_ratio=ratio)
        return float(simulator(plan)[-1].sum())

    late = [left(count, 3.0) for count in (1, 2, 6)]
    early = [left(count, 10.0) for count in (1, 2, 6)]
    return [
        at_least("cells after 2 x 6 over 1 x 12 Gy", late[1] / late[0], 1.0 + 1e-3),
        at_least("cells after 6 x 2 over 2 x 6 Gy", late[2] / late[1], 1.0 + 1e-3),
        at_least(
            "sparing at alpha/beta 3 over sparing at 10",
            (late[2] / late[0]) / (early[2] / early[0]),
            1.0 + 1e-3,
        ),
    ]


@relation(
    23,
    "schedules of equal EQD2 are equal: that is what the number is for",
    double=1e-12,
    single=1e-5,
    case=_STILL,
    dose=st.sampled_from([4.0, 1.2, 6.0]),
)
def equal_eqd2_kills_equally(simulator: Subject, case: Case, dose: float) -> Claim:
    """Three fractions of d, and six of the dose that gives the same n d (1 + d / (alpha/beta))."""
    ratio = case.alpha_beta_ratio
    effect = 3.0 * dose * (1.0 + dose / ratio)
    smaller = 0.5 * (-ratio + np.sqrt(ratio**2 + 4.0 * ratio * effect / 6.0))
    three = case.but(fractions=tuple((1.0 + 2.0 * i, dose) for i in range(3)), alpha=0.05)
    six = three.but(fractions=tuple((1.0 + i, float(smaller)) for i in range(6)))
    return equal("density at the end", simulator(three)[-1], simulator(six)[-1])


@relation(
    24,
    "two fractions on one day are two fractions",
    double=1e-10,
    single=1e-5,
    case=_STILL,
    gap_hours=st.sampled_from([6.0, 12.0, 8.0]),
)
def two_fractions_a_day_both_count(simulator: Subject, case: Case, gap_hours: float) -> Claim:
    """Two fractions of 2 Gy, hours apart, leave the square of what one leaves."""
    given = case.but(fractions=((1.0, 2.0), (1.0 + gap_hours / 24.0, 2.0)), alpha=0.1)
    survival = np.exp(-0.1 * 2.0 * (1.0 + 2.0 / case.alpha_beta_ratio))
    return equal("density", simulator(given)[0], case.initial * survival**2)


@relation(
    24,
    "two entries at one time are two doses, not one that overwrites the other",
    double=1e-10,
    single=1e-5,
    case=_STILL,
)
def doses_at_one_time_all_count(simulator: Subject, case: Case) -> list[Claim]:
    """Two fractions, and two doses of a drug, at the same time."""
    survival = np.exp(-0.1 * 2.0 * (1.0 + 2.0 / case.alpha_beta_ratio))
    twice = simulator(case.but(fractions=((1.0, 2.0), (1.0, 2.0)), alpha=0.1))[0]
    drugs = (Drug(0.2, 0.5, ((1.0, 1.0), (1.0, 1.0))),)
    kill = 2.0 * 0.2 / 0.5 * -np.expm1(-0.5 * (case.times_days[0] - 1.0))
    return [
        equal("density after two fractions", twice, case.initial * survival**2),
        equal(
            "density after two drug doses",
            simulator(case.but(drugs=drugs))[0],
            case.initial * np.exp(-kill),
        ),
    ]


@relation(
    25,
    "a drug kills by its exposure, not by where the steps happened to fall",
    double=1e-10,
    single=1e-5,
    case=_STILL,
    dt=st.sampled_from([1.0, 0.25]),
    rate=st.sampled_from([0.5, 9.2]),
    when=st.just(1.37),
)
def drug_kill_is_the_exposure_whatever_the_step(
    simulator: Subject, case: Case, dt: float, rate: float, when: float
) -> Claim:
    """-ln S = s (1 - exp(-k (t - t_i))) / k at every step length."""
    drugs = (Drug(0.4, rate, ((when, 1.5),)),)
    found = simulator(case.but(drugs=drugs, dt_days=dt))
    kill = [0.4 * 1.5 / rate * -np.expm1(-rate * (t - when)) for t in case.times_days]
    expected = np.array([case.initial * np.exp(-k) for k in kill])
    return equal("density", found, expected)


@relation(
    25,
    "a drug acts only after it is given, and stays no longer than its half-life says",
    double=1e-10,
    single=1e-5,
    case=_STILL,
)
def drugs_act_after_they_are_given(simulator: Subject, case: Case) -> list[Claim]:
    """Nothing before the dose; what is left of a dose before the start acts on."""
    early, late = case.times_days
    after = simulator(case.but(drugs=(Drug(0.3, 0.5, ((early + 1.0, 1.0),)),)))
    kill = 0.3 / 0.5 * -np.expm1(-0.5 * (late - early - 1.0))
    before = simulator(case.but(drugs=(Drug(0.3, 0.5, ((-2.0, 1.0),)),)))
    left = 0.3 / 0.5 * (np.exp(-1.0) - np.exp(-0.5 * (late + 2.0)))
    return [
        equal("density before the dose", after[0], case.initial),
        equal("density after the dose", after[1], case.initial * np.exp(-kill), within=0.05),
        equal(
            "density after an earlier dose", before[1], case.initial * np.exp(-left), within=0.05
        ),
    ]


@relation(
    26,
    "the first and the last day are days: their doses count once, after the image of that time",
    double=1e-10,
    single=1e-5,
    case=_STILL,
)
def doses_at_the_ends_count_once(simulator: Subject, case: Case) -> list[Claim]:
    """A fraction at the start acts once; one at an output acts after it."""
    early, late = case.times_days
    survival = np.exp(-0.1 * 2.0 * (1.0 + 2.0 / case.alpha_beta_ratio))
    given = case.but(alpha=0.1)
    first = simulator(given.but(fractions=((case.start_days, 2.0),)))
    middle = simulator(given.but(fractions=((early, 2.0),)))
    last = simulator(given.but(fractions=((late, 2.0),)))
    return [
        equal("density after a fraction at the start", first[1], case.initial * survival),
        equal("density at the time of a fraction", middle[0], case.initial),
        equal("density after it", middle[1], case.initial * survival),
        equal("density at the time of the last fraction", last[1], case.initial),
    ]


@relation(
    27,
    "a list of treatments has no order but that of time",
    double=1e-12,
    single=1e-6,
    case=strategies.cases(treated=True),
)
def the_order_of_the_list_does_not_matter(simulator: Subject, case: Case) -> list[Claim]:
    """Fractions and doses listed backwards; each drug dose as two halves; doses as two drugs."""
    theta = case.carrying_capacity
    usual = simulator(case)
    backwards = case.but(
        fractions=case.fractions[::-1],
        drugs=tuple(
            Drug(d.sensitivity_per_day, d.elimination_rate_per_day, d.doses[::-1])
            for d in case.drugs
        ),
    )
    halves = case.but(
        drugs=tuple(
            Drug(
                d.sensitivity_per_day,
                d.elimination_rate_per_day,
                tuple((t, 0.5 * a) for t, a in d.doses for _ in range(2)),
            )
            for d in case.drugs
        )
    )
    first, second = case.drugs
    apart = case.but(
        drugs=(
            Drug(first.sensitivity_per_day, first.elimination_rate_per_day, first.doses[:1]),
            second,
            Drug(first.sensitivity_per_day, first.elimination_rate_per_day, first.doses[1:]),
        )
    )
    return [
        equal("density, list backwards", simulator(backwards), usual, scale=theta),
        equal("density, doses as two halves", simulator(halves), usual, scale=theta),
        equal("density, doses as two drugs", simulator(apart), usual, scale=theta),
    ]
