"""What the first call costs more than the next: tracing and compiling, with an empty cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import patients
from experiments.benchmarks.case import START, Case
from experiments.benchmarks.solver import Course
from experiments.benchmarks.timing import Line, seconds, with_ratio
from twin.calibration.objective import evaluate, make_problem
from twin.calibration.setting import make_setting
from twin.models import FisherKPP


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "compilation"."""
    jnp.zeros(1).block_until_ready()  # starts JAX itself
    course = Course(case)
    forward = seconds(course.forward, 1) - seconds(course.forward, 1)
    setting = make_setting(patients.patient(case), FisherKPP(), priors=patients.PRIORS)
    problem = make_problem(setting)
    scores = setting.table.scores_of(START)
    z = np.array([scores[name] for name in problem.names])
    derivatives = seconds(lambda: evaluate(problem, z), 1) - seconds(
        lambda: evaluate(problem, z), 1
    )
    details = (
        f"{case}; forward {forward:.2g} s + normal equations of calibration {derivatives:.2g} s,"
        " first call less the second, fresh process, empty compilation cache"
    )
    yield from with_ratio("compile_s", forward + derivatives, case, details)
