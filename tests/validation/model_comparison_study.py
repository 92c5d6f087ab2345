"""Simulated patients of a known growth law, fitted by several models."""

from dataclasses import dataclass

import numpy as np

from twin.domain import make_domain
from twin.forecasting.comparison import Comparison, compare_models
from twin.grid import Grid
from twin.imaging.image import Image
from twin.models import FisherKPP, Gompertz, TumorModel
from twin.patient import Patient, Visit
from twin.simulation import simulate
from twin.treatments.schedule import Schedule
from twin.virtual_images import smooth_noise

MODELS: dict[str, TumorModel] = {"fisher-kpp": FisherKPP(), "gompertz": Gompertz()}
GRID = Grid.from_spacing((16, 16, 14), 4.0)
DAYS, FITTED = (0.0, 25.0, 50.0, 75.0, 100.0), 3
WHITE_SD, SMOOTH_SD, FWHM_MM = 0.04, 0.02, 8.0
SCORES = ("burden_crps", "visible_crps")


@dataclass(frozen=True)
class Judged:
    """One patient: the true model's name, weights by name, and held-out CRPS over the truth's."""

    truth: str
    weights: dict[str, float]
    evidence: dict[str, float]
    if_true: dict[str, float]
    crps: dict[str, dict[str, float]]


def patient_of(truth: str, seed: int) -> Patient:
    """A patient whose tumor follows a model at parameters drawn around common values.

    The simulation is the package's own at half of its longest step: what differs from the fit is
    the growth law, the noise and the outlines alone.
    """
    random = np.random.default_rng([seed, 0x3A])
    tissue = np.zeros(GRID.shape, bool)
    tissue[1:-1, 1:-1, 1:-1] = True
    table = MODELS[truth].table("generic", (), ("tissue",))
    params = {name: float(p.prior.transform(0.0)) for name, p in table.items()}
    params["diffusivity"] = 0.3 * np.exp(0.4 * random.standard_normal())
    params["proliferation_rate"] = 0.03 * np.exp(0.3 * random.standard_normal())
    if truth == "gompertz":
        params["gompertz_log_range"] = 3.0 * np.exp(0.3 * random.standard_normal())
    center = (np.array(GRID.shape) - 1.0) / 2.0 + random.uniform(-0.5, 0.5, 3)
    away_mm = np.linalg.norm((np.indices(GRID.shape).T - center) * GRID.spacing_mm, axis=-1).T
    initial = random.uniform(0.4, 0.7) * np.exp(-0.5 * (away_mm / 8.0) ** 2) * tissue
    course = simulate(
        MODELS[truth],
        params,
        make_domain(tissue, tuple(GRID.spacing_mm)),
        Schedule(),
        DAYS,
        initial=initial,
        max_step_days=1.5,
    )
    visits = []
    for day, seen in zip(DAYS, course.viable, strict=True):
        noise = WHITE_SD * random.standard_normal(GRID.shape)
        noise += SMOOTH_SD * smooth_noise(GRID, FWHM_MM, random)
        image = Image((seen + noise) * tissue, GRID, "CELL_FRACTION", "1")
        wavering = 0.3 * np.exp(0.06 * smooth_noise(GRID, FWHM_MM, random))
        masks = {"gtv": (seen > wavering) & tissue}
        visits.append(Visit(f"day {day:g}", day, {"CELL_FRACTION": image}, masks, simulated=True))
    return Patient(
        id=f"{truth} {seed}",
        site="generic",
        grid=GRID,
        tissue=tissue,
        tissues={},
        visits=tuple(visits),
        simulated_note="Everything about this patient is simulated.",
    )


def judge(truth: str, seed: int) -> Judged | None:
    """Compare the models on one patient; CRPS in shares of what was observed.

    None for a tumor that is never outlined after the fitted visits: nothing to take shares of.
    """
    patient = patient_of(truth, seed)
    if not any(visit.masks["gtv"].any() for visit in patient.visits[FITTED:]):
        return None
    found = compare_models(patient, MODELS, visits=FITTED, seed=seed)
    return Judged(
        truth,
        dict(zip(found.names, found.weights, strict=True)),
        dict(zip(found.names, found.evidence.weights, strict=True)),
        dict(zip(found.names, found.weight_if_true, strict=True)),
        {score: _relative(found, score) for score in SCORES},
    )


def _relative(found: Comparison, score: str) -> dict[str, float]:
    """Held-out CRPS of each model and of the average, over the mean of what was observed."""
    observed = "observed_viable_ml" if score.startswith("burden") else "observed_visible_ml"
    size = float(np.mean([getattr(v, observed) for v in found.forecasts[0].held_out]))
    return {name: value / size for name, value in found.held_out_score(score).items()}
