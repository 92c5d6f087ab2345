"""A diffusion tensor in a patient folder: read, written, refused, and followed by the cells."""

from dataclasses import replace

import numpy as np
import pytest

from tests.patients import small_patient
from twin.calibration.setting import make_setting
from twin.domain import domain_of
from twin.errors import TwinError
from twin.models import Anisotropic
from twin.patient import coarsen_patient, crop_to_tumor
from twin.patient_folder import check_patient, load_patient, save_patient


def with_tensor(patient):
    """Fibers along y everywhere, four times as fast as across, tilted a little towards x."""
    fiber = np.array([0.2, 1.0, 0.0]) / np.hypot(0.2, 1.0)
    full = np.eye(3) + 3.0 * np.outer(fiber, fiber)
    six = np.array([full[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))])
    tensor = six[:, None, None, None] * patient.tissue.astype(np.float32)
    return replace(patient, tensor=tensor)


def test_a_tensor_survives_writing_and_reading(tmp_path):
    patient = with_tensor(small_patient())
    save_patient(patient, tmp_path)
    found = load_patient(tmp_path)
    np.testing.assert_allclose(found.tensor, patient.tensor, rtol=1e-5, atol=1e-6)
    assert any("tensor" in finding.where for finding in check_patient(tmp_path))


def test_a_tensor_with_a_negative_eigenvalue_is_refused(tmp_path):
    patient = with_tensor(small_patient())
    patient.tensor[3][patient.tissue] = 5.0
    save_patient(patient, tmp_path)
    with pytest.raises(TwinError, match="tensor: the diffusion tensor is not positive definite"):
        load_patient(tmp_path)


def test_a_tensor_that_lacks_a_component_is_refused(tmp_path):
    save_patient(with_tensor(small_patient()), tmp_path)
    file = tmp_path / "patient.yaml"
    file.write_text(file.read_text().replace("xz: tensor/xz.nii.gz,", ""))
    with pytest.raises(TwinError, match="six components"):
        load_patient(tmp_path)


def test_cropping_and_coarsening_keep_the_tensor():
    patient = crop_to_tumor(coarsen_patient(with_tensor(small_patient()), 2.5), margin_mm=8.0)
    assert patient.tensor.shape == (6, *patient.grid.shape)
    inside = patient.tissue
    assert (patient.tensor[1][inside] > 3.0 * patient.tensor[2][inside]).all()


def test_cells_follow_the_tensor_of_a_patient_and_say_what_stands_in_without():
    patient = crop_to_tumor(with_tensor(small_patient()), margin_mm=8.0)
    domain = domain_of(patient)
    assert domain.fibers is not None
    (said,) = Anisotropic().fallbacks(domain)
    assert "anisotropy" in said
    bare = replace(patient, tensor=None)
    assert "alike in all directions" in Anisotropic().fallbacks(domain_of(bare))[0]
    assert "fiber_share" in make_setting(patient, Anisotropic()).table.free
