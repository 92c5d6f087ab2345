"""`oncotwin synth sample`: from the folder of a model to synthetic patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from experiments.atomic_files import make_folder
from generative.cohort import ScanCohort, write_cohort
from generative.model import read_model
from generative.parallel import Progress
from generative.release import read_signing_key, write_release
from twin.errors import TwinError

_FORM = "volume=ML or volume=LOW:HIGH, response=0 or 1, joined by a comma"


def sample_model(
    model: Path,
    out: Path,
    *,
    patients: int,
    condition: str | None,
    seed: int,
    key: Path | None = None,
    title: str = "Synthetic scans",
    owner: str = "not stated",
    identifiers: Path | None = None,
    defaced: bool = False,
    progress: Progress | None = None,
) -> ScanCohort:
    """Draw from a model and write a cohort file, or a signed release where `out` is a folder.

    Raises:
        TwinError: an unknown condition, no key for a release, or whatever is wrong with the model
            or hinders the release.
    """
    generator = read_model(model)
    to_file = out.suffix in (".h5", ".hdf5")
    if not to_file and key is None:
        raise TwinError(
            "a release is signed",
            where="--key",
            expected="the owner's signing key",
            got="none",
            fix="Make one with `oncotwin synth key owner.key`, or write a cohort file (.h5).",
        )
    signing_key = None if key is None else read_signing_key(key)
    forbidden = () if identifiers is None else _lines(identifiers)
    volume_ml, response = parse_condition(condition, patients, seed)
    drawn = generator.sample(
        patients, seed=seed, volume_ml=volume_ml, response=response, progress=progress
    )
    make_folder(out.parent)
    if to_file or signing_key is None:
        write_cohort(drawn, out)
    else:
        write_release(
            drawn,
            out,
            privacy=generator.privacy,
            signing_key=signing_key,
            title=title,
            owner=owner,
            columns=tuple(drawn.columns),
            defaced=defaced,
            known_identifiers=forbidden,
        )
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


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise TwinError(
            "cannot be read", where=str(path), expected="a text file", got=str(error)
        ) from error


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
