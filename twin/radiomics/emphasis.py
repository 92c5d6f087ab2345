"""Features of matrices that count (gray level, size) pairs: runs, zones, distances, dependences.

    p = m / sum(m), features such as sum(p / j²) (short runs) or sum(p i²) (high gray levels)

The four matrices differ in what is counted and share their features. Zwanenburg et al., Radiology
2020, doi 10.1148/radiol.2020191145, sections 3.7 to 3.9 and 3.11 of the reference manual.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.radiomics.finite import entropy, ratio

RUNS = {
    "short": "sre",
    "long": "lre",
    "low": "lgre",
    "high": "hgre",
    "short_low": "srlge",
    "short_high": "srhge",
    "long_low": "lrlge",
    "long_high": "lrhge",
    "level_nonuniformity": "glnu",
    "level_nonuniformity_normalized": "glnu_norm",
    "size_nonuniformity": "rlnu",
    "size_nonuniformity_normalized": "rlnu_norm",
    "percentage": "r_perc",
    "level_variance": "gl_var",
    "size_variance": "rl_var",
    "entropy": "rl_entr",
}
"""Names of the features of run lengths (GLRLM), by what they measure."""
ZONES = RUNS | {
    "short": "sze",
    "long": "lze",
    "low": "lgze",
    "high": "hgze",
    "short_low": "szlge",
    "short_high": "szhge",
    "long_low": "lzlge",
    "long_high": "lzhge",
    "size_nonuniformity": "zsnu",
    "size_nonuniformity_normalized": "zsnu_norm",
    "percentage": "z_perc",
    "size_variance": "zs_var",
    "entropy": "zs_entr",
}
"""Names of the features of zone sizes (GLSZM)."""
DISTANCES = ZONES | {
    "short": "sde",
    "long": "lde",
    "short_low": "sdlge",
    "short_high": "sdhge",
    "long_low": "ldlge",
    "long_high": "ldhge",
    "size_nonuniformity": "zdnu",
    "size_nonuniformity_normalized": "zdnu_norm",
    "size_variance": "zd_var",
    "entropy": "zd_entr",
}
"""Names of the features of zone distances (GLDZM)."""
DEPENDENCES = RUNS | {
    "short": "lde",
    "long": "hde",
    "low": "lgce",
    "high": "hgce",
    "short_low": "ldlge",
    "short_high": "ldhge",
    "long_low": "hdlge",
    "long_high": "hdhge",
    "size_nonuniformity": "dcnu",
    "size_nonuniformity_normalized": "dcnu_norm",
    "percentage": "dc_perc",
    "size_variance": "dc_var",
    "entropy": "dc_entr",
    "energy": "dc_energy",
}
"""Names of the features of dependence counts (NGLDM)."""


def emphasis_features(
    matrix: Float[Array, "levels sizes"],
    sizes: Float[Array, "sizes"],
    voxels: Float[Array, ""],
    names: dict[str, str],
) -> dict[str, Float[Array, ""]]:
    """Features of one matrix of counts.

    Args:
        matrix: how many runs (zones, voxels) have gray level i + 1 and the size of column j.
        sizes: size of each column, in voxels.
        voxels: number of voxels that could each have been a run of their own.
        names: which features, and what to call them.
    """
    total = matrix.sum()
    p = ratio(matrix, total)
    i = jnp.arange(1, matrix.shape[0] + 1, dtype=jnp.float32)[:, None]
    j = jnp.maximum(sizes, 1.0)[None, :]
    by_level, by_size = p.sum(axis=1), p.sum(axis=0)
    mean_level, mean_size = (p * i).sum(), (p * j).sum()
    values = {
        "short": (p / j**2).sum(),
        "long": (p * j**2).sum(),
        "low": (p / i**2).sum(),
        "high": (p * i**2).sum(),
        "short_low": (p / (i * j) ** 2).sum(),
        "short_high": (p * i**2 / j**2).sum(),
        "long_low": (p * j**2 / i**2).sum(),
        "long_high": (p * (i * j) ** 2).sum(),
        "level_nonuniformity": total * (by_level**2).sum(),
        "level_nonuniformity_normalized": (by_level**2).sum(),
        "size_nonuniformity": total * (by_size**2).sum(),
        "size_nonuniformity_normalized": (by_size**2).sum(),
        "percentage": ratio(total, voxels),
        "level_variance": (p * (i - mean_level) ** 2).sum(),
        "size_variance": (p * (j - mean_size) ** 2).sum(),
        "entropy": entropy(p),
        "energy": (p**2).sum(),
    }
    return {name: values[meaning] for meaning, name in names.items()}
