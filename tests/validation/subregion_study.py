"""Planted resistant subregions: is the kill map found, is it sure of itself, does painting by it
help? One JSON line a patient: python -m tests.validation.subregion_study RATIO NUMBER [NUMBER ...]

Correlation length, spread and number of modes of the model were chosen on the patients 0 and 1,
which are therefore left out of the figures.
"""

import json
import sys

import numpy as np

from tests.twin.subregions import Planted, auc, judged, planted
from twin.calibration import calibrate
from twin.calibration.maps import outlined
from twin.calibration.objective import make_problem, predicted
from twin.models import FisherKPP, Varied
from twin.virtual_images import block_mean

RESISTANT = range(2, 12)
EVEN = range(2, 10)


def result(number: int, ratio: float) -> dict[str, float]:
    """What `judged` says, and what the residuals of a fit without maps say of the region."""
    truth = planted(number, ratio=ratio)
    posterior = calibrate(truth.patient, Varied())
    found = {"number": number, "ratio": ratio, "converged": posterior.converged}
    return found | judged(truth, posterior) | {"residual_auc": residual_auc(truth)}


def residual_auc(truth: Planted) -> float:
    """AUC of the cells that the last scan shows beyond a fit of one radiosensitivity."""
    posterior = calibrate(truth.patient, FisherKPP())
    setting = posterior.setting
    assert setting is not None
    problem = make_problem(setting)
    scores = dict(zip(posterior.names, posterior.z_mean, strict=True))
    seen = predicted(problem, np.array([scores[name] for name in problem.names]))[-1]
    excess = truth.patient.visits[-1].images["CELL_FRACTION"].data - seen
    there, tumor = block_mean(truth.resistant.astype(float), 2) >= 0.5, outlined(setting)
    return auc(excess[tumor], there[tumor])


def saved(results: list[dict[str, float]]) -> np.ndarray:
    """(patients,) natural logarithm of the cells that painting leaves over the even escalation."""
    return np.log([r["painted"] / r["uniform"] for r in results])


def main() -> None:
    """Print the results."""
    ratio, *numbers = sys.argv[1:]
    for number in numbers:
        print(json.dumps(result(int(number), float(ratio))), flush=True)


if __name__ == "__main__":
    main()
