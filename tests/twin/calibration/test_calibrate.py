"""What calibration refuses, what it warns of, and patients with outlines alone."""

from dataclasses import replace

import numpy as np
import pytest

from tests.twin.calibration.cases import KNOWN, adc_patient, outlined_patient, without_masks
from twin.calibration import GaussNewton, calibrate, independent_noise
from twin.calibration.calibrate import calibrate_setting
from twin.calibration.objective import make_problem
from twin.calibration.setting import make_setting
from twin.errors import TwinError
from twin.models import FisherKPP
from twin.parameters import Fixed


def test_one_visit_is_accepted_as_a_patient_but_growth_is_refused_with_the_reason():
    alone = replace(adc_patient(), visits=adc_patient().visits[:1])
    assert len(make_setting(alone, FisherKPP()).fitted) == 1
    with pytest.raises(TwinError, match="growth cannot be calibrated from one visit") as caught:
        calibrate(alone, FisherKPP())
    assert "not how fast it grows" in str(caught.value)
    assert "add a later visit" in str(caught.value)


def test_asking_for_one_of_several_visits_is_refused_too():
    with pytest.raises(TwinError, match="growth cannot be calibrated from one visit"):
        calibrate(adc_patient(), FisherKPP(), visits=1)


@pytest.mark.parametrize("visits", [0, -1, 5, 99])
def test_a_count_of_visits_that_do_not_exist_is_refused_with_the_range(visits: int):
    with pytest.raises(TwinError, match=rf"expected 1 to 4, got {visits}\)"):
        calibrate(adc_patient(), FisherKPP(), visits=visits)


def test_a_prior_for_an_unknown_parameter_is_refused_with_the_known_names():
    with pytest.raises(TwinError, match="unknown parameter 'diffusivty'") as caught:
        calibrate(adc_patient(), FisherKPP(), priors={"diffusivty": Fixed(1.0)})
    assert "diffusivity, proliferation_rate" in str(caught.value)


def test_an_outline_that_vanished_says_that_nothing_is_left_where_it_was():
    """Two visits of a tumor that responds: the later outline shrinks, or is gone."""
    patient = adc_patient()
    first, second = patient.visits[0], patient.visits[2]

    def threshold_and_weight(mask: np.ndarray) -> tuple[float, float]:
        visits = (first, replace(second, masks={"gtv": mask}, images={}))
        setting = make_setting(replace(patient, visits=visits), FisherKPP(), priors=KNOWN)
        assert setting.resectable_mm is not None
        posterior = calibrate_setting(setting)
        weight = make_problem(setting).drawn_weight[1]
        return posterior.point["visibility_threshold_gtv"], float(weight.sum())

    drawn = threshold_and_weight(second.masks["gtv"])
    gone = threshold_and_weight(np.zeros_like(second.masks["gtv"]))
    assert gone[1] > 0.0
    assert gone[0] > drawn[0] + 0.02


def test_noise_of_an_unknown_kind_is_refused_with_the_known_ones():
    noise = {"volume": independent_noise(0.1, np.ones((1, 1)))}
    with pytest.raises(TwinError, match="unknown kind.*'volume'.*expected density or outline"):
        calibrate(adc_patient(), FisherKPP(), noise=noise)


def test_noise_that_is_known_is_taken_as_it_is_and_more_of_it_tells_less():
    def contraction(sd: float) -> np.ndarray:
        noise = {"density": independent_noise(sd, np.ones((3, adc_patient().tissue.size)))}
        found = calibrate(adc_patient(), FisherKPP(), priors=KNOWN, visits=3, noise=noise)
        assert found.converged
        assert found.noise["density_variance"] == sd**2 and "outline_sd" not in found.noise
        return found.contraction

    assert contraction(0.03).sum() > contraction(0.3).sum() + 0.3


def test_a_start_for_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(TwinError, match="unknown parameter 'speed'"):
        calibrate(adc_patient(), FisherKPP(), start={"speed": 1.0})


def test_a_start_that_no_log_normal_allows_is_refused():
    with pytest.raises(TwinError, match="expected above 0, got -0.1"):
        calibrate(adc_patient(), FisherKPP(), start={"radiosensitivity_alpha": -0.1})


def test_a_start_outside_the_bounds_is_moved_inside_and_stays_finite():
    table = make_setting(adc_patient(), FisherKPP()).table
    for outside, bound in [(50.0, 1.5), (1e-9, 0.02)]:
        score = table.scores_of({"diffusivity": outside})["diffusivity"]
        assert np.isfinite(score)
        value = float(table["diffusivity"].prior.transform(score))
        assert value == pytest.approx(bound, rel=1e-3) and 0.02 <= value <= 1.5


def test_a_first_visit_that_shows_no_tumor_is_refused_with_what_to_do():
    blank = without_masks(outlined_patient())
    with pytest.raises(TwinError, match="first visit shows no tumor") as caught:
        calibrate(blank, FisherKPP())
    assert "Add the outline" in str(caught.value)


def test_a_fit_that_was_stopped_early_says_so_in_its_warnings():
    posterior = calibrate(outlined_patient(), FisherKPP(), method=GaussNewton(max_iterations=2))
    assert not posterior.converged
    assert any("did not converge" in text for text in posterior.diagnostics["warnings"])


def test_adc_and_outlines_under_treatment_converge_and_say_what_was_fitted():
    posterior = calibrate(adc_patient(0), FisherKPP(), priors=KNOWN, visits=3)
    assert posterior.converged
    assert posterior.fitted_visits == ("day 0", "day 15", "day 30")
    assert posterior.decision_day == 30.0
    assert posterior.noise["density_sd"] == pytest.approx(0.03, rel=0.1)
    for name in ("diffusivity", "proliferation_rate", "radiosensitivity_alpha"):
        assert posterior.contraction[posterior.names.index(name)] > 0.25


def test_what_the_data_cannot_see_keeps_its_prior_and_is_named_in_a_warning():
    """Without fractions before the last fitted visit, alpha and alpha/beta are their priors."""
    posterior = calibrate(outlined_patient(), FisherKPP())
    for name in ("radiosensitivity_alpha", "alpha_beta_ratio", "clearance_half_life"):
        assert posterior.contraction[posterior.names.index(name)] == 0.0
        assert posterior.interval(name) == pytest.approx(
            posterior.table[name].interval(0.9), rel=1e-5
        )
    (text,) = [t for t in posterior.diagnostics["warnings"] if "does not determine" in t]
    assert "radiosensitivity_alpha" in text and "alpha_beta_ratio" in text
    assert "proliferation_rate" not in text


def test_outlines_alone_converge_with_wide_intervals():
    """Two contours at three visits: intervals span more than 30 % of the value.

    That of the diffusivity holds the truth. That of the growth rate does not: the profile inside
    an outline is that of a travelling wave, while this tumor started as a Gaussian.
    """
    posterior = calibrate(outlined_patient(), FisherKPP())
    assert posterior.converged
    for name, truth in [("diffusivity", 0.4), ("proliferation_rate", 0.035)]:
        low, high = posterior.interval(name)
        print(f"{name}: {posterior.point[name]:.3g} ({low:.3g} to {high:.3g}), truth {truth}")
        assert high - low > 0.3 * truth
    low, high = posterior.interval("diffusivity")
    assert low <= 0.4 <= high


def test_outlines_end_at_the_same_place_from_far_starts():
    usual = calibrate(outlined_patient(), FisherKPP())
    for start in (
        {"diffusivity": 0.05, "proliferation_rate": 0.1},
        {"diffusivity": 1.2, "proliferation_rate": 0.01},
    ):
        other = calibrate(outlined_patient(), FisherKPP(), start=start)
        assert other.converged
        apart = np.abs(other.z_mean - usual.z_mean) / np.sqrt(np.diag(usual.z_covariance))
        assert apart.max() < 0.2


def test_fewer_visits_leave_wider_intervals():
    three = calibrate(outlined_patient(), FisherKPP())
    two = calibrate(outlined_patient(), FisherKPP(), visits=2)
    for name in ("diffusivity", "proliferation_rate", "visibility_threshold_flair"):
        of_two = two.contraction[two.names.index(name)]
        assert of_two < three.contraction[three.names.index(name)]
