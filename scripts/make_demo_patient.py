"""Make the embedded patient: real anatomy of one sarcoma, simulated course.

    python scripts/make_demo_patient.py --sts FOLDER

FOLDER holds the soft-tissue sarcoma images of Vallières et al. 2015 (CC BY 3.0) as NIfTI, one
folder per patient. docs/explanation/embedded-patient.md says what is real, what is simulated and
why the truth is richer than the model that is fitted to it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from demo_anatomy import REFINEMENT, Anatomy, coarsened, read_anatomy
from demo_truth import PARAMS, THRESHOLD, build_truth, given_treatments, solve
from scipy import ndimage

from twin.grid import Grid
from twin.imaging.image import MASK, Image
from twin.imaging.nifti import write_nifti
from twin.observation.adc import adc as adc_of
from twin.solvers.reference import ReferenceSolution
from twin.treatments.schedule import Schedule
from twin.virtual_images import (
    block_mean,
    drawn_outline,
    smooth_noise,
)

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


def write_visits(
    out: Path, coarse: Anatomy, solution: ReferenceSolution, random: np.random.Generator
) -> dict[int, np.ndarray]:
    """ADC and outline of every visit; returns the outlines by day.

    Within two voxels of this and earlier outlines the ADC follows from the cells; elsewhere it is
    that of healthy tissue, for the eye only.
    """
    outlines, bed = {}, np.zeros(coarse.grid.shape, bool)
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
        bed |= ndimage.binary_dilation(outlines[day], iterations=2) & coarse.tissue
        adc = np.where(bed, adc_of(seen), background)
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

    visible = block_mean(solution.seen[0], REFINEMENT) > THRESHOLD
    overlap = 2.0 * (visible & coarse.gtv).sum() / (visible.sum() + coarse.gtv.sum())
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
        "dice_of_real_and_simulated_outline_at_day_0": round(float(overlap), 4),
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
    print("day-0 Dice", truth["dice_of_real_and_simulated_outline_at_day_0"])
    print("outlined", truth["outlined_ml"])


if __name__ == "__main__":
    main()
