"""Simulated truth of the embedded patient: two clones in varied tissue, on the fine grid."""

import numpy as np
from demo_anatomy import Anatomy
from scipy import ndimage

from twin.observation.adc import DENSE_ADC, WATER_ADC
from twin.solvers.reference import Clone, ReferenceSolution, solve_reference
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import DrugDose, Fraction, Schedule
from twin.virtual_images import smooth_noise

THRESHOLD = 0.35
PARAMS = {
    "diffusivity_soft_tissue_mm2_per_day": 0.34,
    "diffusivity_ratio_fat": 0.7,
    "diffusivity_ratio_along_muscle_fibers": 1.3,
    "diffusivity_heterogeneity_sd_log": 0.2,
    "proliferation_rate_per_day": 0.020,
    "growth_heterogeneity_sd_log": 0.12,
    "growth_ratio_core": 0.35,
    "resistant_share_rim": 0.08,
    "resistant_share_core": 0.20,
    "resistant_growth_ratio": 0.85,
    "radiosensitivity_alpha_sensitive_per_gy": 0.11,
    "radiosensitivity_alpha_resistant_per_gy": 0.065,
    "radiosensitivity_heterogeneity_sd_log": 0.1,
    "radiosensitivity_ratio_core": 0.8,
    "alpha_beta_ratio_gy": 4.0,
    "doxorubicin_log_kill_sensitive": 0.22,
    "doxorubicin_log_kill_resistant": 0.05,
    "clearance_half_life_days": 55.0,
    "visibility_threshold_gtv": THRESHOLD,
    "adc_water": WATER_ADC,
    "adc_full": DENSE_ADC,
}


def build_truth(fine: Anatomy, random: np.random.Generator) -> tuple[list[Clone], np.ndarray]:
    """Two clones with their fields, and their state at day 0; fine grid.

    Cellularity at day 0 rises with the real uptake inside the real outline (0.55 to 0.92), takes
    the visibility threshold at the outline, and falls off exponentially outside.
    """
    p, spacing = PARAMS, fine.grid.spacing_mm
    inside = ndimage.distance_transform_edt(fine.gtv, sampling=spacing)
    outside = ndimage.distance_transform_edt(~fine.gtv, sampling=spacing)
    depth = inside - outside + np.where(fine.gtv, -0.5, 0.5) * spacing[0]
    uptake = fine.pet / (fine.pet + 4.0)
    texture = (fine.t1 - ndimage.gaussian_filter(fine.t1, 4.0)) / 1000.0
    cells = np.clip(0.52 + 0.48 * uptake + 0.5 * texture, 0.55, 0.92)
    cells = THRESHOLD + (cells - THRESHOLD) * -np.expm1(-np.maximum(depth, 0.0) / 2.0)
    cells = np.where(depth > 0, cells, THRESHOLD * np.exp(np.minimum(depth, 0.0) / 3.0))
    cells = ndimage.gaussian_filter(cells, 0.7) * fine.tissue
    core = ndimage.gaussian_filter(((depth > 5.0) & (fine.pet < 3.5)).astype(float), 1.5)

    def varied(name: str, fwhm_mm: float) -> np.ndarray:
        return np.exp(p[name] * smooth_noise(fine.grid, fwhm_mm, random))

    muscle_outside = fine.muscle * (depth < 0)
    diffusivity = p["diffusivity_soft_tissue_mm2_per_day"] * (
        1.0 + (p["diffusivity_ratio_fat"] - 1.0) * fine.fat
    )
    diffusivity = diffusivity * varied("diffusivity_heterogeneity_sd_log", 12.0)
    along = 1.0 + (p["diffusivity_ratio_along_muscle_fibers"] - 1.0) * muscle_outside
    tensor = np.stack([diffusivity, diffusivity, diffusivity * along])
    informed = np.where(depth > 0, 0.6 + 0.7 * uptake, 1.0)
    informed = ndimage.gaussian_filter(informed, 1.5)
    growth = p["proliferation_rate_per_day"] * informed
    growth = growth * (1.0 - (1.0 - p["growth_ratio_core"]) * core)
    growth = growth * varied("growth_heterogeneity_sd_log", 15.0)
    sensitivity = varied("radiosensitivity_heterogeneity_sd_log", 15.0)
    sensitivity = sensitivity * (1.0 - (1.0 - p["radiosensitivity_ratio_core"]) * core)
    exposure = get_drug("doxorubicin").exposure_per_dose_days
    clones = [
        Clone(
            diffusivity=tensor,
            proliferation_rate=growth * ratio,
            radiosensitivity_alpha=p[f"radiosensitivity_alpha_{kind}_per_gy"] * sensitivity,
            alpha_beta_ratio=p["alpha_beta_ratio_gy"],
            drug_sensitivity={"doxorubicin": p[f"doxorubicin_log_kill_{kind}"] / exposure},
        )
        for kind, ratio in (("sensitive", 1.0), ("resistant", p["resistant_growth_ratio"]))
    ]
    rim, deep = p["resistant_share_rim"], p["resistant_share_core"]
    share = rim + (deep - rim) * core
    return clones, np.stack([cells * (1.0 - share), cells * share])


def solve(
    fine: Anatomy, clones: list[Clone], initial: np.ndarray, days: list[int], schedule: Schedule
) -> ReferenceSolution:
    return solve_reference(
        initial,
        clones,
        [float(day) for day in days],
        tissue=fine.tissue,
        spacing_mm=fine.grid.spacing_mm,
        schedule=schedule,
        body_surface_m2=1.9,
        clearance_half_life_days=PARAMS["clearance_half_life_days"],
        relative_tolerance=1e-5,
        absolute_tolerance=1e-7,
    )


def given_treatments() -> Schedule:
    """One cycle of doxorubicin (75 mg/m²), then 25 x 2 Gy on weekdays; day 0 is a Monday."""
    weekdays = [day for day in range(49, 82) if day % 7 < 5]
    return Schedule(
        fractions=tuple(Fraction(float(day), 2.0) for day in weekdays),
        drug_doses=(DrugDose(22.0, "doxorubicin", 142.5),),
    )
