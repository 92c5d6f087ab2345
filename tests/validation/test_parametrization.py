"""Where the coordinates of the front save evaluations: outlines alone."""

import numpy as np

from tests.validation.parametrization_study import SHOWN, measured
from twin.calibration.parametrization import PARAMETRIZATIONS


def test_length_and_speed_save_evaluations_on_outlines_alone():
    for shown in SHOWN:
        count = {
            name: [measured(seed, name, shown).iterations for seed in range(8)]
            for name in PARAMETRIZATIONS
        }
        print(shown, {name: float(np.median(values)) for name, values in count.items()})
        if shown == "outlines":
            usual, front = count.values()
            assert np.median(front) < np.median(usual)


def test_chains_and_gaussians_in_both_coordinates():
    for name in PARAMETRIZATIONS:
        found = measured(0, name, chains=True)
        print(found)
        assert found.rhat < 1.3 and found.misfit < 1.0
