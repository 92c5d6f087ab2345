"""A small, plain NumPy simulator that keeps every property: an example of the protocol.

Strang splitting: half a step of reaction, a step of diffusion, half a step of reaction. Steps end
at every treatment and output. Diffusion is in flux form on open faces (harmonic mean of D), in
stages short enough to be positive; the reaction is exact: with K(s) the log kill since the start
of a half step, E = exp(rho h - K(h)) and I = ∫ exp(rho s - K(s)) ds over it,

    u -> E u / (1 + rho I u / theta)

(Bernoulli's equation; splitting: Strang 1968, doi 10.1137/0705041). Uniform tensors are written as
a sum of weights times lattice vectors (Selling 1874, doi 10.1515/crll.1874.77.143).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np

from twin.testing.case import Case
from twin.testing.checks import check_case
from twin.testing.protocol import NotApplicable

Links = list[tuple[tuple[int, int, int], np.ndarray]]
"""Lattice vector and, for every voxel, the conductance (1/day) to the voxel at that vector."""

LARGEST_STEP = 0.85
"""Stage of diffusion times the rate at which a voxel empties; positive up to 1."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_NODES = 0.5 * (_NODES + 1.0)
_WEIGHTS = 0.5 * _WEIGHTS


class NumpySimulator:
    """Fisher-KPP with treatment, in float64 unless told otherwise.

    Args:
        dt_days: longest step where the case asks for none.
    """

    name = "NumPy reference"
    version = "1"

    def __init__(self, dt_days: float = 0.5) -> None:
        self.dt_days = dt_days

    def __call__(self, case: Case) -> np.ndarray:
        """(T, x, y, z) densities at the case's times."""
        check_case(case)
        return self.run(case)[0]

    def run(self, case: Case, dtype: type = float) -> tuple[np.ndarray, np.ndarray]:
        """Viable and dead cells, each (T, x, y, z); `dtype` may be complex (see `jvp`)."""
        links = [(offset, np.asarray(g, dtype)) for offset, g in self.links(case)]
        u = np.where(case.mask, case.initial, 0.0).astype(dtype)
        dead = np.zeros_like(u)
        viable_at, dead_at = [], []
        for begin, end, recorded in self.steps(case):
            if recorded:
                viable_at.append(u.copy())
                dead_at.append(dead.copy())
            if end is None:
                continue
            h = 0.5 * (end - begin)
            left = u * self.survival_at(case, begin)
            dead = dead + (u - left)
            u, dead = self.react(case, left, dead, begin, h)
            u = self.diffuse(u, links, 2.0 * h)
            u, dead = self.react(case, u, dead, begin + h, h)
        return np.array(viable_at), np.array(dead_at)

    def steps(self, case: Case) -> Iterator[tuple[float, float | None, bool]]:
        """Begin, end and whether the state is recorded at the begin; the last has no end."""
        last = case.times_days[-1]
        events = [t for t, _ in case.fractions] + [t for d in case.drugs for t, _ in d.doses]
        marks = {case.start_days, *case.times_days}
        marks |= {t for t in events if case.start_days <= t < last}
        longest = case.dt_days or self.dt_days
        stops = sorted(marks)
        for start, stop in zip(stops, stops[1:], strict=False):
            count = max(1, math.ceil((stop - start) / longest - 1e-9))
            edges = np.linspace(start, stop, count + 1)
            for i in range(count):
                yield edges[i], edges[i + 1], i == 0 and start in case.times_days
        yield last, None, True

    def survival_at(self, case: Case, time_days: float) -> complex:
        """Share that survives the fractions given at one time."""
        log = 0.0
        for when, dose in case.fractions:
            if when == time_days:
                log = log - case.alpha * dose * (1.0 + dose / case.alpha_beta_ratio)
        return np.exp(log)

    def log_kill(self, case: Case, begin: float, after: np.ndarray) -> np.ndarray:
        """Integral of the drugs' kill rate from `begin` over each time in `after`."""
        total = np.zeros_like(after)
        for drug in case.drugs:
            rate = drug.elimination_rate_per_day
            level = sum(
                (a * math.exp(-rate * (begin - t)) for t, a in drug.doses if t <= begin), 0.0
            )
            total = total + drug.sensitivity_per_day * level * -np.expm1(-rate * after) / rate
        return total

    def react(
        self, case: Case, u: np.ndarray, dead: np.ndarray, begin: float, h: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact growth and drug kill over `h` days."""
        rho = case.proliferation_rate
        kill = self.log_kill(case, begin, np.array([h]))[0]
        # Nodes are squared, so that they crowd where a fast drug decays.
        inner = np.exp(rho * h * _NODES**2 - self.log_kill(case, begin, h * _NODES**2))
        integral = 2.0 * h * (_WEIGHTS * _NODES * inner).sum()
        grown = u * np.exp(rho * h) / (1.0 + rho * integral * u / case.carrying_capacity)
        return grown * np.exp(-kill), dead + (1.0 - np.exp(-kill)) * 0.5 * (u + grown)

    def links(self, case: Case) -> Links:
        """Conductances between each voxel and its neighbors, 0 where either is not tissue."""
        if case.dimensions == 5:
            return _tensor_links(case)
        field = np.where(case.mask, case.diffusivity, 0.0)
        found: Links = []
        for axis, spacing in enumerate(case.spacing_mm):
            offset = (int(axis == 0), int(axis == 1), int(axis == 2))
            there = shifted(field, offset)
            total = field + there
            mean = 2.0 * field * there / np.where(total == 0.0, 1.0, total)
            found.append((offset, mean / spacing**2))
        return found

    def diffuse(self, u: np.ndarray, links: Links, dt_days: float) -> np.ndarray:
        """Two-stage strong-stability-preserving Runge-Kutta steps, each positive."""
        emptying = sum(np.real(g) + shifted(np.real(g), _back(offset)) for offset, g in links)
        count = max(1, math.ceil(dt_days * float(np.max(emptying)) / LARGEST_STEP - 1e-4))
        dt = dt_days / count
        for _ in range(count):
            first = u + dt * self.divergence(u, links)
            u = 0.5 * (u + first + dt * self.divergence(first, links))
        return u

    def divergence(self, u: np.ndarray, links: Links) -> np.ndarray:
        """div(D grad u): what each voxel gains through its links, its neighbors lose."""
        total = np.zeros_like(u)
        for offset, g in links:
            flux = g * (shifted(u, offset) - u)
            total = total + flux - shifted(flux, _back(offset))
        return total

    def split(self, case: Case, at_days: float) -> np.ndarray:
        """The case in two runs through the state at `at_days`, one of its times."""
        early = tuple(t for t in case.times_days if t <= at_days)
        late = tuple(t for t in case.times_days if t > at_days)
        first = self(case.but(times_days=early))
        second = self(case.but(initial=first[-1], start_days=at_days, times_days=late))
        return np.concatenate([first, second])

    def batch(self, cases: list[Case]) -> list[np.ndarray]:
        """Every case in turn."""
        return [self(case) for case in cases]

    def derivative(self, case: Case, parameter: str) -> np.ndarray:
        """(T, x, y, z) derivative of the densities by a parameter of the case."""
        return self.jvp(case, {parameter: 1.0})

    def jvp(self, case: Case, direction: dict[str, float | np.ndarray]) -> np.ndarray:
        """(T, x, y, z) derivative along a direction: a complex step, exact to round-off.

        Squire and Trapp 1998, doi 10.1137/S003614459631241X.
        """
        step = 1e-30j
        moved = copy.copy(case)
        for name, change in direction.items():
            if name == "sensitivity_per_day":
                first = copy.copy(case.drugs[0])
                _set(first, name, first.sensitivity_per_day + step * change)
                _set(moved, "drugs", (first, *case.drugs[1:]))
            else:
                _set(moved, name, getattr(case, name) + step * change)
        return np.imag(self.run(moved, complex)[0]) / step.imag

    def vjp(self, case: Case, weights: np.ndarray) -> dict[str, float | np.ndarray]:
        """Derivative of sum(weights * densities) by parameters and initial state."""
        found: dict[str, float | np.ndarray] = {
            name: float((weights * self.jvp(case, {name: 1.0})).sum())
            for name in ("diffusivity", "proliferation_rate")
        }
        slope = np.zeros(case.shape)
        for index in np.argwhere(case.mask):
            unit = np.zeros(case.shape)
            unit[tuple(index)] = 1.0
            slope[tuple(index)] = (weights * self.jvp(case, {"initial": unit})).sum()
        return {**found, "initial": slope}

    def at_precision(self, case: Case, name: str) -> np.ndarray:
        """The case in "single" or "double" precision."""
        return self.run(case, np.float32 if name == "single" else float)[0]

    def compartments(self, case: Case) -> dict[str, np.ndarray]:
        """Viable and killed cells, (T, x, y, z) each."""
        viable, dead = self.run(case)
        return {"viable": viable, "dead": dead}


def shifted(field: np.ndarray, offset: tuple[int, int, int]) -> np.ndarray:
    """`field` seen from every voxel at a lattice vector, 0 beyond the array."""
    result = np.zeros_like(field)
    to = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, field.shape, strict=True))
    of = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, field.shape, strict=True))
    if all(s.start < s.stop for s in to):
        result[to] = field[of]
    return result


def _set(frozen: object, name: str, value: object) -> None:
    """Put a complex number into a copy of a frozen dataclass, where users have real ones."""
    object.__setattr__(frozen, name, value)


def _back(offset: tuple[int, int, int]) -> tuple[int, int, int]:
    return (-offset[0], -offset[1], -offset[2])


def _tensor_links(case: Case) -> Links:
    """Links along the lattice vectors of Selling's decomposition of a uniform tensor."""
    tensors = np.asarray(case.diffusivity, float)
    tensor = tensors[(slice(None), slice(None), *np.argwhere(case.mask)[0])]
    if not np.allclose(tensors[..., case.mask], tensor[..., None], rtol=1e-12, atol=0.0):
        raise NotApplicable("tensors that differ between voxels")
    scaled = tensor / np.outer(case.spacing_mm, case.spacing_mm)
    inside = case.mask.astype(float)
    return [
        (offset, weight * inside * shifted(inside, offset))
        for weight, offset in selling(scaled)
        if weight > 0.0
    ]


def selling(tensor: np.ndarray) -> list[tuple[float, tuple[int, int, int]]]:
    """Weights >= 0 and lattice vectors e with tensor = sum of weight e e^T."""
    base = [np.array(v) for v in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, -1, -1))]
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for _ in range(200):
        products = {(i, j): base[i] @ tensor @ base[j] for i, j in pairs}
        (i, j), worst = max(products.items(), key=lambda item: item[1])
        if worst <= 1e-14 * np.trace(tensor):
            break
        k, m = (n for n in range(4) if n not in (i, j))
        base = [-base[i], base[j], base[i] + base[k], base[i] + base[m]]
    found = []
    for i, j in pairs:
        k, m = (n for n in range(4) if n not in (i, j))
        vector = np.cross(base[k], base[m])
        offset = (int(vector[0]), int(vector[1]), int(vector[2]))
        found.append((max(0.0, -float(base[i] @ tensor @ base[j])), offset))
    return found


reference = NumpySimulator()
