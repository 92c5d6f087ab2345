"""Tables of radiomics: one row for each patient, visit and modality."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.atomic_files import make_folder, write_bytes
from twin.cores import available_cores
from twin.errors import TwinError
from twin.imaging.image import MASK, Image

if TYPE_CHECKING:
    import pandas

IMAGE, MASK_FILE = "_image.nii.gz", "_mask.nii.gz"
LAYOUT = f"PATIENT/{{0}}{IMAGE} and PATIENT/{{0}}{MASK_FILE}, or a patient.yaml"
MAGNETIC_RESONANCE = "MR_"
TUMOR = "gtv"
TABLES: dict[str, Callable[[pandas.DataFrame], bytes]] = {
    ".parquet": lambda table: table.to_parquet(None, index=False),
    ".csv": lambda table: table.to_csv(index=False).encode(),
}
"""How a table becomes a file, by the ending of its name."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scan:
    """Where one image and its mask are found.

    Args:
        patient: who it is of.
        visit: name of the visit; empty where the folder knows none.
        day: days since the first visit.
        modality: what was measured.
        load: reads the image and the mask.
    """

    patient: str
    visit: str
    day: float
    modality: str
    load: Callable[[], tuple[Image, Image]]


def feature_table(
    folder: Path,
    *,
    modality: str,
    patients: Sequence[str] | None = None,
    shuffle_seed: int | None = None,
    progress: Progress | None = None,
) -> pandas.DataFrame:
    """Features of the first scan of a modality of each patient.

    Args:
        folder: holds a folder for each patient, see `find_scans`.
        modality: PET, CT, T1, ...
        patients: which of them; all by default.
        shuffle_seed: permutes the intensities within each mask, which keeps their histogram and
            destroys texture: the control that shows what texture adds.
        progress: told how many of how many are done.

    Returns:
        one row for each patient (the index), one column for each feature.

    Raises:
        TwinError: for a missing patient or modality, or anything wrong with an image or mask.
    """
    import pandas

    first: dict[str, Scan] = {}
    for scan in find_scans(folder):
        if scan.modality == modality and (patients is None or scan.patient in patients):
            known = first.get(scan.patient)
            if known is None or scan.day < known.day:
                first[scan.patient] = scan
    missing = [p for p in patients or () if p not in first]
    if missing or not first:
        raise TwinError(
            f"no {modality} with a mask for {', '.join(missing[:5]) or 'any patient'}",
            where=str(folder),
            expected=LAYOUT.format(modality),
            got=f"{len(first)} patients that have them",
        )
    chosen = [first[p] for p in (patients or sorted(first))]
    rows = list(extract_scans(chosen, shuffle_seed=shuffle_seed, progress=progress))
    return pandas.DataFrame(rows, index=pandas.Index([s.patient for s in chosen], name="patient"))


def every_scan_table(
    folder: Path, *, modality: str | None = None, progress: Progress | None = None
) -> pandas.DataFrame:
    """Features of all scans of all patients, or those of one modality.

    Returns:
        a row for each scan: patient, visit, day, modality, then the features; features that a
        modality does not have are missing.
    """
    import pandas

    scans = [s for s in find_scans(folder) if modality in (None, s.modality)]
    if not scans:
        raise TwinError(
            f"no {modality or 'image'} with a mask in this folder",
            where=str(folder),
            expected=LAYOUT.format(modality or "MODALITY"),
            got="none",
        )
    about = [
        {"patient": s.patient, "visit": s.visit, "day": s.day, "modality": s.modality}
        for s in scans
    ]
    rows = [a | f for a, f in zip(about, extract_scans(scans, progress=progress), strict=True)]
    return pandas.DataFrame(rows)


def check_table_path(path: Path) -> None:
    """Raise a TwinError for a name that is neither .parquet nor .csv."""
    if path.suffix not in TABLES:
        raise TwinError(
            "kind of table",
            where=str(path),
            expected=" or ".join(TABLES),
            got=path.suffix or "none",
        )


def write_table(table: pandas.DataFrame, path: Path) -> None:
    """Write a table as .parquet or .csv, whole or not at all.

    Raises:
        TwinError: for another ending, or a disk that refuses.
    """
    check_table_path(path)
    make_folder(path.parent)
    write_bytes(path, TABLES[path.suffix](table))


def find_scans(folder: Path) -> list[Scan]:
    """Images with a mask in a folder of patients, sorted by patient, day and modality.

    A patient is a folder with `patient.yaml`, of which each visit with a mask counts (that called
    gtv, or else the first); or a folder with MODALITY_image.nii.gz and MODALITY_mask.nii.gz.

    Raises:
        TwinError: for a folder that does not exist, or an image without its mask.
    """
    if not folder.is_dir():
        raise TwinError(
            "no such folder", where=str(folder), expected="a folder of patients", got="nothing"
        )
    homes = [folder] if _is_patient(folder) else sorted(p for p in folder.iterdir() if p.is_dir())
    scans = [scan for home in homes if _is_patient(home) for scan in _scans_of(home)]
    return sorted(scans, key=lambda s: (s.patient, s.day, s.modality))


def _is_patient(folder: Path) -> bool:
    return (folder / "patient.yaml").is_file() or any(folder.glob(f"*{IMAGE}"))


def _scans_of(folder: Path) -> Iterator[Scan]:
    if (folder / "patient.yaml").is_file():
        yield from _scans_of_record(folder)
        return
    for path in sorted(folder.glob(f"*{IMAGE}")):
        name = path.name.removesuffix(IMAGE)
        mask = folder / f"{name}{MASK_FILE}"
        if not mask.is_file():
            raise TwinError(
                "an image without its mask",
                where=str(path),
                expected=mask.name,
                got="no such file",
                fix="Add the mask, or take the image away",
            )
        yield Scan(
            folder.name, "", 0.0, name.removeprefix(MAGNETIC_RESONANCE), _files(path, mask, name)
        )


def _files(path: Path, mask: Path, name: str) -> Callable[[], tuple[Image, Image]]:
    from twin.imaging.nifti import read_mask, read_nifti
    from twin.imaging.units import UNITS, check_modality

    modality = name.removeprefix(MAGNETIC_RESONANCE)
    check_modality(modality, where=str(path))
    unit = next(iter(UNITS[modality]))
    return lambda: (read_nifti(path, modality=modality, unit=unit), read_mask(mask))


def _scans_of_record(folder: Path) -> Iterator[Scan]:
    from twin.patient_folder import load_patient

    patient = load_patient(folder)
    for visit in patient.visits:
        label = TUMOR if TUMOR in visit.masks else next(iter(visit.masks), None)
        if label is None:
            continue
        mask = Image(visit.masks[label], patient.grid, MASK, "1")
        for modality, image in visit.images.items():
            yield Scan(
                patient.id,
                visit.name,
                visit.time_days,
                modality,
                lambda image=image, mask=mask: (image, mask),
            )


def extract_scans(
    scans: Sequence[Scan], *, shuffle_seed: int | None = None, progress: Progress | None = None
) -> Iterator[dict[str, float]]:
    """Features of each scan, in order, on as many threads as there are cores.

    Raises:
        TwinError: naming the patient and modality, for anything wrong with one of them.
    """

    def extract(scan: Scan) -> dict[str, float]:
        try:
            return extract_scan(scan, shuffle_seed)
        except TwinError as error:
            raise error.at(f"{scan.patient} {scan.modality}") from None

    with ThreadPoolExecutor(available_cores()) as pool:
        for number, found in enumerate(pool.map(extract, scans)):
            yield found
            if progress:
                progress(number + 1, len(scans))


def extract_scan(scan: Scan, shuffle_seed: int | None = None) -> dict[str, float]:
    """Features of one scan, prepared and extracted by the preset of its modality."""
    from twin.radiomics import extract
    from twin.radiomics.presets import preset_of

    preset = preset_of(scan.modality)
    image, mask = preset.prepare(*scan.load())
    if shuffle_seed is not None:
        generator = np.random.default_rng([shuffle_seed, *scan.patient.encode()])
        image = shuffle_within(image, mask, generator)
    return extract(image, mask, preset.settings)


def shuffle_within(image: Image, mask: Image, generator: np.random.Generator) -> Image:
    """The image with the intensities of a mask's voxels permuted among them."""
    data = image.data.copy()
    inside = mask.data > 0
    data[inside] = generator.permutation(data[inside])
    return Image(data, image.grid, image.modality, image.unit)
