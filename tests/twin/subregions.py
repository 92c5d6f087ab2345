"""Simulated patients in whom part of the tumor resists radiotherapy: cells of a second clone, in a
region with a sharp edge, on a grid twice as fine as that of the scans. The twin's maps are smooth
and belong to the place, so the truth is another model on another grid.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.calibration.maps import map_posterior
from twin.domain import make_domain
from twin.grid import Grid
from twin.imaging.image import Image
from twin.models import TwoClones
from twin.models.state import State
from twin.patient import Patient, Visit
from twin.simulation import simulate
from twin.treatments.dose_painting import escalation_map
from twin.treatments.schedule import Fraction, Schedule
from twin.virtual_images import block_mean, smooth_noise

SIDE, EDGE_MM = 20, 3.0
VISIT_DAYS = (0.0, 14.0, 26.0, 36.0)
FIRST_COURSE = Schedule(tuple(Fraction(14.0 + d, 2.0) for d in range(21) if d % 7 < 5))
REST = Schedule(tuple(Fraction(36.0 + d, 2.0) for d in range(21) if d % 7 < 5))
"""Fifteen fractions before the last scan, and fifteen that can still be shaped."""
END_DAY = 60.0
VISIBLE = 0.35
PARAMS = {
    "diffusivity": 0.05,
    "proliferation_rate": 0.03,
    "radiosensitivity_alpha": 0.12,
    "alpha_beta_ratio": 6.0,
    "clearance_half_life": 12.0,
    "repair_half_time": 1.5,
    "resistant_share": 0.1,
    "resistant_growth_ratio": 1.0,
}


@dataclass(frozen=True, eq=False)
class Planted:
    """A patient as it is. Arrays are on the fine grid unless they say otherwise.

    Attributes:
        start: (x, y, z) cells on day 0.
        resistant: (x, y, z) where they are of the resistant clone.
        ratio: radiosensitivity of that clone over the other's.
        noise_sd, smooth_noise_sd: of the scans.
        seed: of the noise.
    """

    start: np.ndarray
    resistant: np.ndarray
    ratio: float
    noise_sd: float
    smooth_noise_sd: float
    seed: int

    @cached_property
    def grid(self) -> Grid:
        """Of the scans."""
        return Grid.from_spacing((SIDE,) * 3, EDGE_MM)

    @cached_property
    def _fine(self):
        tissue = np.zeros(self.start.shape, bool)
        tissue[2:-2, 2:-2, 2:-2] = True
        return make_domain(tissue, (EDGE_MM / 2,) * 3)

    def _run(self, schedule, days, initial, start_days=0.0, dose_map=None):
        found = simulate(
            TwoClones(),
            PARAMS | {"resistant_alpha_ratio": self.ratio},
            self._fine,
            schedule,
            days,
            initial=initial,
            start_days=start_days,
            dose_maps=None if dose_map is None else dose_map[None],
            max_step_days=0.5,
        )
        assert found.status == 0
        return found

    @cached_property
    def course(self):
        """Until the last scan."""
        cells = (self.start * ~self.resistant, self.start * self.resistant)
        state = State(
            tuple(self._fine.flat(c) for c in cells), self._fine.flat(np.zeros_like(self.start))
        )
        return self._run(FIRST_COURSE, VISIT_DAYS, state)

    @cached_property
    def patient(self) -> Patient:
        """What the clinic gets."""
        random = np.random.default_rng(self.seed)
        tissue = np.zeros(self.grid.shape, bool)
        tissue[1:-1, 1:-1, 1:-1] = True
        visits = []
        for day, field in zip(VISIT_DAYS, self.course.seen, strict=True):
            seen = block_mean(field, 2)
            noise = self.noise_sd * random.standard_normal(seen.shape)
            noise += self.smooth_noise_sd * smooth_noise(self.grid, 12.0, random)
            image = Image((seen + noise) * tissue, self.grid, "CELL_FRACTION", "1")
            masks = {"gtv": (seen > VISIBLE) & tissue}
            visits.append(Visit(f"day {day:g}", day, {"CELL_FRACTION": image}, masks, True))
        return Patient(
            id=f"planted-{self.seed}",
            site="generic",
            grid=self.grid,
            tissue=tissue,
            tissues={},
            visits=tuple(visits),
            treatments=FIRST_COURSE,
            organs=(),
            simulated_note="Everything about this patient is simulated.",
        )

    @cached_property
    def log_factor(self) -> np.ndarray:
        """(x, y, z) on the scans' grid: mean logarithm of the cells' radiosensitivity ratio."""
        return np.log(self.ratio) * block_mean(self.resistant.astype(float), 2)

    def cells_left_ml(self, dose_map: np.ndarray) -> float:
        """Viable burden on the last day, mL, if the rest of the fractions goes through a map.

        Args:
            dose_map: (x, y, z) on the scans' grid, relative to the prescribed dose.
        """
        fine = np.kron(dose_map, np.ones((2, 2, 2)))
        schedule = FIRST_COURSE + REST
        state = self.course.state(-1)
        found = self._run(schedule, [END_DAY], state, VISIT_DAYS[-1], fine)
        return float(found.viable_ml[-1])


def planted(number: int, *, ratio: float = 0.35, noise_sd: float = 0.03) -> Planted:
    """Patient of a number; `ratio` 1 has no region that resists."""
    random = np.random.default_rng([number, 0x5E6])
    fine = Grid.from_spacing((2 * SIDE,) * 3, EDGE_MM / 2)
    middle = SIDE * EDGE_MM / 2
    place = (np.indices(fine.shape) + 0.5) * EDGE_MM / 2 - middle
    radius_mm = random.uniform(13.0, 17.0)
    bent = np.exp(0.12 * smooth_noise(fine, 20.0, random))
    distance = np.linalg.norm(place, axis=0) * bent
    start = 0.85 / (1.0 + np.exp((distance - radius_mm) / 1.5))
    start[:2], start[-2:] = 0.0, 0.0
    start[:, :2], start[:, -2:] = 0.0, 0.0
    start[:, :, :2], start[:, :, -2:] = 0.0, 0.0
    direction = random.standard_normal(3)
    center = 0.5 * radius_mm * direction / np.linalg.norm(direction)
    near = np.linalg.norm(place - center[:, None, None, None], axis=0)
    resistant = near <= random.uniform(0.5, 0.6) * radius_mm
    return Planted(start, resistant, ratio, noise_sd, 0.02, number)


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive voxel scores higher than a negative one; ties count half."""
    order = np.argsort(score, kind="stable")
    values = score[order]
    _, first, counts = np.unique(values, return_index=True, return_counts=True)
    ranks = np.empty(score.size)
    ranks[order] = np.repeat(first + 0.5 * (counts + 1), counts)
    hits = int(positive.sum())
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (positive.size - hits)))


def judged(truth: Planted, posterior) -> dict[str, float]:
    """How well a kill map was found, and what painting by it and uniform escalation leave."""
    known = map_posterior(posterior, "kill_map")
    tumor, probability = known.tumor, known.probability_below()
    there = block_mean(truth.resistant.astype(float), 2) >= 0.5
    contrast = truth.log_factor - truth.log_factor[tumor].mean()
    low, high = (np.log(end) for end in known.interval(0.9))
    painted = escalation_map(probability, tumor)
    even = np.where(tumor, painted[tumor].mean(), 1.0)
    left = {
        "plain": truth.cells_left_ml(np.ones(tumor.shape)),
        "painted": truth.cells_left_ml(painted),
        "uniform": truth.cells_left_ml(even),
        "oracle": truth.cells_left_ml(escalation_map(there.astype(float), tumor)),
    }
    return left | {
        "auc": auc(probability[tumor], there[tumor]) if truth.ratio < 1.0 else np.nan,
        "held": float(((low <= contrast) & (contrast <= high))[tumor].mean()),
        "learned": known.learned_share,
        "boosted": float((painted[tumor] > 1.0).mean()),
        "mean_dose": float(painted[tumor].mean()),
    }
