"""Ranks plans for the patient of a posterior, so that nothing about them is passed twice."""

from __future__ import annotations

from dataclasses import replace

from twin.calibration.posterior import Posterior
from twin.draws import setting_of
from twin.scenarios.constraints import Limits
from twin.scenarios.outcomes import Outcomes
from twin.scenarios.ranking import Ranking, rank


def rank_for(
    posterior: Posterior,
    outcomes: Outcomes,
    *,
    objective: str = "residual_ml",
    level: float = 0.9,
    fresh: Outcomes | None = None,
    limits: Limits | None = None,
) -> Ranking:
    """Rank plans with the organs, the body surface and the treatments given of the patient.

    What was given before the decision day counts towards toxicity; which parameters the data
    determined is taken from the posterior.

    Args:
        posterior: the one that was swept.
        outcomes: of the sweep.
        objective, level, fresh, limits: as in `twin.rank`.

    Raises:
        TwinError: as `twin.rank`, or a posterior without its patient.
    """
    patient = setting_of(posterior).patient
    open_names = posterior.undetermined
    known = zip(posterior.names, posterior.determined, strict=True)
    ranking = rank(
        outcomes,
        patient.organs,
        patient.treatments.before(posterior.decision_day),
        body_surface_m2=patient.body_surface_m2,
        determined={name for name, determined in known if determined},
        objective=objective,
        level=level,
        fresh=fresh,
        limits=limits,
    )
    # Maps are named as such, not coefficient by coefficient.
    coefficients = {n: p.of_map for n, p in posterior.table.items() if p.of_map}
    named = dict.fromkeys(coefficients.get(n, n) for n in ranking.undetermined_parameters)
    found = (n for n in named if n not in coefficients.values() or n in open_names)
    return replace(ranking, undetermined_parameters=tuple(found))
