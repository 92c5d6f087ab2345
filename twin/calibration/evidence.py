"""Evidence of models for the same visits under one noise, by Laplace's approximation.

    log Z = −U(ẑ) − ½ log det H,   U = Σ_kinds r'r / (2 v_kind) + |z|² / 2,   H = ∂²U / ∂z²

up to a constant that data and noise alone set (Kass & Raftery 1995, doi
10.1080/01621459.1995.10476572). A fit estimates its own noise, and a model that fits badly would be
forgiven by more of it. So all models are fitted again under the noise of the one that needs the
least of it, kind by kind.

Assumed: this noise is right, its effective variance stands for the correlation between voxels and
visits, the posterior is Gaussian in the scores, and priors mean what they say: a wider prior of a
parameter that helps little costs evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from twin.calibration.calibrate import point_fit
from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.noise import Noise
from twin.calibration.objective import KINDS, make_problem
from twin.calibration.posterior import Posterior
from twin.calibration.setting import Setting


@dataclass(frozen=True)
class Evidence:
    """Evidence of M models.

    Attributes:
        log: (M,) logarithm, up to a constant that all share.
        noise: by kind of observation, the same for all.
        noise_from: name of the model whose noise it is, by kind.
        converged: (M,) whether the fits under this noise ended at a minimum.
    """

    log: np.ndarray
    noise: dict[str, Noise]
    noise_from: dict[str, str]
    converged: tuple[bool, ...]

    @property
    def weights(self) -> np.ndarray:
        """(M,) posterior probability of the models, all equally probable before the data."""
        return normalized(self.log)


def evidence(fitted: Mapping[str, tuple[Setting, Posterior]]) -> Evidence:
    """Evidence of models, each with its setting and its own posterior for the same visits."""
    own = {name: noise_of(posterior) for name, (_, posterior) in fitted.items()}
    kinds = next(iter(own.values()))
    noise_from = {kind: min(own, key=lambda name, k=kind: own[name][k].variance) for kind in kinds}
    noise = {kind: own[name][kind] for kind, name in noise_from.items()}
    fits = [
        point_fit(
            setting, make_problem(setting), GaussNewton(), start=_free(posterior), noise=noise
        )
        for setting, posterior in fitted.values()
    ]
    return Evidence(
        log=np.array([log_evidence(found) for found in fits]),
        noise=noise,
        noise_from=noise_from,
        converged=tuple(found.converged for found in fits),
    )


def log_evidence(found: Fit) -> float:
    """Laplace's approximation at a fit; comparable where data and noise are the same."""
    return float(-found.cost + 0.5 * np.linalg.slogdet(found.covariance)[1])


def noise_of(posterior: Posterior) -> dict[str, Noise]:
    """The noise that a calibration found, by kind of observation."""
    names = [entry.name for entry in fields(Noise)]
    return {
        kind: Noise(**{name: posterior.noise[f"{kind}_{name}"] for name in names})
        for kind in KINDS
        if f"{kind}_sd" in posterior.noise
    }


def normalized(logs: np.ndarray) -> np.ndarray:
    """(..., M) weights that sum to 1 from logarithms."""
    shares = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def _free(posterior: Posterior) -> dict[str, float]:
    point = posterior.point
    return {name: point[name] for name in posterior.names}
