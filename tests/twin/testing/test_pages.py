"""The kit's pages say what the code says, and the tutorial does what it says."""

import warnings

import pytest

from scripts.conformance_table import read, reference_page, results_page
from tests.pages import blocks
from twin.testing.properties import PROPERTIES
from twin.testing.report import FAILS, HOLDS

# beartype looks at a random item of a container, also while Hypothesis draws.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

KNOWN_TO_FAIL = {
    "tumor_twin": (
        "densities_are_never_negative",
        "strong_diffusion_stays_bounded",
        "growth_ends_at_the_capacity",
        "cells_are_conserved_without_growth",
        "nothing_leaves_at_the_border_of_the_array",
        "a_thin_sheet_conducts_across",
        "hours_count",
        "a_restart_changes_no_bit",
        "diffusion_makes_no_new_extremes",
        "two_fractions_a_day_both_count",
        "doses_at_one_time_all_count",
        "drug_kill_is_the_exposure_whatever_the_step",
        "errors_fall_with_the_square_of_the_step",
        "padding_with_air_changes_nothing",
        "gradients_agree_with_differences",
        "bad_input_is_refused_by_name",
        "cells_from_adc_fall_and_stay_in_bounds",
    ),
    "tumor_growth_toolkit": (
        "cells_are_conserved_along_fibers",
        "cells_do_not_cross_what_is_no_tissue",
        "cells_outside_the_mask_do_not_live",
        "fibers_can_be_turned",
        "padding_with_air_changes_nothing",
        "transfers_between_compartments_conserve",
        "bad_input_is_refused_by_name",
    ),
}
"""What had been measured on these versions by hand, before there was a kit."""
KNOWN_TO_HOLD = {
    "tumor_twin": (
        "axes_can_be_permuted",
        "a_mirror_image_gives_the_mirror_image",
        "lengths_can_be_told_in_centimeters",
        "time_can_be_told_in_half_days",
        "more_outputs_change_nothing",
        "uniform_tumors_grow_logistically",
        "without_growth_solutions_add_up",
        "a_dose_of_zero_does_nothing",
        "doses_at_the_ends_count_once",
    ),
    "tumor_growth_toolkit": (
        "densities_are_never_negative",
        "densities_never_exceed_the_capacity",
        "cells_are_conserved_without_growth",
        "axes_can_be_permuted",
        "a_mirror_image_gives_the_mirror_image",
        "lengths_can_be_told_in_centimeters",
    ),
}


def test_reference_page_is_the_one_that_the_properties_make(repository):
    page = (repository / "docs" / "reference" / "conformance.md").read_text()
    assert page == reference_page()
    assert all(f"`{name}`" in page for name in PROPERTIES)


def test_results_page_is_the_one_that_the_kept_verdicts_make(repository):
    page = (repository / "docs" / "reference" / "conformance-results.md").read_text()
    assert page == results_page(read())


def test_kept_verdicts_are_of_the_properties_there_are():
    for entry in read():
        assert entry["verdicts"].keys() == PROPERTIES.keys(), entry["path"]
        assert entry["date"]


def test_kept_verdicts_of_our_models_show_no_failure():
    ours = [e for e in read() if e["simulator"].startswith("oncotwin")]
    assert len(ours) >= 12
    for entry in ours:
        failed = [n for n, v in entry["verdicts"].items() if v["outcome"] == FAILS]
        assert not failed, entry["simulator"]


@pytest.mark.parametrize("peer", KNOWN_TO_FAIL)
def test_kept_verdicts_of_peers_are_those_that_were_measured_by_hand(peer):
    (entry,) = (e for e in read() if e["path"].endswith(f":{peer}"))
    found = {name: verdict["outcome"] for name, verdict in entry["verdicts"].items()}
    assert {name: found[name] for name in KNOWN_TO_FAIL[peer]} == dict.fromkeys(
        KNOWN_TO_FAIL[peer], FAILS
    )
    assert {name: found[name] for name in KNOWN_TO_HOLD[peer]} == dict.fromkeys(
        KNOWN_TO_HOLD[peer], HOLDS
    )


def test_tutorial_finds_what_it_says_and_ends_without_a_failure(repository, capsys):
    page = (repository / "docs" / "tutorial" / "conformance-kit.md").read_text()
    names: dict = {}
    for block in blocks(page, "python"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the colleague's simulator overflows
            exec(compile(block, "conformance-kit.md", "exec"), names)
    first = {v.name for v in names["report"].failed}
    assert first >= {
        "cells_are_conserved_without_growth",
        "strong_diffusion_stays_bounded",
        "hours_count",
    }
    assert {v.name for v in names["better"].failed} == {"bad_input_is_refused_by_name"}
    assert names["better"]["errors_fall_with_the_square_of_the_step"].outcome == "not applicable"
    assert not names["final"].failed
    assert "FAILS" in capsys.readouterr().out
