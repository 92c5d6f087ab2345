"""Where validation scripts put their plots, and how large those may be."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "validation"
MAX_BYTES = 100_000


def save(figure: Figure, name: str) -> Path:
    """Write a figure as docs/validation/NAME.png, without dates, and close it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
    assert path.stat().st_size <= MAX_BYTES, f"{path.name} is larger than {MAX_BYTES} bytes"
    return path
