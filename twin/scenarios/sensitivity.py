"""Which parameters move what is asked of a patient's twin: Sobol and Morris over its draws.

Two courses are looked at, from the decision day to one horizon: the treatments that were given, and
the standard of care. Over the prior every parameter is a factor of its own. After calibration the
parameters that the visits can inform are correlated, and indices of one of them alone would treat
its margin as if it were independent, which is wrong; they are one factor together, drawn jointly,
beside the parameters that still are at their priors. That split is exact. A map of the model is one
factor, and Morris effects, which move one number at a time, leave maps at their mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from twin.calibration.posterior import Posterior
from twin.draws import setting_of
from twin.observation.volume import ball_diameters_mm
from twin.parameters import ParameterTable
from twin.scenarios.engines import Engine, one_by_one
from twin.scenarios.indices import (
    MorrisEffects,
    Response,
    SobolIndices,
    morris_effects,
    sobol_indices,
)
from twin.scenarios.judging import FLOOR_ML
from twin.scenarios.outcomes import Outcomes, concatenate
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.standard_of_care import DEFAULT_HORIZON_DAYS, standard_of_care
from twin.scenarios.sweep import outcomes_at, with_drugs_of
from twin.simulation import OK

GIVEN = "treatments given"
INFORMED = "parameters that the visits can inform, together"
ROWS_PER_BLOCK = 32


@dataclass(frozen=True)
class Quantity:
    """One quantity of interest: what, under which plan, on which day since the first visit."""

    name: str
    unit: str
    plan: str
    day: float


@dataclass(frozen=True)
class Sensitivity:
    """Tables of the quantities of interest.

    Attributes:
        quantities: (Q,).
        prior: Sobol indices over the prior, a factor a parameter.
        effects: Morris effects over the prior.
        posterior: Sobol indices over the posterior; None where fewer than two independent
            factors are left.
        informed: parameters that `INFORMED` stands for.
        samples, trajectories, seed: as asked for.
        scenarios: courses simulated in all.
    """

    quantities: tuple[Quantity, ...]
    prior: SobolIndices
    effects: MorrisEffects
    posterior: SobolIndices | None
    informed: tuple[str, ...]
    samples: int
    trajectories: int
    seed: int
    scenarios: int


def courses_of_interest(posterior: Posterior) -> PlanSet:
    """The treatments given and the standard of care, from the decision day to one horizon.

    The horizon is the site's, or as long as the treatments and visits go on where that is longer.
    """
    patient, start = setting_of(posterior).patient, posterior.decision_day
    standard = standard_of_care(patient.site, start, patient.body_surface_m2)
    given = Plan(GIVEN, patient.treatments.from_(start), tags={"origin": "patient"})
    ends = [patient.visits[-1].time_days, *(p.schedule.end_days + 1.0 for p in (given, standard))]
    horizon = max(DEFAULT_HORIZON_DAYS[patient.site], max(ends) - start)
    return PlanSet((given, standard), horizon, start)


def quantities_of(outcomes: Outcomes) -> tuple[tuple[Quantity, ...], Float[np.ndarray, "s q"]]:
    """Quantities of interest of every plan, and their values under every draw.

    The end of a course is its last surgery, or the horizon without one. Burdens are logarithms, and
    the visible volume is the diameter of a ball that has it: over a prior, variances of volumes
    themselves rest on a few enormous draws.
    """
    times = outcomes.times_days
    found: list[tuple[Quantity, np.ndarray]] = []
    for index, plan in enumerate(outcomes.plans):

        def add(
            name: str, unit: str, day: float, values: np.ndarray, plan: str = plan.name
        ) -> None:
            found.append((Quantity(name, unit, plan, float(day)), np.asarray(values, float)))

        cuts = plan.schedule.surgeries
        end = cuts[-1].time_days if cuts else times[-1]
        seen = int(np.searchsorted(times, end, side="right")) - 1
        before = "before surgery" if cuts else "at the horizon"
        add(f"viable burden {before}", LOG_ML, end, _log_ml(outcomes.endpoint_ml[index]))
        diameter = ball_diameters_mm(outcomes.visible_ml[index, :, seen])
        add(f"visible diameter {before}", "mm", times[seen], diameter)
        if cuts:
            left = _log_ml(outcomes.residual_ml[index])
            add("viable burden at the horizon", LOG_ML, times[-1], left)
        days = outcomes.progression_days[index]
        add("days to progression, at most the horizon", "days", times[-1], days)
    return tuple(q for q, _ in found), np.stack([values for _, values in found], axis=1)


LOG_ML = "log10 mL"


def _log_ml(burden_ml: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(np.asarray(burden_ml, float), 0.0) + FLOOR_ML)


def simulate_scores(
    posterior: Posterior,
    plans: PlanSet,
    scores: Float[np.ndarray, "s k"],
    *,
    engine: Engine = one_by_one,
    block: int = ROWS_PER_BLOCK,
    progress: Callable[[int, int], None] | None = None,
) -> Outcomes:
    """Outcomes of plans at given scores, a block of rows at a time so that memory stays small.

    Args:
        posterior: from `twin.scenarios.sweep.with_drugs_of`.
        plans: candidate plans.
        scores: as `twin.scenarios.sweep.outcomes_at` takes them.
        engine: how blocks are run.
        block: rows at a time; the last block is filled up, so that one program serves all.
        progress: called with (scenarios done, scenarios in all) after each block.
    """
    blocks = -(-len(scores) // block)
    filled = scores[np.minimum(np.arange(blocks * block), len(scores) - 1)]
    setting_of(posterior).initial  # noqa: B018  (made once, before threads ask for it)

    def work(index: int) -> Outcomes:
        return outcomes_at(posterior, plans, filled[index * block : (index + 1) * block])

    parts: dict[int, Outcomes] = {}
    for index, outcomes in engine(work, range(blocks)):
        parts[index] = outcomes
        if progress is not None:
            done = min(len(parts) * block, len(scores))
            progress(done * len(plans), len(scores) * len(plans))
    whole = concatenate([parts[i] for i in range(blocks)], axis="draw")
    return whole.first_draws(len(scores))


def sensitivity(
    posterior: Posterior,
    plans: PlanSet | None = None,
    *,
    samples: int = 128,
    trajectories: int = 16,
    seed: int = 0,
    engine: Engine = one_by_one,
    progress: Callable[[int, int], None] | None = None,
) -> Sensitivity:
    """Sobol and Morris tables of the quantities of interest of a patient.

    Args:
        posterior: from `calibrate`.
        plans: courses to look at; by default `courses_of_interest`.
        samples: base sample of the Sobol indices, a power of 2.
        trajectories: of the Morris effects.
        seed: of samples and bootstrap.
        engine: how blocks of simulations are run.
        progress: called with (scenarios done, scenarios in all) of each of the three designs.

    Raises:
        TwinError: a sample that is no power of 2, or simulations that fail.
    """
    plans = courses_of_interest(posterior) if plans is None else plans
    extended = with_drugs_of(posterior, plans)
    asked: list[tuple[Quantity, ...]] = []
    rows: list[int] = []

    def response(scores_of: Callable[[np.ndarray], np.ndarray]) -> Response:
        def at(standard: np.ndarray) -> np.ndarray:
            scores = scores_of(standard)
            outcomes = simulate_scores(extended, plans, scores, engine=engine, progress=progress)
            quantities, values = quantities_of(outcomes)
            asked.append(quantities)
            rows.append(len(values))
            return np.where((outcomes.status == OK).all(axis=0)[:, None], values, np.nan)

        return at

    names = extended.names
    unchanged = response(lambda standard: standard)
    prior = sobol_indices(unchanged, _factors(names, extended.table), samples=samples, seed=seed)
    single = np.array([not extended.table[name].of_map for name in names])

    def without_maps(standard: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(standard), len(names)))
        scores[:, single] = standard
        return scores

    alone = tuple(name for name, yes in zip(names, single, strict=True) if yes)
    effects = morris_effects(response(without_maps), alone, trajectories=trajectories, seed=seed)
    factors, scores_of, informed = posterior_factors(extended)
    after = None
    if len(factors) > 1:
        after = sobol_indices(response(scores_of), factors, samples=samples, seed=seed)
    scenarios = sum(rows) * len(plans)
    return Sensitivity(
        asked[0], prior, effects, after, informed, samples, trajectories, seed, scenarios
    )


def posterior_factors(
    posterior: Posterior,
) -> tuple[dict[str, int], Callable[[np.ndarray], np.ndarray], tuple[str, ...]]:
    """Independent factors of a posterior.

    Returns:
        Name of each factor -> how many standard normal scores it takes; the map of those (S, C) to
        scores (S, K + R) of the parameters and, within the factor `INFORMED`, of the error of the
        first image; and the parameters of that factor.
    """
    count = len(posterior.names)
    draws = posterior.z_draws
    if draws is not None:
        inside = np.arange(count) < draws.shape[1]
    else:
        inside = ~np.isclose(posterior.z_covariance, np.eye(count), atol=1e-12).all(axis=1)
        inside |= ~np.isclose(posterior.z_mean, 0.0, atol=1e-12)
    first, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
    gain = posterior.image_gain
    errors = 0 if gain is None else gain.shape[1]
    joint = first.size + errors if draws is None else 1
    factors = {INFORMED: joint} if first.size else {}
    factors |= _factors(tuple(posterior.names[i] for i in rest), posterior.table)

    def scores_of(standard: np.ndarray) -> np.ndarray:
        scores = np.empty((len(standard), count + errors))
        scores[:, rest] = standard[:, joint if first.size else 0 :]
        if draws is not None:
            rows = _rows(standard[:, 0], len(draws))
            scores[:, first] = draws[rows]
            if posterior.image_draws is not None:
                scores[:, count:] = posterior.image_draws[rows]
        elif first.size:
            among = posterior.z_covariance[np.ix_(first, first)]
            moves = standard[:, first.size : joint]
            scores[:, first] = posterior.z_mean[first]
            if gain is not None:
                among = among - gain[first] @ gain[first].T
                scores[:, first] += moves @ gain[first].T
            root = np.linalg.cholesky(among + 1e-10 * np.eye(first.size))
            scores[:, first] += standard[:, : first.size] @ root.T
            scores[:, count:] = moves
        return scores

    return factors, scores_of, tuple(posterior.names[i] for i in first)


def _factors(names: tuple[str, ...], table: ParameterTable) -> dict[str, int]:
    """Factor -> how many scores it takes: a map is one, and its coefficients stand together."""
    return dict(Counter(table[name].of_map or name for name in names))


def _rows(scores: np.ndarray, count: int) -> np.ndarray:
    """Equally likely rows 0..count-1 from standard normal scores."""
    return np.minimum((special.ndtr(scores) * count).astype(int), count - 1)
