"""Several cases at once are the several cases, in any company."""

from __future__ import annotations

import numpy as np

from twin.testing import strategies
from twin.testing.case import Case
from twin.testing.claims import Claim, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject


def company(case: Case) -> list[Case]:
    """The case and two relatives of it."""
    return [
        case,
        case.but(proliferation_rate=0.5 * case.proliferation_rate),
        case.but(diffusivity=0.5 * float(case.diffusivity), alpha=2.0 * case.alpha),
    ]


@relation(
    34,
    "a patient's answer does not depend on who else was computed",
    double=1e-12,
    single=1e-6,
    examples=2,
    needs=("batch",),
    case=strategies.cases(treated=True),
)
def a_batch_is_a_loop(simulator: Subject, case: Case) -> list[Claim]:
    """A batch gives what single runs give, in any order, with or without dummies beside."""
    cases, theta = company(case), case.carrying_capacity
    dummy = case.but(initial=np.zeros_like(case.initial))
    together = simulator.batch(cases)
    backwards = simulator.batch(cases[::-1])[::-1]
    padded = simulator.batch([*cases, dummy])[:-1]
    claims = []
    for number, one in enumerate(cases):
        alone = simulator(one)
        claims += [
            equal(f"density of case {number} in a batch", together[number], alone, scale=theta),
            equal(
                f"density of case {number}, batch backwards", backwards[number], alone, scale=theta
            ),
            equal(f"density of case {number} beside a dummy", padded[number], alone, scale=theta),
        ]
    return claims
