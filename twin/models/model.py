"""What a tumor model tells the solver: rates that do not depend on the state; its parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import equinox as eqx
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.operators.fluxes import Conductances
from twin.parameters import ParameterTable

Params = Mapping[str, Float[Array, ""]]


class Rates(eqx.Module):
    """Rates of one simulation, computed once before time runs.

    Attributes:
        conductances: of the diffusivity field, 1/day.
        growth: (K,) proliferation rate of each tissue class of the domain, 1/day.
        alpha: linear radiosensitivity, 1/Gy.
        beta: quadratic radiosensitivity, 1/Gy².
        sensitivities: (n_drugs,) kill rate of each drug at its reference dose, 1/day.
        clearance: rate at which dead cells vanish from view, 1/day.
    """

    conductances: Conductances
    growth: Float[Array, " k"]
    alpha: Float[Array, ""]
    beta: Float[Array, ""]
    sensitivities: Float[Array, " drugs"]
    clearance: Float[Array, ""]


class TumorModel(eqx.Module):
    """A tumor growth equation. A new model is one file that implements these two methods."""

    @abstractmethod
    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters with their priors for a tumor site, the drugs in play and the tissues."""

    @abstractmethod
    def rates(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> Rates:
        """Rates at natural parameter values; traced and differentiated by JAX."""
