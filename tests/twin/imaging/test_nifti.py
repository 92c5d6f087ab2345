"""NIfTI files come back as they were written, in patient space, or are refused."""

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image, read_mask, read_nifti, write_nifti

GRID = Grid(
    (5, 4, 3),
    np.array([[1.0, 0, 0, -20.0], [0, 1.5, 0, 7.0], [0, 0, 3.0, 11.0], [0, 0, 0, 1]]),
)
VALUES = np.arange(60, dtype=np.float32).reshape(GRID.shape)


def read(path, **options) -> Image:
    return read_nifti(path, modality="CT", unit="HU", **options)


@given(
    shape=st.sampled_from([(1, 1, 1), (2, 3, 4), (5, 1, 2)]),
    seed=st.integers(0, 2**16),
    spacing=st.tuples(*[st.floats(0.3, 6.0)] * 3),
    name=st.sampled_from(["image.nii", "image.nii.gz"]),
)
def test_an_image_comes_back_as_it_was_written(tmp_path_factory, shape, seed, spacing, name):
    grid = Grid.from_spacing(shape, spacing)
    data = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    path = tmp_path_factory.mktemp("nifti") / name
    write_nifti(Image(data, grid, "CT", "HU"), path)
    image = read(path)
    np.testing.assert_array_equal(image.data, data)
    assert image.grid.same_as(grid)


def test_two_writes_give_the_same_bytes(tmp_path):
    for name in ("one.nii.gz", "two.nii.gz"):
        write_nifti(Image(VALUES, GRID, "CT", "HU"), tmp_path / name)
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "two.nii.gz").read_bytes()


def test_rounding_to_a_step_errs_by_at_most_half_of_it(tmp_path):
    data = np.random.default_rng(0).normal(size=GRID.shape)
    write_nifti(Image(data, GRID, "PET", "SUV"), tmp_path / "x.nii.gz", step=0.01)
    back = read(tmp_path / "x.nii.gz")
    assert np.abs(back.data - data).max() <= 0.005 + 1e-6
    assert nibabel.load(tmp_path / "x.nii.gz").get_data_dtype() == np.int16


def test_a_step_too_fine_for_int16_is_refused(tmp_path):
    with pytest.raises(TwinError, match=r"do not fit int16.*up to 0.327"):
        write_nifti(Image(VALUES, GRID, "CT", "HU"), tmp_path / "x.nii.gz", step=1e-5)


@pytest.mark.parametrize("axes", ["LPS", "ASL", "SAR", "RAI", "IPR"])
def test_every_storage_order_gives_the_same_patient(tmp_path, axes):
    stored = nibabel.Nifti1Image(VALUES, GRID.affine)
    target = nibabel.orientations.axcodes2ornt(axes)
    turned = stored.as_reoriented(target)
    nibabel.save(turned, tmp_path / "turned.nii.gz")
    image = read(tmp_path / "turned.nii.gz")
    np.testing.assert_array_equal(image.data, VALUES)
    assert image.grid.same_as(GRID)


def test_an_oblique_affine_is_kept(tmp_path):
    angle = np.deg2rad(20)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    nibabel.save(nibabel.Nifti1Image(VALUES, affine), tmp_path / "oblique.nii.gz")
    image = read(tmp_path / "oblique.nii.gz")
    np.testing.assert_allclose(image.grid.affine, affine, atol=1e-6)
    np.testing.assert_array_equal(image.data, VALUES)


def test_scaled_integers_are_read_in_their_unit(tmp_path):
    nifti = nibabel.Nifti1Image(VALUES.astype(np.int16), GRID.affine)
    nifti.header.set_slope_inter(0.5, -1024.0)
    nibabel.save(nifti, tmp_path / "scaled.nii.gz")
    raw = nibabel.load(tmp_path / "scaled.nii.gz")
    np.testing.assert_allclose(read(tmp_path / "scaled.nii.gz").data, raw.get_fdata())


def test_a_single_volume_with_a_fourth_axis_is_read(tmp_path):
    nibabel.save(nibabel.Nifti1Image(VALUES[..., None], GRID.affine), tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "x.nii.gz").data, VALUES)


def save_with_other_pixdim(path) -> None:
    """An affine of 1 x 1.5 x 3 mm beside a pixdim of 1 x 1.5 x 5 mm."""
    nifti = nibabel.Nifti1Image(VALUES, None)
    nifti.header.set_zooms((1.0, 1.5, 5.0))
    nifti.header.set_sform(GRID.affine, code=1)
    nibabel.save(nibabel.Nifti1Image(VALUES, None, nifti.header), path)


def test_affine_against_pixdim_is_refused_until_one_is_chosen(tmp_path):
    path = tmp_path / "both.nii"
    save_with_other_pixdim(path)
    with pytest.raises(TwinError, match=r"affine 1 x 1.5 x 3 mm, pixdim 1 x 1.5 x 5 mm"):
        read(path)
    assert read(path, spacing_from="affine").grid.spacing_mm == pytest.approx([1, 1.5, 3])
    assert read(path, spacing_from="pixdim").grid.spacing_mm == pytest.approx([1, 1.5, 5])
    with pytest.raises(TwinError, match='"affine" or "pixdim"'):
        read(path, spacing_from="header")


def test_lengths_in_meters_are_refused(tmp_path):
    nifti = nibabel.Nifti1Image(VALUES, GRID.affine)
    nifti.header.set_xyzt_units("meter")
    nibabel.save(nifti, tmp_path / "x.nii.gz")
    with pytest.raises(TwinError, match=r"expected mm, got meter"):
        read(tmp_path / "x.nii.gz")


def test_colors_are_refused(tmp_path):
    colors = np.zeros((3, 3, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colors, np.eye(4)), tmp_path / "x.nii.gz")
    with pytest.raises(TwinError, match=r"not scalars \(expected integer or real.*colors"):
        read(tmp_path / "x.nii.gz")


def test_values_beyond_float32_count_as_infinite(tmp_path):
    data = VALUES.astype(np.float64)
    data[0, 0, 0] = 1e60
    nibabel.save(nibabel.Nifti1Image(data, GRID.affine), tmp_path / "x.nii.gz")
    with pytest.raises(TwinError, match=r"0 NaN and 1 Inf of 60 voxels.*\(0, 0, 0\)"):
        read(tmp_path / "x.nii.gz")


@pytest.mark.parametrize("keep", [3, 40, 400])
def test_a_truncated_uncompressed_file_is_refused(tmp_path, keep):
    path = tmp_path / "x.nii"
    write_nifti(Image(VALUES, GRID, "CT", "HU"), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TwinError, match=r"x\.nii: (not a NIfTI image|the file is truncated)"):
        read(path)


def test_a_mask_is_read_as_zeros_and_ones(tmp_path):
    mask = VALUES > 30
    write_nifti(Image(mask, GRID, "MASK", "1"), tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz").data > 0.5, mask)
    assert nibabel.load(tmp_path / "mask.nii.gz").get_data_dtype() == np.uint8


def test_a_file_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TwinError, match="cannot be written"):
        write_nifti(Image(VALUES, GRID, "CT", "HU"), tmp_path / "file" / "x.nii.gz")


def test_an_image_must_fit_its_grid():
    with pytest.raises(TwinError, match=r"shape \(5, 4, 3\), got \(5, 4, 2\)"):
        Image(VALUES[..., :2], GRID, "CT", "HU")
