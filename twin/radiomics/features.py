"""Features of an image within a mask: the front door of radiomics.

    features = twin.radiomics.extract(image, mask)
    features["cm_contrast_3D_comb"]

Names are those of the IBSI's reference tables, doi 10.1148/radiol.2020191145: a family (`morph`,
`loc`, `stat`, `ivh`, `ih`, `cm`, `rlm`, `szm`, `dzm`, `ngt`, `ngl`, and our own `border`, `pet`,
`ring`, `habitat`), a feature, and for texture how it was aggregated. Features of a filter's answer
begin with its name, as in `log_4mm_stat_mean`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from twin.errors import TwinError
from twin.imaging.image import Image
from twin.radiomics.border import border_features
from twin.radiomics.filters import filter_image
from twin.radiomics.histogram import histogram_features
from twin.radiomics.intensity import intensity_statistics, intensity_volume
from twin.radiomics.metabolic import metabolic_features
from twin.radiomics.region import Region, make_region, round_up
from twin.radiomics.settings import Settings
from twin.radiomics.shape import shape_features
from twin.radiomics.spatial import peak_features, spatial_features
from twin.radiomics.surroundings import habitat_features, ring_features
from twin.radiomics.texture import texture_features

FEWEST_LEVELS = 64
SUV = "SUV"


def extract(image: Image, mask: Image, settings: Settings | None = None) -> dict[str, float]:
    """All features of an image within a mask.

    Args:
        image: intensities, of any modality; metabolic volumes are added where its unit is SUV.
        mask: where the region is, on the image's grid: above 0 inside.
        settings: gray levels, filters, aggregation; 64 levels and no filter by default.

    Returns:
        Features by name; every one of them is finite. Lengths are mm, volumes mm³ unless a name
        ends in _ml.

    Raises:
        TwinError: if the mask is empty or on another grid, or no voxel lies in the intensity range.
    """
    settings = settings or Settings()
    inside = _check(image, mask)
    spacing_mm = image.grid.spacing_mm
    region = make_region(inside)
    values = image.data[inside]
    counts = _in_range(values, settings)
    shape = shape_features(inside, spacing_mm)
    space = spatial_features(image.data, inside, spacing_mm, shape["volume"])
    found = _named("morph", shape | space) | _named("border", border_features(inside))
    found |= _named("loc", peak_features(image.data, inside, spacing_mm))
    if image.unit == SUV:
        found |= _named("pet", metabolic_features(values, image.grid.voxel_volume_mm3))
    if settings.ring_mm:
        found |= _named("ring", ring_features(image, mask, settings.ring_mm))
    if settings.habitats:
        found |= _named("habitat", habitat_features(image, mask, settings.habitats))
    images = {"": values} | _filtered(image, region, settings)
    found |= _of_values(images, counts, region, settings)
    _check_finite(found)
    return found


@jax.jit
def intensity_features(
    values: Float[Array, "images length"],
    inside: Bool[Array, "length"],
    step: Float[Array, ""] | float = 0.0,
) -> dict[str, Float[Array, "images"]]:
    """Statistics and volume histogram of several images of one region; differentiable.

    Args:
        values: intensities.
        inside: which entries are voxels that count.
        step: distance between the intensities that the volume histogram tells apart.
    """

    def of_image(values: Float[Array, "length"]) -> dict[str, Array]:
        statistics = intensity_statistics(values, inside)
        volume = intensity_volume(values, inside, step)
        return _named("stat", statistics) | _named("ivh", volume)

    return jax.vmap(of_image)(values)


_histogram_features = jax.jit(jax.vmap(histogram_features))


def _of_values(
    values: dict[str, np.ndarray], counts: np.ndarray, region: Region, settings: Settings
) -> dict[str, float]:
    """Intensity and texture features of images of a region.

    Args:
        values: (voxels,) intensities by the prefix of the features' names; none for the image.
        counts: (voxels,) which voxels count.
        region: where they lie.
        settings: gray levels and aggregation.
    """
    levels = np.zeros((len(values), len(counts)), np.int32)
    for i, (prefix, image) in enumerate(values.items()):
        bins = settings.filtered_bins if prefix else settings.bins
        levels[i, counts] = bins.levels(image[counts])
    highest = levels.max(axis=1)
    level_count = round_up(int(highest.max()), FEWEST_LEVELS)
    padded = jnp.asarray(region.pad(levels))
    stacked = region.pad(np.concatenate([np.stack(list(values.values())), levels]))
    statistics = intensity_features(
        jnp.asarray(stacked, jnp.float32), jnp.asarray(region.pad(counts)), settings.intensity_step
    )
    texture = texture_features(
        padded,
        jnp.asarray(highest),
        jnp.asarray(region.pad(np.ones(len(counts), bool))),
        jnp.asarray(region.neighbors),
        jnp.asarray(region.slices),
        level_count=level_count,
        slice_count=region.slice_count,
        longest=region.longest,
        aggregations=settings.aggregations,
    )
    statistics, texture = jax.device_get((statistics, texture))
    number = len(values)
    found = {name: of_images[:number] for name, of_images in statistics.items()} | texture
    of_levels = {
        name.replace("stat_", "ih_"): of_images[number:]
        for name, of_images in statistics.items()
        if name.startswith("stat_") and name not in ("stat_energy", "stat_rms")
    }
    histograms = np.stack([np.bincount(row, minlength=level_count + 1)[1:] for row in levels])
    shape = _histogram_features(jnp.asarray(histograms, jnp.float32), of_levels["ih_mean"])
    found |= of_levels | _named("ih", jax.device_get(shape))
    return {
        prefix + feature: float(of_images[i])
        for i, prefix in enumerate(values)
        for feature, of_images in found.items()
    }


def _filtered(image: Image, region: Region, settings: Settings) -> dict[str, np.ndarray]:
    """Values of the voxels of a region in the answer of each filter, by the prefix of its name."""
    low, high = region.index.min(axis=0), region.index.max(axis=0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    answers = filter_image(image.data, settings.filters, image.grid.spacing_mm, box)
    place = tuple((region.index - low).T)
    return {f"{name}_": answer[place] for name, answer in answers.items()}


def _check(image: Image, mask: Image) -> np.ndarray:
    if not image.grid.same_as(mask.grid):
        raise TwinError(
            "the mask and the image lie on different grids",
            where=mask.modality,
            expected=repr(image.grid),
            got=repr(mask.grid),
            fix="Resample one onto the other (twin.imaging.resample)",
        )
    inside = mask.data > 0
    if not inside.any():
        raise TwinError(
            "the mask is empty", where=mask.modality, expected="at least one voxel", got="none"
        )
    return inside


def _in_range(values: np.ndarray, settings: Settings) -> np.ndarray:
    if settings.intensity_range is None:
        return np.ones(len(values), bool)
    low, high = settings.intensity_range
    counts = (values >= low) & (values <= high)
    if not counts.any():
        raise TwinError(
            "no voxel of the mask lies in the intensity range",
            where="intensity_range",
            expected=f"some between {low:g} and {high:g}",
            got=f"{values.min():g} to {values.max():g}",
        )
    return counts


def _check_finite(features: dict[str, float]) -> None:
    bad = [name for name, value in features.items() if not np.isfinite(value)]
    if bad:
        raise TwinError(
            "features that are no number",
            where=", ".join(bad[:5]),
            expected="finite values",
            got=f"{len(bad)} of {len(features)} are not",
            fix="Intensities may be too large for float32: scale the image",
        )


def _named(family: str, features: dict) -> dict:
    return {f"{family}_{name}": value for name, value in features.items()}
