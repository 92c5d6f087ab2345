"""`oncotwin synth sample`: from the folder of a model to synthetic patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from experiments.atomic_files import make_folder
from generative.cohort import ScanCohort, write_cohort
from generative.model import Progress, read_model
from twin.errors import TwinError

_FORM = "volume=ML or volume=LOW:HIGH, response=0 or 1, joined by a comma"


def sample_model(
    model: Path,
    out: Path,
    *,
    patients: int,
    condition: str | None,
    seed: int,
    progress: Progress | None = None,
) -> ScanCohort:
    """Draw from a model and write a cohort file.

    Raises:
        TwinError: an unknown condition, or whatever is wrong with the model.
    """
    generator = read_model(model)
    volume_ml, response = parse_condition(condition, patients, seed)
    drawn = generator.sample(
        patients, seed=seed, volume_ml=volume_ml, response=response, progress=progress
    )
    make_folder(out.parent)
    write_cohort(drawn, out)
    return drawn


def parse_condition(
    text: str | None, patients: int, seed: int
) -> tuple[Float[np.ndarray, " n"] | None, bool | None]:
    """Volumes (mL) and response that a condition asks for; a range is drawn log-uniformly.

    Raises:
        TwinError: naming the part that is not understood.
    """
    volume_ml, response = None, None
    for part in filter(None, (text or "").split(",")):
        name, _, value = part.strip().partition("=")
        if name == "volume":
            volume_ml = _volumes(value, patients, seed)
        elif name == "response" and value in ("0", "1"):
            response = value == "1"
        else:
            raise TwinError(
                "condition is not understood", where="--condition", expected=_FORM, got=part
            )
    return volume_ml, response


def _volumes(text: str, patients: int, seed: int) -> Float[np.ndarray, " n"]:
    try:
        low, high = (float(edge) for edge in (text.split(":") if ":" in text else (text, text)))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0.0 < low <= high:
        raise TwinError(
            "volume is not understood",
            where="--condition",
            expected="one above 0 mL, or LOW:HIGH",
            got=text,
        )
    random = np.random.default_rng([seed, 2])
    return np.exp(random.uniform(np.log(low), np.log(high), patients))
