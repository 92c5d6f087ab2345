"""Posterior-predictive course of a patient under the treatments actually given.

Two quantities are forecast beside the maps: the burden seen within the outline (cell fraction
times volume, mL at full carrying capacity; in all tissue where the image shows all of it) and the
outlined volume (mL). Their predictive draws add measurement noise and model discrepancy, as
calibration estimated them, to the simulated values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.calibration.posterior import Posterior
from twin.calibration.setting import Setting, outline, raw_density
from twin.draws import sample, setting_of
from twin.errors import TwinError
from twin.forecasting.baselines import exponential, no_change
from twin.forecasting.courses import Courses, simulate_courses
from twin.forecasting.scores import ccc, dice, judge
from twin.patient import Visit

QUANTITIES = ("burden", "visible")


@dataclass(frozen=True)
class VisitForecast:
    """Forecast of one visit beside what was observed.

    Attributes:
        name, time_days: the visit.
        held_out: whether calibration did not see it.
        mean: (x, y, z) expected cell fraction seen (viable and not yet cleared).
        sd: (x, y, z) its predictive standard deviation.
        visible_probability: (x, y, z) probability of being outlined.
        observed_viable_ml: burden within the outline of the density image; None without one.
        observed_visible_ml: outlined volume; None without a mask.
        predicted_burden_ml, predicted_visible_ml: (S,) predictive draws of the two.
        scores: by name; `burden_…` and `visible_…` with crps, relative_error, hit_90, width_90 and,
            for held-out visits, the same of `…_no_change`, `…_exponential`, `…_prior`; ccc, dice.
    """

    name: str
    time_days: float
    held_out: bool
    mean: np.ndarray
    sd: np.ndarray
    visible_probability: np.ndarray
    observed_viable_ml: float | None
    observed_visible_ml: float | None
    predicted_burden_ml: np.ndarray
    predicted_visible_ml: np.ndarray
    scores: dict[str, float]


@dataclass(frozen=True)
class Forecast:
    """Forecast of the whole course.

    Attributes:
        times_days: (T,) days since the first visit.
        viable_ml, burden_ml, visible_ml: (S, T) simulated courses of the draws: viable cells in
            all tissue, cells seen within the outline (killed ones not yet cleared included), and
            the outlined volume.
        visits: one entry a visit of the patient.
        converged: whether the calibration had converged; if not, show it wherever this is shown.
        seed: of the draws.
    """

    times_days: np.ndarray
    viable_ml: np.ndarray
    burden_ml: np.ndarray
    visible_ml: np.ndarray
    visits: tuple[VisitForecast, ...]
    converged: bool
    seed: int

    @property
    def held_out(self) -> tuple[VisitForecast, ...]:
        """Visits that calibration did not see."""
        return tuple(v for v in self.visits if v.held_out)

    def mean_score(self, name: str) -> float | None:
        """Mean of a score over the held-out visits that have it."""
        values = [v.scores[name] for v in self.held_out if name in v.scores]
        return float(np.mean(values)) if values else None


def forecast(
    posterior: Posterior,
    *,
    draws: int = 64,
    seed: int = 0,
    horizon_days: float = 0.0,
    every_days: float = 7.0,
) -> Forecast:
    """Forecast the patient of a posterior through all visits, under the treatments given.

    Args:
        posterior: from `calibrate`.
        draws: number of posterior draws.
        seed: of the draws; the same seed gives the same forecast.
        horizon_days: how long to go on after the last visit.
        every_days: distance between the times of the curves.

    Raises:
        TwinError: fewer than two draws, or simulations that failed.
    """
    if draws < 2:
        raise TwinError(
            "too few draws for intervals", where="draws", expected=">= 2", got=str(draws)
        )
    setting = setting_of(posterior)
    visits = setting.patient.visits
    visit_days = np.array([v.time_days for v in visits])
    last = visit_days[-1] + horizon_days
    grid = np.arange(setting.start_days, last, every_days)
    times = np.union1d(grid, [*visit_days, last])
    at_visits = np.searchsorted(times, visit_days)
    courses = simulate_courses(setting, sample(posterior, draws, seed), times, at_visits)
    prior = simulate_courses(setting, sample(posterior.prior(), draws, seed), times, at_visits)

    noise = PredictiveNoise.of(posterior, setting)
    observed = [observed_ml(setting, visit) for visit in visits]
    fitted = len(setting.fitted)
    entries = []
    for index, visit in enumerate(visits):
        held_out = index >= fitted
        row = int(at_visits[index])
        predicted = noise.add(courses, index, row, seed)
        scores = _map_scores(setting, visit, courses.mean[index], courses.drawn[index])
        for quantity in QUANTITIES:
            seen = observed[index][quantity]
            if seen is None:
                continue
            named = {"": predicted[quantity]}
            if held_out:
                named["_prior"] = noise.add(prior, index, row, seed)[quantity]
                named |= _baselines(
                    visit_days, observed, quantity, index, fitted, noise.sd[quantity], draws, seed
                )
            for suffix, values in named.items():
                judged = judge(values, seen)
                scores |= {f"{quantity}_{key}{suffix}": value for key, value in judged.items()}
        entries.append(
            VisitForecast(
                name=visit.name,
                time_days=visit.time_days,
                held_out=held_out,
                mean=courses.mean[index],
                sd=np.sqrt(courses.sd[index] ** 2 + noise.voxel_sd**2 * setting.patient.tissue),
                visible_probability=courses.drawn[index],
                observed_viable_ml=observed[index]["burden"],
                observed_visible_ml=observed[index]["visible"],
                predicted_burden_ml=predicted["burden"],
                predicted_visible_ml=predicted["visible"],
                scores=scores,
            )
        )
    return Forecast(
        times_days=times,
        viable_ml=courses.viable_ml,
        burden_ml=courses.burden_ml,
        visible_ml=courses.visible_ml,
        visits=tuple(entries),
        converged=posterior.converged,
        seed=seed,
    )


@dataclass(frozen=True)
class PredictiveNoise:
    """Noise and discrepancy of the two quantities, mL, and of a voxel."""

    sd: dict[str, float]
    voxel_sd: float

    @classmethod
    def of(cls, posterior: Posterior, setting: Setting) -> PredictiveNoise:
        voxel_ml = setting.domain.voxel_ml
        density_sd = posterior.noise.get("density_sd", 0.0)
        # Sum over n voxels of a field whose every V voxels vary together: variance n V sd².
        tumor = float(outline(setting.fitted[-1]).sum()) if setting.fitted[-1].masks else 0.0
        tumor = tumor or float(setting.domain.tissue_voxels)
        shared = posterior.noise.get("density_correlated_voxels", 1.0)
        burden = density_sd * np.sqrt(tumor * min(shared, tumor)) * voxel_ml
        pieces = posterior.noise.get("outline_sd", 0.0) ** 2
        patches = posterior.noise.get("outline_correlated_voxels", 1.0)
        count = posterior.noise.get("outline_voxels_per_visit", 0.0)
        visible = np.sqrt(pieces * patches * count) * voxel_ml
        return cls({"burden": float(burden), "visible": float(visible)}, density_sd)

    def add(self, courses: Courses, visit: int, time: int, seed: int) -> dict[str, np.ndarray]:
        """Predictive draws of a visit."""
        simulated = {"burden": courses.burden_ml[:, time], "visible": courses.visible_ml[:, time]}
        random = np.random.default_rng([seed, visit, 0xADD])
        return {
            name: np.maximum(values + self.sd[name] * random.standard_normal(len(values)), 0.0)
            for name, values in simulated.items()
        }


def _baselines(
    days: np.ndarray,
    observed: Sequence[dict[str, float | None]],
    quantity: str,
    index: int,
    fitted: int,
    noise_sd: float,
    draws: int,
    seed: int,
) -> dict[str, np.ndarray]:
    known = [i for i in range(fitted) if observed[i][quantity] is not None]
    if not known:
        return {}
    values = np.array([observed[i][quantity] for i in known], float)
    found = {"_no_change": no_change(values[-1], noise_sd, draws, seed)}
    if len(known) > 1:
        found["_exponential"] = exponential(
            days[known], values, float(days[index]), noise_sd, draws, seed
        )
    return found


def observed_ml(setting: Setting, visit: Visit) -> dict[str, float | None]:
    """Burden and outlined volume that a visit shows, mL; None for what it does not hold."""
    voxel_ml = setting.domain.voxel_ml
    density = raw_density(setting.patient, visit)
    burden = None if density is None else float(density[0][density[1]].sum()) * voxel_ml
    mask = visit.masks.get(setting.visible_label)
    return {"burden": burden, "visible": None if mask is None else float(mask.sum()) * voxel_ml}


def _map_scores(
    setting: Setting, visit: Visit, mean: np.ndarray, drawn: np.ndarray
) -> dict[str, float]:
    scores = {}
    density = raw_density(setting.patient, visit)
    if density is not None and density[1].any():
        scores["ccc"] = ccc(mean[density[1]], density[0][density[1]])
    mask = visit.masks.get(setting.visible_label)
    if mask is not None:
        scores["dice"] = dice(drawn > 0.5, mask)
    return scores
