"""Metabolic tumor volume and total lesion glycolysis of an FDG-PET.

    MTV: volume within the mask of at least a threshold;   TLG = MTV * mean SUV within it

Larson et al. 1999, doi 10.1016/S1095-0397(99)00016-3. Thresholds: 41 % of SUVmax (Boellaard et al.
2015, doi 10.1007/s00259-014-2961-x), and SUV 2.5 and 4.
"""

from __future__ import annotations

import numpy as np

SHARE_OF_MAX = 0.41
FIXED_SUV = (2.5, 4.0)


def metabolic_features(values: np.ndarray, voxel_volume_mm3: float) -> dict[str, float]:
    """MTV in mL and TLG in SUV mL, within a mask as a whole and above thresholds.

    Args:
        values: (voxels,) SUV of the voxels of the mask.
        voxel_volume_mm3: volume of a voxel.
    """
    thresholds = {"all": -np.inf, "41": SHARE_OF_MAX * float(values.max())}
    thresholds |= {f"suv{suv:g}": suv for suv in FIXED_SUV}
    found = {}
    for name, threshold in thresholds.items():
        above = values[values >= threshold].astype(np.float64)
        found[f"mtv_{name}_ml"] = len(above) * voxel_volume_mm3 / 1000
        found[f"tlg_{name}"] = float(above.sum()) * voxel_volume_mm3 / 1000
    return found
