"""One course: its time, its derivatives, and the errors of the scheme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import patients
from experiments.benchmarks.case import TRUTH, Case
from experiments.benchmarks.timing import Line, reference_kernel_s, seconds, with_ratio
from twin.models import FisherKPP
from twin.simulation import simulate, trajectory
from twin.treatments.forcing import compile_forcing
from twin.treatments.schedule import Schedule

RECORD_DAYS = 30.0


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "solver"."""
    median = f"median of {case.repeats}, after compilation"
    if "reference_kernel_s" in names:
        yield (
            "reference_kernel_s",
            reference_kernel_s(case),
            "s",
            f"{case}; one diffusion and growth sweep in NumPy, one core, least of 40",
        )
    course = Course(case)
    if {"forward_s", "forward_s_ratio"} & set(names):
        course.forward()
        time = seconds(course.forward, max(case.repeats, 5))
        yield from with_ratio("forward_s", time, case, f"{case}, {course}; {median}")
    if {"jacobian_s", "jacobian_s_ratio"} & set(names):
        course.jacobian()
        time = seconds(course.jacobian, case.repeats)
        details = f"{case}, {course}; 4 parameters, all voxels every 30 days; {median}"
        yield from with_ratio("jacobian_s", time, case, details)
    if "mass_drift" in names:
        yield "mass_drift", mass_drift(case), "1", f"{case}; no growth, no treatment, largest"
    if "step_halving_error" in names:
        details = f"{case}, {course}; viable burden every 7 days, largest relative change"
        yield "step_halving_error", step_halving_error(case), "1", details


class Course:
    """The treated course of a case, ready to be run again and again."""

    def __init__(self, case: Case) -> None:
        self.schedule = patients.treatments(case)
        forcing, _ = compile_forcing(
            self.schedule,
            start_days=0.0,
            times_days=record_days(case, RECORD_DAYS),
            drugs=("temozolomide",),
            body_surface_m2=patients.BODY_SURFACE_M2,
        )
        self.steps = forcing.dt_days.size
        self.domain = patients.domain(case)
        self.start = self.domain.flat(patients.start(case))
        self.forcing = jax.tree.map(jnp.asarray, forcing)
        self.params = {n: jnp.asarray(v, jnp.float32) for n, v in patients.PARAMETERS.items()}
        self._slopes = jax.jit(self._jacobian)

    def __str__(self) -> str:
        fractions, doses = len(self.schedule.fractions), len(self.schedule.drug_doses)
        return f"{fractions} fractions, {doses} drug doses, {self.steps} steps"

    def forward(self) -> None:
        """Simulate the course."""
        model = FisherKPP()
        jax.block_until_ready(trajectory(model, self.params, self.domain, self.forcing, self.start))

    def jacobian(self) -> None:
        """Simulate the course with its derivatives to four parameters."""
        values = jnp.asarray([self.params[name] for name in TRUTH])
        jax.block_until_ready(self._slopes(values))

    def _jacobian(self, values: jax.Array) -> tuple[jax.Array, jax.Array]:
        def run(v: jax.Array) -> jax.Array:
            params = {**self.params, **dict(zip(TRUTH, v, strict=True))}
            return trajectory(FisherKPP(), params, self.domain, self.forcing, self.start).seen

        return jax.vmap(lambda t: jax.jvp(run, (values,), (t,)), out_axes=(None, 0))(
            jnp.eye(values.size)
        )


def mass_drift(case: Case) -> float:
    """Largest relative change of the mass without growth and treatment."""
    initial = patients.start(case).astype(np.float32)
    params = {**patients.PARAMETERS, "proliferation_rate": 0.0}
    course = simulate(
        FisherKPP(),
        params,
        patients.domain(case),
        Schedule(),
        record_days(case, RECORD_DAYS),
        initial=initial,
    )
    mass = course.viable.sum(axis=(1, 2, 3), dtype=np.float64)
    return float(np.abs(mass / initial.sum(dtype=np.float64) - 1.0).max())


def step_halving_error(case: Case) -> float:
    """Largest relative change of the viable burden when the longest step is halved."""
    from twin.simulation import MAX_STEP_DAYS

    def burden(max_step_days: float) -> np.ndarray:
        course = simulate(
            FisherKPP(),
            patients.PARAMETERS,
            patients.domain(case),
            patients.treatments(case),
            record_days(case, 7.0),
            initial=patients.start(case),
            body_surface_m2=patients.BODY_SURFACE_M2,
            max_step_days=max_step_days,
        )
        return course.viable_ml

    whole, half = burden(MAX_STEP_DAYS), burden(0.5 * MAX_STEP_DAYS)
    return float(np.abs(whole / half - 1.0).max())


def record_days(case: Case, every_days: float) -> list[float]:
    """Days at which a course is recorded: every so often, and its last one."""
    return [*np.arange(every_days, case.days, every_days).tolist(), case.days]
