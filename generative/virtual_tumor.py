"""One virtual tumor: anatomy, traits, growth and treatment by the twin, masks at each scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage, stats

from generative.worlds import TRAITS, World, log_uniform
from twin.domain import make_domain
from twin.errors import TwinError
from twin.grid import Grid
from twin.simulation import simulate
from twin.treatments.fractionation import conventional
from twin.treatments.schedule import Schedule
from twin.virtual_images import drawn_outline, smooth_noise

SCAN_DAYS = (0.0, 30.0, 120.0)
"""Before, at the fourth week of and ten weeks after radiotherapy."""
SCHEDULE = Schedule(conventional(60.0, start_day=5.0))
VISIBLE = 0.35
"""Cell fraction at which a reader draws the outline."""
_GROWTH_DAYS = 15.0
_DRAWING_WOBBLE = 0.05


class UnseenTumor(TwinError):
    """A tumor too small for any voxel of its grid."""


@dataclass(frozen=True)
class VirtualTumor:
    """A simulated tumor as it is, before any scanner.

    Attributes:
        tissue: (x, y, z) where cells can be.
        stroma: (x, y, z) share of the second kind of tissue.
        viable, seen: (T, x, y, z) viable cells; with the killed ones not yet cleared.
        masks: (T, x, y, z) outlines as a reader draws them.
        core: (x, y, z) how hypoxic the tumor is, 0..1.
        texture: (x, y, z) relative deviation of uptake, mean 0 in the first mask.
        responded: whether it shrank as the world demands.
        truth: name -> value: traits, parameters, and the chance that the traits alone give.
    """

    tissue: Bool[np.ndarray, "x y z"]
    stroma: Float[np.ndarray, "x y z"]
    viable: Float[np.ndarray, "t x y z"]
    seen: Float[np.ndarray, "t x y z"]
    masks: Bool[np.ndarray, "t x y z"]
    core: Float[np.ndarray, "x y z"]
    texture: Float[np.ndarray, "x y z"]
    responded: bool
    truth: dict[str, float]


def grow_tumor(
    world: World,
    grid: Grid,
    random: np.random.Generator,
    days: Sequence[float] = SCAN_DAYS,
) -> VirtualTumor:
    """Draw a patient of a world, grow the tumor, treat it and follow it.

    Args:
        world: law of nature.
        grid: voxels of the tumor region.
        random: of every draw.
        days: of the scans, from 0 on; the response is read at the last of `SCAN_DAYS` always.

    Raises:
        TwinError: the tumors of this world do not fit into the grid, or the solver failed.
    """
    traits = random.standard_normal(len(TRAITS))
    share = stats.norm.cdf(traits)
    infiltration_mm = float(np.exp(np.interp(share[2], (0.0, 1.0), np.log(world.infiltration_mm))))
    rate = log_uniform(world.proliferation_per_day, random)
    score = float(np.dot(world.weights, traits))
    alpha = world.alpha_per_gy * float(np.exp(score + world.hidden_sd * random.standard_normal()))
    volume_ml = log_uniform(world.volume_ml, random)
    tissue, stroma = _anatomy(grid, random)
    spacing = (float(grid.spacing_mm[0]), float(grid.spacing_mm[1]), float(grid.spacing_mm[2]))
    domain = make_domain(tissue, spacing, {"soft": 1.0 - stroma, "stroma": stroma})
    params = _params(world, domain.tissues, infiltration_mm**2 * rate, rate, alpha)

    depth_mm = _lobulated_depth(world, grid, tissue, volume_ml, random)
    front_mm = 2.0 * infiltration_mm * rate * _GROWTH_DAYS
    height = (depth_mm - front_mm) / infiltration_mm + np.log(VISIBLE / (1.0 - VISIBLE))
    start = stats.logistic.cdf(height) * tissue
    grown = simulate(
        world.model, params, domain, Schedule(), [0.0], initial=start, start_days=-_GROWTH_DAYS
    )
    core_share = float(np.interp(share[1], (0.0, 1.0), world.core_share))
    core = _core(core_share, grown.seen[0] > VISIBLE, grid, random)
    followed = sorted({*days, SCAN_DAYS[-1]})
    course = simulate(
        world.model,
        params,
        domain,
        SCHEDULE,
        followed,
        initial=np.clip(grown.viable[0], 0.0, 1.0),
        dose_maps=1.0 - (1.0 - world.core_dose) * core[None],
    )
    if grown.status or course.status:
        raise TwinError("the course of a virtual tumor failed", where=f"world {world.name}")
    masks = np.stack([_outline(seen, grid, tissue, random) for seen in course.seen])
    if not masks[0].any():
        raise UnseenTumor(
            "a tumor of this world cannot be seen on this grid",
            where=f"world {world.name}",
            expected=f"a region of at least {2.0 * _radius_mm(world.volume_ml[1]):.0f} mm",
            got=f"{grid.shape} voxels of {spacing} mm",
        )
    amplitude = float(np.interp(share[0], (0.0, 1.0), world.texture_amplitude))
    volumes = dict(zip(followed, masks.sum(axis=(1, 2, 3)), strict=True))
    shown = [followed.index(day) for day in days]
    return VirtualTumor(
        tissue,
        stroma,
        course.viable[shown],
        course.seen[shown],
        masks[shown],
        core,
        _texture(amplitude, masks[0], world.texture_fwhm_mm, grid, random),
        bool(volumes[SCAN_DAYS[-1]] <= world.remission * volumes[0.0]),
        {
            **dict(zip(TRAITS, traits.tolist(), strict=True)),
            "visible_score": score,
            "radiosensitivity_alpha_per_gy": alpha,
            "proliferation_rate_per_day": rate,
            "infiltration_mm": infiltration_mm,
            "core_share": core_share,
            "texture_amplitude": amplitude,
        },
    )


def _params(
    world: World, tissues: tuple[str, ...], diffusivity: float, rate: float, alpha: float
) -> dict[str, float]:
    """Parameters of the world's model; what no prior of the world moves is fixed."""
    values = {
        "diffusivity": diffusivity,
        "proliferation_rate": rate,
        "radiosensitivity_alpha": alpha,
        "clearance_half_life": 20.0,
        "alpha_beta_ratio": 10.0,
        "repair_half_time": 1.5,
        "diffusivity_ratio_stroma": 0.5,
        "gompertz_log_range": 3.0,
    }
    table = world.model.table("generic", (), tissues)
    return {name: value for name, value in values.items() if name in table}


def _anatomy(grid: Grid, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tissue with a curved border that nothing crosses, and the share of stroma in it."""
    extent_mm = float(np.min(np.array(grid.shape) * grid.spacing_mm))
    normal = random.standard_normal(3)
    along = np.tensordot(normal / np.linalg.norm(normal), _offsets_mm(grid, np.zeros(3)), axes=1)
    wavy = along + 0.06 * extent_mm * smooth_noise(grid, 0.4 * extent_mm, random)
    tissue = wavy < random.uniform(0.25, 0.5) * extent_mm
    inside = np.zeros(grid.shape, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    stroma = stats.norm.cdf(2.0 * smooth_noise(grid, 0.25 * extent_mm, random))
    return tissue & inside, stroma


def _lobulated_depth(
    world: World, grid: Grid, tissue: np.ndarray, volume_ml: float, random: np.random.Generator
) -> np.ndarray:
    """Depth below the surface of a lobulated tumor of a volume, mm; negative outside."""
    extent_mm = np.array(grid.shape) * grid.spacing_mm
    center = random.uniform(-0.04, 0.04, 3) * extent_mm
    distance = np.linalg.norm(_offsets_mm(grid, center), axis=0)
    distance *= np.exp(world.lobulation * smooth_noise(grid, world.lobe_fwhm_mm, random))
    count = round(volume_ml * 1000.0 / grid.voxel_volume_mm3)
    inside = np.sort(distance[tissue])
    return inside[min(count, len(inside) - 1)] - distance


def _core(
    share: float, tumor: np.ndarray, grid: Grid, random: np.random.Generator
) -> Float[np.ndarray, "x y z"]:
    """How hypoxic each voxel is: the deepest `share` of the tumor, with a ragged, soft border."""
    if share <= 0.0 or not tumor.any():
        return np.zeros(grid.shape)
    depth = np.asarray(ndimage.distance_transform_edt(tumor, sampling=grid.spacing_mm))
    depth = depth + 1.5 * smooth_noise(grid, 8.0, random)
    limit = np.quantile(depth[tumor], 1.0 - share)
    return stats.logistic.cdf(2.0 * (depth - limit)) * tumor


def _outline(
    seen: np.ndarray, grid: Grid, tissue: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    return drawn_outline(
        seen,
        grid,
        tissue=tissue,
        threshold=VISIBLE,
        wobble=_DRAWING_WOBBLE,
        fwhm_mm=8.0,
        random=random,
    )


def _texture(
    amplitude: float, mask: np.ndarray, fwhm_mm: float, grid: Grid, random: np.random.Generator
) -> Float[np.ndarray, "x y z"]:
    field = smooth_noise(grid, fwhm_mm, random)
    inside = field[mask]
    spread = float(inside.std())
    return amplitude * (field - inside.mean()) / (spread if spread > 0.0 else 1.0)


def _offsets_mm(grid: Grid, center_mm: np.ndarray) -> Float[np.ndarray, "3 x y z"]:
    """Offset of every voxel from a point, which is given from the middle of the grid."""
    middle = (np.array(grid.shape) - 1) / 2
    offsets = (np.indices(grid.shape) - middle[:, None, None, None]) * grid.spacing_mm[
        :, None, None, None
    ]
    return offsets - center_mm[:, None, None, None]


def _radius_mm(volume_ml: float) -> float:
    return float((3.0 * volume_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0))
