"""Features do not depend on what is arbitrary, and bad input is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.radiomics.images import ball, blob, image, mask, regions
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import Image
from twin.radiomics import FixedBinCount, FixedBinWidth, LaplacianOfGaussian, Settings, extract
from twin.radiomics.presets import Preset
from twin.radiomics.texture import AGGREGATIONS

CUBIC = (2.0, 2.0, 2.0)
MESH = ("morph_volume", "morph_a", "morph_comp", "morph_sph", "morph_asph", "morph_diam")
"""Families that rest on the mesh, whose triangles turn with the axes."""


def same(found: dict, expected: dict, relative: float, *, but: tuple[str, ...] = ()) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if not name.startswith(but or "?"):
            close = abs(found[name] - value) <= relative * max(abs(value), 1e-2)
            assert close, (name, found[name], value)


@settings(max_examples=15)
@given(
    region=regions(),
    order=st.sampled_from(list(itertools.permutations(range(3)))),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_the_order_and_direction_of_axes_do_not_matter(region, order, flips):
    levels, inside = region
    spacing = np.array([2.0, 2.5, 3.0])
    chosen = Settings(bins=FixedBinCount(5), filters=(LaplacianOfGaussian(4.0),))

    def turned(array: np.ndarray) -> np.ndarray:
        array = array.transpose(order)
        return array[tuple(slice(None, None, -1 if f else 1) for f in flips)].copy()

    # Noise breaks ties, so that gray levels and modes do not hang on rounding.
    data = levels + np.random.default_rng(0).uniform(0, 0.3, levels.shape)
    plain = extract(image(data, spacing), mask(inside, spacing), chosen)
    other = extract(
        image(turned(data), spacing[list(order)]),
        mask(turned(inside), spacing[list(order)]),
        chosen,
    )
    # A filter's answer near the edge of a gray level may fall to either side.
    answer = ("log_4mm_ih", *(f"log_4mm_{f}" for f in ("cm", "rlm", "szm", "dzm", "ngt", "ngl")))
    same(other, plain, 2e-3, but=(*answer, "morph_volume", "morph_area", "border"))
    for name in MESH:
        matching = [n for n in plain if n.startswith(name)]
        assert matching
        for n in matching:
            assert abs(other[n] - plain[n]) <= 0.02 * abs(plain[n]) + 1e-6, n


@settings(max_examples=15)
@given(region=regions(), before=st.integers(0, 3), after=st.integers(0, 3))
def test_empty_space_around_does_not_matter(region, before, after):
    levels, inside = region
    padded = [np.pad(a, ((before, after), (after, before), (before, 0))) for a in (levels, inside)]
    plain = extract(image(levels), mask(inside))
    other = extract(image(padded[0]), mask(padded[1]))
    # A peak's ball reaches into that space.
    same(other, plain, 1e-4, but=("loc_",))


@settings(max_examples=15)
@given(region=regions(), scale=st.floats(0.25, 50.0), shift=st.floats(-20.0, 20.0))
def test_texture_of_a_fixed_number_of_levels_ignores_units(region, scale, shift):
    levels, inside = region
    # 7 levels between 1 and 5: no value lies at the edge of one, whatever the rounding.
    data = 3.0 * levels + 0.05
    plain = extract(image(data), mask(inside), Settings(bins=FixedBinCount(7)))
    other = extract(image(scale * data + shift), mask(inside), Settings(bins=FixedBinCount(7)))
    texture = [n for n in plain if n.startswith(("cm", "rlm", "szm", "dzm", "ngt", "ngl", "ih"))]
    assert len(texture) > 80
    same({n: other[n] for n in texture}, {n: plain[n] for n in texture}, 1e-4)


def test_levels_of_a_fixed_width_begin_where_they_are_told():
    bins = FixedBinWidth(0.5, low=1.0)
    assert bins.levels(np.array([0.2, 1.0, 1.49, 1.5, 3.9])).tolist() == [1, 1, 1, 2, 6]


def test_a_fixed_number_of_levels_spans_the_region():
    assert FixedBinCount(4).levels(np.array([0.0, 1.0, 2.0, 3.9, 4.0])).tolist() == [1, 2, 3, 4, 4]


def test_voxels_out_of_range_count_for_shape_alone():
    inside = ball(6.0, CUBIC)
    data = np.random.default_rng(0).uniform(0, 100, inside.shape)
    limited = extract(
        image(data, CUBIC), mask(inside, CUBIC), Settings(intensity_range=(20.0, 80.0))
    )
    whole = extract(image(data, CUBIC), mask(inside, CUBIC))
    assert limited["morph_volume"] == whole["morph_volume"]
    assert limited["stat_min"] >= 20
    assert limited["stat_max"] <= 80
    assert whole["stat_max"] > 95


def test_every_aggregation_has_its_own_names():
    inside = ball(4.0, CUBIC)
    data = np.random.default_rng(0).uniform(1, 5, inside.shape)
    found = extract(image(data, CUBIC), mask(inside, CUBIC), Settings(aggregations=AGGREGATIONS))
    for kind in AGGREGATIONS:
        assert f"cm_contrast_{kind}" in found
    assert {"szm_sze_2D", "szm_sze_2_5D", "szm_sze_3D"} <= found.keys()


@pytest.mark.parametrize("voxels", [1, 2, 3])
def test_a_few_voxels_have_finite_features(voxels):
    inside = np.zeros((5, 5, 5), bool)
    inside[2, 2, 1 : 1 + voxels] = True
    found = extract(image(np.full(inside.shape, 2.0)), mask(inside))
    assert all(np.isfinite(v) for v in found.values())


def test_bad_input_is_refused():
    inside = ball(4.0)
    data = np.ones(inside.shape)
    with pytest.raises(TwinError, match="MASK: the mask is empty .*at least one voxel"):
        extract(image(data), mask(np.zeros_like(inside)))
    with pytest.raises(TwinError, match="the mask and the image lie on different grids"):
        extract(image(data), mask(inside, (1.0, 1.0, 1.0)))
    with pytest.raises(TwinError, match="no voxel of the mask lies in the intensity range"):
        extract(image(data), mask(inside), Settings(intensity_range=(2.0, 3.0)))
    with pytest.raises(TwinError, match="intensity_range: range of intensities"):
        Settings(intensity_range=(3.0, 2.0))
    with pytest.raises(TwinError, match="unknown aggregation of texture .*got 4D"):
        Settings(aggregations=("4D",))
    with pytest.raises(TwinError, match="too many gray levels .*at most 1024"):
        FixedBinWidth(1e-3).levels(np.array([0.0, 5.0]))
    with pytest.raises(TwinError, match="bins: gray levels .*2 or more, got 1"):
        FixedBinCount(1)


BOUNDS = {
    "morph_volume": 0.06,
    "morph_area_mesh": 0.06,
    "morph_sphericity": 0.04,
    "morph_pca_maj_axis": 0.06,
    "stat_mean": 0.03,
    "stat_max": 0.03,
    "stat_p90": 0.03,
    "ih_entropy": 0.03,
    "cm_joint_entr_3D_comb": 0.05,
    "cm_corr_3D_comb": 0.05,
    "rlm_sre_3D_comb": 0.05,
    "cm_contrast_3D_comb": 0.25,
    "ngt_coarseness_3D": 0.25,
    "szm_sze_3D": 0.3,
    "ngl_lde_3D": 0.3,
}
"""Relative difference of features between two samplings of one tumor, as the how-to says."""


@settings(max_examples=15)
@given(
    spacings=st.sampled_from([((2.0, 2.0, 2.0), (2.5, 2.2, 3.0)), ((4.0, 4.0, 3.3), (2.5,) * 3)]),
    shift=st.tuples(*[st.floats(0.0, 4.0)] * 3),
    width_mm=st.floats(16.0, 22.0),
)
def test_one_tumor_sampled_twice_has_equal_features_within_stated_bounds(spacings, shift, width_mm):
    preset = Preset(3.0, Settings(bins=FixedBinCount(32)))
    found = []
    for spacing in spacings:
        shape = tuple(int(n) for n in np.ceil(100.0 / np.array(spacing)))
        grid = Grid.from_spacing(shape, spacing)
        data, inside = blob(grid, np.array([48.0, 48.0, 48.0]) + shift, width_mm)
        scan = Image(data, grid, "PET", "SUV"), Image(inside, grid, "MASK", "1")
        found.append(extract(*preset.prepare(*scan), preset.settings))
    for name, bound in BOUNDS.items():
        one, other = (f[name] for f in found)
        assert abs(one - other) <= bound * max(abs(one), abs(other)), (name, one, other)
