"""Derivatives of the models that `make test` takes forward only, in both directions."""

import pytest

from tests.twin.models.test_every_model import assert_derivatives
from twin.models import MODELS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_derivatives_agree_both_ways(name):
    assert_derivatives(name, both_ways=True)
