"""Derivatives are those of the numbers that the simulator returns."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing import strategies
from twin.testing.case import Case, Drug
from twin.testing.claims import Claim, equal
from twin.testing.property import relation
from twin.testing.protocol import PARAMETERS, Subject

SMALL = (5, 5, 5)


def moved(case: Case, parameter: str, change: float) -> Case:
    """The case with a parameter changed; `sensitivity_per_day` is that of the first drug."""
    if parameter != "sensitivity_per_day":
        return case.but(**{parameter: getattr(case, parameter) + change})
    first = case.drugs[0]
    drug = Drug(first.sensitivity_per_day + change, first.elimination_rate_per_day, first.doses)
    return case.but(drugs=(drug, *case.drugs[1:]))


def differences(simulator: Subject, case: Case, parameter: str) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of the densities, of fourth order, in double precision if offered.

    Also by how much those of two steps disagree: across a corner in a simulator's equations, such
    as a rate that is constant up to some density, differences are no better than that.
    """
    precise = getattr(simulator, "at_precision", None)
    value = (
        case.drugs[0].sensitivity_per_day
        if parameter == "sensitivity_per_day"
        else getattr(case, parameter)
    )
    step = 1e-3 * abs(float(value))

    def at(change: float) -> np.ndarray:
        other = moved(case, parameter, change)
        return np.asarray(precise(other, "double") if precise else simulator(other), float)

    near = (at(step) - at(-step)) / (2.0 * step)
    far = (at(2.0 * step) - at(-2.0 * step)) / (4.0 * step)
    return (4.0 * near - far) / 3.0, np.abs(near - far)


def _nearest(found: np.ndarray | float, expected: np.ndarray | float, doubt: np.ndarray | float):
    """The value nearest to what was found that differences allow."""
    return expected + np.clip(found - expected, -doubt, doubt)


@relation(
    32,
    "calibration and planning climb by derivatives: those of every parameter must be right",
    double=1e-6,
    single=1e-4,
    examples=2,
    needs=("derivative",),
    case=strategies.cases(treated=True, share=0.9),
)
def derivatives_agree_with_differences(simulator: Subject, case: Case) -> list[Claim]:
    """By diffusivity, growth, capacity, alpha, alpha/beta and the first drug's sensitivity."""
    claims = []
    for name in PARAMETERS:
        found = np.asarray(simulator.derivative(case, name), float)
        expected, doubt = differences(simulator, case, name)
        scale = float(np.abs(expected).max()) or 1.0
        allowed = _nearest(found, expected, doubt)
        claims.append(equal(f"derivative by {name}", found, allowed, scale=scale))
    return claims


@relation(
    32,
    "the initial state is a parameter too, one for each voxel",
    double=1e-6,
    single=1e-4,
    examples=2,
    needs=("jvp",),
    case=strategies.cases(treated=True, share=0.5),
    seed=st.integers(0, 9),
)
def derivatives_by_the_initial_state_are_right(simulator: Subject, case: Case, seed: int) -> Claim:
    """Along a rough direction of initial states, against differences."""
    rough = np.random.default_rng(seed).random(case.shape)
    direction = np.where(case.mask, rough, 0.0) * (case.initial > 0.0)
    precise = getattr(simulator, "at_precision", None)

    def at(change: float) -> np.ndarray:
        other = case.but(initial=case.initial * (1.0 + change * rough))
        return np.asarray(precise(other, "double") if precise else simulator(other), float)

    step = 1e-4
    expected = (at(step) - at(-step)) / (2.0 * step)
    found = np.asarray(simulator.jvp(case, {"initial": direction * case.initial}), float)
    return equal("derivative along the direction", found, expected)


@relation(
    32,
    "a gradient from the adjoint must be the gradient, or a calibration stops short of its goal",
    double=1e-6,
    single=1e-4,
    examples=2,
    needs=("vjp",),
    case=strategies.cases(shape=SMALL, touching=False, treated=True, share=0.9),
    seed=st.integers(0, 9),
)
def gradients_agree_with_differences(simulator: Subject, case: Case, seed: int) -> list[Claim]:
    """Of a weighted sum of densities, by each number that the simulator has a gradient for."""
    weights = np.random.default_rng(seed).random((len(case.times_days), *case.shape))
    slopes = simulator.vjp(case, weights)
    names = [name for name in PARAMETERS if name in slopes]
    claims = []
    for name in names:
        expected, doubt = (
            float((weights * part).sum()) for part in differences(simulator, case, name)
        )
        found = float(slopes[name])
        allowed = _nearest(found, expected, doubt)
        claims.append(equal(f"gradient by {name}", found, allowed, scale=abs(expected) or 1.0))
    return claims


@relation(
    33,
    "forward and adjoint derivatives are two ways to one number",
    double=1e-10,
    single=1e-4,
    examples=2,
    needs=("jvp", "vjp"),
    case=strategies.cases(shape=SMALL, touching=False, treated=True, share=0.9),
    seed=st.integers(0, 9),
)
def the_adjoint_is_the_adjoint(simulator: Subject, case: Case, seed: int) -> Claim:
    """<J v, w> = <v, J' w> for rough v (initial state and parameters) and w."""
    random = np.random.default_rng(seed)
    direction = {
        "initial": np.where(case.mask, random.random(case.shape), 0.0),
        "proliferation_rate": 0.3,
        "diffusivity": 0.2,
    }
    weights = random.random((len(case.times_days), *case.shape))
    forward = float((weights * np.asarray(simulator.jvp(case, direction), float)).sum())
    slopes = simulator.vjp(case, weights)
    backward = sum(
        float(np.sum(np.asarray(slopes[name], float) * v)) for name, v in direction.items()
    )
    return equal("<v, J' w>", backward, forward)
