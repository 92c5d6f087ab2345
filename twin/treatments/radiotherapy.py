"""Linear-quadratic survival of a fraction: S = exp(-α d - β d²), β = α / (α/β).

Fowler 1989 (doi 10.1259/0007-1285-62-740-679).
"""

from __future__ import annotations

import numpy as np


def survival_fraction(
    dose_gy: np.ndarray | float, alpha_per_gy: float, alpha_beta_ratio_gy: float
) -> np.ndarray | float:
    """Share of cells that survive one fraction of `dose_gy`."""
    dose = np.asarray(dose_gy, float)
    return np.exp(-alpha_per_gy * dose * (1.0 + dose / alpha_beta_ratio_gy))
