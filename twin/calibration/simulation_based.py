"""Simulation-based calibration: is a posterior right, for data that its own model made?

Draw parameters from the prior, data from the model, and L draws from the posterior of those data:
the rank of the true value among the draws is uniform on 0..L, for parameters and for any quantity
that depends on them and on the data. Talts et al. 2018 (arXiv:1804.06788); Modrák et al. 2023 (doi
10.1214/23-BA1404) for quantities that depend on data.

    F(k / (L + 1)) = share of the N data sets whose rank is below k

stays within a band around k / (L + 1) at all k at once, with the band's probability. The band is
one of pointwise binomial intervals whose level is found by simulating uniform ranks (Säilynoja,
Bürkner & Vehtari 2022, doi 10.1007/s11222-022-10090-6).
"""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from twin.calibration.objective import Problem, predicted
from twin.errors import TwinError


@dataclass(frozen=True)
class EcdfBand:
    """Simultaneous band of the empirical distribution of uniform ranks.

    Attributes:
        datasets: N ranks.
        draws: L; ranks are 0 to L.
        level: probability that all of the distribution stays within.
        places: (L,) k / (L + 1) for k = 1..L.
        low, high: (L,) bounds of the share of ranks below k, less its place.
    """

    datasets: int
    draws: int
    level: float
    places: Float[np.ndarray, " l"]
    low: Float[np.ndarray, " l"]
    high: Float[np.ndarray, " l"]

    def difference(self, ranks: Int[np.ndarray, " n"]) -> Float[np.ndarray, " l"]:
        """Share of the ranks below each k, less its place.

        Raises:
            TwinError: another number of ranks, or one outside 0..L.
        """
        ranks = np.asarray(ranks)
        if ranks.shape != (self.datasets,) or ranks.min() < 0 or ranks.max() > self.draws:
            raise TwinError(
                "the ranks are not those that the band is for",
                where="ranks",
                expected=f"{self.datasets} ranks within 0 to {self.draws}",
                got=f"shape {ranks.shape}, {ranks.min()} to {ranks.max()}",
            )
        return _below(ranks[None], self.draws)[0] / self.datasets - self.places

    def deviation(self, ranks: Int[np.ndarray, " n"]) -> float:
        """Largest difference in units of the band on its side: within the band up to 1.

        Places at which the band reaches the last possible count say nothing and are left out.
        """
        found = self.difference(ranks)
        below = (found < 0.0) & (self.low > -self.places + 1e-9)
        above = (found > 0.0) & (self.high < 1.0 - self.places - 1e-9)
        bound = np.where(below, -self.low, np.where(above, self.high, np.inf))
        return float(np.max(np.abs(found) / bound))


def rank_of(truth: Float[np.ndarray, "..."], draws: Float[np.ndarray, "l ..."]) -> np.ndarray:
    """(...) number of the L draws that lie below the true value.

    Raises:
        TwinError: a value that is not finite, or shapes that do not fit.
    """
    truth, draws = np.asarray(truth, float), np.asarray(draws, float)
    if draws.shape[1:] != truth.shape or not (
        np.isfinite(truth).all() and np.isfinite(draws).all()
    ):
        raise TwinError(
            "ranks need finite values of one shape",
            where="rank_of",
            expected=f"draws of shape (L, {', '.join(map(str, truth.shape))})",
            got=f"shape {draws.shape},"
            f" {int((~np.isfinite(draws)).sum() + (~np.isfinite(truth)).sum())} not finite",
        )
    return (draws < truth).sum(axis=0)


def ecdf_band(
    datasets: int, draws: int, *, level: float = 0.95, simulations: int = 4000, seed: int = 0
) -> EcdfBand:
    """The band for so many data sets and draws of each.

    A pointwise level g is the probability of the more surprising tail, twice; g is the share
    1 - `level` quantile of the smallest that sets of uniform ranks show anywhere.

    Raises:
        TwinError: fewer than two data sets or draws, or a level outside 0..1.
    """
    if datasets < 2 or draws < 2 or not 0.0 < level < 1.0:
        raise TwinError(
            "no band for these numbers",
            where="ecdf_band",
            expected="two data sets and draws at least, and a level between 0 and 1",
            got=f"{datasets} data sets, {draws} draws, level {level:g}",
        )
    random = np.random.default_rng([seed, 0xBA2D])
    places = np.arange(1, draws + 1) / (draws + 1)
    counts = _below(random.integers(0, draws + 1, (simulations, datasets)), draws)
    # Tails of every possible count once, not of every simulated one.
    possible = np.arange(datasets + 1)[:, None]
    lower = stats.binom.cdf(possible, datasets, places)
    upper = stats.binom.sf(possible - 1, datasets, places)
    tails = 2.0 * np.minimum(lower, upper)
    smallest = tails[counts, np.arange(draws)].min(axis=1)
    pointwise = float(np.quantile(smallest, 1.0 - level, method="lower"))
    allowed = tails >= pointwise * (1.0 - 1e-9)  # equal tails differ by round-off
    low = allowed.argmax(axis=0) / datasets - places
    high = (datasets - allowed[::-1].argmax(axis=0)) / datasets - places
    return EcdfBand(datasets, draws, level, places, low, high)


def simulated(
    problem: Problem, z: Float[np.ndarray, " k"], noise_sd: float, random: np.random.Generator
) -> Problem:
    """The problem with density images that its own model made at the scores z.

    Independent noise of this standard deviation (cell fraction) is added: what the likelihood
    assumes of them, so that a sampler can be judged by it. Outlines are left as they are.
    """
    seen = predicted(problem, z).reshape(problem.density.shape)
    noisy = seen + noise_sd * random.standard_normal(seen.shape)
    density = jnp.asarray(noisy, jnp.float32) * problem.density_weight
    return eqx.tree_at(lambda p: p.density, problem, density)


def _below(ranks: Int[np.ndarray, "s n"], draws: int) -> Int[np.ndarray, "s l"]:
    """How many ranks of each set lie below k, for k = 1..L."""
    counts = np.stack([np.bincount(each, minlength=draws + 1) for each in ranks])
    return counts.cumsum(axis=1)[:, :draws]
