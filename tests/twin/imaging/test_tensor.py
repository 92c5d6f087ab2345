"""Tensors of the patient's directions are turned into those of the grid."""

import numpy as np
import pytest

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.tensor import COMPONENTS, tensor_on_grid

SHAPE = (3, 4, 5)


def components(matrix):
    pairs = dict(zip(COMPONENTS, ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)), strict=True))
    return {name: np.full(SHAPE, matrix[i, j]) for name, (i, j) in pairs.items()}


def full(six):
    xx, yy, zz, xy, xz, yz = six[:, 1, 1, 1]
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def test_fibers_along_a_turned_axis_lie_along_it():
    """A grid turned by 30 degrees around z: a fiber along its first axis is diagonal there."""
    turn = np.deg2rad(30.0)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation * [1.5, 2.0, 3.0]
    fiber = rotation[:, 0]
    tensor = np.eye(3) + 3.0 * np.outer(fiber, fiber)
    found = full(tensor_on_grid(components(tensor), Grid(SHAPE, affine)))
    np.testing.assert_allclose(found, np.diag([4.0, 1.0, 1.0]), atol=1e-6)


def test_a_flipped_axis_changes_the_sign_of_its_mixed_components():
    tensor = np.array([[3.0, 0.5, 0.2], [0.5, 2.0, 0.1], [0.2, 0.1, 1.0]])
    found = full(tensor_on_grid(components(tensor), Grid(SHAPE, np.diag([-2.0, 1.0, 1.0, 1.0]))))
    np.testing.assert_allclose(found, tensor * [[1, -1, -1], [-1, 1, 1], [-1, 1, 1]], rtol=1e-6)


def test_a_missing_component_is_named():
    parts = components(np.eye(3))
    del parts["xz"]
    with pytest.raises(TwinError, match="six components.*xz.*xx, xy, yy, yz, zz"):
        tensor_on_grid(parts, Grid.from_spacing(SHAPE, 1.0))
