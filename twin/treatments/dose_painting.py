"""Dose painting: the dose goes where the cells are and where they resist.

    minimize Σ_v n_v exp(−k_v r_v)   subject to  mean r = 1,  lowest <= r_v <= highest

    r_v = clip((ln(n_v k_v) − λ) / k_v, lowest, highest),  λ such that the mean over the target is 1

n is the cell fraction, k the log kill of the prescribed dose (smaller without oxygen), r the dose
relative to the prescribed one. Convex, so this is the optimum at that mean dose; log kill is taken
as linear in the dose. Idea: Ling 2000 (doi 10.1016/S0360-3016(00)00467-3); a spatial optimum at
constant total dose: Meaney 2019 (doi 10.1371/journal.pone.0217354).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from twin.errors import TwinError


def dose_painting_map(
    cell_fraction: Float[np.ndarray, "x y z"],
    target: Bool[np.ndarray, "x y z"],
    *,
    log_kill: Float[np.ndarray, "x y z"] | float,
    lowest: float = 0.8,
    highest: float = 1.3,
    elsewhere: float = 1.0,
) -> Float[np.ndarray, "x y z"]:
    """Dose map relative to the prescribed dose, of mean 1 over the target.

    Args:
        cell_fraction: cells per voxel, 0 or up; what is not in the target does not count.
        target: the voxels whose mean dose stays the prescribed one.
        log_kill: log kill of the whole prescribed dose, a number or a field: α D (1 + d / (α/β)),
            divided by the loss of oxygen enhancement where a map of it is known.
        lowest, highest: bounds of the relative dose of a voxel.
        elsewhere: relative dose outside the target.

    Raises:
        TwinError: the target is empty, values are negative or no numbers, or the bounds leave
            no way to a mean of 1.
    """
    inside = np.asarray(target, bool)
    if not inside.any():
        raise TwinError(
            "the target is empty", where="dose_painting_map", expected="voxels to treat"
        )
    if not 0.0 <= lowest <= 1.0 <= highest:
        raise TwinError(
            "the bounds leave no way to the prescribed mean dose",
            where="lowest, highest",
            expected="lowest at most 1, highest at least 1",
            got=f"{lowest:g} to {highest:g}",
        )
    cells = np.asarray(cell_fraction, float)[inside]
    kill = np.broadcast_to(np.asarray(log_kill, float), inside.shape)[inside]
    for name, values, least in (("cell_fraction", cells, 0.0), ("log_kill", kill, 1e-12)):
        if not (np.isfinite(values).all() and (values >= least).all()):
            raise TwinError(
                "negative or not finite inside the target",
                where=name,
                expected="finite numbers, 0 or up" if least == 0.0 else "finite numbers above 0",
                got=f"{float(values.min()):g}",
            )
    wish = np.log(np.maximum(cells, 1e-300) * kill)

    def doses(level: float) -> np.ndarray:
        return np.clip((wish - level) / kill, lowest, highest)

    # Every voxel is at its highest dose at the first level, at its lowest at the second.
    first = float((wish - highest * kill).min()) - 1.0
    second = float((wish - lowest * kill).max()) + 1.0
    level = optimize.brentq(lambda x: float(doses(x).mean()) - 1.0, first, second, xtol=1e-13)
    result = np.full(inside.shape, elsewhere)
    result[inside] = doses(level)  # type: ignore[arg-type]
    return result.astype(np.float32)


def escalation_map(
    probability: Float[np.ndarray, "x y z"],
    target: Bool[np.ndarray, "x y z"],
    *,
    boost: float = 1.25,
    least_probability: float = 0.5,
    most_share: float = 0.4,
) -> Float[np.ndarray, "x y z"]:
    """Dose map relative to the prescribed dose that escalates the subregion which likely resists.

    Voxels of the target that resist with at least `least_probability` get `boost`, the most
    probable ones first and at most `most_share` of the target; every other voxel gets the
    prescribed dose, so nothing is boosted where nothing is known.

    Args:
        probability: that a voxel resists, 0 to 1, such as `MapPosterior.probability_below` of a
            kill map (twin/calibration/maps).
        target: the voxels that may be boosted.
        boost: relative dose of the subregion, 1 or up (assumed: a quarter more is tolerated).
        least_probability: from which a voxel counts as resistant.
        most_share: largest share of the target that is boosted.

    Raises:
        TwinError: the target is empty, a probability is outside 0..1, the boost is below 1, or the
            share outside 0..1.
    """
    inside = np.asarray(target, bool)
    if not inside.any():
        raise TwinError("the target is empty", where="escalation_map", expected="voxels to treat")
    found = np.asarray(probability, float)[inside]
    for name, values, low, high in (
        ("probability", found, 0.0, 1.0),
        ("boost", np.array([boost]), 1.0, np.inf),
        ("most_share", np.array([most_share]), 0.0, 1.0),
    ):
        if not (np.isfinite(values).all() and values.min() >= low and values.max() <= high):
            raise TwinError(
                "out of range",
                where=name,
                expected=f"finite, {low:g} to {high:g}",
                got=f"{float(values.min()):g} to {float(values.max()):g}",
            )
    count = min(int((found >= least_probability).sum()), int(most_share * found.size))
    relative = np.ones(found.size)
    relative[np.argsort(-found, kind="stable")[:count]] = boost
    result = np.ones(inside.shape)
    result[inside] = relative
    return result.astype(np.float32)
