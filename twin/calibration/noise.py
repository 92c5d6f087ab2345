"""How much a residual field knows: noise, discrepancy and correlation from its own autocovariance.

A residual is measurement noise (independent between voxels, or nearly) plus model discrepancy
(smooth over millimeters). With C(h) the autocovariance at lag h in voxels, a quantity that varies
slowly over the tumor is known no better than from

    n_eff = n / V,   V = sum_h C(h) / C(0)

independent voxels (Cressie 1993, doi 10.1002/9781119115151). Treating voxels as independent claims
1 % where the truth is 20 to 50 %. Residuals that persist from visit to visit count less again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from twin.errors import TwinError

OUTLINE_PIECES = 10.0
"""Most independent pieces of information in one outline (assumed): a reader moves whole stretches
of the border, so that its mean position is known to half a millimeter, whatever the voxels."""
FLOOR = 1e-4
"""Smallest standard deviation believed, cell fraction: the error of the solver is of this size."""
_SIGNIFICANT, _LEAST = 0.05, 0.01


@dataclass(frozen=True)
class Noise:
    """Noise of one kind of observation.

    Attributes:
        sd: standard deviation of a voxel's residual.
        noise_sd: part of it that is independent between voxels.
        discrepancy_sd: part that neighbors share.
        correlated_voxels: V, number of voxels that share one independent piece of information.
        visit_correlation: mean correlation of residuals between visits, 0..1.
        voxels_per_visit: observed voxels in one field.
        effective_count: independent pieces of information in all visits.
        variance: what one voxel's squared residual is divided by in the fit.
    """

    sd: float
    noise_sd: float
    discrepancy_sd: float
    correlated_voxels: float
    visit_correlation: float
    voxels_per_visit: float
    effective_count: float
    variance: float

    def scaled(self, factor: float) -> Noise:
        """The same kind of noise with `factor` times the deviation; the fit's variance stays."""
        return replace(
            self,
            sd=factor * self.sd,
            noise_sd=factor * self.noise_sd,
            discrepancy_sd=factor * self.discrepancy_sd,
        )


def estimate_noise(
    residual: np.ndarray,
    weight: np.ndarray,
    shape: tuple[int, int, int],
    most_pieces: float = np.inf,
) -> Noise | None:
    """Noise of residual fields (visits, N) where `weight` is 1; None without any observation.

    `most_pieces` caps the independent pieces of information in one field; such fields (outlines)
    are moved in whole stretches, and correlation at long lags counts as real.
    """
    residual, weight = np.asarray(residual, float), np.asarray(weight, float)
    used = [i for i in range(len(residual)) if weight[i].sum() > 0]
    count = float(sum(weight[i].sum() for i in used))
    if not used or count == 0:
        return None
    covariance, pairs = _autocovariance(residual[used], weight[used], shape)
    total = float((residual[used] ** 2).sum() / count)
    sd = max(np.sqrt(total), FLOOR)
    correlation = np.where(pairs > 0, covariance / max(total, 1e-30), 0.0)
    per_field = count / len(used)
    voxels = np.inf if np.isfinite(most_pieces) else count
    shared = max(_shared_voxels(correlation, voxels, per_field), per_field / most_pieces)
    nearest = np.mean([correlation[1, 0, 0], correlation[0, 1, 0], correlation[0, 0, 1]])
    smooth_share = float(np.clip(nearest, 0.0, 1.0))
    between = _visit_correlation(residual[used], weight[used])
    design = 1.0 + (len(used) - 1) * between
    return Noise(
        sd=float(sd),
        noise_sd=float(sd * np.sqrt(1.0 - smooth_share)),
        discrepancy_sd=float(sd * np.sqrt(smooth_share)),
        correlated_voxels=shared,
        visit_correlation=between,
        voxels_per_visit=per_field,
        effective_count=count / (shared * design),
        variance=float(sd**2 * shared * design),
    )


def independent_noise(sd: float, weight: np.ndarray) -> Noise:
    """Noise of a known standard deviation in which no voxel or visit shares with another.

    Args:
        sd: of one voxel, in the unit of the observation.
        weight: (visits, N) 1 where something was observed.

    Raises:
        TwinError: a deviation that is not positive.
    """
    if not (np.isfinite(sd) and sd > 0.0):
        raise TwinError(
            "noise needs a positive standard deviation",
            where="independent_noise",
            expected="above 0",
            got=f"{sd:g}",
        )
    count = float(np.sum(weight))
    fields = max(int((np.sum(weight, axis=-1) > 0).sum()), 1)
    return Noise(sd, sd, 0.0, 1.0, 0.0, count / fields, count, sd**2)


def _autocovariance(
    residual: np.ndarray, weight: np.ndarray, shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean product of residuals at every lag (wrapped, non-negative lags first), over visits."""
    padded = [int(fft.next_fast_len(2 * n - 1, real=True) or 0) for n in shape]

    def power(fields: np.ndarray) -> np.ndarray:
        single = fields.reshape(-1, *shape).astype(np.float32)
        spectra = (np.asarray(fft.rfftn(field, padded, workers=2)) for field in single)
        return sum(np.abs(spectrum) ** 2 for spectrum in spectra)  # type: ignore[return-value]

    def correlate(spectrum: np.ndarray) -> np.ndarray:
        return np.asarray(fft.irfftn(spectrum, padded, workers=2), float)

    same = all(np.array_equal(weight[0], other) for other in weight[1:])
    counted = len(weight) * power(weight[:1]) if same else power(weight)
    pairs = np.round(correlate(counted))
    return correlate(power(residual)) / np.maximum(pairs, 1.0), pairs


def _shared_voxels(correlation: np.ndarray, voxels: float, most: float) -> float:
    """V: sum of the correlation over lags, out to where its radial mean stops being positive.

    Args:
        correlation: by lag.
        voxels: that it was estimated from; infinite where chance counts as correlation.
        most: largest V.
    """
    lags = [np.minimum(np.arange(n), n - np.arange(n)) for n in correlation.shape]
    radius = np.sqrt(
        lags[0][:, None, None] ** 2 + lags[1][None, :, None] ** 2 + lags[2][None, None, :] ** 2
    )
    shells = radius.astype(int).ravel()
    counts = np.bincount(shells)
    means = np.bincount(shells, correlation.ravel()) / np.maximum(counts, 1)
    totals = np.maximum(np.cumsum(means * counts), 1.0)
    # Measured against the neighbors: independent noise on top must not hide a smooth part. And
    # against chance: the mean of few pieces is not zero, and correlates with itself at any lag.
    least = np.maximum(np.sqrt(totals / voxels), max(_SIGNIFICANT * means[1], _LEAST))
    below = 1 + np.flatnonzero(means[1:] < least[:-1])
    reach = int(below[0]) if below.size else len(means)
    return float(np.clip(totals[reach - 1], 1.0, max(most, 1.0)))


def _visit_correlation(residual: np.ndarray, weight: np.ndarray) -> float:
    """Mean correlation between the residuals of two visits where both are observed, at least 0."""
    values = []
    for i in range(len(residual)):
        for j in range(i):
            both = (weight[i] > 0) & (weight[j] > 0)
            a, b = residual[i][both], residual[j][both]
            scale = np.sqrt((a**2).sum() * (b**2).sum())
            if both.sum() > 10 and scale > 0:
                values.append(float((a * b).sum() / scale))
    return float(np.clip(np.mean(values), 0.0, 1.0)) if values else 0.0
