"""Our own models under the kit, through the front door `twin.simulate`.

    simulator = TwinSimulator("FisherKPP")

Densities become fractions of the capacity, a diffusivity field a mixture of a slow and a fast
tissue, relative drug amounts milligrams of an investigational drug; arrays get the closed border
that `make_domain` asks for. Repair is set to be complete between fractions, and kill to follow the
linear-quadratic model at every dose, as the kit's equations say.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.testing.adapters.twin_decisions import Decisions
from twin.testing.adapters.twin_derivatives import Derivatives
from twin.testing.case import Case
from twin.testing.protocol import NotApplicable

if TYPE_CHECKING:
    from twin.domain import Domain
    from twin.models import TumorModel
    from twin.operators.selling import Neighbors
    from twin.simulation import Trajectory
    from twin.treatments.schedule import Schedule

PLAIN = {
    "clearance_half_life": 30.0,
    "repair_half_time": 1e-3,
    "linear_onset_dose": 1e6,
    "repopulation_factor": 0.0,
}
"""Parameters that take our treatments back to the kit's equations."""
NEVER_CLEARED = {"clearance_half_life": 1e12, "necrosis_half_life": 1e12}
REFERENCE_MG_M2 = 100.0


class TwinSimulator(Derivatives, Decisions):
    """One of our models as a simulator.

    Args:
        model: a model, or the name of a class in `twin.models`.
        parameters: values of parameters that only this model has, by the start of their name.
        exempt: property name -> why this model, by its biology, does not have the relation.
        name: for reports; by default the model's.
        cell_fields: fields of the state that hold cells which are no longer viable.
        settings: arguments of the class, where the model is given by name.
    """

    def __init__(
        self,
        model: str | TumorModel,
        parameters: Mapping[str, float] | None = None,
        exempt: Mapping[str, str] | None = None,
        name: str = "",
        cell_fields: tuple[str, ...] = (),
        settings: Mapping[str, float] | None = None,
    ) -> None:
        self.model = model
        self.parameters = dict(parameters or {})
        self.exempt = dict(exempt or {})
        self.cell_fields = cell_fields
        self.settings = dict(settings or {})
        kind = model if isinstance(model, str) else type(model).__name__
        self.name = name or f"oncotwin {kind}"

    @property
    def version(self) -> str:
        """Version of this package."""
        return importlib.import_module("twin").__version__

    def __call__(self, case: Case) -> np.ndarray:
        """(T, x, y, z) viable cells of all compartments."""
        return self.densities(self.trajectory(case), case)

    def densities(self, trajectory: Trajectory, case: Case) -> np.ndarray:
        """Viable cells on the case's grid, in the case's unit."""
        return unpadded(trajectory.viable) * case.carrying_capacity

    def trajectory(
        self, case: Case, parameters: Mapping[str, float] | None = None, **changes: Any
    ) -> Trajectory:
        """The trajectory of a case.

        Args:
            case: what to simulate.
            parameters: natural values that replace those of the case.
            **changes: arguments of `twin.simulate` that replace those of the case.

        Raises:
            TwinError: whatever `twin.simulate` and its arguments refuse.
            ArithmeticError: the trajectory's status tells failure.
        """
        import twin
        from twin.simulation import OK, STATUS

        domain, spread = self.domain(case)
        if not case.carrying_capacity > 0.0:
            raise twin.TwinError(
                "a carrying capacity must be positive",
                where="carrying_capacity",
                got=f"{case.carrying_capacity:g}",
            )
        arguments: dict[str, Any] = {
            "initial": np.pad(case.initial, 1) / case.carrying_capacity,
            "start_days": case.start_days,
            "body_surface_m2": 1.0,
        }
        if case.dt_days is not None:
            arguments["max_step_days"] = case.dt_days
        found = twin.simulate(
            self.built(),
            {**self.values(case, domain), **spread, **(parameters or {})},
            domain,
            self.schedule(case),
            case.times_days,
            **(arguments | changes),
        )
        if found.status != OK:
            raise ArithmeticError(f"the simulation ended with the status {STATUS[found.status]!r}")
        return found

    def split(self, case: Case, at_days: float) -> np.ndarray:
        """The case in two calls of `twin.simulate`, the second from the first's last state."""
        early = tuple(t for t in case.times_days if t <= at_days)
        late = tuple(t for t in case.times_days if t > at_days)
        first = self.trajectory(case.but(times_days=early))
        rest = self.trajectory(
            case.but(times_days=late), initial=first.state(-1), start_days=at_days
        )
        return np.concatenate([self.densities(first, case), self.densities(rest, case)])

    def compartments(self, case: Case) -> dict[str, np.ndarray]:
        """Viable cells of each compartment, and the dead, none of them cleared."""
        found = self.trajectory(case, NEVER_CLEARED)
        names = self.built().cells
        parts = {n: unpadded(found.cells[:, i]) for i, n in enumerate(names)}
        parts["dead"] = unpadded(found.dead)
        parts |= {n: unpadded(found.fields[n]) for n in self.cell_fields}
        return {n: part * case.carrying_capacity for n, part in parts.items()}

    def built(self) -> TumorModel:
        """The model."""
        if not isinstance(self.model, str):
            return self.model
        return getattr(importlib.import_module("twin.models"), self.model)(**self.settings)

    def values(self, case: Case, domain: Domain) -> dict[str, float]:
        """Natural parameter values of a case, without the diffusivity."""
        wanted = {
            **PLAIN,
            "proliferation_rate": case.proliferation_rate,
            "radiosensitivity_alpha": case.alpha,
            "alpha_beta_ratio": case.alpha_beta_ratio,
            **{f"sensitivity_{n}": d.sensitivity_per_day for n, d in named(case).items()},
        }
        table = self.built().table("generic", self.schedule(case).drugs, domain.tissues)
        medians = {name: float(row.prior.transform(0.0)) for name, row in table.items()}
        own = {n: v for k, v in self.parameters.items() for n in table if n.startswith(k)}
        return {**medians, **{name: v for name, v in wanted.items() if name in table}, **own}

    def domain(self, case: Case) -> tuple[Domain, dict[str, float]]:
        """The domain and the parameters of diffusion in it."""
        from twin.domain import make_domain

        mask = np.pad(np.asarray(case.mask, bool), 1)
        if case.dimensions == 5:
            raise NotApplicable("tensors")
        if case.dimensions == 0:
            return make_domain(mask, case.spacing_mm), {"diffusivity": float(case.diffusivity)}
        field = np.pad(np.asarray(case.diffusivity, float), 1, mode="edge")
        if field.shape != mask.shape:
            raise ValueError(f"diffusivity: shape {case.shape} expected")
        inside = field[mask]
        slow, fast = float(inside.min()), float(inside.max())
        if slow == fast:
            return make_domain(mask, case.spacing_mm), {"diffusivity": slow}
        share = np.where(mask, (fast - field) / (fast - slow), 0.0)
        tissues = {"fast": 1.0 - share, "slow": np.clip(share, 0.0, 1.0)}
        return make_domain(mask, case.spacing_mm, tissues), {
            "diffusivity": fast,
            "diffusivity_ratio_slow": slow / fast,
            "growth_ratio_slow": 1.0,
            "capacity_ratio_slow": 1.0,
        }

    def schedule(self, case: Case) -> Schedule:
        """The treatments of a case; a dose of nothing is left out, as `DrugDose` asks."""
        from twin.treatments.schedule import DrugDose, Fraction, Schedule

        for name, drug in named(case).items():
            _make_known(name, drug.elimination_rate_per_day)
        return Schedule(
            tuple(Fraction(t, d) for t, d in case.fractions),
            tuple(
                DrugDose(t, name, amount * REFERENCE_MG_M2)
                for name, drug in named(case).items()
                for t, amount in drug.doses
                if amount != 0.0
            ),
        )


class TensorSimulator(TwinSimulator):
    """A model whose cells follow fibers: it takes tensors of one trace.

    Voxels exchange with as many neighbors as their tensors need.
    """

    def domain(self, case: Case) -> tuple[Domain, dict[str, float]]:
        """The domain with the tensor's shape, and its trace as the diffusivity."""
        from twin.domain import make_domain

        if case.dimensions < 5:
            domain, spread = super().domain(case)
            return domain, {**spread, "fiber_share": 0.0}
        tensors = np.asarray(case.diffusivity, float)
        means = np.einsum("iixyz->xyz", tensors)[case.mask] / 3.0
        if not np.allclose(means, means[0], rtol=1e-6):
            raise NotApplicable("tensors whose trace differs between voxels")
        pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
        six = np.stack([np.pad(tensors[pair], 1, mode="edge") for pair in pairs])
        mask = np.pad(np.asarray(case.mask, bool), 1)
        rows = np.moveaxis(tensors, (0, 1), (-2, -1))[case.mask]
        domain = make_domain(
            mask, case.spacing_mm, tensor=six, neighbors=enough_neighbors(rows, case.spacing_mm)
        )
        return domain, {"diffusivity": float(means[0]), "fiber_share": 1.0}


def enough_neighbors(tensors: np.ndarray, spacing_mm: tuple[float, float, float]) -> Neighbors:
    """The fewest neighbors that keep the anisotropy of (n, 3, 3) tensors, if any do.

    18 are enough where tensors in units of voxels are diagonally dominant. That is asked of the
    tensors: a decomposition that went wrong at 18 must fail there, not be passed over.
    """
    from twin.operators.tensors import decompose

    sizes = np.abs(tensors / np.outer(spacing_mm, spacing_mm))
    diagonal = np.einsum("nii->ni", sizes)
    if np.all(2.0 * diagonal >= sizes.sum(axis=2) * (1.0 - 1e-9)):
        return 18
    return 26 if decompose(tensors, spacing_mm, 26).clipping.share_clipped == 0.0 else 124


def named(case: Case) -> dict[str, Any]:
    """The drugs of a case by the names that they have in schedules."""
    return {f"kit-{i}-{d.elimination_rate_per_day:g}": d for i, d in enumerate(case.drugs)}


def unpadded(fields: np.ndarray) -> np.ndarray:
    """Fields without the border that `domain` added."""
    return fields[..., 1:-1, 1:-1, 1:-1]


def _make_known(name: str, rate: float) -> None:
    from twin.treatments.chemotherapy import Drug, add_drug
    from twin.treatments.kinetics import Kinetics

    citation = "none: a drug of the conformance kit"
    add_drug(Drug(name, Kinetics(rate), REFERENCE_MG_M2, 0.1, 0.5, citation, "assumed"))


fisher_kpp = TwinSimulator("FisherKPP")
