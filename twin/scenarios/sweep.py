"""Every plan under every posterior draw: `sweep(posterior, plans) -> Outcomes`.

A shard is a block of plans under all draws. What it holds depends on its plans and draws alone, so
shards can be computed in any order, on any device, and again after a crash. Plans differ only in
their treatment tables: one compiled program serves them all, and memory does not grow with their
number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.calibration.posterior import Posterior
from twin.domain import Domain
from twin.draws import Draws, ready, setting_of, states_at_decision
from twin.errors import TwinError
from twin.models.model import Params, TumorModel
from twin.models.state import State
from twin.observation.segmentation import visibility_threshold
from twin.scenarios.engines import Engine, Store, one_by_one
from twin.scenarios.outcomes import Outcomes, concatenate, time_to_progression
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.toxicity import tumor_bed_gy
from twin.simulation import NOT_FINITE, OK
from twin.solvers.splitting import solve
from twin.treatments.forcing import SHARED_ROWS, SHARED_STEPS, Forcing, compile_forcing
from twin.treatments.schedule import Schedule

PLANS_PER_SHARD = 25
RECORD_EVERY_DAYS = 7.0


def sweep(
    posterior: Posterior,
    plans: PlanSet,
    *,
    draws: int = 32,
    seed: int = 0,
    engine: Engine = one_by_one,
    store: Store | None = None,
    plans_per_shard: int = PLANS_PER_SHARD,
    progress: Callable[[int, int], None] | None = None,
    dose_maps: Float[np.ndarray, "maps x y z"] | None = None,
) -> Outcomes:
    """Simulate plans from the decision day to the horizon under posterior draws.

    Parameters that the data did not determine (radiosensitivity before any fraction, a drug not
    yet given) are drawn from their priors, as the posterior has it.

    Args:
        posterior: from `calibrate`; its decision day is the last fitted visit.
        plans: candidate plans; moved to the decision day where they were made for another.
        draws: posterior draws, common to all plans.
        seed: of the draws. Use another for judging finalists on fresh draws.
        engine: how shards are run; one after the other by default.
        store: where shards are kept and found again; in memory by default.
        plans_per_shard: size of a shard.
        progress: called with (scenarios done, scenarios in all) after each shard.
        dose_maps: dose relative to the prescribed one, of each map that fractions name
            (`Fraction.field`); 1 everywhere where none are given. Toxicity follows the
            prescribed dose all the same.

    Raises:
        TwinError: a plan with surgery for a patient without an outline, or a fraction through a
            dose map that is not given.
    """
    setting = setting_of(posterior)
    if plans.decision_day != setting.decision_day:
        plans = plans.moved_to(setting.decision_day)
    extended = with_drugs_of(posterior, plans)
    work = _Work.of(extended, plans, extended.sample_scores(draws, seed), plans_per_shard)
    if dose_maps is not None:
        work = replace(work, dose_maps=_checked_maps(setting.domain, plans, dose_maps))
    finished = store.done() if store is not None else set()
    shards = range(work.shards)
    kept: dict[int, Outcomes] = {}
    count = sum(len(work.block(i)) for i in shards if i in finished) * draws
    for index, outcomes in engine(work, [i for i in shards if i not in finished]):
        scenarios = len(outcomes.plans) * draws
        if store is None:
            kept[index] = outcomes
        else:
            store.write(index, outcomes.to_arrays(), {"scenarios": scenarios})
        count += scenarios
        if progress is not None:
            progress(count, len(plans) * draws)
    if store is not None:
        kept = {i: Outcomes.from_arrays(store.read(i), work.block(i)) for i in shards}
    return concatenate([kept[i] for i in shards])


def with_drugs_of(posterior: Posterior, plans: PlanSet) -> Posterior:
    """The posterior with the parameters of every drug that a plan holds, at their priors."""
    setting = setting_of(posterior)
    drugs = setting.drugs(*(d for p in plans for d in p.schedule.drugs))
    return posterior.extended(setting.treatment_table(drugs))


def outcomes_at(posterior: Posterior, plans: PlanSet, scores: Float[np.ndarray, "s k"]) -> Outcomes:
    """Plans under given scores of the parameters, all in one shard; see `sweep`.

    Args:
        posterior: from `with_drugs_of`, on whose decision day the plans start.
        plans: P candidate plans.
        scores: (S, K) standard normal scores in the order of `posterior.names`, or (S, K + R) as
            `Posterior.sample_scores` gives them.
    """
    return _Work.of(posterior, plans, scores, len(plans))(0)


@dataclass(frozen=True)
class _Work:
    """Everything that the shards share; calling it with an index simulates that shard."""

    posterior: Posterior
    plans: PlanSet
    parameters: dict[str, np.ndarray]
    draws: Draws
    states: State
    times_days: np.ndarray
    drugs: tuple[str, ...]
    steps: int
    rows: int
    per_shard: int
    dose_maps: Float[Array, "maps n"] | None = None

    @classmethod
    def of(cls, posterior: Posterior, plans: PlanSet, scores: np.ndarray, per_shard: int) -> _Work:
        setting = setting_of(posterior)
        if any(p.schedule.surgeries for p in plans) and setting.resectable_mm is None:
            raise TwinError(
                "a plan holds surgery but the patient has no outline to follow",
                where="plans",
                expected="a mask at a fitted visit",
                fix="Add the outline of the tumor to the last fitted visit.",
            )
        values = posterior.values_at(scores)
        drawn = ready(values)
        horizon = setting.decision_day + plans.horizon_days
        grid = np.arange(setting.decision_day, horizon, RECORD_EVERY_DAYS)
        times = np.append(grid, horizon)
        sizes = [_size(p.schedule, times, setting.max_step_days) for p in plans]
        return cls(
            posterior=posterior,
            plans=plans,
            parameters={n: values[n] for n in posterior.names},
            draws=drawn,
            states=states_at_decision(posterior, drawn),
            times_days=times,
            drugs=setting.drugs(*(d for p in plans for d in p.schedule.drugs)),
            steps=_rounded_up(max(s for s, _ in sizes), SHARED_STEPS),
            rows=_rounded_up(max(r for _, r in sizes), SHARED_ROWS),
            per_shard=per_shard,
        )

    @property
    def shards(self) -> int:
        return -(-len(self.plans) // self.per_shard)

    def block(self, index: int) -> tuple[Plan, ...]:
        """Plans of a shard."""
        return self.plans.plans[index * self.per_shard : (index + 1) * self.per_shard]

    def __call__(self, index: int) -> Outcomes:
        setting, block = setting_of(self.posterior), self.block(index)
        tables = [self._forcing(plan.schedule) for plan in block]
        forcings = [forcing for forcing, _ in tables]
        # The last shard is filled up with courses without a step, so that one program serves all.
        idle = eqx.tree_at(lambda f: f.row_stop, forcings[0], forcings[0].row_start)
        forcings += [idle] * (self.per_shard - len(block))
        stacked = jax.tree.map(lambda *a: jnp.asarray(np.stack(a)), *forcings)
        series = _run(
            setting.model,
            self.draws,
            setting.domain,
            stacked,
            self.states,
            setting.resectable_flat,
            setting.visible_label,
            self.dose_maps,
        )
        end, visible, resected = (
            np.moveaxis(np.asarray(a, float), 0, 1)[: len(block)] * setting.domain.voxel_ml
            for a in series
        )
        rows = np.stack([row for _, row in tables])
        surgery = [_surgery_row(forcing) for forcing, _ in tables]
        return self._outcomes(block, end, visible, resected, rows, surgery)

    def _forcing(self, schedule: Schedule) -> tuple[Forcing, np.ndarray]:
        setting = setting_of(self.posterior)
        given = setting.patient.treatments.before(setting.decision_day)
        return compile_forcing(
            given + schedule,
            start_days=setting.decision_day,
            times_days=self.times_days,
            drugs=self.drugs,
            body_surface_m2=setting.patient.body_surface_m2,
            max_step_days=setting.max_step_days,
            steps=self.steps,
            rows=self.rows,
        )

    def _outcomes(
        self,
        block: tuple[Plan, ...],
        end: np.ndarray,
        visible: np.ndarray,
        resected: np.ndarray,
        rows: np.ndarray,
        surgery: list[int],
    ) -> Outcomes:
        """Rows (P, S, R) of a block as outcomes."""
        finite = np.isfinite(end).all(axis=-1) & np.isfinite(visible).all(axis=-1)
        end, visible, resected = (np.nan_to_num(a) for a in (end, visible, resected))
        viable_ml = np.stack([e[:, r] for e, r in zip(end, rows, strict=True)])
        visible_ml = np.stack([v[:, r] for v, r in zip(visible, rows, strict=True)])
        residual = viable_ml[..., -1]
        before, after = residual.copy(), residual.copy()
        for plan, row in enumerate(surgery):
            if row > 0:
                before[plan], after[plan] = end[plan, :, row - 1], resected[plan, :, row]
        days, progressed = time_to_progression(self.times_days, visible_ml)
        given = setting_of(self.posterior).patient.treatments.before(self.posterior.decision_day)
        ratio = self.parameters.get(
            "alpha_beta_ratio",
            np.full(end.shape[1], self.posterior.point.get("alpha_beta_ratio", 10.0)),
        )
        return Outcomes(
            plans=block,
            times_days=self.times_days,
            viable_ml=viable_ml.astype(np.float32),
            visible_ml=visible_ml.astype(np.float32),
            endpoint_ml=before,
            residual_ml=residual,
            outside_margin_ml=after,
            progression_days=days,
            progressed=progressed,
            tumor_bed_gy=np.stack([tumor_bed_gy(given + p.schedule, ratio) for p in block]),
            parameters=self.parameters,
            status=np.where(finite, OK, NOT_FINITE).astype(np.int8),
        )


def _checked_maps(
    domain: Domain, plans: PlanSet, dose_maps: Float[np.ndarray, "maps x y z"]
) -> Float[Array, "maps n"]:
    """Dose maps as flat arrays, enough of them for every fraction."""
    named = max((f.field for p in plans for f in p.schedule.fractions), default=0)
    if named >= len(dose_maps):
        raise TwinError(
            "a fraction names a dose map that is not given",
            where="dose_maps",
            expected=f"at least {named + 1} maps",
            got=str(len(dose_maps)),
        )
    return jnp.stack([domain.flat(one) for one in dose_maps])


def _rounded_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _size(schedule: Schedule, times: np.ndarray, max_step_days: float) -> tuple[int, int]:
    """Steps and rows that a schedule needs."""
    forcing, _ = compile_forcing(
        Schedule(schedule.fractions, (), schedule.surgeries),
        start_days=times[0],
        times_days=times,
        max_step_days=max_step_days,
    )
    return forcing.dt_days.size + len(schedule.drug_doses), forcing.row_start.size


def _surgery_row(forcing: Forcing) -> int:
    """Row that starts with the last resection, or -1."""
    cuts = np.flatnonzero(np.asarray(forcing.resection_mm) >= 0.0)
    return int(cuts[-1]) if cuts.size else -1


@eqx.filter_jit
def _run(
    model: TumorModel,
    draws: Draws,
    domain: Domain,
    forcings: Forcing,
    states: State,
    resectable_mm: Array | None,
    label: str,
    dose_maps: Array | None = None,
) -> tuple[Array, Array, Array]:
    """(S, P, rows) sums over voxels: viable at the end of a row, outlined then, viable at its
    start after a resection."""

    def one_draw(inputs: tuple[Params, State]) -> tuple[Array, Array, Array]:
        params, state = inputs
        threshold = visibility_threshold(params, label)
        equations = model.equations(params, domain, forcings.drugs)

        def one_plan(forcing: Forcing) -> tuple[Array, Array, Array]:
            return solve(
                equations,
                forcing,
                state,
                lambda begin, end: (
                    end.viable.sum(),
                    (end.seen > threshold).sum(),
                    begin.viable.sum(),
                ),
                resectable_mm=resectable_mm,
                dose_maps=dose_maps,
            )

        return jax.lax.map(one_plan, forcings)

    return jax.lax.map(one_draw, (draws, states))
