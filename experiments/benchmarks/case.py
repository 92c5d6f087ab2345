"""What is measured: a glioma-like tumor in a brain-like ellipsoid, treated as Stupp et al. did.

Radiotherapy with daily temozolomide, then adjuvant cycles (Stupp et al. 2005,
doi 10.1056/NEJMoa043330), on the array sizes of a real case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TRUTH = {
    "diffusivity": 0.1,
    "proliferation_rate": 0.05,
    "radiosensitivity_alpha": 0.05,
    "sensitivity_temozolomide": 0.2,
}
"""Values that made the data: mm²/day, 1/day, 1/Gy, 1/day."""
START = {
    "diffusivity": 0.025,
    "proliferation_rate": 0.05,
    "radiosensitivity_alpha": 0.025,
    "sensitivity_temozolomide": 0.5,
}
"""Values that calibration starts from."""
FIXED = {
    "alpha_beta_ratio": 10.0,
    "clearance_half_life": 35.0,
    "enhancement_temozolomide": 0.0,
    "repair_half_time": 1.5,
    "linear_onset_dose": 10.0,
    "repopulation_factor": 0.0,
    "repopulation_delay": 28.0,
}


@dataclass(frozen=True)
class Case:
    """Size of what is measured.

    Attributes:
        shape: voxels.
        days: length of the course.
        start_days: first fraction and first daily temozolomide, a Monday or later.
        scenarios: how many `scenarios_1000_s` simulates; its time is always that of 1,000.
        few, many: scenarios of `peak_rss_mb` and `peak_rss_mb_10000`.
        draws: parameter draws a plan.
        demo_plans: plans of `scenario_demo_ms`.
        repeats: of each timing.
        lesions: series of `lesions_fit_s`.
        lesion_models: how many models it fits.
        lesion_draws: warm-up and draws of each chain of `lesions_hierarchical_s`.
        pet_cases: scans of `radiomics_pet_s_per_case`.
        tasks: prediction tasks of `real_tasks_s`.
        permutations: shuffled outcomes of each of them; None for as many as the task says.
        virtual_patients, virtual_side: simulated patients and voxels along an edge of their scans.
        prior_patients: simulated in the last round of `gan_train_s` and `dp_train_s`.
        trial_patients, trial_strategies: of `virtual_trial_s`; the first so many strategies.
        nuts_draws: of each chain of `nuts_s`.
        spacing_mm: edges of a voxel.
        demo_spacing_mm: coarsest edge of a voxel in the group "demo"; None as in `oncotwin demo`.
    """

    shape: tuple[int, int, int] = (77, 116, 36)
    days: float = 270.0
    start_days: float = 40.0
    scenarios: int = 1000
    few: int = 100
    many: int = 10_000
    draws: int = 20
    demo_plans: int = 100
    repeats: int = 5
    lesions: int = 1242
    lesion_models: int = 6
    lesion_draws: int = 500
    pet_cases: int = 36
    tasks: int = 100
    permutations: int | None = None
    virtual_patients: int = 1000
    virtual_side: int = 32
    prior_patients: int = 3000
    trial_patients: int = 100
    trial_strategies: int = 4
    nuts_draws: int = 400
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 3.0)
    demo_spacing_mm: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "spacing_mm", tuple(self.spacing_mm))

    def __str__(self) -> str:
        size = "x".join(str(n) for n in self.shape)
        edges = "x".join(f"{h:g}" for h in self.spacing_mm)
        return f"{size} voxels of {edges} mm, {self.days:g} days"

    @property
    def halved(self) -> Case:
        """The same patient at half the resolution along every axis."""
        x, y, z = self.shape
        edges = tuple(2.0 * h for h in self.spacing_mm)
        return replace(self, shape=(x // 2, y // 2, z // 2), spacing_mm=edges)


MAIN_JOB = Case()
TINY = Case(
    (12, 14, 10), 40.0, 7.0, 8, 4, 8, 2, 4, 2, 30, 1, 5, 1, 1, 2, 60, 16, 15, 2, 2, 8,
    demo_spacing_mm=8.0,
)  # fmt: skip
