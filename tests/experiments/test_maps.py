"""A run with maps goes through every step, and shows maps in place of their coefficients."""

import json
import re

import pytest

from tests.experiments.commands import DEMO, SPACING_MM, oncotwin

pytestmark = pytest.mark.slow


def test_a_run_with_maps_is_forecast_swept_and_reported(tmp_path):
    run = tmp_path / "run"
    chosen = ("--model", "varied", "--spacing-mm", SPACING_MM, "--visits", 3)
    printed = ""
    for command in (
        ("calibrate", DEMO, "-o", run, *chosen),
        ("forecast", run, "--draws", 4),
        ("sweep", run, "--count", 4, "--draws", 4),
        ("report", run),
    ):
        answer = oncotwin(*command)
        assert answer.code == 0, answer.err
        printed += answer.out
    names = [row["name"] for row in json.loads((run / "parameters.json").read_text())]
    assert names.count("growth_map") == names.count("kill_map") == 1
    page = (run / "report.html").read_text(encoding="utf-8")
    shown = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    for text in (printed, shown, " ".join(names)):
        assert not re.search(r"(growth|kill)_(<wbr>)?map_(<wbr>)?\d", text)
    assert "kill map (factor)" in shown and "growth map (sd)" in shown
    volumes = re.search(r'id="volume-data"[^>]*>(.*?)</script>', page, flags=re.DOTALL)
    assert volumes is not None
    kinds = {volume["kind"] for volume in json.loads(volumes.group(1))["volumes"]}
    assert {"growth_map", "growth_map_sd", "kill_map", "kill_map_sd"} <= kinds
    shared = oncotwin("report", run, "--shareable")
    assert shared.code == 0, shared.err
    text = (run / "report-shareable.html").read_text(encoding="utf-8")
    assert "kill_<wbr>map" in text and '"kind": "kill_map"' not in text
