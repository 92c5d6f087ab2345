"""Does averaging pay, and do the weights find the true model? Simulated patients of two laws."""

import numpy as np

from tests.validation.model_comparison_study import MODELS, SCORES, judge

PATIENTS = 20


def test_the_average_is_no_worse_than_the_best_single_model_and_weights_know_their_limits():
    judged = [judge(truth, seed) for truth in MODELS for seed in range(PATIENTS)]
    found = [row for row in judged if row is not None]
    assert len(found) > 0.9 * len(judged)
    for truth in MODELS:
        rows = [row for row in found if row.truth == truth]
        weight, evidence, if_true = (
            np.mean([getattr(row, name)[truth] for row in rows])
            for name in ("weights", "evidence", "if_true")
        )
        print(f"{truth}: weight {weight:.2f}, by evidence {evidence:.2f}, if true {if_true:.2f}")
    # Two models and one scored visit: the weight of the true one is what it was said to be.
    told = np.array([row.if_true[row.truth] for row in found])
    came = np.array([row.weights[row.truth] for row in found])
    apart = came - told
    assert abs(apart.mean()) < 0.1
    for score in SCORES:
        crps = {
            name: np.array([row.crps[score][name] for row in found])
            for name in (*MODELS, "average")
        }
        print(score, {name: round(float(values.mean()), 3) for name, values in crps.items()})
        best = min(MODELS, key=lambda name, c=crps: c[name].mean())
        worse = crps["average"] - crps[best]
        assert worse.mean() < 2.0 * worse.std(ddof=1) / np.sqrt(len(worse))
