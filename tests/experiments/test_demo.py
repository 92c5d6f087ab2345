"""The demo end to end: what it says and may claim, and what a shareable report leaves out."""

import re

import pytest

from experiments import workflow
from experiments.runs import Run
from tests.experiments.commands import ROOT
from tests.experiments.planted import PLANTED, VISITS, of_this_machine, volumes

VENDOR = ROOT / "experiments" / "report" / "vendor"
SECTIONS = (
    "timeline",
    "scans, forecast and uncertainty",
    "tumor burden over time",
    "parameters",
    "burden against toxicity",
    "ranked plans",
    "provenance",
)


@pytest.fixture(scope="module")
def held_out(demo):
    visits = workflow.load_forecast(Run.open(demo.run)).held_out
    assert [v.name for v in visits] == [
        "during radiotherapy",
        "after radiotherapy",
        "before surgery",
    ]
    return visits


def mean(visits, score: str) -> float:
    return sum(v.scores[score] for v in visits) / len(visits)


@pytest.mark.slow
def test_demo_prints_tables_and_says_what_is_simulated_and_what_it_is_not(demo):
    assert demo.answer.code == 0, demo.answer.err
    out = " ".join(demo.answer.out.split())
    for text in (
        "No errors.",
        "SIMULATED:",
        "voxels of 3 mm",
        "undetermined: rests on the prior",
        "held out",
        "Simulated 320 scenarios: 40 plans x 8",
        "(standard of care)",
        "Undetermined:",
        "judged again on 200 fresh draws",
        "not for clinical decisions",
    ):
        assert text in out, text


@pytest.mark.slow
def test_demo_report_has_every_section_and_its_warnings(demo):
    page = (demo.run / "report.html").read_text(encoding="utf-8").lower()
    for text in (
        *(f"<h2>{section}" for section in SECTIONS),
        "pareto",
        "undetermined",
        "research use, not for clinical decisions",
        "simulated",
        "contains patient images",
        "standard of care",
        "niivue",
        "<svg",
    ):
        assert text in page, text
    written = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)=["']https?://""", written), "needs the network to open"
    assert not re.search(r"""<script[^>]*\ssrc=""", page), "needs the network to open"


@pytest.mark.slow
@pytest.mark.parametrize("quantity", ["burden", "visible"])
def test_held_out_forecast_beats_no_change_exponential_and_prior(held_out, quantity):
    twin = mean(held_out, f"{quantity}_crps")
    others = {
        name: mean(held_out, f"{quantity}_crps_{name}")
        for name in ("no_change", "exponential", "prior")
    }
    print(quantity, "CRPS, mL: twin", round(twin, 1), {k: round(v, 1) for k, v in others.items()})
    assert all(twin < other for other in others.values())


@pytest.mark.slow
@pytest.mark.parametrize("quantity", ["burden", "visible"])
def test_intervals_hold_every_held_out_visit_and_are_narrower_than_the_priors(held_out, quantity):
    for visit in held_out:
        width, prior = (visit.scores[f"{quantity}_width_90{s}"] for s in ("", "_prior"))
        print(visit.name, quantity, f"90 % width {width:.1f} mL, prior {prior:.1f} mL")
        assert visit.scores[f"{quantity}_hit_90"] == 1.0
        assert width < prior


def test_make_demo_calls_the_command_as_it_is():
    """The options that the Makefile gives are options that `oncotwin demo` has."""
    from experiments.cli import app

    recipe = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if "/oncotwin demo" in line
    )
    words = recipe.split("oncotwin ")[1].replace("$(RUN)", "runs/demo").split()
    command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__name__ == "demo"
    assert str(bound.arguments["output"]) == "runs/demo"


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
def test_shareable_report_of_a_run_holds_no_planted_identifier(finished, kind):
    page = (finished.run / "report-shareable.html").read_text(encoding="utf-8").lower()
    assert PLANTED[kind].lower() not in page


@pytest.mark.slow
def test_shareable_report_names_neither_host_nor_folders(finished):
    page = (finished.run / "report-shareable.html").read_text(encoding="utf-8")
    # A short host name may be a variable of a vendored library, which no run writes to.
    for library in VENDOR.glob("*.js"):
        page = page.replace(library.read_text(encoding="utf-8").strip(), "")
    assert len(page) < 600_000, "the library was not found in the page"
    for kind, text in of_this_machine().items():
        assert not re.search(rf"(?<!\w){re.escape(text)}(?!\w)", page), kind


@pytest.mark.slow
def test_the_open_report_shows_the_planted_names(finished):
    """Otherwise the tests above could not fail."""
    page = (finished.run / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")
    shown = ["patient", "note", "organ 1", "plan 1", "plan 2", "plan 3", "image file", "mask file"]
    for text in (*VISITS, *(PLANTED[kind] for kind in shown)):
        assert text in page, text


@pytest.mark.slow
def test_shareable_report_holds_no_voxel(finished):
    pages = {
        name: (finished.run / name).read_text(encoding="utf-8")
        for name in ("report.html", "report-shareable.html")
    }
    assert volumes(pages["report.html"]) > 10
    assert volumes(pages["report-shareable.html"]) == 0
    assert "data:image" not in pages["report-shareable.html"].split("<script>")[0]


@pytest.mark.slow
def test_reports_say_on_the_terminal_what_they_hold(finished):
    assert "contains patient images" in finished.answers["report"].out
    assert "no voxel and no identifier" in finished.answers["shareable"].out
