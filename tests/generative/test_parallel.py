"""Processes change nothing but the time."""

import numpy as np
import pytest

from generative import parallel
from generative.parallel import over_patients
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world
from twin import cores
from twin.errors import TwinError


def test_patients_are_the_same_in_one_process_and_in_many(monkeypatch):
    alone = simulate_cohort(get_world("B"), 4, seed=2, side=16)
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 2)
    monkeypatch.setattr(cores, "available_cores", lambda: 2)
    told = []
    together = simulate_cohort(
        get_world("B"), 4, seed=2, side=16, progress=lambda *done: told.append(done)
    )
    np.testing.assert_array_equal(together.images, alone.images)
    np.testing.assert_array_equal(together.masks, alone.masks)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_one_patient_comes_out_as_it_is(monkeypatch, workers):
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(cores, "available_cores", lambda: workers)

    def failing(number: int) -> int:
        if number == 2:
            raise TwinError("not this one", where=f"patient {number}")
        return number

    with pytest.raises(TwinError, match="patient 2: not this one"):
        list(over_patients(failing, range(4)))
