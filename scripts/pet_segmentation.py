"""The table of docs/validation/pet-segmentation.md: automatic against drawn masks.

python -m scripts.pet_segmentation [--cohort FOLDER] [--write docs/validation/pet-segmentation.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from twin.errors import TwinError
from twin.imaging import Image, read_mask, read_nifti
from twin.imaging.image import MASK
from twin.imaging.pet_methods import (
    AdaptiveThreshold,
    FixedThreshold,
    GradientWatershed,
    Method,
    RandomWalker,
    RelativeThreshold,
)
from twin.imaging.segmentation import dice, segment_pet

COHORT = Path(__file__).parents[1] / "patients" / "cohorts" / "sts"
FOLDS, REPEATS = 6, 20
RESAMPLES = 10_000
CLICKS = 5
CROPS, CROP_MM = 5, 40.0

CHOICES: dict[str, list[Method]] = {
    "fixed SUV": [FixedThreshold(suv) for suv in (1.5, 2.0, 2.5, 3.0)],
    "fraction of the lesion's SUVmax": [RelativeThreshold(f) for f in (0.2, 0.3, 0.41, 0.5)],
    "adaptive": [
        AdaptiveThreshold(fraction, smoothing, ratio)
        for fraction, smoothing, ratio in product((0.5, 0.6, 0.7), (0.0, 3.0, 5.0), (2.5, 3.0, 4.0))
    ],
    "watershed": [GradientWatershed(*bounds) for bounds in product((0.7, 0.8), (0.3, 0.4, 0.5))],
    "random walker": [RandomWalker(*bounds) for bounds in product((0.7, 0.8), (0.3, 0.4, 0.5))],
}
"""What a method's parameters are chosen from."""
SHOWN: dict[str, Method] = {
    "SUV 2.5, chosen region": FixedThreshold(),
    "41 % of the lesion's SUVmax": RelativeThreshold(),
    "adaptive threshold (default)": AdaptiveThreshold(),
    "gradient watershed": GradientWatershed(),
    "random walker": RandomWalker(),
}


@dataclass(frozen=True)
class Case:
    """A patient's PET and drawn mask."""

    patient: str
    pet: Image
    drawn: Image


def load_cases(folder: Path = COHORT) -> list[Case]:
    """Every patient of a folder with PET_image.nii.gz and PET_mask.nii.gz in folders."""
    return [
        Case(
            place.parent.name,
            read_nifti(place, modality="PET", unit="SUV"),
            read_mask(place.with_name("PET_mask.nii.gz")),
        )
        for place in sorted(folder.glob("*/PET_image.nii.gz"))
    ]


def agreement(case: Case, method: Method, **options) -> float:
    """Dice of a method with the drawn mask; 0 where it finds nothing."""
    try:
        return dice(segment_pet(case.pet, method=method, **options), case.drawn)
    except TwinError:
        return 0.0


def scores(cases: Sequence[Case], method: Method, **options) -> np.ndarray:
    """(patient,) Dice."""
    return np.array([agreement(case, method, **options) for case in cases])


def all_above(cases: Sequence[Case], threshold: Callable[[np.ndarray], float]) -> np.ndarray:
    """(patient,) Dice of all voxels above a threshold, which may be several regions."""
    found = []
    for case in cases:
        above = case.pet.data > threshold(case.pet.data)
        found.append(dice(Image(above, case.pet.grid, MASK, "1"), case.drawn))
    return np.array(found)


def cross_validated(table: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """(patient,) Dice with the parameters that were best on other patients.

    Args:
        table: (choice, patient) Dice.
        seed: of the folds.

    Returns:
        mean over repeats. Parameters are chosen by the mean over the patients of the other folds;
        nothing else is fitted, so that this choice is the inner loop.
    """
    rng = np.random.default_rng(seed)
    patients = table.shape[1]
    total = np.zeros(patients)
    for _ in range(REPEATS):
        fold = rng.permutation(np.arange(patients) % FOLDS)
        for held_out in range(FOLDS):
            best = int(np.argmax(table[:, fold != held_out].mean(axis=1)))
            total[fold == held_out] += table[best, fold == held_out]
    return total / REPEATS


def interval(values: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over patients."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(values.size, size=(RESAMPLES, values.size))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def deepest(mask: Image) -> tuple[int, ...]:
    """Index of the voxel of a mask farthest from its border."""
    from scipy.ndimage import distance_transform_edt

    inside = np.pad(mask.data > 0.5, 1)
    depth = distance_transform_edt(inside, sampling=mask.grid.spacing_mm)
    index = np.unravel_index(int(np.argmax(depth)), inside.shape)  # pyright: ignore
    return tuple(int(i) - 1 for i in index)


def clicked(cases: Sequence[Case], method: Method) -> np.ndarray:
    """(patient,) Dice with a click on the deepest voxel of the drawn mask."""
    return np.array([agreement(case, method, click=deepest(case.drawn)) for case in cases])


def clicked_anywhere(cases: Sequence[Case], method: Method, *, seed: int = 0) -> np.ndarray:
    """(patient,) mean Dice over clicks on random voxels of the drawn mask."""
    rng, found = np.random.default_rng(seed), []
    for case in cases:
        inside = np.argwhere(case.drawn.data > 0.5)
        clicks = inside[rng.integers(len(inside), size=CLICKS)].tolist()
        found.append(np.mean([agreement(case, method, click=c) for c in clicks]))
    return np.array(found)


def cropped_anew(cases: Sequence[Case], method: Method, *, seed: int = 0) -> np.ndarray:
    """(patient,) mean Dice after each side lost up to `CROP_MM` at random, never of the mask."""
    rng, found = np.random.default_rng(seed), []
    for case in cases:
        inside = np.argwhere(case.drawn.data > 0.5)
        first, last = inside.min(axis=0), inside.max(axis=0) + 1
        shape, dice_of_case = np.array(case.pet.grid.shape), []
        for _ in range(CROPS):
            lost = rng.uniform(0.0, CROP_MM, (2, 3)) / case.pet.grid.spacing_mm
            start = np.minimum(lost[0].astype(int), first)
            stop = np.maximum(shape - lost[1].astype(int), last)
            grid = case.pet.grid.crop(start.tolist(), stop.tolist())
            box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
            pet = Image(case.pet.data[box], grid, "PET", "SUV")
            drawn = Image(case.drawn.data[box], grid, MASK, "1")
            dice_of_case.append(agreement(Case(case.patient, pet, drawn), method))
        found.append(np.mean(dice_of_case))
    return np.array(found)


def report(cases: Sequence[Case]) -> str:
    """The tables in Markdown."""
    tables = {
        name: np.array([scores(cases, method) for method in methods])
        for name, methods in CHOICES.items()
    }
    held_out = {name: cross_validated(table) for name, table in tables.items()}
    held_out["any of these"] = cross_validated(np.concatenate(list(tables.values())))
    baselines = {
        "SUV 2.5, all voxels": all_above(cases, lambda suv: 2.5),
        "41 % of the image's SUVmax, all voxels": all_above(cases, lambda suv: 0.41 * suv.max()),
    }
    plain = baselines | {name: scores(cases, method) for name, method in SHOWN.items()}
    default = SHOWN["adaptive threshold (default)"]
    other = {
        "without the rule of the border": scores(cases, default, border_mm=0.0),
        f"sides cut by up to {CROP_MM:g} mm at random": cropped_anew(cases, default),
        "SUV 2.5, sides cut so": cropped_anew(cases, FixedThreshold()),
        "one click, deepest voxel": clicked(cases, default),
        "one click, random voxel": clicked_anywhere(cases, default),
        "SUV 2.5, one click, deepest voxel": clicked(cases, FixedThreshold()),
    }
    against = baselines | {
        name: plain[name] for name in ("SUV 2.5, chosen region", "41 % of the lesion's SUVmax")
    }
    parts = [
        f"{len(cases)} patients. Dice; intervals are 95 % bootstrap intervals of the mean.",
        "Parameters chosen on other patients:\n\n" + _table("method", held_out),
        "Parameters as they stand in the code, all patients:\n\n" + _table("method", plain),
        "The default method otherwise:\n\n" + _table("how", other),
        "The adaptive threshold minus another, patient by patient:\n\n"
        + _differences(held_out["adaptive"], plain["adaptive threshold (default)"], against),
        "Patient by patient, default method: "
        + ", ".join(
            f"{case.patient} {value:.2f}"
            for case, value in zip(cases, plain["adaptive threshold (default)"], strict=True)
        )
        + ".",
    ]
    return "\n\n".join(parts)


def _table(head: str, rows: Mapping[str, np.ndarray]) -> str:
    lines = [f"| {head} | mean | interval | median | worst |", "|---|---|---|---|---|"]
    for name, values in rows.items():
        low, high = interval(values)
        lines.append(
            f"| {name} | {values.mean():.3f} | {low:.3f} to {high:.3f} "
            f"| {np.median(values):.3f} | {values.min():.2f} |"
        )
    return "\n".join(lines)


def _differences(chosen: np.ndarray, plain: np.ndarray, against: Mapping[str, np.ndarray]) -> str:
    lines = ["| minus | chosen on other patients | as in the code |", "|---|---|---|"]
    for name, values in against.items():
        cells = []
        for ours in (chosen, plain):
            low, high = interval(ours - values)
            cells.append(f"{(ours - values).mean():+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables, or put them into a page between its markers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", type=Path, default=COHORT)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    text = report(load_cases(arguments.cohort))
    if arguments.write is None:
        print(text)
        return
    start, end = "<!-- tables -->\n", "\n<!-- end of tables -->"
    page = arguments.write.read_text()
    before, rest = page.split(start)
    arguments.write.write_text(f"{before}{start}{text}{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    main()
