"""How often 90 % intervals hold the truth, for the noise the correction assumes and for others.

The case of tests/twin/calibration/test_recovery.py. Counts are printed for each parameter and for
all at once; the claim is white noise at 0.025, what fails beyond it bounds the claim.
"""

import numpy as np
import pytest

from tests.twin.calibration.cases import ESTIMATED, FAR_START, KNOWN, TRUE, treated_patient
from twin.calibration import calibrate
from twin.models import FisherKPP
from twin.virtual_patient import with_noise

SEEDS = range(10)


def _coverage(title: str, known=KNOWN, seeds=SEEDS, **noise) -> np.ndarray:
    """(4,) runs in which each parameter lies inside its 90 % interval; printed."""
    errors, held, widths = [], [], []
    for seed in seeds:
        patient = with_noise(treated_patient(), seed=seed, **noise)
        posterior = calibrate(patient, FisherKPP(), priors=known, start=FAR_START)
        assert posterior.converged
        spans = np.array([posterior.interval(name) for name in ESTIMATED])
        truth = np.array([TRUE[name] for name in ESTIMATED])
        errors.append([posterior.point[name] / TRUE[name] - 1.0 for name in ESTIMATED])
        held.append((spans[:, 0] <= truth) & (truth <= spans[:, 1]))
        widths.append((spans[:, 1] - spans[:, 0]) / 2.0 / truth)
    counts = np.sum(held, axis=0)
    print(f"\n{title}: all four at once {int(np.all(held, axis=1).sum())} of {len(seeds)}")
    for name, count, error, width in zip(
        ESTIMATED, counts, np.mean(errors, axis=0), np.mean(widths, axis=0), strict=True
    ):
        print(
            f"  {name}: inside {count} of {len(seeds)}, bias {100 * error:+.1f} %,"
            f" half width {100 * width:.1f} %"
        )
    return counts


def test_white_noise_leaves_each_parameter_inside_its_interval_in_17_of_20_runs():
    counts = _coverage("white noise 0.025", seeds=range(20), noise_sd=0.025)
    assert counts.min() >= 17


def test_white_noise_with_clearance_and_alpha_beta_ratio_unknown():
    """8 of 10 or more: less has a probability of 7 % at a true coverage of 90 %."""
    counts = _coverage("white noise 0.025, nothing known", known={}, noise_sd=0.025)
    assert counts.min() >= 8


@pytest.mark.xfail(
    reason="noise of 0.05 in the initial state leaves a bias of the diffusivity that one correction"
    " by resampling does not remove",
    strict=True,
)
def test_white_noise_twice_as_strong():
    assert _coverage("white noise 0.05", noise_sd=0.05).min() >= 8


@pytest.mark.xfail(
    reason="noise that neighbors share is neither recognized by the third differences nor drawn by"
    " the resampling, which assume that voxels are independent",
    strict=True,
)
def test_noise_that_is_smooth_over_6_mm():
    counts = _coverage(
        "smooth noise 0.025, 6 mm", noise_sd=0.0, correlated_noise_sd=0.025, correlation_fwhm_mm=6.0
    )
    assert counts.min() >= 8
