"""What a forecast must beat: no change, exponential growth, and the prior.

Baselines know the same measurement noise as the twin, so that they are not beaten by being asked
for a distribution.
"""

from __future__ import annotations

import numpy as np


def no_change(last: float, noise_sd: float, count: int, seed: int) -> np.ndarray:
    """(count,) draws of a quantity that stays what it was at the last fitted visit."""
    random = np.random.default_rng([seed, 1])
    return last + np.sqrt(2.0) * noise_sd * random.standard_normal(count)


def exponential(
    days: np.ndarray, values: np.ndarray, day: float, noise_sd: float, count: int, seed: int
) -> np.ndarray:
    """(count,) draws of a log-linear trend through the fitted visits, extrapolated to `day`.

    The line is fitted again for each draw to values with measurement noise added.
    """
    random = np.random.default_rng([seed, 2])
    floor = max(1e-3 * float(np.max(values)), 1e-9)
    noisy = values + noise_sd * random.standard_normal((count, len(values)))
    logs = np.log(np.maximum(noisy, floor))
    slope, offset = np.polyfit(days - days[-1], logs.T, 1)
    trend = np.exp(np.clip(offset + slope * (day - days[-1]), -50.0, 50.0))
    return trend + noise_sd * random.standard_normal(count)
