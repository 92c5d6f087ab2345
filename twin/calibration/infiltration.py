"""How far a tumor infiltrates, from one scan: the length λ = √(D/ρ) and nothing of its speed.

Ahead of a front that has travelled for a while the cell fraction falls as the wave of logistic
growth at its minimal speed 2 √(Dρ) does, whatever the speed (Harpold, Alvord & Swanson 2007, doi
10.1097/nen.0b013e31802d9000): u(x) = U(x / λ) with

    U'' + 2 U' + U (1 − U) = 0,   U(−∞) = 1,   U(∞) = 0

whose tail is (a + b ξ) exp(−ξ). Two surfaces of known cell fraction c₁ > c₂, a gap g apart, give
λ = g / (ξ(c₂) − ξ(c₁)). D and ρ apart, and any time, need a second scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import integrate, ndimage

from twin.calibration.parametrization import front_row, known_values, score_contraction
from twin.calibration.posterior import UNDETERMINED_BELOW
from twin.calibration.setting import Setting, make_setting, raw_density
from twin.errors import TwinError
from twin.front import GROWTH, LENGTH, SPEED, front_of
from twin.models import FisherKPP
from twin.observation.denoise import denoised
from twin.parameters import Parameter, ParameterTable, Prior
from twin.patient import Patient
from twin.treatments.surgery import distance_mm

REFUSAL = (
    "One scan tells the infiltration length alone. Diffusivity, proliferation rate, speed and time"
    " to progression cannot be known from it: add a later scan."
)
LEVELS = (0.6, 0.2)
"""Cell fractions whose surfaces are compared in a density image."""
READER_MM = 0.5
"""Deviation of the mean position of one outline (assumed, as in twin/calibration/noise)."""
PROFILE_ERROR = 0.1
"""Relative deviation of a gap from that of the steady wave (assumed: a young, curved front)."""

_DRAWS, _CANDIDATES = 4000, 200_000
_VOXEL_BIAS, _VOXEL_SD = 0.28, 0.15
_OUTSIDE = 0.05
_REACH, _FARTHEST = 70.0, 3.0


@dataclass(frozen=True)
class Infiltration:
    """What one scan tells.

    Attributes:
        table: of the parameters whose priors were used.
        visit: name of the scan.
        inner, outer: what the two surfaces are.
        gap_mm, gap_sd_mm: mean distance between them, and its deviation.
        length_mm: (S,) draws of the length from its posterior.
        prior_length_mm: (S,) the same from its prior.
        prior_speed_mm_per_day: (S,) speed from its prior, which stays.
        diagnostics: warnings, which hold the refusal.
    """

    table: ParameterTable
    visit: str
    inner: str
    outer: str
    gap_mm: float
    gap_sd_mm: float
    length_mm: Float[np.ndarray, " s"]
    prior_length_mm: Float[np.ndarray, " s"]
    prior_speed_mm_per_day: Float[np.ndarray, " s"]
    converged: bool = True
    diagnostics: Mapping[str, Any] = field(default_factory=lambda: {"warnings": [REFUSAL]})

    @property
    def fitted_visits(self) -> tuple[str, ...]:
        """The one scan."""
        return (self.visit,)

    @property
    def median_mm(self) -> float:
        """Median of the length."""
        return float(np.median(self.length_mm))

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central interval of the length, mm."""
        low, high = np.quantile(self.length_mm, [0.5 - level / 2.0, 0.5 + level / 2.0])
        return float(low), float(high)

    @property
    def determined_length(self) -> bool:
        """Whether the scan says something about the length."""
        return self.contraction >= UNDETERMINED_BELOW

    @property
    def contraction(self) -> float:
        """Share of the prior's spread that the scan removed, in scores of the length."""
        return score_contraction(self.length_mm, self.prior_length_mm)

    def summary(self, level: float = 0.9) -> list[dict[str, Any]]:
        """Rows as those of `Posterior.summary`: the length, and what is refused without a value."""
        length = front_row(LENGTH, self.prior_length_mm, self.table, level, self.contraction)
        speed = front_row(SPEED, self.prior_speed_mm_per_day, self.table, level, None)
        rows = [
            length | known_values(self.median_mm, self.length_mm, level),
            speed | {"determined": False},
        ]
        return rows + [_refused(self.table[name], level) for name in GROWTH]


def infiltration(
    patient: Patient, *, priors: Mapping[str, Prior] | None = None, seed: int = 0
) -> Infiltration:
    """Infiltration length from the first visit of a patient, under logistic growth.

    Taken from two surfaces: those at a cell fraction of 0.6 and 0.2 of a CELL_FRACTION image; else
    the outlines with the smallest and the largest volume; else the surface of 0.6 in an ADC map and
    the outline around it. Thresholds of outlines, the scale of images and D and ρ have the priors
    of the parameter table.

    Args:
        patient: cropped or not.
        priors: other priors by parameter name.
        seed: of the draws.

    Raises:
        TwinError: less than two surfaces, surfaces that cross or coincide, or two that no length
            of the prior explains.
    """
    setting = make_setting(patient, FisherKPP(), visits=1, priors=priors)
    random = np.random.default_rng([seed, 0x1EF6])
    inner, outer = _surfaces(setting)
    gap_mm, voxel_sd_mm = _gap(inner, outer, setting)
    z = random.standard_normal((4, _CANDIDATES))
    growth = [_values(setting.table, name, score) for name, score in zip(GROWTH, z, strict=False)]
    front = front_of(dict(zip(GROWTH, growth, strict=True)))
    upper, lower = inner.fraction(setting.table, z[2]), outer.fraction(setting.table, z[3])
    expected = front[LENGTH] * (wave_depth(lower) - wave_depth(upper))
    readers = READER_MM * np.sqrt(sum(surface.drawn for surface in (inner, outer)))
    absolute = float(np.hypot(readers, voxel_sd_mm))
    sd = np.hypot(absolute, PROFILE_ERROR * expected)
    off = np.where(upper > lower, np.abs(gap_mm - expected) / sd, np.inf)
    if off.min() > _FARTHEST:
        raise TwinError(
            "no infiltration length of the prior explains the two surfaces",
            where=f"visit {setting.fitted[0].name}",
            expected=f"a gap between {inner.name} and {outer.name} that some length gives",
            got=f"{gap_mm:.1f} mm",
            fix="Check the masks and their labels, or give priors of the thresholds.",
        )
    weight = np.exp(0.5 * (off.min() ** 2 - off**2)) / sd
    chosen = random.choice(_CANDIDATES, _DRAWS, p=weight / weight.sum())
    return Infiltration(
        table=setting.table,
        visit=setting.fitted[0].name,
        inner=inner.name,
        outer=outer.name,
        gap_mm=gap_mm,
        gap_sd_mm=absolute,
        length_mm=front[LENGTH][chosen],
        prior_length_mm=front[LENGTH][:_DRAWS],
        prior_speed_mm_per_day=front[SPEED][:_DRAWS],
    )


@dataclass(frozen=True)
class _Surface:
    """A mask whose border is a surface of one cell fraction: that of a label, or a level."""

    mask: np.ndarray
    name: str
    parameter: str
    level: float = 1.0

    @property
    def drawn(self) -> bool:
        """Whether a reader drew it."""
        return self.parameter != "initial_scale"

    def fraction(self, table: ParameterTable, z: np.ndarray) -> np.ndarray:
        """(S,) cell fraction at the surface."""
        return np.clip(self.level * _values(table, self.parameter, z), 1e-3, 0.99)


def _surfaces(setting: Setting) -> tuple[_Surface, _Surface]:
    """The inner and the outer surface of the first visit."""
    visit, patient = setting.fitted[0], setting.patient
    density = raw_density(patient, visit)
    drawn = [
        _Surface(
            np.asarray(ndimage.binary_fill_holes(mask)), label, f"visibility_threshold_{label}"
        )
        for label, mask in sorted(visit.masks.items(), key=lambda item: item[1].sum())
        if mask.any()
    ]
    shown = []
    if density is not None:
        kept, measured = denoised(*density)
        for level in LEVELS:
            mask = ndimage.binary_fill_holes(np.where(measured, kept, 0.0) > level)
            shown.append(
                _Surface(np.asarray(mask), f"cell fraction {level:g}", "initial_scale", level)
            )
    if "CELL_FRACTION" in visit.images and all(surface.mask.any() for surface in shown):
        pair = shown[0], shown[1]
    elif len(drawn) > 1:
        pair = drawn[0], drawn[-1]
    elif drawn and shown and shown[0].mask.any():
        pair = shown[0], drawn[0]
    else:
        raise TwinError(
            "one scan tells the infiltration length from two surfaces, and this one has fewer",
            where=f"visit {visit.name}",
            expected="outlines at two visibility thresholds (such as enhancing and flair), or an"
            " image of the cell fraction (CELL_FRACTION or ADC) that reaches 0.6",
            got=", ".join(surface.name for surface in drawn + shown if surface.mask.any())
            or "none",
            fix="Add the second outline to the first visit, or a later visit to calibrate growth.",
        )
    inner, outer = pair
    outside = float((inner.mask & ~outer.mask).sum() / inner.mask.sum())
    if outside > _OUTSIDE or outer.mask.sum() <= inner.mask.sum():
        raise TwinError(
            "the two surfaces are not one inside the other",
            where=f"visit {visit.name}",
            expected=f"{inner.name} inside {outer.name}",
            got=f"{100.0 * outside:.0f} % of it outside",
            fix="Check the masks.",
        )
    return pair


def _gap(inner: _Surface, outer: _Surface, setting: Setting) -> tuple[float, float]:
    """Distance by which the inner mask must grow to the volume of the outer one, and its deviation.

    Only tissue counts: where the tumor meets a border there is no gap. Distances between voxel
    centers exceed those between smooth surfaces by about 0.28 voxels (measured on spheres of one
    to 15 voxels; 0.16 to 0.5).
    """
    tissue, grid = setting.patient.tissue, setting.patient.grid
    voxel_mm = float(np.cbrt(grid.voxel_volume_mm3))
    away = np.sort(distance_mm(inner.mask, tuple(grid.spacing_mm))[tissue | inner.mask])
    count = int((outer.mask & (tissue | inner.mask)).sum())
    reached = away[count - 1 : count + 1].mean()
    return max(float(reached) - _VOXEL_BIAS * voxel_mm, 0.0), _VOXEL_SD * voxel_mm


@cache
def _profile() -> tuple[np.ndarray, np.ndarray]:
    """ξ and U of the wave, from the unstable direction of U = 1 outwards."""
    start = 1e-6
    found = integrate.solve_ivp(
        lambda _, y: (y[1], -2.0 * y[1] - y[0] * (1.0 - y[0])),
        (0.0, _REACH),
        (1.0 - start, -(np.sqrt(2.0) - 1.0) * start),
        rtol=1e-9,
        atol=1e-14,
        dense_output=True,
    )
    xi = np.linspace(0.0, _REACH, 16001)
    return xi, found.sol(xi)[0]


def wave_depth(fraction: np.ndarray) -> np.ndarray:
    """ξ at which the wave has these cell fractions, in lengths; differences alone have a meaning.

    Linear between logarithms, as the tail is.
    """
    xi, profile = _profile()
    return np.interp(np.log(fraction), np.log(profile[::-1]), xi[::-1])


def _values(table: ParameterTable, name: str, z: np.ndarray) -> np.ndarray:
    return np.asarray(table[name].prior.transform(z), float)


def _refused(parameter: Parameter, level: float) -> dict[str, Any]:
    low, high = parameter.interval(level)
    return {
        "name": parameter.name,
        "unit": parameter.unit,
        "description": parameter.description,
        "point": None,
        "low": None,
        "high": None,
        "prior": parameter.prior.describe(),
        "prior_low": low,
        "prior_high": high,
        "contraction": None,
        "determined": False,
        "provenance": parameter.provenance,
        "citation": parameter.citation,
    }
