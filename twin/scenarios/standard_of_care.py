"""What guidelines would give at each site: the reference that every comparison needs.

Sarcoma: 50 Gy in 25 fractions (O'Sullivan 2002, doi 10.1016/S0140-6736(02)09292-9), resection
with 10 mm margin 5 weeks later (4-8 weeks are customary; delay and margin assumed). Glioma: 60 Gy
in 30 fractions with temozolomide 75 mg/m² daily, then 150-200 mg/m² on days 1-5 of six 28-day
cycles (Stupp 2005, doi 10.1056/NEJMoa043330). Breast, assumed: doxorubicin 60 and cyclophosphamide
600 mg/m² every 3 weeks for four cycles, paclitaxel 80 mg/m² weekly for twelve, resection with 5 mm
margin 4 weeks later. Anything else, assumed: 50 Gy in 25 fractions.
"""

from __future__ import annotations

from twin.errors import TwinError
from twin.patient import SITES
from twin.scenarios.courses import DrugCourse, RadiotherapyCourse, Recipe, SurgeryTiming
from twin.scenarios.plan_set import Plan

# Days after the decision over which plans of a site are compared unless the user says otherwise.
DEFAULT_HORIZON_DAYS = {
    "glioma": 365.0,
    "soft_tissue_sarcoma": 180.0,
    "breast": 270.0,
    "generic": 180.0,
}

_RECIPES = {
    "soft_tissue_sarcoma": Recipe(RadiotherapyCourse(25, 2.0), (), SurgeryTiming(35.0, 10.0)),
    "glioma": Recipe(
        RadiotherapyCourse(30, 2.0),
        (
            DrugCourse("temozolomide", 75.0, 42, interval_days=1.0),
            DrugCourse("temozolomide", 150.0, 1, 28.0, 5, 28.0, after_radiotherapy=True),
            DrugCourse("temozolomide", 200.0, 5, 28.0, 5, 56.0, after_radiotherapy=True),
        ),
    ),
    "breast": Recipe(
        None,
        (
            DrugCourse("doxorubicin", 60.0, 4),
            DrugCourse("cyclophosphamide", 600.0, 4),
            DrugCourse("paclitaxel", 80.0, 12, interval_days=7.0, start_delay_days=84.0),
        ),
        SurgeryTiming(28.0, 5.0),
    ),
    "generic": Recipe(RadiotherapyCourse(25, 2.0)),
}
_NAMES = {
    "glioma": "60 Gy / 30 fx, temozolomide 75 mg/m2 daily, then 150-200 mg/m2 x6",
    "breast": "AC x4, paclitaxel 80 mg/m2 weekly x12, surgery +28 d",
}


def standard_of_care(
    site: str, decision_day: float, body_surface_m2: float, *, first_weekday: int = 0
) -> Plan:
    """The guideline treatment of `site`, starting on or after `decision_day`.

    Args:
        site: one of `SITES`.
        decision_day: days since the first visit.
        body_surface_m2: turns mg/m² into mg.
        first_weekday: weekday of day 0; 0 is Monday.

    Raises:
        TwinError: unknown site.
    """
    check_site(site)
    recipe = _RECIPES[site]
    schedule = recipe.schedule(decision_day, first_weekday, body_surface_m2)
    tags = {**recipe.tags(), "origin": "standard of care"}
    return Plan(_NAMES.get(site, recipe.name), schedule, True, tags, recipe)


def check_site(site: str) -> None:
    """Refuse a site without a standard of care.

    Raises:
        TwinError: unknown site.
    """
    if site not in SITES:
        raise TwinError("unknown site", where="site", expected=", ".join(SITES), got=repr(site))
