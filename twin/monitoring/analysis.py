"""One scan moves an ensemble: parameters by all that it shows, fields by what it shows near them.

The information is used in shares that leave a quarter of the members in play, each with renewed
predictions, since what scans show is not linear in what they show it of (Emerick & Reynolds 2013,
doi 10.1016/j.cageo.2012.03.011).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from twin.calibration.ensemble_kalman import information_share
from twin.calibration.posterior import Posterior
from twin.draws import Draws, setting_of
from twin.models.state import State
from twin.monitoring.ensemble import bounded, mixed, natural_values, standardized
from twin.monitoring.kalman import local_mixtures, mixture, products, relaxed
from twin.monitoring.readings import Reading

LOCALIZATION_MM = 30.0
"""Scale of the taper of what is seen elsewhere; nothing beyond twice of it counts (assumed)."""
RELAXATION = 0.3
"""Share of the parameters' spread that comes back after an update (assumed)."""
_MOST_STEPS, _IN_PLAY = 20, 0.25


def analyzed(
    posterior: Posterior, scores: np.ndarray, states: State, readings: Sequence[Reading]
) -> tuple[np.ndarray, State]:
    """Scores and fields of the members after readings.

    Args:
        posterior: names and table of the (J, K) scores, and the patient.
        scores, states: of the J members at the time of the scan.
        readings: what it shows.
    """
    patient = setting_of(posterior).patient
    first, left, steps = scores, 1.0, 0
    while left > 0.0:
        steps += 1
        draws = natural_values(posterior, scores)
        predicted, observed, place = _compared(readings, draws, states)
        misfit = 0.5 * ((predicted - observed) ** 2).sum(axis=1)
        share = left if steps >= _MOST_STEPS else information_share(misfit, left, _IN_PLAY)
        predicted, observed = predicted * np.sqrt(share), observed * np.sqrt(share)
        scores = mixture(*products(predicted, observed)) @ scores
        around = local_mixtures(
            predicted, observed, place, patient.grid, patient.tissue, LOCALIZATION_MM
        )
        states = mixed(states, around)
        left = 0.0 if share == left else left - share
    return relaxed(first, scores, RELAXATION), bounded(states)


def _compared(
    readings: Sequence[Reading], draws: Draws, states: State
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(J, M) predictions, (M,) observations in deviations of the noise, flat voxels or -1."""
    parts = [_one(reading, draws, states) for reading in readings]
    predicted, observed, place = zip(*parts, strict=True)
    return np.hstack(predicted), np.concatenate(observed), np.concatenate(place)


def _one(
    reading: Reading, draws: Draws, states: State
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    noise = {
        p.name: jnp.asarray(reading.given.get(p.name, p.prior.transform(0.0)), jnp.float32)
        for p in reading.observation.parameters()
    }
    given = {name: noise[name] for name in reading.given}
    found, seen = standardized(reading.observation, reading.observed, noise, given, draws, states)
    target = np.asarray(seen, float).reshape(-1)
    flat = np.asarray(found, float).reshape(len(found), -1)
    used = np.flatnonzero((target != 0.0) | (flat != 0.0).any(axis=0))
    place = used if target.size > 1 else np.full(used.size, -1)
    return flat[:, used], target[used], place
