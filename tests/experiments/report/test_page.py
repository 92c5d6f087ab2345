"""The page says what it must, whatever is missing, and carries everything it needs."""

import json
import re

import numpy as np
import pytest

from experiments.report import write_report
from tests.experiments.report.cases import (
    FRONT,
    PROVENANCE,
    make_forecast,
    make_outcomes,
    make_patient,
    make_posterior,
    make_ranking,
)
from twin.errors import TwinError

SECTIONS = ("summary", "timeline", "scans", "burden", "parameters", "pareto", "plans", "provenance")


@pytest.fixture(scope="module")
def results():
    patient, outcomes = make_patient(), make_outcomes()
    return {
        "patient": patient,
        "posterior": make_posterior(patient),
        "outcomes": outcomes,
        "forecast": make_forecast(patient),
        "ranking": make_ranking(patient, outcomes),
        "provenance": PROVENANCE,
    }


@pytest.fixture(scope="module")
def page(results, tmp_path_factory) -> str:
    path = write_report(**results, path=tmp_path_factory.mktemp("report") / "report.html")
    assert path.stat().st_size <= 8_000_000
    return path.read_text(encoding="utf-8")


def words(page: str) -> str:
    """What a reader sees: no scripts, styles or tags."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def figures(page: str) -> dict:
    found = re.search(r'id="figure-data">(.*?)</script>', page, flags=re.S)
    assert found is not None
    return json.loads(found.group(1))


def test_every_section_is_there(page):
    for section in SECTIONS:
        assert f'<section id="{section}">' in page


def test_the_head_says_what_this_is_and_what_is_simulated(page):
    head = words(page.split("<main")[0])
    assert "Research use, not for clinical decisions" in head
    assert "Contains patient images" in head
    assert "All visits after the first are simulated." in head
    assert "did not converge" not in head


def test_a_calibration_that_did_not_converge_is_announced(results, tmp_path):
    posterior = make_posterior(results["patient"], converged=False)
    path = write_report(**results | {"posterior": posterior}, path=tmp_path / "r.html")
    assert "The calibration did not converge." in words(path.read_text(encoding="utf-8"))


def test_summary_compares_best_plan_and_standard_of_care(page, results):
    summary = words(page.split('<section id="summary">')[1].split("</section>")[0])
    rows = results["ranking"].rows
    standard = next(i for i, row in enumerate(rows, 1) if row.plan.standard_of_care)
    assert rows[0].plan.name in summary
    assert f"ranks {standard} of {len(rows)}" in summary
    assert "plans are undetermined among each other" in summary
    assert "radiosensitivity_alpha" in summary and "diffusivity" not in summary
    assert "better than “no change” on 2" in summary and "What may not be concluded" in summary


def test_simulated_and_held_out_visits_are_marked(page):
    timeline = page.split('<section id="timeline">')[1].split("</section>")[0]
    assert timeline.count("visit held-out simulated") == 2
    assert timeline.count("visit fitted simulated") == 2
    names = [trace.get("name") for trace in figures(page)["burden-seen"]["data"]]
    assert {"fitted", "fitted, simulated visit", "held out, simulated visit"} <= set(names)


def test_bands_are_quantiles_of_the_draws(page, results):
    drawn = results["forecast"].visible_ml
    traces = figures(page)["burden-visible"]["data"]
    low = next(trace["y"] for trace in traces if trace["name"] == "forecast, 90 %")
    np.testing.assert_allclose(low, np.quantile(drawn, 0.05, axis=0), rtol=1e-4)
    median = next(trace["y"] for trace in traces if trace["name"] == "forecast, median")
    np.testing.assert_allclose(median, np.median(drawn, axis=0), rtol=1e-4)


def test_bars_at_visits_are_predictive_intervals(page, results):
    traces = {trace["name"]: trace for trace in figures(page)["burden-seen"]["data"]}
    bars = traces["predicted at visit, 90 %"]
    for index, visit in enumerate(results["forecast"].visits):
        top = bars["y"][index] + bars["error_y"]["array"][index]
        assert top == pytest.approx(np.quantile(visit.predicted_burden_ml, 0.95), rel=1e-3)


def test_pareto_plot_holds_every_plan_and_marks_the_standard_of_care(page, results):
    traces = {trace["name"]: trace for trace in figures(page)["pareto"]["data"]}
    rows = results["ranking"].rows
    standard = next(row for row in rows if row.plan.standard_of_care)
    assert traces["standard of care"]["y"] == [pytest.approx(standard.expected, rel=1e-4)]
    layers = ("within all limits", "finalists", "over a limit")
    shown = sum(len(traces[name]["x"]) for name in layers if name in traces)
    assert shown == len(rows)
    assert any(standard.plan.name in text for text in traces["standard of care"]["text"])


def test_plans_are_grouped_where_the_data_cannot_order_them(page, results):
    plans = page.split('<section id="plans">')[1].split("</section>")[0]
    first = results["ranking"].rows[0].group
    size = sum(row.group == first for row in results["ranking"].rows)
    assert size > 1
    assert f"Group {first}: {size} plans undetermined among each other" in words(plans)
    assert "EQD2 skin strip (Gy, limit 30)" in words(plans)
    assert "standard of care" in words(plans)


def test_parameters_show_prior_contraction_and_source(page):
    table = words(page.split('<section id="parameters">')[1].split("</section>")[0])
    assert "log-normal, median 0.12, sigma 0.5" in table
    assert "speed of the front" in table and "infiltration length of the front" in table
    assert table.count("rests on prior") == 3 and table.count(" determined ") == 3 + 2
    assert "10.1000/example.123" in table and "90 %" in table


def test_noise_and_warnings_of_the_calibration_are_shown(page):
    section = words(page.split('<section id="parameters">')[1].split("</section>")[0])
    assert FRONT in section
    assert "adc 0.08 0.09 0.12 – – 210" in section and "gtv – – 0.2 – – 30" in section


def test_scores_stand_beside_their_baselines(page):
    scores = words(page.split('<section id="burden">')[1].split("</section>")[0])
    assert "Prior only No change Exponential" in scores
    assert "Cell burden, CRPS (mL) lower is better 0.8 2.9 3.1 6.4" in scores


def test_provenance_lists_hash_version_seed_and_command(page):
    text = words(page.split('<section id="provenance">')[1].split("</section>")[0])
    for shown in ("9f" * 32, "0.11.2", "oncotwin calibrate patients/demo", "fisher_kpp"):
        assert shown in text


def test_missing_parts_say_which_command_makes_them(results, tmp_path):
    bare = results | {"forecast": None, "ranking": None, "outcomes": None, "provenance": None}
    page = write_report(**bare, path=tmp_path / "r.html").read_text(encoding="utf-8")
    assert "oncotwin forecast RUN" in words(page)
    assert "oncotwin sweep RUN --plans plans.yaml" in words(page)


def test_page_refers_to_nothing_outside_itself(page):
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert re.findall(r'(?:src|href)="(?!#|data:,)', markup) == []
    assert "url(" not in markup and "@import" not in markup
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None and policy.group(1).startswith("default-src 'none'; script-src")
    assert "unsafe-eval" not in policy.group(1).replace("wasm-unsafe-eval", "")


def test_planted_tags_stay_text(tmp_path):
    tag = "</script><script>window.planted=1</script><img src=x onerror=planted=1>"
    patient = make_patient(
        identifier=tag, visit_names=tuple(f"{i} {tag}" for i in range(5)), organ_names=(tag, "b")
    )
    outcomes = make_outcomes(tag)
    path = write_report(
        patient,
        make_posterior(patient),
        outcomes,
        tmp_path / "r.html",
        forecast=make_forecast(patient),
        ranking=make_ranking(patient, outcomes),
        provenance={tag: {"key": tag}},
    )
    page = path.read_text(encoding="utf-8")
    assert "<script>window.planted" not in page and "<img" not in page
    assert page.count("<script>") == 5


def test_same_results_give_the_same_bytes(results, page, tmp_path):
    again = write_report(**results, path=tmp_path / "again.html")
    assert again.read_text(encoding="utf-8") == page


def test_unwritable_path_is_named(results, tmp_path):
    with pytest.raises(TwinError, match="report.html: no such file or folder"):
        write_report(**results, path=tmp_path / "missing" / "report.html", shareable=True)
