"""A made-up patient with results, for tests of the report: nothing in it was measured."""

from typing import Any

import numpy as np

from twin.calibration.posterior import Posterior
from twin.forecasting import Forecast, VisitForecast
from twin.grid import Grid
from twin.imaging.image import Image
from twin.parameters import LogNormal, LogUniform, Parameter, ParameterTable
from twin.patient import Organ, Patient, Visit
from twin.scenarios.outcomes import Outcomes
from twin.scenarios.plan_set import Plan
from twin.scenarios.ranking import Ranking, rank
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

FRONT = (
    "The front is 5.0 mm wide, less than two voxels of 5.0 mm: its speed depends on the grid. "
    "Use a finer grid."
)
DAYS = (0.0, 14.0, 28.0, 56.0, 84.0)
NAMES = ("diagnosis", "second scan", "before treatment", "mid treatment", "before surgery")
FITTED = 3


def make_patient(
    shape: tuple[int, int, int] = (26, 28, 20),
    spacing_mm: float = 5.0,
    *,
    identifier: str = "demo",
    visit_names: tuple[str, ...] = NAMES,
    organ_names: tuple[str, ...] = ("skin strip", "femur"),
    mask_label: str = "gtv",
    note: str = "All visits after the first are simulated.",
    provenance: dict[str, str] | None = None,
) -> Patient:
    """A thigh with fat, muscle, bone and a tumor that grows and then shrinks."""
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * np.array(shape) / 2
    grid = Grid(shape, affine)
    x, y, z = np.indices(shape).astype(float)
    center = np.array(shape) / 2
    radius = np.hypot((x - center[0]) / (0.46 * shape[0]), (y - center[1]) / (0.46 * shape[1]))
    muscle = radius < 0.78
    bone = np.hypot(x - center[0] - 2, y - center[1]) < 0.09 * shape[0]
    tissue = muscle & ~bone
    tissue[..., [0, -1]] = False
    noise = np.random.default_rng(1).normal(0, 1, shape)

    def tumor(day: float) -> np.ndarray:
        size = 0.17 * shape[0] * (1 + day / 200 - max(day - 28, 0) / 90)
        far = np.sqrt(
            (x - center[0] + 5) ** 2 + (y - center[1] + 4) ** 2 + 0.6 * (z - center[2]) ** 2
        )
        return np.clip(1.3 - far / size, 0, 0.95) * tissue

    visits = []
    for index, (name, day) in enumerate(zip(visit_names, DAYS, strict=True)):
        cells = tumor(day)
        t1 = 620 * (radius < 1) - 300 * muscle + 190 * cells - 250 * bone + 12 * noise
        pet = 0.6 * (radius < 1) + 7 * cells + 0.15 * np.abs(noise)
        ct = np.where(radius < 1, -100.0, -1000.0) + 150 * muscle + 600 * bone - 10 * cells
        adc = (2.4 - 1.5 * cells + 0.05 * noise) * muscle
        images = {"ADC": Image(np.maximum(adc, 0), grid, "ADC", "1e-3 mm2/s")}
        if index == 0:
            first = {
                "T1": Image(np.maximum(t1, 0), grid, "T1", "a.u."),
                "CT": Image(ct, grid, "CT", "HU"),
                "PET": Image(pet, grid, "PET", "SUV"),
            }
            images = first | images
        visits.append(Visit(name, day, images, {mask_label: cells > 0.2}, simulated=index > 0))
    given = Schedule(
        tuple(Fraction(30.0 + day, 2.0) for day in range(33) if day % 7 < 5),
        (DrugDose(8.0, "doxorubicin", 142.5),),
        (),
    )
    organs = tuple(
        Organ(name, 3.0, sparing, limit)
        for name, sparing, limit in zip(organ_names, (0.5, 0.7), (30.0, 50.0), strict=True)
    )
    return Patient(
        identifier,
        "soft_tissue_sarcoma",
        grid,
        tissue,
        {},
        tuple(visits),
        given,
        organs,
        1.9,
        note,
        provenance or {"v0/t1.nii.gz": "9f" * 32},
    )


def make_posterior(patient: Patient, *, converged: bool = True) -> Posterior:
    """Growth determined by the scans, radiosensitivity not."""
    source = "Reynolds 2019, doi 10.1000/example.123"
    label = next(iter(patient.visits[0].masks))
    rows = [
        ("diffusivity", "mm²/day", LogUniform(0.02, 2.0), "literature human"),
        ("proliferation_rate", "1/day", LogUniform(0.003, 0.1), "literature human"),
        ("radiosensitivity_alpha", "1/Gy", LogNormal(0.12, 0.5), "assumed"),
        ("alpha_beta_ratio", "Gy", LogNormal(4.0, 0.4), "assumed"),
        ("sensitivity_doxorubicin", "1/day", LogNormal(0.1, 0.7), "animal"),
        (f"visibility_threshold_{label}", "1", LogUniform(0.05, 0.5), "assumed"),
    ]
    table = ParameterTable([Parameter(n, u, p, "text", source, o) for n, u, p, o in rows])
    spread = np.array([0.1, 0.15, 0.92, 0.97, 0.8, 0.3])
    return Posterior(
        table,
        tuple(table),
        np.array([0.2, -0.3, 0.1, 0.0, 0.1, -0.2]),
        np.diag(spread**2),
        converged,
        28.0,
        tuple(visit.name for visit in patient.visits[:FITTED]),
        {
            "adc_sd": 0.12,
            "adc_noise_sd": 0.08,
            "adc_discrepancy_sd": 0.09,
            "adc_effective_count": 210.0,
            f"{label}_sd": 0.2,
            f"{label}_effective_count": 30.0,
        },
        {"iterations": 9, "step_in_sd": 2e-5, "warnings": [FRONT]},
    )


def make_forecast(patient: Patient, draws: int = 40) -> Forecast:
    """Bands around a curve that rises and falls, and maps of every visit."""
    rng = np.random.default_rng(2)
    times = np.linspace(0, 120, 61)
    shape = 20 * np.exp(0.012 * np.minimum(times, 30) - 0.02 * np.maximum(times - 35, 0))
    spread = rng.lognormal(0, 0.15, (draws, 1)) ** (times / 60)
    seen = shape * spread
    visits = []
    for index, visit in enumerate(patient.visits):
        mean = np.clip((2.4 - visit.images["ADC"].data) / 1.6, 0, 1) * patient.tissue
        mean = mean.astype(np.float32)
        burden = float(np.interp(visit.time_days, times, shape))
        scores = {"ccc": 0.82, "dice": 0.79, "dice_no_change": 0.74, "ccc_no_change": 0.7}
        for name, unit in (("burden", 1.0), ("visible", 1.4)):
            scores |= {
                f"{name}_crps": 0.8 * unit,
                f"{name}_crps_no_change": 3.1 * unit,
                f"{name}_crps_exponential": 6.4 * unit,
                f"{name}_crps_prior": 2.9 * unit,
                f"{name}_relative_error": 0.06,
                f"{name}_relative_error_no_change": 0.4,
                f"{name}_relative_error_exponential": 0.9,
                f"{name}_hit_90": 1.0,
                f"{name}_hit_90_prior": 1.0,
                f"{name}_width_90": 5.2 * unit,
                f"{name}_width_90_prior": 30.0 * unit,
            }
        visits.append(
            VisitForecast(
                name=visit.name,
                time_days=visit.time_days,
                held_out=index >= FITTED,
                mean=mean,
                sd=(0.25 * mean * (1 - mean) + 0.02 * mean).astype(np.float32),
                visible_probability=np.clip(mean * 2.5 - 0.2, 0, 1).astype(np.float32),
                observed_viable_ml=burden * 1.05,
                observed_visible_ml=burden * 1.5,
                predicted_burden_ml=burden * rng.lognormal(0, 0.1, draws),
                predicted_visible_ml=1.5 * burden * rng.lognormal(0, 0.1, draws),
                scores=scores if index >= FITTED else {},
            )
        )
    return Forecast(
        times_days=times,
        viable_ml=seen * 0.8,
        burden_ml=seen,
        visible_ml=seen * 1.5,
        visits=tuple(visits),
        converged=True,
        seed=7,
    )


def make_outcomes(plan_name: str = "RT") -> Outcomes:
    """Plans of one to five weeks with and without a drug, under common draws."""
    plans = []
    for dose, counts in ((2.0, (20, 25, 30)), (2.67, (15, 20)), (5.0, (5, 6)), (7.0, (4, 5))):
        for count in counts:
            for cycles in (0, 2, 4):
                weekdays = [29 + 7 * (i // 5) + i % 5 for i in range(count)]
                end = weekdays[-1]
                schedule = Schedule(
                    tuple(Fraction(day, dose) for day in weekdays),
                    tuple(DrugDose(29 + 21 * i, "doxorubicin", 142.5) for i in range(cycles)),
                    (Surgery(end + 28, 10.0),),
                )
                standard = dose == 2.0 and count == 25 and cycles == 0
                name = f"{plan_name} {count}x{dose:g} Gy + {cycles} dox"
                tags = {"total_dose_gy": dose * count, "origin": "grid"}
                plans.append(Plan(name, schedule, standard, tags))
    rng = np.random.default_rng(3)
    draws, times = 32, np.linspace(28, 200, 44)
    alpha, ratio = rng.lognormal(np.log(0.12), 0.4, draws), rng.lognormal(np.log(4), 0.3, draws)
    growth = rng.lognormal(np.log(0.02), 0.1, draws)
    viable = np.empty((len(plans), draws, len(times)), np.float32)
    for p, plan in enumerate(plans):
        for t, day in enumerate(times):
            given = [f for f in plan.schedule.fractions if f.time_days <= day]
            drugs = [d for d in plan.schedule.drug_doses if d.time_days <= day]
            kill = sum(alpha * f.dose_gy * (1 + f.dose_gy / ratio) for f in given)
            cut = 4.0 if plan.schedule.surgeries[0].time_days <= day else 0.0
            logs = np.log(20) + growth * (day - 28) - kill - 0.5 * len(drugs) - cut
            viable[p, :, t] = np.exp(logs)
    residual = viable[..., -1]
    shape = residual.shape
    days = np.minimum(172.0, 60 - 25 * np.log10(residual))
    return Outcomes(
        tuple(plans),
        times,
        viable,
        viable * 1.4,
        residual * 30,
        residual,
        residual * 0.5,
        days,
        days < 172,
        np.full(shape, 60.0),
        {"radiosensitivity_alpha": alpha, "alpha_beta_ratio": ratio, "proliferation_rate": growth},
        np.zeros(shape, np.int8),
    )


def make_ranking(patient: Patient, outcomes: Outcomes) -> Ranking:
    """The ranking of those plans."""
    return rank(
        outcomes,
        patient.organs,
        Schedule(),
        body_surface_m2=patient.body_surface_m2,
        determined={"proliferation_rate"},
    )


PROVENANCE: dict[str, Any] = {
    "schema": "oncotwin-run/1",
    "created": "2026-01-05T12:00:00+00:00",
    "seed": 7,
    "configuration": {"model": "fisher_kpp", "draws": 32, "fit_visits": 3},
    "inputs": {"v0/t1.nii.gz": "9f" * 32},
    "environment": {"versions": {"python": "3.12.8", "jax": "0.11.2"}, "platform": "linux x86_64"},
    "history": [{"step": "calibrate", "command": "oncotwin calibrate patients/demo -o runs/demo"}],
}
