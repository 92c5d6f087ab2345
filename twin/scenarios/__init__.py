"""Scenarios: plans, what they lead to, what they cost, and how they rank.

Plans come from `twin.scenarios.plans` or a file (`twin.scenarios.plan_file`), which alone needs
YAML and is therefore imported on demand.
"""

from twin.scenarios.outcomes import Outcomes, concatenate, time_to_progression
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.plans import default_plans, standard_of_care
from twin.scenarios.ranking import RankedPlan, Ranking, choose_finalists, rank

__all__ = [
    "Outcomes",
    "Plan",
    "PlanSet",
    "RankedPlan",
    "Ranking",
    "choose_finalists",
    "concatenate",
    "default_plans",
    "rank",
    "standard_of_care",
    "time_to_progression",
]
