"""Patients of a matched world and of three wrong ones, calibrated and forecast; all simulated.

    matched     ∂u/∂t = div(D grad u) + ρ u (1 - u)
    anisotropy  D (λ₁, λ₂, λ₃)(x) along the axes, trace 3, another axis preferred in each octant
    capacity    ρ u (1 - u/θ), θ of a patient 0.6 to 0.95
    mechanics   D exp(-γ σ_vM), stress of a swelling tumor

The first three are made by the adaptive 64-bit solver on a grid twice as fine, which shares no code
with the one that fits (u/θ obeys the equation of capacity 1). Mechanics has no other solver: it is
our own model at half the step on a grid twice as fine.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from twin.calibration import Posterior, calibrate, independent_noise
from twin.domain import make_domain
from twin.forecasting import forecast
from twin.imaging.image import Image
from twin.models import FisherKPP, Mechanics
from twin.parameters import Fixed, LogNormal, LogUniform, Uniform
from twin.patient import Patient, Visit
from twin.simulation import simulate
from twin.solvers.reference import Clone, solve_reference
from twin.treatments.forcing import MAX_STEP_DAYS
from twin.treatments.schedule import Fraction, Schedule
from twin.virtual_images import block_mean, drawn_outline
from twin.virtual_patient import procedural_patient, with_noise

WORLDS = ("matched", "anisotropy", "capacity", "mechanics")
SHAPE, SPACING_MM, REFINEMENT = (12, 12, 12), 5.0, 2
FITTED, HELD_OUT = (0.0, 20.0, 40.0), 70.0
SCHEDULE = Schedule(tuple(Fraction(20.0 + d, 2.0) for d in range(12) if d % 7 < 5))
WHITE_SD, SMOOTH_SD, SMOOTH_FWHM_MM = 0.02, 0.02, 12.0
READER_WOBBLE, READER_FWHM_MM = 0.12, 12.0
CLEARANCE_DAYS, ALPHA_BETA_GY = 20.0, 10.0
THRESHOLD = Uniform(0.15, 0.45)
"""Of `gtv`: lower than what is shipped, so that every tumor is outlined at the first visit."""
PRIORS = {
    "diffusivity": LogNormal(0.4, 0.5),
    "proliferation_rate": LogNormal(0.03, 0.4),
    "radiosensitivity_alpha": LogNormal(0.04, 0.5),
    "alpha_beta_ratio": Fixed(ALPHA_BETA_GY),
    "clearance_half_life": Fixed(CLEARANCE_DAYS),
    "visibility_threshold_gtv": THRESHOLD,
}
PARAMETERS = ("diffusivity", "proliferation_rate", "radiosensitivity_alpha")


@dataclass(frozen=True)
class Held:
    """Whether 90 % intervals held what came, by quantity, for both likelihoods."""

    usual: dict[str, bool]
    naive: dict[str, bool]
    converged: tuple[bool, bool]


def held(case: tuple[str, int, int]) -> Held:
    """One patient of a world: (world, seed, index)."""
    world, seed, index = case
    random = np.random.default_rng([seed, WORLDS.index(world), index])
    values = {name: float(PRIORS[name].transform(random.standard_normal())) for name in PARAMETERS}
    patient = _patient(world, values, random)
    model = FisherKPP()
    usual = calibrate(patient, model, visits=len(FITTED), priors=PRIORS)
    tissue = np.ones((len(FITTED), patient.tissue.size)) * patient.tissue.reshape(-1)
    noise = {
        kind: independent_noise(usual.noise[f"{kind}_sd"], tissue)
        for kind in ("density", "outline")
    }
    naive = calibrate(patient, model, visits=len(FITTED), priors=PRIORS, noise=noise)
    draws = int(random.integers(2**31))
    return Held(
        _judged(usual, values, draws),
        _judged(naive, values, draws),
        (usual.converged, naive.converged),
    )


def _judged(posterior: Posterior, values: dict[str, float], seed: int) -> dict[str, bool]:
    (visit,) = forecast(posterior, draws=200, seed=seed, every_days=HELD_OUT).held_out
    random = np.random.default_rng(seed)
    found = {
        "burden": _inside(visit.predicted_burden_ml, visit.observed_viable_ml, random),
        "visible volume": _inside(visit.predicted_visible_ml, visit.observed_visible_ml, random),
    }
    for name, value in values.items():
        low, high = posterior.interval(name)
        found[name] = low <= value <= high
    return found


def _inside(draws: np.ndarray, observed: float | None, random: np.random.Generator) -> bool:
    """Whether the central 90 % hold what came, by its probability integral transform.

    Every fifth tumor is out of sight by then, and an interval that begins at 0 would hold that
    whatever its width: among equal draws the rank is drawn (Dunn & Smyth 1996, doi
    10.1080/10618600.1996.10474708).
    """
    assert observed is not None
    below, equal = np.mean(draws < observed), np.mean(draws == observed)
    return bool(0.05 <= below + random.uniform() * equal <= 0.95)


def _patient(world: str, values: dict[str, float], random: np.random.Generator) -> Patient:
    """What scans show of a tumor: correlated noise, and outlines of a reader who wavers."""
    blank, start = _anatomy()
    seen = _seen(world, values, start, random)
    threshold = float(THRESHOLD.transform(random.standard_normal()))
    visits = tuple(
        Visit(
            f"day {day:g}",
            day,
            {"CELL_FRACTION": Image(field, blank.grid, "CELL_FRACTION", "1")},
            {
                "gtv": drawn_outline(
                    field,
                    blank.grid,
                    tissue=blank.tissue,
                    threshold=threshold,
                    wobble=READER_WOBBLE,
                    fwhm_mm=READER_FWHM_MM,
                    random=random,
                )
            },
            simulated=True,
        )
        for day, field in zip((*FITTED, HELD_OUT), seen, strict=True)
    )
    return with_noise(
        replace(blank, visits=visits, treatments=SCHEDULE),
        noise_sd=WHITE_SD,
        correlated_noise_sd=SMOOTH_SD,
        correlation_fwhm_mm=SMOOTH_FWHM_MM,
        seed=int(random.integers(2**31)),
    )


@cache
def _anatomy() -> tuple[Patient, np.ndarray]:
    """An untreated patient, and the first density on the fine grid."""
    growth = {"diffusivity": 0.4, "proliferation_rate": 0.03}
    coarse, _ = procedural_patient(SHAPE, SPACING_MM, growth, Schedule(), (0.0,), site="glioma")
    fine_shape = tuple(n * REFINEMENT for n in SHAPE)
    center = np.array([0.5, 0.47, 0.52]) * SHAPE[0] * SPACING_MM
    at = (np.indices(fine_shape) + 0.5) * SPACING_MM / REFINEMENT - center[:, None, None, None]
    return coarse, 0.55 * np.exp(-(at**2).sum(axis=0) / (2.0 * 9.0**2)) * _fine(coarse.tissue)


def _fine(field: np.ndarray) -> np.ndarray:
    return field.repeat(REFINEMENT, 0).repeat(REFINEMENT, 1).repeat(REFINEMENT, 2)


def _seen(
    world: str, values: dict[str, float], start: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """(V, x, y, z) cells seen on the patient's grid."""
    tissue, days = _fine(_anatomy()[0].tissue), (*FITTED, HELD_OUT)
    spacing = (SPACING_MM / REFINEMENT,) * 3
    if world == "mechanics":
        fine = _by_our_mechanics(values, start, random, tissue, spacing)
    else:
        capacity = random.uniform(0.6, 0.95) if world == "capacity" else 1.0
        spread: float | np.ndarray = values["diffusivity"]
        if world == "anisotropy":
            spread = spread * _axes(random, tissue.shape)
        clone = Clone(
            diffusivity=spread,
            proliferation_rate=values["proliferation_rate"],
            radiosensitivity_alpha=values["radiosensitivity_alpha"],
            alpha_beta_ratio=ALPHA_BETA_GY,
        )
        solved = solve_reference(
            start / capacity,
            [clone],
            list(days),
            tissue=tissue,
            spacing_mm=spacing,
            schedule=SCHEDULE,
            clearance_half_life_days=CLEARANCE_DAYS,
            relative_tolerance=1e-5,
            absolute_tolerance=1e-7,
        )
        fine = capacity * solved.seen
    return np.stack([block_mean(field, REFINEMENT) for field in fine])


def _axes(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """(3, x, y, z) eigenvalues of trace 3: one axis, drawn for each octant, 2 to 6 times faster."""
    ratio = float(LogUniform(2.0, 6.0).transform(random.standard_normal()))
    preferred = _halves(random.integers(0, 3, (2, 2, 2)), shape)
    fast = np.arange(3)[:, None, None, None] == preferred
    return np.where(fast, ratio, 1.0) * 3.0 / (ratio + 2.0)


def _halves(octants: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    for axis, size in enumerate(shape):
        octants = octants.repeat(size // 2, axis)
    return octants


def _by_our_mechanics(
    values: dict[str, float],
    start: np.ndarray,
    random: np.random.Generator,
    tissue: np.ndarray,
    spacing: tuple[float, float, float],
) -> np.ndarray:
    model = Mechanics()
    table = model.table("glioma", (), ("tissue",))
    table = table.with_priors({name: PRIORS[name] for name in table if name in PRIORS})
    scores = {name: random.standard_normal() for name in table.free}
    params = {name: float(v) for name, v in table.values_at(scores).items()} | values
    course = simulate(
        model,
        params,
        make_domain(tissue, spacing),
        SCHEDULE,
        [*FITTED[1:], HELD_OUT],
        initial=start,
        max_step_days=0.5 * MAX_STEP_DAYS,
    )
    assert course.status == 0
    return np.concatenate([start[None], course.seen])
