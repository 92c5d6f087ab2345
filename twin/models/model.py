"""What a tumor model is: its parameters, and its equations as hooks that the solver calls."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.radiation import Dose, Radiation
from twin.models.state import State
from twin.operators.diffusion import DiffusionOperator
from twin.operators.explicit import Loop
from twin.operators.transport import diffuse
from twin.parameters import ParameterTable
from twin.patient import Patient
from twin.treatments.forcing import Forcing
from twin.visit import Visit

Params = Mapping[str, Float[Array, "..."]]


class Equations(eqx.Module):
    """A model at its parameter values: what happens to the state in a step.

    The solver composes the hooks by Strang splitting, so each has to be of second order in the
    step, or exact in itself. All of them are traced and differentiated by JAX. The hooks given
    here are those of one or several clones that diffuse alike and bear radiation alike.

    Attributes:
        operator: diffusion of the cells, 1/day.
        radiation: radiosensitivity.
        clearance: rate at which dead cells vanish from view, 1/day.
    """

    operator: DiffusionOperator
    radiation: Radiation
    clearance: Float[Array, ""]

    def start(self, viable: Float[Array, " n"]) -> State:
        """The state of a tumor of which only the viable cells are known."""
        return State((viable,), jnp.zeros_like(viable))

    @abstractmethod
    def tables(self, forcing: Forcing) -> Any:
        """Numbers of every half step that no voxel is needed for; leaves (steps, 2, ...)."""

    @abstractmethod
    def react(self, state: State, table: Any, half: int) -> State:
        """Half a step of growth and kill.

        Args:
            state: at its start.
            table: one half step of `tables`.
            half: 0 before the transport, 1 after it. Parts composed in one order before and in the
                reverse order after make a step that is symmetric, and so of second order.
        """

    def transport(self, state: State, dt_days: Array, loop: Loop) -> State:
        """A step of everything that moves or decays between two halves of the reaction."""
        cells = diffuse(state.cells, self.operator, dt_days, loop)
        return replace(state, cells=cells, dead=state.dead * jnp.exp(-self.clearance * dt_days))

    def irradiate(self, state: State, dose: Dose) -> State:
        """The fractions at the start of a step."""
        survival = self.radiation.survival(dose)
        killed = (1.0 - survival) * state.viable
        cells = tuple(survival * cells for cells in state.cells)
        return replace(state, cells=cells, dead=state.dead + killed)

    def resect(self, state: State, kept: Float[Array, " n"]) -> State:
        """Surgery: `kept` is 0 where everything was taken out, else 1."""
        cells = tuple(cells * kept for cells in state.cells)
        fields = {name: field * kept for name, field in state.fields.items()}
        return replace(state, cells=cells, dead=state.dead * kept, fields=fields)


class TumorModel(eqx.Module):
    """A tumor growth equation. A new model is one file that implements these two methods.

    Attributes:
        cells: names of the viable compartments.
    """

    cells: ClassVar[tuple[str, ...]] = ("tumor",)

    @abstractmethod
    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters with their priors for a tumor site, the drugs in play and the tissues."""

    @abstractmethod
    def equations(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> Equations:
        """Equations at natural parameter values; traced and differentiated by JAX."""

    def for_patient(self, patient: Patient, visits: tuple[Visit, ...]) -> TumorModel:
        """The model for a patient of whom these visits are known; itself where space is all one."""
        return self

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """What stands in for inputs that this domain lacks, one sentence each."""
        return ()


def radiation_of(params: Params, drugs: tuple[str, ...]) -> Radiation:
    """Radiosensitivity from the parameters of `radiotherapy_priors`."""
    zero = jnp.zeros(())
    return Radiation(
        alpha=params["radiosensitivity_alpha"],
        alpha_beta_ratio=params["alpha_beta_ratio"],
        onset_gy=params["linear_onset_dose"],
        repair_half_time_days=params["repair_half_time"] / 24.0,
        enhancement=jnp.stack([params.get(f"enhancement_{drug}", zero) for drug in drugs])
        if drugs
        else jnp.zeros(0),
    )


def clearance_of(params: Params) -> Array:
    """Rate at which dead cells vanish from view, 1/day."""
    return math.log(2.0) / params["clearance_half_life"]
