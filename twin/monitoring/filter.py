"""The twin kept up to date: an ensemble of parameters and states that every scan moves.

    filter = Filter.of(posterior)                 at the last fitted visit
    filter = filter.assimilate(visit)             to the day of the scan, and then towards it
    filter.outlook([120.0, 180.0])                what is to be expected from there

Between scans every member follows the model under the treatments given. A scan moves parameters by
all that it shows and fields by what it shows near them (twin/monitoring/kalman), in steps that
leave a quarter of the members in play. Before it does, it is compared with what was expected
(twin/monitoring/surprise).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.calibration.posterior import Posterior
from twin.draws import ready, setting_of, states_at_decision
from twin.errors import TwinError
from twin.models.state import State
from twin.monitoring.analysis import analyzed
from twin.monitoring.ensemble import (
    advance,
    bounded,
    checked,
    discrepancy_factors,
    map_fields,
    natural_values,
    volumes,
)
from twin.monitoring.readings import Reading, readings_of
from twin.monitoring.surprise import FALSE_ALARM_RATE, SCANS, Assimilation, compare
from twin.observation.edema import Edema
from twin.parameters import ParameterTable
from twin.patient import Visit
from twin.treatments.schedule import Schedule

LEAST_MEMBERS = 16


@dataclass(frozen=True)
class Outlook:
    """Courses of the members: (T,) days and (J, T) volumes in mL, as in `twin.forecasting`."""

    times_days: np.ndarray
    viable_ml: np.ndarray
    burden_ml: np.ndarray
    visible_ml: np.ndarray


@dataclass(frozen=True)
class Filter:
    """An ensemble of J twins of one patient at one time.

    Attributes:
        posterior: what it started from, with further parameters that scans brought in.
        time_days: where the states are.
        scores: (J, K) standard normal scores of the posterior's parameters.
        states: fields of the members, leading axis J.
        seed: of everything random.
        history: what each scan said, in order.
        edema: swelling that outlines and ADC maps show with the cells; None for none.
        scans: number of scans planned, over which the false-alarm rate is shared.
        false_alarm_rate: chance that any of them raises an alarm although the twin is right.
    """

    posterior: Posterior
    time_days: float
    scores: np.ndarray
    states: State
    seed: int = 0
    history: tuple[Assimilation, ...] = ()
    edema: Edema | None = None
    scans: int = SCANS
    false_alarm_rate: float = FALSE_ALARM_RATE

    @classmethod
    def of(
        cls,
        posterior: Posterior,
        *,
        members: int = 64,
        seed: int = 0,
        swelling: bool = False,
        scans: int = SCANS,
        false_alarm_rate: float = FALSE_ALARM_RATE,
    ) -> Filter:
        """An ensemble drawn from a posterior, at its last fitted visit.

        Members differ in their parameters, and by a smooth factor in their fields that stands for
        the discrepancy that calibration found.

        Args:
            posterior: from `calibrate`.
            members: J, at least 16.
            seed: of everything random.
            swelling: outlines and ADC maps show edema (twin/observation/edema), whose coefficients
                are drawn from their wide priors: a tumor that is dying may then look larger.
            scans: number of scans planned, over which the false-alarm rate is shared.
            false_alarm_rate: over all of them.

        Raises:
            TwinError: too few members, or a rate or a number of scans out of range.
        """
        setting = setting_of(posterior)
        if members < LEAST_MEMBERS:
            raise TwinError(
                "too few members",
                where="members",
                expected=f"at least {LEAST_MEMBERS}",
                got=str(members),
            )
        if not (0.0 < false_alarm_rate < 1.0 and scans >= 1):
            raise TwinError(
                "rate of false alarms or number of scans out of range",
                where="false_alarm_rate, scans",
                expected="between 0 and 1; at least 1",
                got=f"{false_alarm_rate:g}; {scans}",
            )
        scores = posterior.sample_scores(members, seed)
        states = states_at_decision(posterior, ready(posterior.values_at(scores)))
        factor = discrepancy_factors(posterior, members, seed)
        states = bounded(map_fields(lambda field: field * factor, states))
        start = cls(
            posterior,
            setting.decision_day,
            scores[:, : len(posterior.names)],
            states,
            seed,
            scans=scans,
            false_alarm_rate=false_alarm_rate,
        )
        if not swelling:
            return start
        edema = Edema(setting.domain)
        wider = posterior.extended(ParameterTable(edema.parameters()))
        return replace(start._widened(wider), edema=edema)

    @property
    def members(self) -> int:
        """J."""
        return len(self.scores)

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """Natural values (J,) of every parameter."""
        values = natural_values(self.posterior, self.scores)
        return {name: np.asarray(value, float) for name, value in values.items()}

    def treated(self, treatments: Schedule) -> Filter:
        """The same with further treatments given since.

        Raises:
            TwinError: one before the filter's time, which its states could no longer follow.
        """
        earliest = min(treatments.times_days, default=self.time_days)
        if earliest < self.time_days:
            raise TwinError(
                "a treatment lies before the time that the twin has reached",
                where="treatments",
                expected=f"day {self.time_days:g} or later",
                got=f"day {earliest:g}",
                fix="Calibrate again with the complete record of treatments.",
            )
        return self._widened(with_treatments(self.posterior, treatments))

    def to(self, time_days: float) -> Filter:
        """The ensemble at a later time, under the treatments given; no scan is used."""
        if time_days == self.time_days:
            return self
        states, _ = self._run([time_days])
        return replace(self, time_days=float(time_days), states=states)

    def now(self) -> Outlook:
        """Volumes of the members at the filter's time."""
        setting = setting_of(self.posterior)
        sums = volumes(
            natural_values(self.posterior, self.scores),
            self.states,
            self.edema,
            setting.visible_label,
            setting.density_everywhere,
        )
        ml = (np.asarray(part, float)[:, None] * setting.domain.voxel_ml for part in sums)
        return Outlook(np.array([self.time_days]), *ml)

    def outlook(self, times_days: Sequence[float] | np.ndarray) -> Outlook:
        """Courses of the members under the treatments given, from the filter's time on."""
        times = np.asarray(times_days, float)
        _, series = self._run(times)
        return Outlook(times, *series)

    def assimilate(self, visit: Visit, volumes_ml: Mapping[str, float] | None = None) -> Filter:
        """The ensemble at a visit, moved towards what it shows.

        Args:
            visit: on the grid of the posterior's patient (see `readings_of` for what is used).
            volumes_ml: label -> outlined volume, where only the number was kept.

        Raises:
            TwinError: a visit before the filter's time or already assimilated, on another grid, or
                with nothing to compare.
        """
        self._check(visit)
        readings = readings_of(self.posterior, visit, volumes_ml, self.edema)
        return self.update(visit.time_days, readings, visit=visit, volumes_ml=volumes_ml)

    def update(
        self,
        time_days: float,
        readings: Sequence[Reading],
        *,
        visit: Visit | None = None,
        volumes_ml: Mapping[str, float] | None = None,
    ) -> Filter:
        """The ensemble at a time, moved towards readings; see `assimilate` for those of a visit."""
        now = self.to(time_days)
        visit = visit or Visit(f"day {time_days:g}", time_days)
        said = compare(now, visit, volumes_ml)
        for reading in readings:
            drawn = [p for p in reading.observation.parameters() if p.name not in reading.given]
            now = now._widened(now.posterior.extended(ParameterTable(drawn)))
        scores, states = analyzed(now.posterior, now.scores, now.states, readings)
        return replace(now, scores=scores, states=states, history=(*self.history, said))

    def _check(self, visit: Visit) -> None:
        grid = setting_of(self.posterior).patient.grid
        if any(said.name == visit.name for said in self.history):
            raise TwinError(
                f"the scan {visit.name} was assimilated before",
                where="assimilate",
                fix="Each scan counts once; give a new one a name of its own.",
            )
        if visit.time_days < self.time_days:
            raise TwinError(
                "the scan is earlier than the twin",
                where=f"visit {visit.name}",
                expected=f"day {self.time_days:g} or later",
                got=f"day {visit.time_days:g}",
                fix="Assimilate scans by the order of days; calibrate again for earlier ones.",
            )
        for what, got in [
            *((f"mask {label}", mask.shape) for label, mask in visit.masks.items()),
            *((modality, image.data.shape) for modality, image in visit.images.items()),
        ]:
            if got != grid.shape:
                raise TwinError(
                    "the scan lies on another grid than the twin",
                    where=f"visit {visit.name}, {what}",
                    expected=str(grid.shape),
                    got=str(got),
                )

    def _widened(self, wider: Posterior) -> Filter:
        """The same with the further parameters of a posterior, drawn from their priors."""
        drawn = wider.sample_scores(self.members, self.seed)
        more = drawn[:, self.scores.shape[1] : len(wider.names)]
        return replace(self, posterior=wider, scores=np.hstack([self.scores, more]))

    def _run(self, times: Sequence[float] | np.ndarray) -> tuple[State, tuple[np.ndarray, ...]]:
        """States at the last time, and (J, T) viable, burden and visible volume in mL."""
        setting = setting_of(self.posterior)
        forcing, rows = setting.forcing(times, self.time_days)
        states, series = advance(
            setting.model,
            natural_values(self.posterior, self.scores),
            setting.domain,
            forcing,
            self.states,
            setting.resectable_flat,
            self.edema,
            setting.visible_label,
            setting.density_everywhere,
        )
        voxel_ml = setting.domain.voxel_ml
        return checked(states), tuple(np.asarray(s, float)[:, rows] * voxel_ml for s in series)


def with_treatments(posterior: Posterior, treatments: Schedule) -> Posterior:
    """The posterior of the patient with further treatments, and the parameters these bring in."""
    setting = setting_of(posterior)
    patient = replace(setting.patient, treatments=setting.patient.treatments + treatments)
    setting = replace(setting, patient=patient)
    table = setting.treatment_table(setting.drugs())
    return replace(posterior, setting=setting).extended(table)
