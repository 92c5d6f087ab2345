"""Intensity statistics of a region and its intensity-volume histogram, differentiable.

Zwanenburg et al., Radiology 2020, doi 10.1148/radiol.2020191145, sections 3.3 and 3.5 of the
reference manual.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from twin.radiomics.finite import ratio


def intensity_statistics(
    values: Float[Array, "length"], inside: Bool[Array, "length"]
) -> dict[str, Float[Array, ""]]:
    """The 18 statistics of the intensities of a region, in their unit.

    Values outside count for nothing, so lists may be padded. Every statistic has a derivative by
    the values (percentiles that of the voxels they fall between).

    Args:
        values: intensity of each voxel.
        inside: which entries are voxels of the region.
    """
    weight = inside.astype(values.dtype)
    values = jnp.where(inside, values, 0.0)
    count = weight.sum()
    mean = values.sum() / count
    centered = jnp.where(inside, values - mean, 0.0)
    variance = (centered**2).sum() / count
    sorted_values = sort_inside(values, inside)
    p10, p25, median, p75, p90 = (
        percentile(sorted_values, count, share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)
    )
    low, high = sorted_values[0], jnp.where(inside, values, -jnp.inf).max()
    robust = weight * (values >= p10) * (values <= p90)
    robust_mean = (robust * values).sum() / robust.sum()
    energy = (values**2).sum()
    return {
        "mean": mean,
        "var": variance,
        "skew": ratio((centered**3).sum() / count, _power(variance, 1.5)),
        "kurt": ratio((centered**4).sum() / count, variance**2, otherwise=3.0) - 3.0,
        "median": median,
        "min": low,
        "p10": p10,
        "p90": p90,
        "max": high,
        "iqr": p75 - p25,
        "range": high - low,
        "mad": jnp.abs(centered).sum() / count,
        "rmad": (robust * jnp.abs(values - robust_mean)).sum() / robust.sum(),
        "medad": (weight * jnp.abs(values - median)).sum() / count,
        "cov": ratio(_power(variance, 0.5), mean),
        "qcod": ratio(p75 - p25, p75 + p25),
        "energy": energy,
        "rms": _power(energy / count, 0.5),
    }


def intensity_volume(
    values: Float[Array, "length"],
    inside: Bool[Array, "length"],
    step: Float[Array, ""] | float = 0.0,
) -> dict[str, Float[Array, ""]]:
    """The intensity-volume histogram: share of the volume above 10 % and 90 % of the range, and the
    smallest intensity that no more than 10 % and 90 % of the volume reach.

    Args:
        values: intensity, or gray level, of each voxel.
        inside: which entries are voxels of the region.
        step: distance between the intensities that are told apart; 1 for gray levels.
    """
    count = inside.sum()
    low = jnp.where(inside, values, jnp.inf).min()
    high = jnp.where(inside, values, -jnp.inf).max()
    at_least = {
        share: (inside & (values >= low + share * (high - low))).sum() / count
        for share in (0.1, 0.9)
    }
    ascending = sort_inside(values, inside)
    reached = {}
    for tenths in (1, 9):
        # The largest value that more than this share of the volume reaches, and one step on.
        place = -(-count * (10 - tenths) // 10) - 1
        reached[tenths] = jnp.minimum(ascending[place] + step, high)
    return {
        "v10": at_least[0.1],
        "v90": at_least[0.9],
        "diff_v10_v90": at_least[0.1] - at_least[0.9],
        "i10": reached[1],
        "i90": reached[9],
        "diff_i10_i90": reached[1] - reached[9],
    }


def sort_inside(values: Float[Array, "length"], inside: Bool[Array, "length"]) -> Array:
    """The values of a region in ascending order, then its largest value up to the length."""
    highest = jnp.where(inside, values, -jnp.inf).max()
    return jnp.sort(jnp.where(inside, values, highest))


def percentile(sorted_values: Array, count: Array, share: float) -> Array:
    """A percentile between the two voxels around it, weighted linearly (numpy's default)."""
    place = share * (count - 1)
    below = jnp.floor(place).astype(jnp.int32)
    above = jnp.minimum(below + 1, count.astype(jnp.int32) - 1)
    part = place - below
    return sorted_values[below] * (1 - part) + sorted_values[above] * part


def _power(value: Array, exponent: float) -> Array:
    """value ** exponent with a finite derivative at zero."""
    positive = value > 0
    return jnp.where(positive, jnp.where(positive, value, 1.0) ** exponent, 0.0)
