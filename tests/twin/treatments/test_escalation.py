"""Escalation of a subregion: bounded, the most probable first, nothing where nothing shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.treatments.dose_painting import escalation_map

SHAPE = (5, 6, 7)


@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(1.0, 2.0))
def test_only_the_most_probable_voxels_are_boosted_and_not_too_many(seed, least, most, boost):
    random = np.random.default_rng(seed)
    probability, target = random.random(SHAPE), random.random(SHAPE) < 0.6
    found = escalation_map(
        probability, target, boost=boost, least_probability=least, most_share=most
    )
    boosted = found > 1.0
    assert set(np.unique(found)) <= {np.float32(1.0), np.float32(boost)}
    assert boosted.sum() <= most * target.sum() and not boosted[~target].any()
    if boosted.any():
        assert probability[boosted].min() >= least
        assert probability[boosted].min() >= probability[target & ~boosted].max(initial=0.0) or (
            boosted.sum() == target.sum()
        )
    elif boost > 1.0:
        wanted = (probability[target] >= least).sum()
        assert wanted == 0 or int(most * target.sum()) == 0


def test_nothing_is_boosted_where_nothing_is_known():
    probability = np.full(SHAPE, 0.3)
    np.testing.assert_array_equal(escalation_map(probability, np.ones(SHAPE, bool)), 1.0)


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"target": np.zeros(SHAPE, bool)}, "the target is empty"),
        ({"probability": np.full(SHAPE, 1.1)}, "probability"),
        ({"boost": 0.9}, "boost"),
        ({"most_share": 1.5}, "most_share"),
    ],
)
def test_bad_arguments_are_refused_by_name(changes, word):
    given = {"probability": np.full(SHAPE, 0.5), "target": np.ones(SHAPE, bool)} | changes
    with pytest.raises(TwinError, match=word):
        escalation_map(given.pop("probability"), given.pop("target"), **given)
