"""Maps in space that a fit has estimated: the factor of a rate in every voxel, and how sure it is.

The logarithm of a factor is a linear map of scores whose posterior is Gaussian, so mean, spread and
tail probabilities of every voxel are exact given that posterior: log f ~ N(B(x) m, B(x) C B(x)').
A map is told relative to its geometric mean over the outlined tumor: a rate that is smaller
everywhere is the business of the parameter that the map multiplies, which the data can hardly tell
from a constant map, and no subregion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtr, ndtri

from twin.errors import TwinError
from twin.models.varied import Varied
from twin.parameters import ParameterTable

if TYPE_CHECKING:
    from twin.calibration.posterior import Posterior
    from twin.calibration.setting import Setting

RESISTANT_BELOW = 0.7
"""A voxel counts as resistant below this share of the tumor's mean radiosensitivity (assumed)."""


@dataclass(frozen=True)
class MapPosterior:
    """What is known of one map.

    Attributes:
        name: of the map, such as "kill_map".
        log_mean: (x, y, z) mean of the logarithm of the factor.
        log_sd: (x, y, z) standard deviation of that logarithm.
        prior_log_sd: (x, y, z) the same before this patient's data.
        tumor: (x, y, z) voxels outlined at any fitted visit, over which the mean factor is 1.
    """

    name: str
    log_mean: Float[np.ndarray, "x y z"]
    log_sd: Float[np.ndarray, "x y z"]
    prior_log_sd: Float[np.ndarray, "x y z"]
    tumor: Bool[np.ndarray, "x y z"]

    @property
    def mean_factor(self) -> Float[np.ndarray, "x y z"]:
        """Mean of the factor."""
        return np.exp(self.log_mean + 0.5 * self.log_sd**2)

    @property
    def factor_sd(self) -> Float[np.ndarray, "x y z"]:
        """Standard deviation of the factor."""
        return self.mean_factor * np.sqrt(np.expm1(self.log_sd**2))

    def probability_below(self, factor: float = RESISTANT_BELOW) -> Float[np.ndarray, "x y z"]:
        """Probability that the factor is below a value: of a kill map, that a voxel resists.

        Raises:
            TwinError: the factor is not positive.
        """
        if not factor > 0.0:
            raise TwinError(
                "not positive", where="factor", expected="a number above 0", got=f"{factor:g}"
            )
        return ndtr((np.log(factor) - self.log_mean) / np.maximum(self.log_sd, 1e-12))

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """(x, y, z) ends of the central interval of the factor."""
        half = float(ndtri(0.5 + level / 2.0)) * self.log_sd
        return np.exp(self.log_mean - half), np.exp(self.log_mean + half)

    @property
    def learned_share(self) -> float:
        """Share of the prior's variance that the data removed, over the tumor; 0 where none."""
        left = (self.log_sd[self.tumor] ** 2).sum() / (self.prior_log_sd[self.tumor] ** 2).sum()
        return float(np.clip(1.0 - left, 0.0, 1.0))

    @property
    def contraction(self) -> float:
        """The same for the standard deviation, as for parameters."""
        return 1.0 - float(np.sqrt(1.0 - self.learned_share))

    def middle_range(self, level: float = 0.9) -> tuple[float, float]:
        """Between which most probable factors that share of the tumor's voxels lies."""
        ends = np.quantile(self.log_mean[self.tumor], [0.5 - level / 2.0, 0.5 + level / 2.0])
        return float(np.exp(ends[0])), float(np.exp(ends[1]))


def map_names(table: ParameterTable) -> tuple[str, ...]:
    """Maps whose scores a table holds."""
    return tuple(dict.fromkeys(p.of_map for p in table.values() if p.of_map))


def map_posterior(posterior: Posterior, name: str) -> MapPosterior:
    """The map of a fitted model that has maps (`twin.models.Varied`).

    Args:
        posterior: with its patient, of any method; draws count by their mean and covariance.
        name: "growth_map" or "kill_map".

    Raises:
        TwinError: the posterior has no patient, or its model has no such map.
    """
    setting = posterior.setting
    known = map_names(posterior.table)
    if setting is None or name not in known:
        raise TwinError(
            f"no map {name!r} in this posterior",
            where="map_posterior",
            expected=", ".join(known) or "a model with maps, such as twin.models.Varied()",
            got=repr(name) if setting is not None else "a posterior without its patient",
        )
    assert isinstance(setting.model, Varied)
    domain = setting.domain
    basis = setting.model.field(domain).basis(domain.shape, domain.spacing_mm)
    tumor = outlined(setting)
    contrast = basis - basis[:, tumor].mean(axis=1)[:, None, None, None]
    scores = [posterior.names.index(n) for n, p in posterior.table.items() if p.of_map == name]
    covariance = posterior.z_covariance[np.ix_(scores, scores)]
    variance = np.einsum("kxyz,kl,lxyz->xyz", contrast, covariance, contrast, optimize=True)
    return MapPosterior(
        name,
        np.tensordot(posterior.z_mean[scores], contrast, axes=1),
        np.sqrt(np.maximum(variance, 0.0)),
        np.sqrt((contrast**2).sum(axis=0)),
        tumor,
    )


def outlined(setting: Setting) -> Bool[np.ndarray, "x y z"]:
    """Voxels outlined at any fitted visit; all tissue where nothing was."""
    masks = [mask for visit in setting.fitted for mask in visit.masks.values() if mask.any()]
    tissue = np.asarray(setting.patient.tissue, bool)
    return np.logical_or.reduce(masks) & tissue if masks else tissue
