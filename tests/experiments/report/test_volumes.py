"""Voxels in the page are real NIfTI files in the right place, and they fit."""

import base64
import gzip
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from experiments.report.material import Material
from experiments.report.names import Names
from experiments.report.volumes import collect_volumes, encode
from tests.experiments.report.cases import make_forecast, make_patient, make_posterior
from twin.errors import TwinError


def decode(text: str) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))


def make_material(*, shareable: bool = False, forecast=True) -> Material:
    patient = make_patient()
    made = make_forecast(patient) if forecast else None
    names = Names((v.name for v in patient.visits), (), shareable=shareable)
    return Material(patient, make_posterior(patient), None, made, None, {}, names)


def test_encoded_volume_gives_back_values_and_place():
    data = np.random.default_rng(0).uniform(-2, 7, (5, 6, 7)).astype(np.float32)
    affine = np.array([[2.0, 0.1, 0, -9], [0, 3.0, 0, 4], [0, 0, 4.0, 5], [0, 0, 0, 1]])
    image = decode(encode(data, affine, -2.0, 7.0))
    np.testing.assert_allclose(image.get_fdata(), data, atol=0.51 * 9 / 255)
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)


def test_encoding_is_the_same_every_time():
    data = np.ones((4, 4, 4), np.float32)
    assert encode(data, np.eye(4), 0.0, 1.0) == encode(data, np.eye(4), 0.0, 1.0)


def test_coarsened_volume_keeps_mean_and_center():
    data = np.random.default_rng(1).uniform(0, 1, (8, 8, 8)).astype(np.float32)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    image = decode(encode(data, affine, 0.0, 1.0, factor=2))
    assert image.shape == (4, 4, 4)
    assert np.mean(image.get_fdata()) == pytest.approx(float(data.mean()), abs=0.002)
    middle = image.affine @ [1.5, 1.5, 1.5, 1]
    np.testing.assert_allclose(middle, affine @ [3.5, 3.5, 3.5, 1])


def test_page_carries_scans_masks_and_three_maps_of_every_visit():
    material = make_material()
    volumes, factor = collect_volumes(material, 10**7)
    kinds = [volume.kind for volume in volumes]
    assert factor == 1
    assert (kinds.count("base"), kinds.count("mask")) == (8, 5)
    assert kinds.count("mean") == kinds.count("sd") == kinds.count("probability") == 5
    mask = next(volume for volume in volumes if volume.kind == "mask")
    stored = np.asarray(decode(mask.content).dataobj) > 0
    np.testing.assert_array_equal(stored, material.patient.visits[0].masks["gtv"])
    last = [volume for volume in volumes if volume.kind == "mean"][-1]
    assert last.visit == "before surgery (day 84, held out, simulated)"


def test_volumes_are_coarsened_until_they_fit():
    material = make_material()
    size = sum(len(volume.content) for volume in collect_volumes(material, 10**7)[0])
    volumes, factor = collect_volumes(material, size // 6)
    assert factor == 2
    assert sum(len(volume.content) for volume in volumes) <= size // 6
    with pytest.raises(TwinError, match="do not fit"):
        collect_volumes(material, 1000)


def test_shareable_report_has_no_volume():
    assert collect_volumes(make_material(shareable=True), 10**7) == ([], 1)


def test_forecast_on_another_grid_is_refused():
    material = make_material()
    assert material.forecast is not None
    shown = replace(material.forecast.visits[0], mean=np.zeros((2, 2, 2), np.float32))
    wrong = replace(material.forecast, visits=(shown,))
    with pytest.raises(TwinError, match="another grid than the patient"):
        collect_volumes(replace(material, forecast=wrong), 10**7)
