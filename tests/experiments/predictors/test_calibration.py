"""The calibration slope of survival, however little predictions differ."""

import numpy as np
import pytest

from experiments.predictors.evaluation.bootstrap import weights
from experiments.predictors.evaluation.calibration import calibration
from experiments.predictors.evaluation.outcome import survival


@pytest.mark.parametrize("spread", [1e-1, 1e-2, 1e-3])
def test_predictions_that_differ_too_little_have_a_slope_as_much_too_large(spread):
    """Log hazards shrunk by a factor need the inverse of it."""
    random = np.random.default_rng(0)
    risk = 0.7 * random.normal(size=400)
    time = random.exponential(np.exp(-risk))
    censored = random.uniform(0.2, 3.0, 400)
    y = survival(time <= censored, np.minimum(time, censored))
    drawn = weights(400, draws=10, seed=0)

    def slope(factor: float) -> float:
        chance = 1.0 - np.exp(-0.1 * np.exp(factor * risk))
        found = calibration(y, chance[None], drawn, horizon_days=0.1).slope
        assert found is not None and found.low < found.value < found.high
        return found.value

    assert slope(spread) * spread == pytest.approx(slope(1.0), rel=1e-3)
