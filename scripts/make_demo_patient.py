"""Make the embedded patient: real anatomy of one sarcoma, simulated course.

    python scripts/make_demo_patient.py --sts FOLDER

FOLDER holds the soft-tissue sarcoma images of Vallières et al. 2015 (CC BY 3.0) as NIfTI, one
folder per patient. docs/explanation/embedded-patient.md says what is real, what is simulated and
why the truth is richer than the model that is fitted to it.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from twin.grid import Grid
from twin.imaging.image import MASK, Image
from twin.imaging.nifti import read_mask, read_nifti, write_nifti
from twin.imaging.resample import resample
from twin.solvers.reference import Clone, ReferenceSolution, solve_reference
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import DrugDose, Fraction, Schedule
from twin.virtual_patient import (
    ADC_FULL,
    ADC_WATER,
    adc_from_cell_fraction,
    block_mean,
    drawn_outline,
    smooth_noise,
)

SPACING_MM, REFINEMENT, MARGIN_MM = 3.0, 2, 20.0
PAD = 18
THRESHOLD = 0.35
VISITS = {
    0: "diagnosis",
    21: "before chemotherapy",
    42: "before radiotherapy",
    67: "during radiotherapy",
    88: "after radiotherapy",
    109: "before surgery",
}
SURGERY_DAY = 112
NOISE = {"white_sd": 0.08, "correlated_sd": 0.04, "correlated_fwhm_mm": 6.0, "outline_wobble": 0.06}
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
    "adc_water": ADC_WATER,
    "adc_full": ADC_FULL,
}
NOTE = (
    "Real, at day 0 only: T1 MR, FDG-PET and CT and the GTV outline of one soft-tissue sarcoma"
    " (Vallières et al. 2015, CC BY 3.0), resampled to 3 mm. Simulated: every ADC map, that of"
    " day 0 included; every image and outline after day 0; the treatments, their dates, the body"
    " surface and the organs at risk. The simulation uses a finer grid, another solver and a"
    " richer model than the one that is calibrated."
)
CITATION = (
    "Vallières M, Freeman CR, Skamene SR, El Naqa I. Phys Med Biol 2015, 60:5471,"
    " doi:10.1088/0031-9155/60/14/5471; data doi:10.7937/K9/TCIA.2015.7GO2GSKS (CC BY 3.0);"
    " prepared by the IBSI, doi:10.1148/radiol.2020191145."
)


@dataclass(frozen=True)
class Anatomy:
    """Real images on a grid, and the tissues read from them."""

    grid: Grid
    t1: np.ndarray
    pet: np.ndarray
    ct: np.ndarray
    gtv: np.ndarray
    body: np.ndarray
    tissue: np.ndarray
    muscle: np.ndarray
    fat: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sts", type=Path, required=True, help="folder with STS_002/, ...")
    parser.add_argument("--patient", default="STS_002")
    parser.add_argument("--out", type=Path, default=Path("patients/demo"))
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    fine = read_anatomy(args.sts / args.patient)
    coarse = coarsened(fine)
    schedule = given_treatments()
    days = sorted({*range(0, SURGERY_DAY + 1, 7), *VISITS})
    clones, initial = build_truth(fine, random)
    solution = solve(fine, clones, initial, days, schedule)
    untreated = solve(fine, clones, initial, [0, 21, 42], Schedule())
    outlines = write_visits(args.out, coarse, solution, random)
    write_anatomy(args.out, coarse)
    (args.out / "patient.yaml").write_text(patient_yaml(), encoding="utf-8")
    truth = truth_record(fine, coarse, solution, untreated, outlines, args)
    (args.out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    print_summary(coarse, truth)


def read_anatomy(folder: Path) -> Anatomy:
    """Real images on the fine grid around the tumor; bone and air are no tissue."""
    t1 = read_nifti(folder / "MR_T1_image.nii.gz", modality="T1", unit="a.u.")
    pet = read_nifti(folder / "PET_image.nii.gz", modality="PET", unit="SUV")
    ct = read_nifti(folder / "CT_image.nii.gz", modality="CT", unit="HU")
    outline = read_mask(folder / "MR_T1_mask.nii.gz")
    index = np.argwhere(outline.data > 0)
    corners = index @ outline.grid.affine[:3, :3].T + outline.grid.affine[:3, 3]
    low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
    spacing = SPACING_MM / REFINEMENT
    nx, ny, nz = (int(n) * REFINEMENT for n in np.ceil((high - low) / SPACING_MM))
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = low + spacing / 2
    grid = Grid((nx, ny, nz), affine)
    share = resample(Image(outline.data, outline.grid, MASK, "1"), grid, order=1).data
    gtv = share >= 0.5
    around = (PAD,) * 3
    wide = resample(ct, grid.pad(around, around), outside=-1000.0).data
    wide_smooth = ndimage.gaussian_filter(wide, 2.0 / spacing)
    cut = (slice(PAD, -PAD),) * 3
    hounsfield, smooth = wide[cut], wide_smooth[cut]
    body = largest(wide_smooth > -300.0)[cut] | gtv
    bone = bones(wide_smooth, grid)[cut] & ~gtv
    border = np.ones(grid.shape, bool)
    border[(slice(REFINEMENT, -REFINEMENT),) * 3] = False
    tissue = body & ~bone & ~border
    t1_data = resample(t1, grid).data
    fat = np.clip((50.0 - smooth) / 150.0, 0.0, 1.0)
    fat_t1 = np.clip((ndimage.gaussian_filter(t1_data, 0.7) - 400.0) / 500.0, 0.0, 1.0)
    fat = np.where(t1_data > 100.0, 0.5 * (fat + fat_t1), fat) * tissue
    return Anatomy(
        grid=grid,
        t1=t1_data,
        pet=np.maximum(resample(pet, grid).data, 0.0),
        ct=hounsfield,
        gtv=gtv,
        body=body,
        tissue=tissue,
        muscle=tissue - fat,
        fat=fat,
    )


def coarsened(fine: Anatomy) -> Anatomy:
    """The same on the patient's grid: means of images and fractions, majority for masks."""
    spacing = SPACING_MM
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = fine.grid.affine[:3, 3] + 0.5 * (spacing - spacing / REFINEMENT)
    nx, ny, nz = (n // REFINEMENT for n in fine.grid.shape)
    mean = {
        name: block_mean(np.asarray(getattr(fine, name), float), REFINEMENT)
        for name in ("t1", "pet", "ct", "gtv", "body", "tissue", "muscle", "fat")
    }
    gtv = mean["gtv"] >= 0.5
    tissue = (mean["tissue"] >= 0.5) | gtv
    total = np.maximum(mean["muscle"] + mean["fat"], 1e-6)
    return Anatomy(
        Grid((nx, ny, nz), affine),
        mean["t1"],
        mean["pet"],
        mean["ct"],
        gtv,
        mean["body"] >= 0.5,
        tissue,
        mean["muscle"] / total * tissue,
        mean["fat"] / total * tissue,
    )


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
    rate = get_drug("doxorubicin").elimination_rate_per_day
    clones = [
        Clone(
            diffusivity=tensor,
            proliferation_rate=growth * ratio,
            radiosensitivity_alpha=p[f"radiosensitivity_alpha_{kind}_per_gy"] * sensitivity,
            alpha_beta_ratio=p["alpha_beta_ratio_gy"],
            drug_sensitivity={"doxorubicin": p[f"doxorubicin_log_kill_{kind}"] * rate},
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


def write_visits(
    out: Path, coarse: Anatomy, solution: ReferenceSolution, random: np.random.Generator
) -> dict[int, np.ndarray]:
    """ADC and outline of every visit; returns the outlines by day."""
    outlines = {}
    background = 1.4 * coarse.muscle + 0.3 * coarse.fat
    background = np.where(coarse.body & ~coarse.tissue, 0.5, background)
    for number, day in enumerate(VISITS):
        folder = out / f"v{number}"
        folder.mkdir(parents=True, exist_ok=True)
        seen = block_mean(solution.seen[list(solution.times_days).index(day)], REFINEMENT)
        outline = drawn_outline(
            seen,
            coarse.grid,
            tissue=coarse.tissue,
            threshold=THRESHOLD,
            wobble=NOISE["outline_wobble"],
            fwhm_mm=8.0,
            random=random,
        )
        outlines[day] = coarse.gtv if day == 0 else outline
        measured = ndimage.binary_dilation(outlines[day], iterations=2) & coarse.tissue
        adc = np.where(measured, adc_from_cell_fraction(seen), background)
        noise = NOISE["white_sd"] * random.standard_normal(adc.shape)
        noise += NOISE["correlated_sd"] * smooth_noise(
            coarse.grid, NOISE["correlated_fwhm_mm"], random
        )
        adc = np.where(coarse.body, np.maximum(adc + noise, 0.0), 0.0)
        save(folder / "adc.nii.gz", np.round(adc, 4), coarse.grid, "ADC", "1e-3 mm2/s")
        save(folder / "gtv.nii.gz", outlines[day], coarse.grid, MASK, "1")
    return outlines


def write_anatomy(out: Path, coarse: Anatomy) -> None:
    save(out / "v0/t1.nii.gz", np.round(coarse.t1, 1), coarse.grid, "T1", "a.u.")
    save(out / "v0/pet.nii.gz", np.round(coarse.pet, 3), coarse.grid, "PET", "SUV")
    save(out / "v0/ct.nii.gz", np.round(coarse.ct), coarse.grid, "CT", "HU")
    save(out / "tissue.nii.gz", coarse.tissue, coarse.grid, MASK, "1")
    save(out / "muscle.nii.gz", np.floor(coarse.muscle * 1e3) / 1e3, coarse.grid, "MUSCLE", "1")
    save(out / "fat.nii.gz", np.floor(coarse.fat * 1e3) / 1e3, coarse.grid, "FAT", "1")


def save(path: Path, data: np.ndarray, grid: Grid, modality: str, unit: str) -> None:
    write_nifti(Image(np.asarray(data, np.float32), grid, modality, unit), path)


def patient_yaml() -> str:
    lines = [
        "# Made by scripts/make_demo_patient.py; images CC BY 3.0, see README.md beside this file.",
        "schema: oncotwin-patient/1",
        "id: demo",
        "site: soft_tissue_sarcoma",
        "body_surface_m2: 1.9",
        f"simulated_note: {json.dumps(NOTE, ensure_ascii=False)}",
        "tissue: tissue.nii.gz",
        "tissues: {muscle: muscle.nii.gz, fat: fat.nii.gz}",
        "visits:",
    ]
    for number, (day, name) in enumerate(VISITS.items()):
        adc = f"ADC: {{file: v{number}/adc.nii.gz, unit: 1e-3 mm2/s}}"
        real = (
            "T1: {file: v0/t1.nii.gz, unit: a.u.}, PET: {file: v0/pet.nii.gz, unit: SUV},"
            " CT: {file: v0/ct.nii.gz, unit: HU}, "
        )
        lines += [
            f"  - name: {name}",
            f"    day: {day}",
            f"    simulated: {'false' if day == 0 else 'true'}"
            + ("  # T1, PET, CT and outline are real; the ADC map is simulated" * (day == 0)),
            f"    images: {{{real if day == 0 else ''}{adc}}}",
            f"    masks: {{gtv: v{number}/gtv.nii.gz}}",
        ]
    lines += [
        "treatments:",
        "  radiotherapy:",
        "    - {day: 49, dose_gy: 2.0, fractions: 25, per_day: 1,"
        " weekdays: [mon, tue, wed, thu, fri]}",
        "  drugs:",
        "    - {day: 22, drug: doxorubicin, dose_mg: 142.5}",
        "  surgery:",
        f"    - {{day: {SURGERY_DAY}, margin_mm: 10}}",
        "organs:  # sparing factors and limits are assumed, for demonstration",
        "  - {name: skin strip, alpha_beta_gy: 3.0, sparing: 0.6, eqd2_limit_gy: 32.0}",
        "  - {name: pelvic bone, alpha_beta_gy: 3.0, sparing: 0.5, eqd2_limit_gy: 32.0}",
        "  - {name: sciatic nerve, alpha_beta_gy: 3.0, sparing: 0.9, eqd2_limit_gy: 60.0}",
    ]
    return "\n".join(lines) + "\n"


def truth_record(
    fine: Anatomy,
    coarse: Anatomy,
    solution: ReferenceSolution,
    untreated: ReferenceSolution,
    outlines: dict[int, np.ndarray],
    args: argparse.Namespace,
) -> dict[str, object]:
    """What the simulation knows; label and curves, rounded."""
    to_ml = fine.grid.voxel_volume_mm3 / 1000.0

    def ml(fields: np.ndarray) -> list[float]:
        return [round(float(field.sum()) * to_ml, 6) for field in fields]

    return {
        "label": "SIMULATED TRUTH of the embedded patient; never read by calibration",
        "source": f"{args.patient}; {CITATION}",
        "solver": "diffrax Tsit5, relative tolerance 1e-5, grid of 1.5 mm",
        "seed": args.seed,
        "noise": NOISE,
        "parameters": PARAMS,
        "times_days": solution.times_days.tolist(),
        "viable_ml": ml(solution.viable.sum(axis=1)),
        "resistant_ml": ml(solution.viable[:, 1]),
        "seen_ml": ml(solution.seen),
        "visible_ml": ml(solution.seen > THRESHOLD),
        "untreated": {
            "times_days": untreated.times_days.tolist(),
            "viable_ml": ml(untreated.viable.sum(axis=1)),
            "visible_ml": ml(untreated.seen > THRESHOLD),
        },
        "outlined_ml": {
            str(day): round(float(mask.sum()) * coarse.grid.voxel_volume_mm3 / 1000.0, 6)
            for day, mask in outlines.items()
        },
    }


def print_summary(coarse: Anatomy, truth: dict[str, object]) -> None:
    print("grid", coarse.grid, "voxels", int(np.prod(coarse.grid.shape)))
    print("tissue voxels", int(coarse.tissue.sum()), "GTV voxels", int(coarse.gtv.sum()))
    for name in ("times_days", "viable_ml", "resistant_ml", "seen_ml", "visible_ml"):
        print(f"{name:14}", truth[name])
    print("untreated", truth["untreated"])
    print("outlined", truth["outlined_ml"])


def bones(smooth: np.ndarray, grid: Grid) -> np.ndarray:
    """Bone with its marrow: dense voxels, closed, and filled slice by slice."""
    dense = large(smooth > 160.0, grid, minimum_ml=0.5)
    reach = 6
    dense = ndimage.binary_closing(np.pad(dense, reach, mode="edge"), iterations=reach)
    dense = dense[(slice(reach, -reach),) * 3]
    return np.stack(
        [ndimage.binary_fill_holes(dense[:, :, k]) for k in range(dense.shape[2])], axis=2
    )


def largest(mask: np.ndarray) -> np.ndarray:
    labels, _ = ndimage.label(mask)
    return labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))


def large(mask: np.ndarray, grid: Grid, *, minimum_ml: float) -> np.ndarray:
    """Connected pieces of at least `minimum_ml`."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel()) * grid.voxel_volume_mm3 / 1000.0
    sizes[0] = 0.0
    return sizes[labels] >= minimum_ml


if __name__ == "__main__":
    main()
