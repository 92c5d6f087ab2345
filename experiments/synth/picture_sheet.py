"""Pictures of real beside synthetic patients: mid slices of every scan, the mask outlined."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import Bool, Float

from experiments.report.markup import Markup, element
from generative.cohort import ScanCohort

_SIDE = 128
_GAP = 4
_OUTLINE = (230, 120, 0)


def picture_sheet(
    real: ScanCohort, synthetic: ScanCohort, *, patients: int = 5, seed: int = 0
) -> Markup:
    """A table of pictures: a row for each pair, real at the left, synthetic at the right.

    Args:
        real, synthetic: cohorts; patients are drawn at random, none is picked by hand.
        patients: how many of each.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    window = tuple(np.quantile(real.images, (0.005, 0.995)))
    rows = []
    for one, other in zip(
        *(random.permutation(len(c))[:patients] for c in (real, synthetic)), strict=False
    ):
        rows.append(
            element(
                "tr",
                *(
                    element("td", _picture(cohort, int(row), window, name))
                    for cohort, row, name in ((real, one, "real"), (synthetic, other, "synthetic"))
                ),
            )
        )
    days = ", ".join(f"{day:g}" for day in real.days[0])
    kind = "Real (simulated)" if real.provenance.startswith("simulated") else "Real"
    head = element("tr", element("th", f"{kind}, days {days}"), element("th", "Synthetic"))
    return element("table", element("thead", head), element("tbody", *rows), class_="sheet")


def mid_slices(
    images: Float[np.ndarray, "t x y z"], masks: Bool[np.ndarray, "t x y z"]
) -> tuple[Float[np.ndarray, "t x y"], Bool[np.ndarray, "t x y"]]:
    """The slice through the middle of the first mask, of every scan."""
    middle = round(float(np.argwhere(masks[0])[:, 2].mean()))
    return images[..., middle], masks[..., middle]


def outlined(
    image: Float[np.ndarray, "x y"], mask: Bool[np.ndarray, "x y"], window: tuple[float, ...]
) -> np.ndarray:
    """(side, side, 3) a slice in gray, the edge of its mask in color."""
    low, high = window
    gray = np.clip((image - low) / max(high - low, 1e-12), 0.0, 1.0)
    times = max(1, _SIDE // max(image.shape))
    large = np.kron(gray.T[::-1], np.ones((times, times)))
    inside = np.kron(mask.T[::-1], np.ones((times, times), bool))
    padded = np.pad(inside, 1)
    kernel = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & inside
    pixels = np.repeat((255.0 * large).astype(np.uint8)[..., None], 3, axis=2)
    pixels[inside & ~kernel] = _OUTLINE
    return pixels


def sheet_png(cohort: ScanCohort) -> bytes:
    """A picture with a row for each patient and a column for each scan, outlined, as a PNG."""
    window = tuple(np.quantile(cohort.images, (0.005, 0.995)))
    rows = [_strip(cohort, row, window) for row in range(len(cohort))]
    gap = np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8)
    return _png(np.concatenate([part for row in rows for part in (row, gap)][:-1]))


def _picture(cohort: ScanCohort, row: int, window: tuple[float, ...], name: str) -> Markup:
    data = base64.b64encode(_png(_strip(cohort, row, window))).decode()
    tag = element("img", src=f"data:image/png;base64,{data}", alt=f"{name} patient, all scans")
    return Markup(tag.removesuffix("</img>"))


def _strip(cohort: ScanCohort, row: int, window: tuple[float, ...]) -> np.ndarray:
    """All scans of a patient side by side."""
    tiles = [
        outlined(image, mask, window)
        for image, mask in zip(*mid_slices(cohort.images[row], cohort.masks[row]), strict=True)
    ]
    gap = np.full((tiles[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()
