"""Real anatomy of the embedded patient: images on one grid, and the tissues read from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from twin.grid import Grid
from twin.imaging.image import MASK, Image
from twin.imaging.nifti import read_mask, read_nifti
from twin.imaging.resample import resample
from twin.virtual_images import block_mean, largest_piece

SPACING_MM, REFINEMENT, MARGIN_MM = 3.0, 2, 20.0
PAD = 18
"""Fine voxels added on each side while bone is outlined, so that its marrow is closed."""


@dataclass(frozen=True)
class Anatomy:
    """Real images on a grid, and the tissues read from them."""

    grid: Grid
    t1: np.ndarray
    pet: np.ndarray
    ct: np.ndarray
    gtv: np.ndarray
    body: np.ndarray
    tissue: np.ndarray
    muscle: np.ndarray
    fat: np.ndarray


def read_anatomy(folder: Path) -> Anatomy:
    """Real images on the fine grid around the tumor; bone and air are no tissue."""
    t1 = read_nifti(folder / "MR_T1_image.nii.gz", modality="T1", unit="a.u.")
    pet = read_nifti(folder / "PET_image.nii.gz", modality="PET", unit="SUV")
    ct = read_nifti(folder / "CT_image.nii.gz", modality="CT", unit="HU")
    outline = read_mask(folder / "MR_T1_mask.nii.gz")
    index = np.argwhere(outline.data > 0)
    corners = index @ outline.grid.affine[:3, :3].T + outline.grid.affine[:3, 3]
    low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
    spacing = SPACING_MM / REFINEMENT
    nx, ny, nz = (int(n) * REFINEMENT for n in np.ceil((high - low) / SPACING_MM))
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = low + spacing / 2
    grid = Grid((nx, ny, nz), affine)
    share = resample(Image(outline.data, outline.grid, MASK, "1"), grid, order=1).data
    gtv = share >= 0.5
    around = (PAD,) * 3
    wide = resample(ct, grid.pad(around, around), outside=-1000.0).data
    wide_smooth = ndimage.gaussian_filter(wide, 2.0 / spacing)
    cut = (slice(PAD, -PAD),) * 3
    hounsfield, smooth = wide[cut], wide_smooth[cut]
    body = largest_piece(wide_smooth > -300.0)[cut] | gtv
    bone = bones(wide_smooth, grid)[cut] & ~gtv
    border = np.ones(grid.shape, bool)
    border[(slice(REFINEMENT, -REFINEMENT),) * 3] = False
    tissue = largest_piece(body & ~bone & ~border)
    t1_data = resample(t1, grid).data
    fat = np.clip((50.0 - smooth) / 150.0, 0.0, 1.0)
    fat_t1 = np.clip((ndimage.gaussian_filter(t1_data, 0.7) - 400.0) / 500.0, 0.0, 1.0)
    fat = np.where(t1_data > 100.0, 0.5 * (fat + fat_t1), fat) * tissue
    return Anatomy(
        grid=grid,
        t1=t1_data,
        pet=np.maximum(resample(pet, grid).data, 0.0),
        ct=hounsfield,
        gtv=gtv,
        body=body,
        tissue=tissue,
        muscle=tissue - fat,
        fat=fat,
    )


def coarsened(fine: Anatomy) -> Anatomy:
    """The same on the patient's grid: means of images and fractions, majority for masks."""
    spacing = SPACING_MM
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = fine.grid.affine[:3, 3] + 0.5 * (spacing - spacing / REFINEMENT)
    nx, ny, nz = (n // REFINEMENT for n in fine.grid.shape)
    mean = {
        name: block_mean(np.asarray(getattr(fine, name), float), REFINEMENT)
        for name in ("t1", "pet", "ct", "gtv", "body", "tissue", "muscle", "fat")
    }
    gtv = mean["gtv"] >= 0.5
    tissue = (mean["tissue"] >= 0.5) | gtv
    total = np.maximum(mean["muscle"] + mean["fat"], 1e-6)
    return Anatomy(
        Grid((nx, ny, nz), affine),
        mean["t1"],
        mean["pet"],
        mean["ct"],
        gtv,
        mean["body"] >= 0.5,
        tissue,
        mean["muscle"] / total * tissue,
        mean["fat"] / total * tissue,
    )


def bones(smooth: np.ndarray, grid: Grid) -> np.ndarray:
    """Bone with its marrow: dense voxels, closed, and filled slice by slice."""
    dense = large(smooth > 160.0, grid, minimum_ml=0.5)
    reach = 8
    dense = ndimage.binary_closing(np.pad(dense, reach, mode="edge"), iterations=reach)
    dense = dense[(slice(reach, -reach),) * 3]
    return np.stack(
        [ndimage.binary_fill_holes(dense[:, :, k]) for k in range(dense.shape[2])], axis=2
    )


def large(mask: np.ndarray, grid: Grid, *, minimum_ml: float) -> np.ndarray:
    """Connected pieces of at least `minimum_ml`."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel()) * grid.voxel_volume_mm3 / 1000.0
    sizes[0] = 0.0
    return sizes[labels] >= minimum_ml
