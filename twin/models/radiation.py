"""Radiotherapy of a model: log kill of the fractions at the start of a step.

    −ln S = α(1 + Σ η_j e_j) D + β Σ_i q(d_i) + 2 β D Σ_m U_m,   D = Σ d_i
    q(d) = d²  up to the onset d_T,  d_T (2 d − d_T)  above      (linear-quadratic-linear)
    U ← (U + D) 2^(−Δt / T_r)                                     dose not yet repaired

e_j is the dose of drug j within the day before, relative to its reference; U_m the dose of earlier
fractions through map m whose damage is still open. Doses are local ones: prescribed dose times
the dose map, divided by the oxygen enhancement ratio. Linear-quadratic model: Fowler 1989 (doi
10.1259/0007-1285-62-740-679); tangent continuation: Astrahan 2008 (doi 10.1118/1.2969065);
incomplete repair: Thames 1985 (doi 10.1080/09553008514550241).
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.treatments.forcing import Forcing

HOURS_PER_DAY = 24.0


class Dose(eqx.Module):
    """Fractions at the start of one step.

    Attributes:
        total_gy: sum of the prescribed doses.
        squared_gy2: sum of their squares.
        unrepaired_gy: (maps,) prescribed dose of earlier fractions not yet repaired, by dose map.
        enhancing: (drugs,) dose of each drug within the day before, relative to its reference.
        index: dose map of these fractions.
        maps: (maps, N) dose relative to the prescribed one; None means 1 everywhere.
    """

    total_gy: Float[Array, ""]
    squared_gy2: Float[Array, ""]
    unrepaired_gy: Float[Array, " maps"]
    enhancing: Float[Array, " drugs"]
    index: Int[Array, ""]
    maps: Float[Array, "maps n"] | None


class Radiation(eqx.Module):
    """Radiosensitivity of one kind of cell.

    Attributes:
        alpha: 1/Gy.
        alpha_beta_ratio: Gy.
        onset_gy: dose of a fraction above which log kill goes on linearly.
        repair_half_time_days: half-time of sublethal damage, days.
        enhancement: (drugs,) relative increase of alpha per reference dose given within a day.
    """

    alpha: Float[Array, ""]
    alpha_beta_ratio: Float[Array, ""]
    onset_gy: Float[Array, ""]
    repair_half_time_days: Float[Array, ""]
    enhancement: Float[Array, " drugs"]

    def log_kill(self, dose: Dose, protection: Array | None = None) -> Array:
        """−ln of the surviving share, a number, or (N,) with dose maps or protection.

        Args:
            dose: fractions of a step.
            protection: (N,) factor by which the dose counts less, the oxygen enhancement ratio.
        """
        relative = jnp.ones(()) if dose.maps is None else dose.maps[dose.index]
        open_gy = dose.unrepaired_gy.sum() if dose.maps is None else dose.unrepaired_gy @ dose.maps
        if protection is not None:
            relative, open_gy = relative / protection, open_gy / protection
        given = dose.total_gy * relative
        # Fractions at one instant are alike: their dose-weighted mean size stands for all.
        size = dose.squared_gy2 / jnp.maximum(dose.total_gy, 1e-6) * relative
        beyond = self.onset_gy * (2.0 - self.onset_gy / jnp.maximum(size, self.onset_gy))
        quadratic = jnp.where(size > self.onset_gy, beyond, size) + 2.0 * open_gy
        boost = 1.0 + self.enhancement @ dose.enhancing
        return self.alpha * given * (boost + quadratic / self.alpha_beta_ratio)

    def scaled(self, ratio: Array) -> Radiation:
        """The same with alpha times `ratio` and an unchanged ratio of alpha to beta."""
        return eqx.tree_at(lambda r: r.alpha, self, ratio * self.alpha)

    def survival(self, dose: Dose, protection: Callable[[], Array] | None = None) -> Array:
        """Surviving share; a field is computed only in steps with a fraction."""
        if dose.maps is None and protection is None:
            return jnp.exp(-self.log_kill(dose))
        like = jax.eval_shape(lambda: self.log_kill(dose, protection and protection()))
        return jax.lax.cond(
            dose.total_gy > 0.0,
            lambda: jnp.exp(-self.log_kill(dose, protection and protection())),
            lambda: jnp.ones(like.shape, like.dtype),
        )


def unrepaired_gy(
    forcing: Forcing, repair_half_time_days: Array, maps: int
) -> Float[Array, "steps maps"]:
    """Dose of earlier fractions not yet repaired at the start of each step, by dose map."""
    kept = jnp.exp2(-forcing.dt_days / repair_half_time_days)[:, None] * jnp.ones(maps)
    here = jnp.arange(maps) == jnp.asarray(forcing.dose_map)[:, None]
    added = kept * jnp.where(here, jnp.asarray(forcing.dose_gy)[:, None], 0.0)

    def chain(first: tuple[Array, Array], then: tuple[Array, Array]) -> tuple[Array, Array]:
        return first[0] * then[0], first[1] * then[0] + then[1]

    after = jax.lax.associative_scan(chain, (kept, added))[1]
    return jnp.concatenate([jnp.zeros((1, maps), after.dtype), after[:-1]])
