"""Patient folders for tests: a small good one, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import yaml

from twin.grid import Grid
from twin.imaging.image import Image
from twin.patient import Organ, Patient, Visit
from twin.patient_folder import save_patient
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

GRID = Grid(
    (9, 8, 7),
    np.array([[1.5, 0, 0, -12.0], [0, 2.0, 0, 8.0], [0, 0, 2.5, 40.0], [0, 0, 0, 1]]),
)


def small_patient(grid: Grid = GRID) -> Patient:
    """Two visits with ADC, CT and a mask, and every kind of treatment."""
    tissue = np.zeros(grid.shape, bool)
    tissue[1:-1, 1:-1, 1:-1] = True
    tumor = np.zeros(grid.shape, bool)
    tumor[3:6, 3:6, 2:5] = True
    smaller = np.zeros(grid.shape, bool)
    smaller[3:5, 3:5, 2:4] = True
    noise = np.random.default_rng(3).normal(size=grid.shape)
    adc = Image(1.2 + 0.05 * noise, grid, "ADC", "1e-3 mm2/s")
    ct = Image(40.0 + 5.0 * noise, grid, "CT", "HU")
    muscle = np.where(tissue, 0.75, 0.0).astype(np.float32)
    fat = np.where(tissue, 0.25, 0.0).astype(np.float32)
    return Patient(
        id="small",
        site="soft_tissue_sarcoma",
        grid=grid,
        tissue=tissue,
        tissues={"muscle": muscle, "fat": fat},
        visits=(
            Visit("diagnosis", 0.0, {"ADC": adc, "CT": ct}, {"gtv": tumor}),
            Visit("restaging", 41.25, {"ADC": adc}, {"gtv": smaller}, simulated=True),
        ),
        treatments=Schedule(
            tuple(Fraction(7.0 + day, 2.0) for day in range(5)),
            (DrugDose(-3.0, "doxorubicin", 142.5), DrugDose(18.5, "doxorubicin", 142.5)),
            (Surgery(60.0, 10.0),),
        ),
        organs=(Organ("skin strip", 3.0, 0.5, 30.0), Organ("bone", 2.5, 0.9)),
        body_surface_m2=1.9,
        simulated_note="the restaging visit",
    )


class Folder:
    """A good patient folder that a test spoils in one way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        save_patient(small_patient(), path)

    @property
    def yaml(self) -> Path:
        return self.path / "patient.yaml"

    def change(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the content of patient.yaml."""
        content = yaml.safe_load(self.yaml.read_text())
        change(content)
        self.yaml.write_text(yaml.safe_dump(content, sort_keys=False))

    def replace(self, old: str, new: str) -> None:
        """Change the text of patient.yaml."""
        text = self.yaml.read_text()
        assert old in text
        self.yaml.write_text(text.replace(old, new))

    def voxels(self, name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
        """Change the voxels of a file, keeping its header."""
        image = nibabel.load(self.path / name)
        data = image.get_fdata(dtype=np.float32)
        changed = change(data)
        data = data if changed is None else changed
        image = nibabel.Nifti1Image(data.astype(np.float32), image.affine)
        (self.path / name).unlink()
        nibabel.save(image, self.path / name)
