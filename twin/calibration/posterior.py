"""What calibration knows: standard normal scores of the parameters, Gaussian or by their draws.

Prior scores are N(0, 1) (twin/parameters), so the posterior deviation of a score is also the share
of the prior's that is left: contraction = 1 − sd.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np
from scipy.special import ndtri

from twin.calibration.maps import map_names, map_posterior
from twin.calibration.setting import Setting
from twin.observation.initial_state import IMAGE_ERROR
from twin.parameters import ParameterTable

UNDETERMINED_BELOW = 0.25
"""A parameter whose contraction is smaller counts as not determined by the data."""
_ROUND_OFF = 1e-10


@dataclass(frozen=True)
class Posterior:
    """Laplace approximation around the most probable parameters, or draws of a sampler.

    Attributes:
        table: every parameter with prior and source.
        names: the K estimated or drawn parameters.
        z_mean: (K,) most probable scores; the mean where there are draws.
        z_covariance: (K, K) covariance of the scores; the prior's is the identity.
        converged: whether the fit ended at a minimum.
        decision_day: day of the last fitted visit; plans start here.
        fitted_visits: names of the visits that were fitted.
        noise: what was estimated of noise and model discrepancy, by name.
        diagnostics: iterations, length of the next step, warnings and the like.
        setting: patient, model and fitted visits, which forecast and sweep simulate in.
        z_draws: (S, k) equally likely scores of the first k names, where a method drew them.
        image_gain: (K, R) how the scores stray with the R modes of the error of the first image
            (`Setting.image_error`); `z_covariance` holds it. None where that image is clean.
        image_draws: (S, R) scores of those modes that belong to `z_draws`.
    """

    table: ParameterTable
    names: tuple[str, ...]
    z_mean: np.ndarray
    z_covariance: np.ndarray
    converged: bool
    decision_day: float
    fitted_visits: tuple[str, ...]
    noise: Mapping[str, float] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    setting: Setting | None = None
    z_draws: np.ndarray | None = None
    image_gain: np.ndarray | None = None
    image_draws: np.ndarray | None = None

    def with_diagnostics(self, **values: Any) -> Posterior:
        """The same with further diagnostics."""
        return replace(self, diagnostics={**self.diagnostics, **values})

    @property
    def contraction(self) -> np.ndarray:
        """(K,) share of the prior's spread that the data removed, 0 to 1."""
        return np.clip(1.0 - np.sqrt(np.diag(self.z_covariance)), 0.0, 1.0)

    @property
    def determined(self) -> np.ndarray:
        """(K,) whether the data says something about each parameter."""
        return self.contraction >= UNDETERMINED_BELOW

    @property
    def point(self) -> dict[str, float]:
        """Most probable natural values of all parameters of the table, fixed ones included."""
        return {k: float(v[0]) for k, v in self.values_at(self.z_mean[None]).items()}

    def sample_scores(self, count: int, seed: int) -> np.ndarray:
        """(count, K + R) scores drawn from the posterior; the same for the same seed.

        The last R are those of the error of the first image, none where that image is clean.

        Every parameter has a random stream of its own name, so that a further parameter (a drug
        that some plan holds) leaves the draws of the others as they are.
        """
        streams = [np.random.default_rng([seed, count, crc32(n.encode())]) for n in self.names]
        standard = np.stack([stream.standard_normal(count) for stream in streams], axis=1)
        gain = np.zeros((len(self.names), 0)) if self.image_gain is None else self.image_gain
        if self.z_draws is not None:
            rows = np.random.default_rng([seed, count]).permutation(len(self.z_draws))
            rows = np.resize(rows, count)
            drawn = self.z_draws[rows]
            errors = [] if self.image_draws is None else [self.image_draws[rows]]
            return np.hstack([drawn, standard[:, drawn.shape[1] :], *errors])
        random = np.random.default_rng([seed, count, crc32(IMAGE_ERROR.encode())])
        errors = random.standard_normal((count, gain.shape[1]))
        left = self.z_covariance - gain @ gain.T
        root = np.linalg.cholesky(left + _ROUND_OFF * np.eye(len(self.names)))
        return np.hstack([self.z_mean + standard @ root.T + errors @ gain.T, errors])

    def sample(self, count: int, seed: int) -> dict[str, np.ndarray]:
        """Natural values (count,) of every parameter, drawn from the posterior; see `values_at`."""
        return self.values_at(self.sample_scores(count, seed))

    def interval(self, name: str, level: float = 0.9) -> tuple[float, float]:
        """Central posterior interval of one parameter in its unit."""
        parameter = self.table[name]
        if name not in self.names:
            value = float(parameter.prior.transform(0.0))
            return value, value
        index = self.names.index(name)
        if self.z_draws is not None and index < self.z_draws.shape[1]:
            ends = np.quantile(self.z_draws[:, index], [0.5 - level / 2.0, 0.5 + level / 2.0])
            low, high = ends
        else:
            half = float(ndtri(0.5 + level / 2.0)) * np.sqrt(self.z_covariance[index, index])
            low, high = self.z_mean[index] - half, self.z_mean[index] + half
        return float(parameter.prior.transform(low)), float(parameter.prior.transform(high))

    def prior(self) -> Posterior:
        """The prior in the shape of a posterior, to compare with; the first image errs alike."""
        count, gain = len(self.names), self.image_gain
        return replace(
            self,
            z_mean=np.zeros(count),
            z_covariance=np.eye(count),
            z_draws=None,
            image_gain=None if gain is None else np.zeros_like(gain),
            image_draws=None,
        )

    def extended(self, table: ParameterTable) -> Posterior:
        """The same with further parameters from `table` at their priors (drugs not yet given)."""
        new = [p for name, p in table.items() if name not in self.table]
        added = tuple(p.name for p in new if not p.fixed)
        count, total = len(self.names), len(self.names) + len(added)
        covariance = np.eye(total)
        covariance[:count, :count] = self.z_covariance
        gain = self.image_gain
        return replace(
            self,
            table=self.table + ParameterTable(new),
            names=self.names + added,
            z_mean=np.concatenate([self.z_mean, np.zeros(len(added))]),
            z_covariance=covariance,
            image_gain=None if gain is None else np.pad(gain, [(0, len(added)), (0, 0)]),
        )

    def summary(self, level: float = 0.9) -> list[dict[str, Any]]:
        """One row a parameter: point, interval, prior, contraction and source.

        A map is one row and not one of each coefficient: its factor relative to the mean over the
        tumor, as an interval that holds this share of the tumor's voxels.
        """
        rows = []
        point = self.point
        for name, parameter in self.table.items():
            if parameter.of_map:
                continue
            free = name in self.names
            index = self.names.index(name) if free else -1
            low, high = self.interval(name, level)
            prior_low, prior_high = parameter.interval(level)
            rows.append(
                {
                    "name": name,
                    "unit": parameter.unit,
                    "description": parameter.description,
                    "point": point[name],
                    "low": low,
                    "high": high,
                    "prior": parameter.prior.describe(),
                    "prior_low": prior_low,
                    "prior_high": prior_high,
                    "contraction": float(self.contraction[index]) if free else None,
                    "determined": bool(self.determined[index]) if free else None,
                    "provenance": parameter.provenance,
                    "citation": parameter.citation,
                }
            )
        return rows + [self._map_row(name, level) for name in map_names(self.table)]

    @property
    def undetermined(self) -> list[str]:
        """Names of the parameters and maps that the data says nothing about."""
        found = [
            name
            for name, known in zip(self.names, self.determined, strict=True)
            if not known and not self.table[name].of_map
        ]
        maps = (map_posterior(self, name) for name in map_names(self.table))
        return found + [m.name for m in maps if m.contraction < UNDETERMINED_BELOW]

    def _map_row(self, name: str, level: float) -> dict[str, Any]:
        known = map_posterior(self, name)
        score = next(p for p in self.table.values() if p.of_map == name)
        low, high = known.middle_range(level)
        spread = float(np.sqrt((known.prior_log_sd[known.tumor] ** 2).mean()))
        half = float(ndtri(0.5 + level / 2.0)) * spread
        return {
            "name": name,
            "unit": score.unit,
            "description": f"{score.description}: factor over the tumor, relative to its mean"
            f" there; {known.learned_share:.0%} of its variance learned",
            "point": 1.0,
            "low": low,
            "high": high,
            "prior": "log-normal field",
            "prior_low": float(np.exp(-half)),
            "prior_high": float(np.exp(half)),
            "contraction": known.contraction,
            "determined": known.contraction >= UNDETERMINED_BELOW,
            "provenance": score.provenance,
            "citation": score.citation,
        }

    def values_at(self, scores: np.ndarray) -> dict[str, np.ndarray]:
        """Natural values (S,) of every parameter at (S, K) scores of `names`.

        Scores (S, K + R) hold those of the error of the first image too, which go as they are, as
        `IMAGE_ERROR`, to the initial state.
        """
        count = len(self.names)
        by_name = dict(zip(self.names, scores.T[:count], strict=True))
        zeros = np.zeros(len(scores))
        values = {
            name: np.asarray(p.prior.transform(by_name.get(name, zeros)), float)
            for name, p in self.table.items()
        }
        errors = scores[:, count:]
        return values if errors.shape[1] == 0 else values | {IMAGE_ERROR: errors}
