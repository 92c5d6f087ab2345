"""What each further tumor model costs beside Fisher-KPP: forward time over forward time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import patients
from experiments.benchmarks.case import Case
from experiments.benchmarks.solver import Course
from experiments.benchmarks.timing import Line
from twin.domain import Domain, make_domain
from twin.models import MODELS
from twin.simulation import trajectory

RATIOS = {
    "ratio_anisotropic": "anisotropic",
    "ratio_two_clones": "two-clones",
    "ratio_oxygen": "hypoxia",
    "ratio_mechanics": "mechanics",
}
"""Models by the name of their figure."""
FIBER_RATIO = 4.0
"""Largest over smallest eigenvalue of the tensors, as in white matter."""


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "models": both courses in turn, the median ratio of a pair."""
    course = Course(case)
    plain = _forward(course, "fisher-kpp", course.domain)
    repeats = max(case.repeats, 9)
    for name in names:
        domain = _with_fibers(case) if name == "ratio_anisotropic" else course.domain
        other = _forward(course, RATIOS[name], domain)
        ratio = statistics.median(_seconds(other) / _seconds(plain) for _ in range(repeats))
        details = f"{case}, {course}; median of {repeats} pairs, in turn, after compilation"
        if domain.fibers_note:
            details += f"; {len(domain.fibers.offsets)} offsets, {domain.fibers_note}"  # type: ignore[union-attr]
        yield name, ratio, "forward time of Fisher-KPP", details


def _forward(course: Course, name: str, domain: Domain) -> Callable[[], object]:
    """The treated course of a case by another model, compiled; priors' medians where it has more
    parameters than Fisher-KPP."""
    model = MODELS[name]()
    table = model.table("glioma", course.forcing.drugs, domain.tissues)
    params = {n: jnp.asarray(p.prior.transform(0.0), jnp.float32) for n, p in table.items()}
    params |= {n: v for n, v in course.params.items() if n in table}

    def run() -> object:
        return jax.block_until_ready(
            trajectory(model, params, domain, course.forcing, course.start)
        )

    run()
    return run


def _with_fibers(case: Case) -> Domain:
    """The domain of a case with fibers that turn over a few centimeters in all directions."""
    x, y, z = np.indices(case.shape) / 20.0
    fibers = np.stack([np.cos(x + y), np.sin(y - z), np.cos(z + 0.5 * x)])
    fibers /= np.linalg.norm(fibers, axis=0)
    along = FIBER_RATIO - 1.0
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    tensor = np.stack([along * fibers[i] * fibers[j] + (i == j) for i, j in pairs])
    return make_domain(patients.tissue(case), case.spacing_mm, None, tensor)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
