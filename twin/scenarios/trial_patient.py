"""One patient of a virtual trial: a hidden truth that is treated, and the scans a clinic gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage, stats

from twin.domain import Domain, make_domain
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import Image
from twin.models.state import State
from twin.patient import Patient, Visit
from twin.scenarios.sweep import RECORD_EVERY_DAYS
from twin.scenarios.trial_protocol import DRUGS, TrialProtocol
from twin.scenarios.trial_worlds import FRONT_MM, PROLIFERATION, VOLUME_ML, TrialWorld
from twin.simulation import OK, status_of, trajectory
from twin.treatments.forcing import compile_forcing
from twin.treatments.schedule import Schedule
from twin.virtual_images import block_mean, drawn_outline, smooth_noise

SIMULATED = "Everything about this patient is simulated."
VISIBLE = 0.35
"""Cell fraction at which a reader draws the outline."""
_SIDE, _EDGE_MM = 14, 4.5
_NOISE_FWHM_MM, _WOBBLE_FWHM_MM = 15.0, 12.0
_LOBES, _LOBE_FWHM_MM = 0.15, 20.0
_ROUND_STEPS, _ROWS = 128, 8


@dataclass(frozen=True, eq=False)
class TrialPatient:
    """A virtual patient as it is; no strategy ever sees one.

    Attributes:
        number: in the trial.
        world: its simulator.
        protocol: of the trial.
        params: parameters of the world's model.
        grid: of the scans.
        tissue: (x, y, z) on the world's own grid.
        start: (x, y, z) cell fraction on day 0, on the world's own grid.
        seed: of the trial.
    """

    number: int
    world: TrialWorld
    protocol: TrialProtocol
    params: dict[str, float]
    grid: Grid
    tissue: Bool[np.ndarray, "x y z"]
    start: Float[np.ndarray, "x y z"]
    seed: int

    @cached_property
    def domain(self) -> Domain:
        """Where cells can be, on the world's own grid."""
        spacing = float(self.grid.spacing_mm[0]) / self.world.refinement
        return make_domain(self.tissue, (spacing, spacing, spacing))

    @cached_property
    def _values(self) -> dict[str, jax.Array]:
        return {name: jnp.asarray(value, jnp.float32) for name, value in self.params.items()}

    def first_state(self) -> State:
        """The state on day 0."""
        return self.world.model.equations(self._values, self.domain, DRUGS).start(
            self.domain.flat(self.start)
        )

    def advance(
        self, state: State, given: Schedule, start_day: float, stop_day: float
    ) -> tuple[State, Float[np.ndarray, " weeks"]]:
        """The state on another day under what is given, and the visible volume each week, mL.

        Args:
            state: on the first day.
            given: all treatments; drug from before the first day is still in the body, damage of
                fractions before it counts as repaired.
            start_day, stop_day: whole weeks apart.

        Raises:
            TwinError: the simulation failed.
        """
        forcing, rows = compile_forcing(
            given,
            start_days=start_day,
            times_days=np.arange(start_day, stop_day + 1e-6, RECORD_EVERY_DAYS)[1:],
            drugs=DRUGS,
            body_surface_m2=self.protocol.body_surface_m2,
            max_step_days=self.world.max_step_days,
            rows=_ROWS,
            multiple_of=_ROUND_STEPS,
        )
        forcing = jax.tree.map(jnp.asarray, forcing)
        states = trajectory(self.world.model, self._values, self.domain, forcing, state)
        states = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], states)
        if status_of(states) != OK:
            raise TwinError(
                "the course of a virtual patient failed",
                where=f"patient {self.number} of world {self.world.name}",
                got=f"not finite or outside 0..1 by day {stop_day:g}",
            )
        return states.at(-1), self.visible_ml(states)

    def visible_ml(self, state: State) -> Float[np.ndarray, "*weeks"]:
        """Visible volume, mL; leading axes are kept."""
        return np.asarray((np.asarray(state.seen) > VISIBLE).sum(axis=-1) * self.domain.voxel_ml)

    def scan(self, state: State, day: float) -> Visit:
        """What the clinic gets: a density image with noise, and an outline where one can be drawn.

        The noise of a day is the same whatever was given until then.
        """
        random = np.random.default_rng([self.seed, self.number, crc32(f"scan {day:g}".encode())])
        world, tissue = self.world, self.coarse_tissue
        seen = block_mean(self.domain.volume(np.asarray(state.seen)), world.refinement)
        noise = world.noise_sd * random.standard_normal(seen.shape)
        noise += world.smooth_noise_sd * smooth_noise(self.grid, _NOISE_FWHM_MM, random)
        mask = drawn_outline(
            seen,
            self.grid,
            tissue=tissue,
            threshold=VISIBLE,
            wobble=world.wobble,
            fwhm_mm=_WOBBLE_FWHM_MM,
            random=random,
        )
        image = Image((seen + noise) * tissue, self.grid, "CELL_FRACTION", "1")
        name = f"day {day:g}"
        masks = {"gtv": mask} if mask.any() else {}
        return Visit(name, day, {"CELL_FRACTION": image}, masks, simulated=True)

    @cached_property
    def coarse_tissue(self) -> Bool[np.ndarray, "x y z"]:
        """Tissue on the grid of the scans."""
        return block_mean(self.tissue.astype(float), self.world.refinement) >= 0.5

    def seen_by_clinic(self, visits: Sequence[Visit], given: Schedule) -> Patient:
        """The patient that strategies see: scans and treatments until now."""
        return Patient(
            id=f"virtual-{self.number}",
            site=self.protocol.site,
            grid=self.grid,
            tissue=self.coarse_tissue,
            tissues={},
            visits=tuple(visits),
            treatments=given,
            organs=self.protocol.organs,
            body_surface_m2=self.protocol.body_surface_m2,
            simulated_note=SIMULATED,
        )


def enroll(world: TrialWorld, protocol: TrialProtocol, number: int, seed: int) -> TrialPatient:
    """Draw a patient of a world; the same for the same number and seed, whatever else is drawn."""

    def score(name: str) -> float:
        stream = np.random.default_rng([seed, number, crc32(name.encode())])
        return float(stream.standard_normal())

    def drawn(name: str, prior) -> float:
        return float(prior.transform(score(name)))

    table = world.model.table(protocol.site, DRUGS, ("tissue",)).with_priors(world.priors)
    params = {name: drawn(name, parameter.prior) for name, parameter in table.items()}
    front_mm = drawn("front", FRONT_MM)
    params["proliferation_rate"] = drawn("proliferation", PROLIFERATION)
    params["diffusivity"] = front_mm**2 * params["proliferation_rate"]
    grid = Grid.from_spacing((_SIDE,) * 3, _EDGE_MM)
    fine = Grid.from_spacing((_SIDE * world.refinement,) * 3, _EDGE_MM / world.refinement)
    distance = _distance_mm(grid, np.random.default_rng([seed, number]))
    distance = _refined(distance, world.refinement)
    tissue = np.linalg.norm(_offset_mm(grid), axis=0) <= (_SIDE / 2 - 1) * _EDGE_MM
    tissue = np.kron(tissue, np.ones((world.refinement,) * 3, bool))
    count = round(drawn("volume", VOLUME_ML) * 1000.0 / fine.voxel_volume_mm3)
    depth_mm = np.sort(distance[tissue])[count] - distance
    start = stats.logistic.cdf(depth_mm / front_mm + np.log(VISIBLE / (1.0 - VISIBLE))) * tissue
    return TrialPatient(number, world, protocol, params, grid, tissue, start, seed)


def _distance_mm(grid: Grid, random: np.random.Generator) -> np.ndarray:
    """Distance from a point near the middle, bent so that its level sets are lobulated."""
    center = random.uniform(-4.0, 4.0, 3)[:, None, None, None]
    distance = np.linalg.norm(_offset_mm(grid) - center, axis=0)
    return distance * np.exp(_LOBES * smooth_noise(grid, _LOBE_FWHM_MM, random))


def _offset_mm(grid: Grid) -> np.ndarray:
    """(3, x, y, z) offset of every voxel from the middle of the grid, mm."""
    middle = (np.array(grid.shape) - 1) / 2
    return (np.indices(grid.shape) - middle[:, None, None, None]) * grid.spacing_mm[
        :, None, None, None
    ]


def _refined(field: np.ndarray, factor: int) -> np.ndarray:
    """A smooth field on a grid finer by a factor, interpolated linearly."""
    if factor == 1:
        return field
    places = [(np.arange(n * factor) + 0.5) / factor - 0.5 for n in field.shape]
    return ndimage.map_coordinates(
        field, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest"
    )
