"""`oncotwin lesions` as a user types it, on simulated lesions of two trials."""

import csv

import numpy as np
import pytest
from scipy import stats

from experiments.benchmarks.lesions import simulated_cohort
from experiments.lesions.held_out import Forecasts, HeldOut, judge_held_out
from experiments.lesions.printing import print_held_out
from experiments.lesions.tables import write_scores
from tests.experiments.commands import oncotwin
from twin.errors import TwinError
from twin.forecasting.scores import crps
from twin.lesions import read_lesions
from twin.lesions.population.steps import diameters_mm

pytestmark = pytest.mark.usefixtures("programs_of_users")

LESIONS = 70


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of lesions; those of even number are of trial 1."""
    path = tmp_path_factory.mktemp("lesions") / "lesions.csv"
    series = simulated_cohort(LESIONS, seed=2)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Pt_hashID", "Study_Arm", "Study_id", "T_days", "Lesion_vol"])
        for i in range(LESIONS):
            study = 1 + i % 2
            for k in range(series.counts[i]):
                row = series.times_days[i, k], 1000.0 * series.volumes_ml[i, k]
                writer.writerow([f"p{i:03d}", f"Study_{study}_Arm_{i % 4}", study, *row])
    return path


@pytest.fixture(scope="module")
def judged(table):
    told = []
    found = judge_held_out(read_lesions(table), chains=1, warmup=60, draws=60, told=told.append)
    assert told == ["1", "2"]
    return found


def test_each_trial_is_forecast_by_the_other(table, judged):
    series = read_lesions(table)
    assert sorted(judged.ids) == sorted(np.array(series.ids)[series.counts >= 4])
    for trial, population in judged.populations.items():
        other = {"1": "Study_2", "2": "Study_1"}[trial]
        assert all(arm.startswith(other) for arm in population.arms)
    last = dict(zip(series.ids, diameters_mm(series)[np.arange(LESIONS), series.counts - 1],
                    strict=True))  # fmt: skip
    np.testing.assert_allclose(judged.observed_mm, [last[name] for name in judged.ids])


def test_the_baseline_is_the_last_reading_with_the_errors_it_made(table, judged):
    series = read_lesions(table)
    series = series.select(series.counts >= 4)
    rows, diameters = np.arange(len(series)), diameters_mm(series)
    last, before = diameters[rows, series.counts - 1], diameters[rows, series.counts - 2]
    first = np.array([trial == "1" for trial in series.trials])
    i = int(np.flatnonzero(first)[3])
    draws = np.maximum(before[i] + (last - before)[~first], 0.0)
    at = judged.ids.index(series.ids[i])
    assert judged.carried.crps_mm[at] == pytest.approx(crps(draws, last[i]))
    assert judged.carried.median_mm[at] == pytest.approx(np.median(draws))


def test_figures_are_means_with_intervals():
    random = np.random.default_rng(0)
    ways = [
        Forecasts(score, np.full(50, 20.0), np.full(50, 10.0), np.full(50, 30.0))
        for score in random.gamma(2.0, 1.0, (3, 50))
    ]
    observed = np.where(np.arange(50) < 45, 20.0 + np.arange(50) % 9, 31.0)
    found = HeldOut(("p",) * 50, ("1",) * 50, observed, *ways, {})
    gain = found.gain_mm(ways[1])
    difference = ways[1].crps_mm - ways[0].crps_mm
    assert gain.value == pytest.approx(difference.mean())
    expected = stats.bootstrap((difference,), np.mean, method="percentile", rng=1)
    np.testing.assert_allclose((gain.low, gain.high), expected.confidence_interval, atol=0.05)
    held = found.held(ways[0])
    assert held.value == 0.9
    assert held.low == pytest.approx(0.782, abs=0.002)  # Clopper and Pearson, 45 of 50
    assert held.high == pytest.approx(0.967, abs=0.002)
    assert found.error_mm(ways[0]).value == pytest.approx(np.abs(observed - 20.0).mean())


def test_fit_then_forecast(table, tmp_path):
    file, out = tmp_path / "population.npz", tmp_path / "forecast.csv"
    answer = oncotwin("lesions", "fit", table, "-o", file, "--draws", 50, "--chains", 2)
    assert answer.code == 0, answer.err
    assert f"{LESIONS} lesions" in answer.out and "R-hat" in answer.out
    assert "not for clinical decisions" in answer.out
    answer = oncotwin("lesions", "forecast", file, table, "-o", out, "--days", 42, "--days", 84)
    assert answer.code == 0, answer.err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    series = read_lesions(table)
    assert len(rows) == 2 * LESIONS
    assert [row["lesion"] for row in rows[::2]] == list(series.ids)
    np.testing.assert_allclose(
        [float(row["day"]) for row in rows[::2]], series.last_day + 42.0, rtol=1e-4
    )
    for row in rows:
        assert float(row["low_90_mm"]) <= float(row["median_mm"]) <= float(row["high_90_mm"])
        assert 0.0 < float(row["chance_last_reading"]) < 1.0


def test_scores_are_printed_and_written(judged, capsys, tmp_path):
    print_held_out(judged)
    printed = capsys.readouterr().out
    for words in ("carried forward", "told it is the last", "told, trial 1", "not for clinical"):
        assert words in printed
    write_scores(tmp_path / "scores.csv", judged)
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [row["lesion"] for row in rows] == list(judged.ids)
    found = [float(row["told_crps_mm"]) for row in rows]
    np.testing.assert_allclose(found, judged.ended.crps_mm, atol=0.005)


def test_bad_input(table, tmp_path):
    series = read_lesions(table)
    first = np.array([trial == "1" for trial in series.trials])
    with pytest.raises(TwinError, match="no trial to leave out"):
        judge_held_out(series.select(first))
    with pytest.raises(TwinError, match="are the same"):
        judge_held_out(series, series.select(first))
    with pytest.raises(TwinError, match="readings enough"):
        judge_held_out(series.select(first), series.select(~first & (series.counts < 4)))
    answer = oncotwin("lesions", "forecast", table, table, "-o", tmp_path / "f.csv", "--days", 42)
    assert answer.code == 2 and "not a population of lesions" in answer.err
    answer = oncotwin("lesions", "validate", table, "--others", table)
    assert answer.code == 2 and "are the same" in answer.err
    answer = oncotwin("lesions", "fit", tmp_path / "none.csv", "-o", tmp_path / "p.npz")
    assert answer.code == 2 and "none.csv" in answer.err
