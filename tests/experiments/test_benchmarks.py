"""The harness prints what it promises, on a case small enough to say nothing about speed."""

import io
import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from experiments.benchmarks import GROUPS, ROOT, run_benchmarks
from experiments.benchmarks.__main__ import main
from experiments.benchmarks.case import MAIN_JOB, TINY
from experiments.benchmarks.patients import posterior, tissue, treatments
from experiments.benchmarks.timing import peak_rss_mb, reference_kernel_s
from tests.experiments.commands import optimized
from twin.errors import TwinError

LEFT_TO_VALIDATION = {
    *("lesions_hierarchical_s", "nuts_s"),  # tests of twin.lesions and twin.calibration fit as much
    *GROUPS["synth"],  # the group "synth_private" simulates, trains and samples
    *GROUPS["trial"],  # tests.experiments.trial treats as many patients by more strategies
}
"""Long, and their code is run by others; tests/validation measures every name."""


def of_documented_form(text: str, names: list[str]) -> None:
    """Hold what was printed against the form and the accuracy that it promises."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["name"] for line in lines] == names
    for line in lines:
        assert set(line) == {"name", "value", "unit", "case"}
        assert math.isfinite(line["value"]) and line["value"] >= 0
        assert line["unit"] and line["case"]
    value = {line["name"]: line["value"] for line in lines}
    assert value["mass_drift"] < 1e-6
    assert value["step_halving_error"] < 2e-3
    for name in names:
        if name.endswith("_s_ratio"):  # a time in units of the reference kernel
            assert name.removesuffix("_ratio") in value


@pytest.mark.slow
def test_every_group_prints_lines_of_the_documented_form(capsys):
    """In this process, where groups share what they compile; the first one measures compiling."""
    groups = sorted(GROUPS, key=lambda group: group != "compilation")
    wanted = {g: [n for n in GROUPS[g] if n not in LEFT_TO_VALIDATION] for g in groups}
    for group, names in wanted.items():
        if names:
            with optimized():  # as commands in other tests, whose programs it can share
                main([group, json.dumps(asdict(TINY)), *names])
    of_documented_form(capsys.readouterr().out, [n for names in wanted.values() for n in names])


def test_only_the_names_asked_for_are_measured():
    stream = io.StringIO()
    run_benchmarks(["mass_drift"], stream, case=TINY)
    assert [json.loads(x)["name"] for x in stream.getvalue().splitlines()] == ["mass_drift"]


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(TwinError, match="unknown benchmark 'forward'.*forward_s"):
        run_benchmarks(["forward"], io.StringIO())


def test_the_main_job_has_the_treatment_that_its_figures_are_quoted_for():
    given = treatments(MAIN_JOB)
    assert (len(given.fractions), len(given.drug_doses)) == (30, 74)
    assert given.total_dose_gy == 60.0
    assert given.fractions[0].time_days >= 40.0
    assert all(f.time_days % 7 < 5 for f in given.fractions)
    assert given.end_days < MAIN_JOB.days


def test_the_anatomy_fills_the_box_but_for_its_border():
    inside = tissue(MAIN_JOB)
    assert inside.shape == (77, 116, 36)
    assert inside.any(axis=(1, 2)).sum() == 75
    assert 0.4 < inside.mean() < 0.6
    border = inside.copy()
    border[1:-1, 1:-1, 1:-1] = False
    assert not border.any()
    assert MAIN_JOB.spacing_mm == (1.5, 1.5, 3.0)


def test_half_the_resolution_keeps_the_size_of_the_patient():
    half = MAIN_JOB.halved
    assert str(half) == "38x58x18 voxels of 3x3x6 mm, 270 days"
    edges_mm = [np.multiply(case.shape, case.spacing_mm) for case in (MAIN_JOB, half)]
    np.testing.assert_allclose(edges_mm[1], edges_mm[0], rtol=0.02)
    assert tissue(half).shape == half.shape


def test_plans_of_the_sweep_start_before_any_treatment():
    prepared = posterior(TINY)
    assert prepared.decision_day == 0.0
    assert np.isclose(prepared.point["diffusivity"], 0.1, rtol=1e-4)


def test_clock_and_memory_meter_measure_something():
    assert reference_kernel_s(TINY) > 0
    held = np.ones(30_000_000)
    assert peak_rss_mb() > held.nbytes / 1e6


def test_the_documented_table_is_what_the_committed_figures_give(tmp_path):
    from scripts.benchmark_table import table

    text = (ROOT / "docs" / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert table(ROOT / "docs" / "benchmarks" / "main-job.jsonl") in text
