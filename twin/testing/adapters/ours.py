"""Every model of this package under the kit: one line for each, with what its biology exempts."""

from __future__ import annotations

from collections.abc import Iterable

from twin.testing.adapters.twin_models import TensorSimulator, TwinSimulator, fisher_kpp

_KILL_BY_FORMULA = (
    "hours_count",
    "survival_is_linear_quadratic",
    "two_fractions_a_day_both_count",
    "doses_at_one_time_all_count",
    "drug_kill_is_the_exposure_whatever_the_step",
    "drugs_act_after_they_are_given",
    "doses_at_the_ends_count_once",
    "equal_eqd2_kills_equally",
)
_CELLS_ARE_KEPT = (
    "growth_ends_at_the_capacity",
    "cells_are_conserved_without_growth",
    "cells_are_conserved_in_uneven_tissue",
    "nothing_leaves_at_the_border_of_the_array",
    "without_growth_solutions_add_up",
    "diffusion_makes_no_new_extremes",
)
_STATE = (
    "the density alone is not the whole state (see a_restart_changes_no_bit)",
    "a_course_can_be_run_in_two_parts",
)
_SPREAD_BY_FORMULA = (
    "without_growth_solutions_add_up",
    "a_blob_widens_as_diffusion_says",
    "layers_resist_in_series",
    "fronts_travel_at_fishers_speed",
)


def _exempt(reason: str, *names: str | Iterable[str]) -> dict[str, str]:
    flat = [n for name in names for n in ((name,) if isinstance(name, str) else name)]
    return dict.fromkeys(flat, reason)


gompertz = TwinSimulator(
    "Gompertz",
    exempt=_exempt(
        "growth is Gompertz's, not logistic",
        "uniform_tumors_grow_logistically",
        "fronts_travel_at_fishers_speed",
    ),
)
anisotropic = TensorSimulator("Anisotropic")
mechanics = TwinSimulator(
    "Mechanics",
    exempt=_exempt("stress slows the spread", _SPREAD_BY_FORMULA)
    | _exempt("stress reaches far", "far_tissue_has_no_effect", "a_thin_sheet_conducts_along"),
    # Displacement on the voxels themselves: blocks of several depend on where the array begins.
    settings={"coarsening": 1.0, "tolerance": 1e-6},
)
two_clones = TwinSimulator(
    "TwoClones",
    {
        "resistant_share": 0.2,
        "resistant_growth_ratio": 0.8,
        "resistant_alpha_ratio": 0.7,
        "residual_sensitivity": 0.3,
    },
    exempt=_exempt("the clones differ in sensitivity", _KILL_BY_FORMULA)
    | _exempt(
        "the clones differ in growth",
        "uniform_tumors_grow_logistically",
        "fronts_travel_at_fishers_speed",
    )
    | _exempt(*_STATE),
)
neutral_clones = TwinSimulator(
    "TwoClones",
    {
        "resistant_share": 0.3,
        "resistant_growth_ratio": 1.0,
        "resistant_alpha_ratio": 1.0,
        "residual_sensitivity": 1.0,
    },
    name="oncotwin TwoClones, alike",
)
hypoxia = TwinSimulator(
    "Hypoxia",
    cell_fields=("necrotic",),
    exempt=_exempt("growth and kill follow the oxygen of a voxel", _KILL_BY_FORMULA)
    | _exempt(
        "growth follows the oxygen of a voxel",
        "uniform_tumors_grow_logistically",
        "fronts_travel_at_fishers_speed",
    )
    | _exempt(
        "cells without oxygen die (see transfers_between_compartments_conserve)", _CELLS_ARE_KEPT
    )
    | _exempt("cells starve at a rate in days", "time_can_be_told_in_half_days")
    | _exempt(*_STATE),
)
oxygen_in_plenty = TwinSimulator(
    "Hypoxia",
    {"vessel_density": 1e4},
    cell_fields=("necrotic",),
    name="oncotwin Hypoxia, oxygen in plenty",
)
immune = TwinSimulator(
    "Immune",
    exempt=_exempt("effectors kill cells at all times", _KILL_BY_FORMULA, _CELLS_ARE_KEPT)
    | _exempt(
        "effectors kill cells at all times",
        "uniform_tumors_grow_logistically",
        "fronts_travel_at_fishers_speed",
        "a_blob_widens_as_diffusion_says",
        "a_thin_sheet_conducts_across",
    )
    | _exempt(
        "effectors live and move by rates of their own, in days and millimeters",
        "time_can_be_told_in_half_days",
        "lengths_can_be_told_in_centimeters",
    )
    | _exempt(*_STATE),
)
vessels = TwinSimulator(
    "Vessels",
    exempt=_exempt("growth and kill follow the vessels of a voxel", _KILL_BY_FORMULA)
    | _exempt(
        "growth follows the vessels of a voxel",
        "uniform_tumors_grow_logistically",
        "growth_ends_at_the_capacity",
        "fronts_travel_at_fishers_speed",
    )
    | _exempt("vessels come and go at rates in days", "time_can_be_told_in_half_days")
    | _exempt(*_STATE),
)
idle_effectors = TwinSimulator(
    "Immune", {"effector_kill_rate": 0.0}, name="oncotwin Immune, effectors that do not kill"
)
normal_vessels = TwinSimulator(
    "Vessels",
    {"vessel_density": 1e4, "angiogenesis_rate": 0.0, "compression_rate": 0.0},
    name="oncotwin Vessels, normal ones and oxygen in plenty",
)
varied = TwinSimulator("Varied", name="oncotwin Varied, even maps")

OURS: dict[str, TwinSimulator] = {
    "fisher_kpp": fisher_kpp,
    "gompertz": gompertz,
    "anisotropic": anisotropic,
    "mechanics": mechanics,
    "two_clones": two_clones,
    "neutral_clones": neutral_clones,
    "hypoxia": hypoxia,
    "oxygen_in_plenty": oxygen_in_plenty,
    "immune": immune,
    "idle_effectors": idle_effectors,
    "vessels": vessels,
    "normal_vessels": normal_vessels,
    "varied": varied,
}
"""Simulators of this package by the name that they have in this module."""
