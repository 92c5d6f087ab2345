"""Virtual courses of radiotherapy with images that mislead, to try monitoring on.

Two scans before treatment, six weeks of 2 Gy, and a cone-beam CT with an outline every two weeks
until six weeks after them. What is true: two clearance rates and swelling (twin/models/clearance,
twin/observation/edema) with coefficients drawn for each patient, quarter-day steps.
Radiosensitivity varies so much between tumors that many do not respond. Everything here is
simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import jax.numpy as jnp
import numpy as np

from twin.domain import Domain, domain_of
from twin.grid import Grid
from twin.imaging.image import Image
from twin.models import FisherKPP
from twin.models.clearance import TwoRateClearance
from twin.models.model import TumorModel
from twin.observation.cbct import ConeBeamCT
from twin.observation.edema import Edema, shown
from twin.parameters import LogNormal, ParameterTable, Prior, Uniform
from twin.patient import Patient, Visit
from twin.simulation import simulate
from twin.treatments.schedule import Fraction, Schedule
from twin.virtual_images import drawn_outline, smooth_noise

SHAPE, SPACING_MM = (12, 12, 12), 6.0
BACKGROUND_HU, THRESHOLD = 50.0, 0.3
START = 21.0
SCAN_DAYS = (28.0, 42.0, 56.0, 74.0, 88.0, 102.0)
"""Days of the scans that monitoring sees; the first three are during radiotherapy."""
JUDGED_DAY = 88.0
"""Four weeks after the last fraction: whether the tumor responded is judged by its cells then."""
LEFT = 0.5
"""A tumor has not responded if more than this share of its viable cells is left on that day."""
PRIORS: dict[str, Prior] = {"radiosensitivity_alpha": LogNormal(0.04, 1.0)}
"""What both the world and the twin say of radiosensitivity, 1/Gy; wider than the literature's."""
_FRACTIONS = tuple(Fraction(START + 7.0 * week + day, 2.0) for week in range(6) for day in range(5))
_DENSITY_NOISE, _SMOOTH_NOISE, _CBCT_NOISE_HU, _WOBBLE = 0.03, 0.03, 25.0, 0.15
_SMALLEST_ML, _LARGEST_ML = 4.0, 50.0


@dataclass(frozen=True)
class Course:
    """A virtual patient with all scans, and what is true.

    Attributes:
        patient: two visits with CELL_FRACTION and outline, then CT (HU) and outline.
        viable_ml: (2 + scans,) viable cells at the visits, mL at full capacity.
        outlined_ml: the same for the outlines.
        judged_ml: viable cells on `JUDGED_DAY`.
        params: natural values of everything drawn.
    """

    patient: Patient
    viable_ml: np.ndarray
    outlined_ml: np.ndarray
    judged_ml: float
    params: dict[str, float]

    @property
    def responded(self) -> bool:
        """Whether less than half of the cells before treatment is left."""
        return self.judged_ml < LEFT * float(self.viable_ml[1])


def monitored_model() -> TumorModel:
    """The model of the twin; the truth has its equations and other numerics."""
    return TwoRateClearance(FisherKPP())


def schedule() -> Schedule:
    """30 fractions of 2 Gy, Monday to Friday."""
    return Schedule(_FRACTIONS)


@cache
def body() -> tuple[Grid, np.ndarray]:
    """Grid and tissue of every virtual patient."""
    grid = Grid.from_spacing(SHAPE, SPACING_MM)
    offset = (np.indices(SHAPE) - 5.5) / 5.0
    return grid, (offset**2).sum(axis=0) <= 1.0


def virtual_course(seed: int) -> Course:
    """A course from a seed; draws whose tumor is too small or fills the body are drawn again."""
    random = np.random.default_rng([seed, 0xC0])
    while True:
        course = _attempt(random, seed)
        if course is not None:
            return course


def _attempt(random: np.random.Generator, seed: int) -> Course | None:
    grid, tissue = body()
    empty = Patient(f"virtual-{seed}", "generic", grid, tissue, {}, (Visit("day 0", 0.0),))
    domain = domain_of(empty)
    params = _drawn(domain, random)
    center = 5.5 + random.uniform(-1.0, 1.0, 3)
    width = random.uniform(6.0, 10.0) / SPACING_MM
    apart = ((np.indices(SHAPE) - center[:, None, None, None]) ** 2).sum(axis=0)
    start = random.uniform(0.6, 0.9) * np.exp(-0.5 * apart / width**2) * tissue
    days = np.array([0.0, 20.0, *SCAN_DAYS])
    model = monitored_model()
    names = set(model.table("generic", (), domain.tissues))
    course = simulate(
        model,
        {name: value for name, value in params.items() if name in names},
        domain,
        schedule(),
        days,
        initial=start,
        max_step_days=0.25,
    )
    swollen = np.asarray(_shown(course, params, domain))
    outlines = [_outline(field, random) for field in swollen]
    sizes = np.array([outline.sum() for outline in outlines]) * grid.voxel_volume_mm3 / 1000.0
    if not (sizes[1] >= _SMALLEST_ML and sizes[:2].max() <= _LARGEST_ML and sizes.min() > 0.0):
        return None
    visits = tuple(
        _visit(day, index, course.seen[index], swollen[index], outlines[index], params, random)
        for index, day in enumerate(days)
    )
    patient = replace(empty, visits=visits, treatments=schedule(), simulated_note="All simulated.")
    judged = float(course.viable_ml[list(days).index(JUDGED_DAY)])
    return Course(patient, course.viable_ml, sizes, judged, params)


def _drawn(domain: Domain, random: np.random.Generator) -> dict[str, float]:
    """Natural values from the priors of model, swelling and CT."""
    table = monitored_model().table("generic", (), domain.tissues)
    table += ParameterTable([*Edema(domain).parameters(), *ConeBeamCT(BACKGROUND_HU).parameters()])
    table = table.with_priors({"cbct_contrast": Uniform(15.0, 45.0), **PRIORS})
    return {
        name: float(p.prior.transform(0.0 if p.fixed else random.standard_normal()))
        for name, p in table.items()
    }


def _shown(course, params: dict[str, float], domain: Domain) -> np.ndarray:
    """(T, x, y, z) what outlines follow."""
    states = [course.state(index) for index in range(len(course.times_days))]
    values = {name: jnp.asarray(value) for name, value in params.items()}
    fields = [shown(state, values, Edema(domain)) for state in states]
    return domain.volume(np.stack([np.asarray(field) for field in fields]))


def _outline(field: np.ndarray, random: np.random.Generator) -> np.ndarray:
    grid, tissue = body()
    return drawn_outline(
        field,
        grid,
        tissue=tissue,
        threshold=THRESHOLD,
        wobble=_WOBBLE,
        fwhm_mm=15.0,
        random=random,
    )


def _visit(
    day: float,
    index: int,
    seen: np.ndarray,
    swollen: np.ndarray,
    outline: np.ndarray,
    params: dict[str, float],
    random: np.random.Generator,
) -> Visit:
    grid, tissue = body()
    if index < 2:
        noise = _DENSITY_NOISE * random.standard_normal(SHAPE)
        noise += _SMOOTH_NOISE * smooth_noise(grid, 10.0, random)
        image = Image(seen + noise * tissue, grid, "CELL_FRACTION", "1")
    else:
        hu = BACKGROUND_HU + params["cbct_contrast"] * swollen
        hu = hu + _CBCT_NOISE_HU * random.standard_normal(SHAPE)
        image = Image(hu, grid, "CT", "HU")
    return Visit(f"day {day:g}", day, {image.modality: image}, {"gtv": outline}, simulated=True)
