"""Code verification, measured when it is asked for: the solver against exact and trusted answers.

Every check returns a figure, the bound that it must keep, and whether it does. Small tumors in
small boxes, so that all of them take seconds; tests/validation holds the longer ones. What is
checked is the solver that all spatial models share, with the Fisher-KPP equations.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin.domain import Domain, make_domain
from twin.models import FisherKPP
from twin.simulation import simulate, trajectory
from twin.solvers.reference import Clone, solve_reference
from twin.treatments.forcing import MAX_STEP_DAYS, compile_forcing
from twin.treatments.schedule import DrugDose, Fraction, Schedule

PARAMETERS = {
    "diffusivity": 0.15,
    "proliferation_rate": 0.06,
    "radiosensitivity_alpha": 0.05,
    "alpha_beta_ratio": 10.0,
    "clearance_half_life": 30.0,
    "sensitivity_temozolomide": 0.4,
    "sensitivity_doxorubicin": 9.1,
    "enhancement_temozolomide": 0.0,
    "repair_half_time": 1e-3,
    "linear_onset_dose": 1e3,
    "repopulation_factor": 0.0,
    "repopulation_delay": 28.0,
}
"""Fractions repaired at once and purely linear-quadratic: what the reference solver knows."""
SPACING_MM = (1.0, 1.5, 2.0)
SURFACE_M2 = 1.8
TREATED = Schedule(
    fractions=tuple(Fraction(float(day), 2.0) for day in (4, 5, 6, 12, 16)),
    drug_doses=(DrugDose(4.0, "temozolomide", 135.0), DrugDose(8.0, "doxorubicin", 100.0)),
)
_STEPS = 512


@dataclass(frozen=True)
class Check:
    """One figure and its bound.

    Attributes:
        name: what is checked.
        against: the answer it is held to, with its source.
        figure: as measured, in `unit`.
        bound: accepted by the field or by this project; the figure must be below it, or above it
            with `at_least`.
        precision: of the arithmetic that was checked.
    """

    name: str
    against: str
    figure: float
    unit: str
    bound: float
    precision: str
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """Whether the figure keeps its bound; never, where it is not a number."""
        return bool(self.figure >= self.bound if self.at_least else self.figure <= self.bound)

    def plain(self) -> dict[str, Any]:
        """As data for a file; a figure that is not finite is null."""
        figure = float(self.figure) if np.isfinite(self.figure) else None
        return asdict(self) | {"figure": figure, "passed": self.passed}


def code_checks() -> list[Check]:
    """All checks of the solver, in the order in which the report lists them."""
    return [
        uniform_growth(),
        mass_without_growth(),
        *gaussian_spread(),
        *treated_course(),
        reference_solver(),
        front_speed(),
    ]


def uniform_growth() -> Check:
    """u = u₀ e^ρt / (1 + u₀ (e^ρt − 1)) in a tumor that is the same everywhere."""
    days, tissue = np.linspace(0.0, 200.0, 9), _notched()
    found = simulate(
        FisherKPP(),
        PARAMETERS,
        make_domain(tissue, SPACING_MM),
        Schedule(),
        days,
        initial=0.05 * tissue,
    )
    grown = 0.05 * np.exp(PARAMETERS["proliferation_rate"] * days)
    error = np.abs(found.viable[:, tissue] / (grown / (0.95 + grown))[:, None] - 1.0).max()
    return Check(
        "uniform growth over 200 days",
        "exact logistic function",
        float(error),
        "largest relative error",
        1e-4,
        "32 bit",
    )


def mass_without_growth() -> Check:
    """Cells neither appear nor vanish while they only move."""
    tissue = _notched()
    still = {"proliferation_rate": 0.0}
    found, _ = _in_double(_blob(tissue), [0.0, 270.0], parameters=still, max_step_days=2.0)
    return Check(
        "mass over 270 days without growth",
        "conservation",
        float(abs(found[1].sum() / found[0].sum() - 1.0)),
        "relative drift",
        1e-12,
        "64 bit",
    )


def gaussian_spread() -> list[Check]:
    """A Gaussian of variance s² becomes one of s² + 2 D t: Green's function of diffusion."""
    diffusivity, days, sd_mm = 0.3, 60.0, 8.0
    variance = sd_mm**2 + 2.0 * diffusivity * days
    errors = []
    for voxel_mm, count in ((4.0, 25), (2.0, 50)):
        tissue = np.pad(np.ones((count,) * 3, bool), 1)
        place = (np.indices(tissue.shape) - (count + 1) / 2.0) * voxel_mm
        squared = (place**2).sum(axis=0)
        found, _ = _in_double(
            np.exp(-squared / (2.0 * sd_mm**2)) * tissue,
            [days],
            parameters={"proliferation_rate": 0.0, "diffusivity": diffusivity},
            domain=make_domain(tissue, (voxel_mm, voxel_mm, voxel_mm)),
            max_step_days=1.0,
        )
        peak = (sd_mm**2 / variance) ** 1.5
        exact = peak * np.exp(-squared / (2.0 * variance))
        errors.append(float(np.abs(found[0] - exact)[tissue].max() / peak))
    against = "Green's function of diffusion"
    name = "spread of a Gaussian over 60 days"
    return [
        Check(f"{name}, voxel of 2 mm", against, errors[1], "error over peak", 0.01, "64 bit"),
        Check(
            f"{name}, from 4 to 2 mm",
            against,
            float(np.log2(errors[0] / errors[1])),
            "order in space",
            1.9,
            "64 bit",
            at_least=True,
        ),
    ]


def treated_course() -> list[Check]:
    """A course with fractions and drugs: the order of its time step, and the error of the longest.

    Killed cells have no order here: under a drug that decays within hours they reach the second one
    at steps that are shorter than anybody's.
    """

    def course(step_days: float) -> tuple[np.ndarray, np.ndarray]:
        return _in_double(_blob(_notched()), [32.0], TREATED, max_step_days=step_days)

    longest, coarse, middle, fine = (course(step) for step in (MAX_STEP_DAYS, 0.5, 0.25, 0.125))
    first, second = (np.abs(a - b).max() for a, b in ((coarse[0], middle[0]), (middle[0], fine[0])))
    return [
        Check(
            "treated course, viable cells, steps of 0.5 to 0.125 days",
            "itself with half the step",
            float(np.log2(first / second)),
            "order in time",
            1.9,
            "64 bit",
            at_least=True,
        ),
        *(
            Check(
                f"treated course, {name} cells, step of {MAX_STEP_DAYS:g} days",
                "itself with a step of 0.125 days",
                float(np.abs(longest[part] - fine[part]).max()),
                "largest error of the cell fraction",
                1e-3,
                "64 bit",
            )
            for part, name in enumerate(("viable", "killed"))
        ),
    ]


def reference_solver() -> Check:
    """The fast solver at its own step against the adaptive one, which shares no code with it."""
    tissue = _notched()
    days = [8.0, 20.0, 32.0]
    fast = simulate(
        FisherKPP(),
        PARAMETERS,
        make_domain(tissue, SPACING_MM),
        TREATED,
        days,
        initial=_blob(tissue),
        body_surface_m2=SURFACE_M2,
    )
    clone = Clone(
        diffusivity=PARAMETERS["diffusivity"],
        proliferation_rate=PARAMETERS["proliferation_rate"],
        radiosensitivity_alpha=PARAMETERS["radiosensitivity_alpha"],
        alpha_beta_ratio=PARAMETERS["alpha_beta_ratio"],
        drug_sensitivity={d: PARAMETERS[f"sensitivity_{d}"] for d in TREATED.drugs},
    )
    slow = solve_reference(
        _blob(tissue),
        [clone],
        days,
        tissue=tissue,
        spacing_mm=SPACING_MM,
        schedule=TREATED,
        body_surface_m2=SURFACE_M2,
        clearance_half_life_days=PARAMETERS["clearance_half_life"],
    )
    return Check(
        "treated course, every voxel on days 8, 20 and 32",
        "adaptive Runge-Kutta solver (diffrax, Tsit5)",
        float(np.abs(fast.viable - slow.viable[:, 0]).max()),
        "largest difference of the cell fraction",
        1e-3,
        "32 bit",
    )


def front_speed() -> Check:
    """Speed of a front at ρ t = 20 over 2 √(D ρ): 1 − 3 / (4 ρ t), an emergent behavior.

    Bramson 1983, doi 10.1090/memo/0285. No equation of the model holds a front or its speed.
    """
    diffusivity, growth = 0.4, 0.2
    voxel_mm = 0.25 * float(np.sqrt(diffusivity / growth))
    days = np.array([19.5, 20.5]) / growth
    count = int(2.2 * np.sqrt(diffusivity * growth) * days[-1] / voxel_mm) + 60
    tissue = np.zeros((count + 2, 3, 3), bool)
    tissue[1:-1, 1, 1] = True
    found = simulate(
        FisherKPP(),
        {**PARAMETERS, "diffusivity": diffusivity, "proliferation_rate": growth},
        make_domain(tissue, (voxel_mm, voxel_mm, voxel_mm)),
        Schedule(),
        days,
        initial=np.where(np.arange(count + 2)[:, None, None] < 20, 1.0, 0.0) * tissue,
        max_step_days=0.1 / growth,
    )
    along = [np.interp(-0.5, -u[1:-1, 1, 1], np.arange(count) * voxel_mm) for u in found.viable]
    speed = float(np.diff(along)[0] / np.diff(days)[0] / (2.0 * np.sqrt(diffusivity * growth)))
    return Check(
        FRONT,
        "Bramson's law for late fronts",
        abs(speed - (1.0 - 3.0 / 80.0)),
        "difference, as a share of the final speed",
        0.03,
        "32 bit",
    )


FRONT = "speed of a front that nothing prescribes"


def _notched() -> np.ndarray:
    """A box with about a fifth of its voxels missing."""
    inner = np.random.default_rng(5).random((7, 6, 5)) < 0.8
    return np.pad(inner, 1)


def _blob(tissue: np.ndarray) -> np.ndarray:
    """A smooth tumor in the middle."""
    place = np.indices(tissue.shape) - (np.array(tissue.shape)[:, None, None, None] - 1) / 2
    return 0.8 * np.exp(-(place**2).sum(axis=0) / 4.0) * tissue


def _in_double(
    initial: np.ndarray,
    times_days: list[float],
    schedule: Schedule | None = None,
    *,
    parameters: dict[str, float] | None = None,
    domain: Domain | None = None,
    max_step_days: float,
) -> tuple[np.ndarray, np.ndarray]:
    """(viable, dead), each (T, x, y, z), of the fast solver in 64 bit."""
    schedule = schedule or Schedule()
    domain = domain or make_domain(initial > 0.0, SPACING_MM)
    forcing, rows = compile_forcing(
        schedule,
        start_days=0.0,
        times_days=times_days,
        drugs=schedule.drugs,
        body_surface_m2=SURFACE_M2,
        max_step_days=max_step_days,
        # One length, so that courses of few and of many steps share a compiled program.
        steps=_STEPS + 64,
        rows=4,
    )
    with jax.enable_x64(True):
        found = trajectory(
            FisherKPP(),
            _double({**PARAMETERS, **(parameters or {})}),
            _double(domain),
            _double(forcing),
            jnp.asarray(initial, jnp.float64).reshape(-1),
        )
        viable, dead = np.asarray(found.viable)[rows], np.asarray(found.dead)[rows]
    return domain.volume(viable), domain.volume(dead)


def _double(tree: Any) -> Any:
    def cast(leaf: Any) -> jax.Array:
        array = jnp.asarray(leaf)
        return array.astype(jnp.float64) if jnp.issubdtype(array.dtype, jnp.floating) else array

    return jax.tree.map(cast, tree)
