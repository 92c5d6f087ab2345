"""What every trained generator can do, and the folder that it is kept in.

model/model.json    engine, grid, days, privacy statement
model/arrays.npz    what the engine needs to draw scans; never a discriminator, never a patient
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from generative.cohort import ScanCohort
from generative.parallel import Progress
from generative.privacy.accountant import Charge
from generative.privacy.ledger import PrivacyStatement
from twin.errors import TwinError

SCHEMA = "oncotwin-model/1"
ENGINES = ("moments", "adversarial")
"""Who may have steered the population of a model."""
_PAGE, _ARRAYS = "model.json", "arrays.npz"


@dataclass(frozen=True)
class ScanProtocol:
    """Grid, modality and days that all scans of a model share.

    Attributes:
        side: voxels along each edge of the cubic region.
        edge_mm: of a voxel.
        modality: of the images.
        days: of the scans, since the first.
    """

    side: int
    edge_mm: float
    modality: str
    days: tuple[float, ...]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return self.edge_mm**3 / 1000.0

    @classmethod
    def of(cls, cohort: ScanCohort) -> ScanProtocol:
        """The protocol of a cohort.

        Raises:
            TwinError: the region is not a cube, or patients were scanned on different days.
        """
        shape, edges = cohort.images.shape[2:], np.asarray(cohort.spacing_mm, float)
        if len(set(shape)) > 1 or np.ptp(edges) > 1e-6 * edges.max():
            raise TwinError(
                "the tumor region is not a cube of cubic voxels",
                where="images",
                expected="one number of voxels and one voxel size along all axes",
                got=f"{shape} voxels of {cohort.spacing_mm} mm",
                fix="Write the cohort with `oncotwin synth cohort --side --region-mm`.",
            )
        if np.ptp(cohort.days, axis=0).max() > 0.0:
            raise TwinError(
                "patients were scanned on different days",
                where="days",
                expected="one protocol for all patients",
                got=f"{np.ptp(cohort.days, axis=0).max():g} days between them",
                fix="Give the days of the protocol to every patient of the cohort.",
            )
        return cls(
            shape[0], float(edges[0]), cohort.modality, tuple(cohort.days[0].astype(float).tolist())
        )


class Generator(Protocol):
    """A trained generator."""

    @property
    def protocol(self) -> ScanProtocol:
        """Of the scans that it draws."""
        ...

    @property
    def privacy(self) -> PrivacyStatement:
        """What its training spent."""
        ...

    def sample(
        self,
        patients: int,
        *,
        seed: int,
        volume_ml: Float[np.ndarray, " n"] | None = None,
        response: bool | None = None,
        progress: Progress | None = None,
    ) -> ScanCohort:
        """Synthetic patients.

        Args:
            patients: how many.
            seed: of every draw.
            volume_ml: of the tumor of each patient at the first scan; free if none.
            response: of all patients; free if none.
            progress: called with patients done and all of them.

        Raises:
            TwinError: a volume that the model never learned.
        """
        ...


def synthetic_cohort(
    protocol: ScanProtocol,
    images: np.ndarray,
    masks: np.ndarray,
    response: np.ndarray,
    *,
    volume_ml: np.ndarray | None,
    source: str,
) -> ScanCohort:
    """Name the patients of a sample and pack them."""
    count = len(images)
    edge = protocol.edge_mm
    return ScanCohort(
        tuple(f"syn-{index + 1:06d}" for index in range(count)),
        images,
        masks,
        np.tile(protocol.days, (count, 1)),
        response,
        (edge, edge, edge),
        protocol.modality,
        "synthetic",
        source,
        columns={} if volume_ml is None else {"requested_volume_ml": np.asarray(volume_ml, float)},
    )


def write_model(
    folder: Path,
    *,
    protocol: ScanProtocol,
    privacy: PrivacyStatement,
    settings: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Write the folder of a generator.

    Raises:
        TwinError: it cannot be written.
    """
    page = {
        "schema": SCHEMA,
        "engine": privacy.engine,
        "protocol": asdict(protocol),
        "privacy": asdict(privacy),
        "settings": dict(settings),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / (_ARRAYS + ".part")
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(part, folder / _ARRAYS)
        text = folder / (_PAGE + ".part")
        text.write_text(json.dumps(page, indent=2) + "\n")
        os.replace(text, folder / _PAGE)
    except OSError as error:
        raise TwinError("cannot write the model", where=str(folder), got=str(error)) from error


def read_model(folder: Path) -> Generator:
    """Read the generator of a folder, whichever engine trained it.

    Raises:
        TwinError: missing, damaged, or of another version.
    """
    from generative.steering.model import SteeredModel

    try:
        page = json.loads((folder / _PAGE).read_text())
        if page.get("schema") != SCHEMA or page.get("engine") not in ENGINES:
            raise TwinError(
                "not a model of this version",
                where=str(folder / _PAGE),
                expected=f"schema {SCHEMA} and engine {' or '.join(ENGINES)}",
                got=f"{page.get('schema')}, {page.get('engine')}",
            )
        protocol = ScanProtocol(**{**page["protocol"], "days": tuple(page["protocol"]["days"])})
        said = page["privacy"]
        privacy = PrivacyStatement(
            **{
                **said,
                "charges": tuple(Charge(**charge) for charge in said["charges"]),
                "unpaid": tuple(said["unpaid"]),
            }
        )
        with (folder / _ARRAYS).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return SteeredModel.restore(protocol, privacy, page["settings"], arrays)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise TwinError(
            "cannot be read as a model",
            where=str(folder),
            expected=f"{_PAGE} and {_ARRAYS} as `oncotwin synth train` writes them",
            got=str(error),
            fix="Train it again.",
        ) from error
