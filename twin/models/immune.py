"""Tumor and immune effector cells, with checkpoint blockade. Rates were measured in mice.

    ∂u/∂t = [Fisher-KPP] − n B(t) E u                     B = 1 + G c / (C + c)
    ∂E/∂t = ∇·(M ∇E) + s + p u E / (g + u) − m u E − d E
    w gains the cells that effectors killed

u and E are cell numbers over the carrying capacity of the tumor, which Kuznetsov et al. 1994 (doi
10.1007/BF02460644) put at 1/b = 5e8 cells: with their constants (hats) s = ŝ b, g = ĝ b, m = m̂ / b,
n = n̂ / b, while p and d are rates as they stand. c is the mean concentration of checkpoint
antibodies in a half step relative to that of the reference dose, G the largest relative gain in
killing and C the concentration of half of it. The constants come from BCL1 lymphoma in chimeric
mice, not from any patient. Without effectors and their supply this is Fisher-KPP.

Left out: antigen set free by radiotherapy, effectors killed by radiation and drugs, antigen loss.
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, LogisticEquations
from twin.models.model import Params
from twin.models.reaction import Growth, Kill, grow, kill_around_growth, logistic_growth
from twin.models.state import State
from twin.operators.explicit import Loop
from twin.operators.fluxes import Conductances, conductances
from twin.operators.transport import diffuse
from twin.parameters import Fixed, LogNormal, Parameter, ParameterTable
from twin.treatments.chemotherapy import get_drug
from twin.treatments.forcing import Forcing

_MOUSE = "Kuznetsov et al. 1994, doi 10.1007/BF02460644: BCL1 lymphoma in chimeric mice"
_MOUSE_MEDIAN = f"median: {_MOUSE}; width assumed"


LARGEST_KILL = 12.0
"""Log kill of half a step by effectors past which more of them kill no more."""


class ImmuneTable(eqx.Module):
    """Growth, kill by drugs, days, and days times the gain from blockade of each half step."""

    growth: Growth
    drugs: Kill
    days: Float[Array, "*steps"]
    kill_days: Float[Array, "*steps"]


class ImmuneEquations(LogisticEquations):
    """Tumor cells and effector cells; `fields["effectors"]` holds the latter.

    Attributes:
        kill_rate: n, 1/day per unit of effectors.
        supply: s, 1/day.
        recruitment: p, 1/day.
        half_saturation: g, cell fraction.
        inactivation: m, 1/day.
        death: d, 1/day.
        motility: diffusion of effectors.
        checkpoint: (drugs,) 1 for antibodies against a checkpoint, else 0.
        gain, half_concentration: G and C.
        mask: (N,) tissue.
    """

    kill_rate: Array
    supply: Array
    recruitment: Array
    half_saturation: Array
    inactivation: Array
    death: Array
    motility: Conductances
    checkpoint: Float[Array, " drugs"]
    gain: Array
    half_concentration: Array
    mask: Float[Array, " n"]

    def start(self, viable: Float[Array, " n"]) -> State:
        """Effectors at the level of healthy tissue, s / d, everywhere."""
        resting = self.supply / self.death * self.mask
        return State((viable,), jnp.zeros_like(viable), {"effectors": resting})

    def tables(self, forcing: Forcing) -> ImmuneTable:
        """Growth, kill by drugs, days, and days times the mean gain from blockade."""
        half = 0.5 * jnp.asarray(forcing.dt_days)
        days = jnp.stack([half, half], axis=-1)
        exposure = jnp.asarray(forcing.exposure_days)[:, :, -1] @ self.checkpoint
        mean = exposure / jnp.where(days > 0.0, days, 1.0)
        boost = 1.0 + self.gain * mean / (self.half_concentration + mean)
        growth = logistic_growth(
            forcing, self.growth, 0.0 * self.sensitivities, self.capacity, self.repopulation
        )
        kill = kill_around_growth(forcing, self.sensitivities)
        return ImmuneTable(growth, kill, days, days * boost)

    def react(self, state: State, table: ImmuneTable, half: int) -> State:
        """Growth, kill by effectors and their own reaction, in reverse at the end, between two
        parts of the kill by drugs: one gone within hours has then acted before the others do."""
        viable, dead, effectors = state.cells[0], state.dead, state.fields["effectors"]
        parts = ("growth", "kill", "effectors")
        early = jnp.exp(-table.drugs.early) * viable
        viable, dead = early, dead + (viable - early)
        for part in parts if half == 0 else reversed(parts):
            if part == "growth":
                viable, _ = grow(viable, table.growth, self.classes)
            elif part == "kill":
                spared = viable * decay(table.kill_days * self.kill_rate * effectors)
                viable, dead = spared, dead + (viable - spared)
            else:
                stimulus = self.recruitment * viable / (self.half_saturation + viable)
                rate = stimulus - self.inactivation * viable - self.death
                source = table.days * self.supply * self.mask
                effectors = linear_flow(effectors, table.days * rate, source)
        late = jnp.exp(-table.drugs.late) * viable
        return State((late,), dead + (viable - late), {**state.fields, "effectors": effectors})

    def transport(self, state: State, dt_days: Array, loop: Loop) -> State:
        """Diffusion of both kinds of cells, and clearance."""
        (effectors,) = diffuse((state.fields["effectors"],), self.motility, dt_days, loop)
        moved = super().transport(state, dt_days, loop)
        return State(moved.cells, moved.dead, {**moved.fields, "effectors": effectors})


class Immune(FisherKPP):
    """Fisher-KPP with immune effector cells; checkpoint antibodies act through them alone."""

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        antibodies = [name for name in drugs if _blocks_checkpoint(name)]
        direct = {f"sensitivity_{name}" for name in antibodies}
        common = [p for n, p in super().table(site, drugs, tissues).items() if n not in direct]
        needs = f"drug {antibodies[0]}" if antibodies else ""
        blockade = [replace(row, needs=needs) for row in (_BLOCKADE if antibodies else ())]
        return ParameterTable([*common, *_EFFECTORS, *blockade])

    def equations(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> ImmuneEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        mask = domain.mask
        indirect = {f"sensitivity_{d}": jnp.zeros(()) for d in drugs if _blocks_checkpoint(d)}
        return ImmuneEquations(
            **self.common({**params, **indirect}, domain, drugs),
            kill_rate=params["effector_kill_rate"],
            supply=params["effector_supply"],
            recruitment=params["effector_recruitment_rate"],
            half_saturation=params["effector_half_saturation"],
            inactivation=params["effector_inactivation_rate"],
            death=params["effector_death_rate"],
            motility=conductances(
                mask, mask, domain.shape, domain.spacing_mm, params["effector_motility"]
            ),
            checkpoint=jnp.asarray([float(_blocks_checkpoint(d)) for d in drugs], mask.dtype),
            gain=params.get("checkpoint_gain", jnp.zeros(())),
            half_concentration=params.get("checkpoint_half_concentration", jnp.ones(())),
            mask=mask,
        )


def decay(y: Float[Array, " n"]) -> Float[Array, " n"]:
    """exp(−y) for y >= 0 without an exponential, at most 1 and never negative.

    The square of the approximant at y / 2: within 2e-8 of 1 for y up to 2 and 1e-4 beyond, where
    the approximant would rise again and y is cut.
    """
    even, odd, _ = _pade(0.5 * jnp.minimum(y, LARGEST_KILL))
    root = (even - odd) / (even + odd)
    return root * root


def linear_flow(e: Float[Array, " n"], exponent: Array, source: Array) -> Float[Array, " n"]:
    """Solution of e' = x e + a over a unit of time for an exponent x and a source a.

    e exp(x) + a (exp(x) − 1) / x by the approximant: within 1e-9 for |x| up to 1/2, and positive
    for any x.
    """
    even, odd, slope = _pade(exponent)
    return (e * (even + odd) + source * slope) / (even - odd)


def _pade(x: Array) -> tuple[Array, Array, Array]:
    """Even and odd part of the numerator of the diagonal Padé approximant of exp(x) of degree 4,
    and twice the odd part over x; see `twin.models.reaction.logistic_flow`."""
    square = x * x
    even = 1.0 + square * (3.0 / 28.0 + square / 1680.0)
    return even, x * (0.5 + square / 84.0), 1.0 + square / 42.0


def _blocks_checkpoint(drug: str) -> bool:
    return get_drug(drug).action == "checkpoint"


_EFFECTORS = (
    Parameter(
        "effector_kill_rate",
        "1/day",
        LogNormal(55.0, 0.7),
        "kill rate of tumor cells where effectors are as many as tumor cells at capacity (mouse)",
        _MOUSE_MEDIAN,
        "animal",
    ),
    Parameter(
        "effector_supply",
        "1/day",
        LogNormal(2.6e-5, 0.7),
        "effectors that enter tissue without tumor, over the capacity (mouse)",
        _MOUSE_MEDIAN,
        "animal",
    ),
    Parameter(
        "effector_recruitment_rate",
        "1/day",
        LogNormal(0.1245, 0.4),
        "largest rate at which tumor cells make effectors accumulate (mouse)",
        _MOUSE_MEDIAN,
        "animal",
    ),
    Parameter(
        "effector_half_saturation",
        "1",
        Fixed(0.0404),
        "cell fraction at which effectors accumulate at half of that rate (mouse)",
        _MOUSE,
        "animal",
    ),
    Parameter(
        "effector_inactivation_rate",
        "1/day",
        Fixed(0.171),
        "rate at which tumor cells at capacity inactivate effectors (mouse)",
        _MOUSE,
        "animal",
    ),
    Parameter(
        "effector_death_rate",
        "1/day",
        Fixed(0.0412),
        "rate at which effectors die or leave (mouse)",
        _MOUSE,
        "animal",
    ),
    Parameter(
        "effector_motility",
        "mm²/day",
        Fixed(0.01),
        "diffusivity of effectors within the tissue",
        "assumed: slow beside their turnover",
        "assumed",
    ),
)
_BLOCKADE = (
    Parameter(
        "checkpoint_gain",
        "1",
        LogNormal(1.0, 0.7),
        "largest relative gain in killing by effectors under checkpoint blockade",
        "assumed, wide",
        "assumed",
    ),
    Parameter(
        "checkpoint_half_concentration",
        "1",
        Fixed(0.05),
        "concentration of antibody with half of that gain, relative to that of the reference dose",
        "assumed: troughs of the usual schedules lie far above it",
        "assumed",
    ),
)
