"""Whether a scan is what the twin expected: predictive p-values, and an alarm with a stated rate.

Before a scan is used, the members say what it should show. With m and s the mean and deviation of
ln(V + V_min) over J members, noise of the measurement included,

    t = (ln(V_seen + V_min) - m) / (s sqrt(1 + 1/J)),    p = 1 - F_{J-1}(t)

is the chance of a tumor at least as large, were the twin right. An alarm is raised below
rate / (scans · quantities), so that over a course of that many scans the chance of any alarm stays
below the rate (Bonferroni). Members carry killed cells that still show and whatever swelling their
model has: a scan that looks worse for these reasons alone is expected to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from twin.draws import setting_of
from twin.forecasting.forecast import PredictiveNoise, observed_ml
from twin.observation.segmentation import UNLABELED
from twin.observation.volume import LEAST_ML
from twin.patient import Visit

if TYPE_CHECKING:
    from twin.monitoring.filter import Filter

FALSE_ALARM_RATE, SCANS = 0.05, 5
_REPEATS = 8


@dataclass(frozen=True)
class Surprise:
    """One quantity of a scan beside what was expected.

    Attributes:
        quantity: "visible" (outlined volume) or "burden" (cells within the outline).
        observed_ml, expected_ml, low_ml, high_ml: seen; median and 90 % interval expected.
        p_larger: chance of at least as much, were the twin right.
        p_value: two-sided.
    """

    quantity: str
    observed_ml: float
    expected_ml: float
    low_ml: float
    high_ml: float
    p_larger: float
    p_value: float


@dataclass(frozen=True)
class Assimilation:
    """What a scan said.

    Attributes:
        name, time_days: of the scan.
        surprises: its quantities beside what was expected.
        alarm_below: p-values below this raise an alarm.
        findings: what a reader should know, in plain words.
    """

    name: str
    time_days: float
    surprises: tuple[Surprise, ...]
    alarm_below: float
    findings: tuple[str, ...] = ()

    @property
    def larger(self) -> bool:
        """Alarm: more tumor than the twin allows."""
        return any(s.p_larger < self.alarm_below for s in self.surprises)

    @property
    def smaller(self) -> bool:
        """Less tumor than the twin allows: better than expected, or another patient's scan."""
        return any(1.0 - s.p_larger < self.alarm_below for s in self.surprises)


def compare(filter: Filter, visit: Visit, volumes_ml: Mapping[str, float] | None) -> Assimilation:
    """What a visit shows beside what a filter at its time expects."""
    setting = setting_of(filter.posterior)
    observed = observed_ml(setting, visit)
    if volumes_ml and setting.visible_label in volumes_ml:
        observed["visible"] = volumes_ml[setting.visible_label]
    course = filter.now()
    expected = {"burden": course.burden_ml[:, 0], "visible": course.visible_ml[:, 0]}
    noise = PredictiveNoise.of(filter.posterior, setting)
    seen = {name: float(v) for name, v in observed.items() if v is not None}
    surprises = tuple(
        surprise(name, value, expected[name], noise.sd[name], filter.seed)
        for name, value in seen.items()
    )
    limit = filter.false_alarm_rate / (filter.scans * max(len(surprises), 1))
    findings = tuple(_findings(filter, visit, surprises, limit))
    return Assimilation(visit.name, float(visit.time_days), surprises, limit, findings)


def surprise(
    quantity: str, observed_ml: float, expected_ml: np.ndarray, noise_sd_ml: float, seed: int
) -> Surprise:
    """An observed volume beside the members' (J,) and the noise of measuring it."""
    random = np.random.default_rng([seed, 0x5096])
    size = len(expected_ml)
    noise = noise_sd_ml * random.standard_normal((_REPEATS, size))
    drawn = np.maximum(expected_ml + noise, 0.0).reshape(-1)
    logs = np.log(drawn + LEAST_ML)
    spread = max(float(logs.std()), 1e-6) * np.sqrt(1.0 + 1.0 / size)
    t = (np.log(observed_ml + LEAST_ML) - logs.mean()) / spread
    larger = float(stats.t.sf(t, size - 1))
    low, median, high = np.quantile(drawn, [0.05, 0.5, 0.95])
    return Surprise(
        quantity,
        observed_ml,
        float(median),
        float(low),
        float(high),
        larger,
        2.0 * min(larger, 1.0 - larger),
    )


def _findings(
    filter: Filter, visit: Visit, surprises: tuple[Surprise, ...], limit: float
) -> list[str]:
    """What a reader should know beside the figures."""
    found = []
    if not filter.posterior.converged:
        found.append("The calibration had not converged: do not rely on this or what follows.")
    if visit.masks and not any(mask.any() for mask in visit.masks.values()):
        found.append("No tumor was outlined (complete response): it counts as a volume of 0 mL.")
    for s in surprises:
        if s.p_value < 2.0 * limit:
            how = "larger" if s.p_larger < 0.5 else "smaller"
            found.append(
                f"{s.quantity}: {s.observed_ml:.3g} mL, {how} than the earlier scans allow"
                f" ({s.low_ml:.3g} to {s.high_ml:.3g} mL, p = {s.p_value:.2g}). Check that the"
                " outline, the registration and the record of treatments are right; else the tumor"
                " does not follow the twin."
            )
    found += _at_the_border(filter)
    return found


def _at_the_border(filter: Filter) -> list[str]:
    """A warning where the tumor has reached the end of what is simulated."""
    setting = setting_of(filter.posterior)
    name = f"visibility_threshold_{setting.visible_label}"
    threshold = float(np.median(filter.draws.get(name, np.full(1, UNLABELED))))
    seen = setting.domain.volume(np.asarray(filter.states.seen).mean(axis=0))
    tissue = setting.patient.tissue
    ends = np.ones(tissue.shape, bool)
    ends[2:-2, 2:-2, 2:-2] = False  # the outermost layer is never tissue
    if not (seen[ends & tissue] > threshold).any():
        return []
    return [
        "The tumor has reached the end of the simulated box: what lies beyond is not seen."
        " Calibrate again with a wider crop."
    ]
