"""The hierarchical model: its law adds up, draws follow it, forecasts are its posterior."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from twin import cores
from twin.errors import TwinError
from twin.lesions import lesion_series
from twin.lesions.population import LesionPopulation, fit_population, hierarchy
from twin.lesions.population.endings import COVARIATES, covariates, training_covariates
from twin.lesions.population.steps import (
    SMALLEST_MM,
    Law,
    Patients,
    diameters_mm,
    draw_next,
    log_likelihood,
    log_size,
    steps_of,
)

pytestmark = pytest.mark.usefixtures("programs_of_users")

LAW = Law(*(jnp.asarray(v) for v in (1.0, 0.1, 0.3, 0.2, (0.7, 0.1, 0.2), 1.0, 0.5, 0.3, 0.3, 4.0)))
PATIENT = Patients(*(jnp.asarray(v) for v in (0.2, 0.5, 1.3, -1.0)))
DRAWS = 200


def volumes(*diameters):
    return [0.52e-3 * d**3 for d in diameters]


def population(**changed) -> LesionPopulation:
    """One population, known exactly: no patient differs from another unless asked for."""
    shared = {
        "wear_off": 1.0,
        "change_sd": 0.1,
        "fall_sd": 0.2,
        "rise_sd": 0.2,
        "shares": (0.98, 0.01, 0.01),
        "fall_mean": 0.5,
        "rise_mean": 0.5,
        "with_size": 0.3,
        "with_gap": 0.3,
        "repeats_zero": 4.0,
        "growth": 0.1,
        "growth_arm_sd": 0.0,
        "growth_sd": 0.0,
        "decline": 0.0,
        "decline_arm_sd": 0.0,
        "decline_sd": 0.0,
        "volatility_sd": 0.0,
        "repeats": -3.0,
        "repeats_sd": 0.0,
        "ends": (-1.0, *(0.0 for _ in COVARIATES[1:])),
        "ends_with_growth": 0.0,
        "arm_growth": (1.0, -1.0),
        "arm_decline": (0.0, 0.0),
    } | changed
    draws = {n: np.broadcast_to(v, (DRAWS, *np.shape(v))).astype(float) for n, v in shared.items()}
    return LesionPopulation(("fast", "slow"), draws, 100, 500, 1.0, 400.0, 0.0)


def one(days, diameters, **keywords):
    return lesion_series([days], [volumes(*diameters)], **keywords)


@pytest.mark.parametrize("from_mm", [0.0, 12.0, 60.0])
@pytest.mark.parametrize("gap", [0.05, 0.42, 3.0])
def test_chances_of_the_next_reading_add_up_to_one(from_mm, gap):
    def likelihood(to_mm):
        return np.exp(log_likelihood(LAW, PATIENT, 0.2, 0.2 + gap, from_mm, np.asarray(to_mm)))

    with jax.enable_x64(True):
        sizes = np.linspace(np.log(SMALLEST_MM + 4.0), 12.0, 20001)
        diameters = np.exp(sizes) - 4.0
        density = likelihood(np.where(diameters == from_mm, diameters + 1e-9, diameters))
        vanished = 0.0 if from_mm == 0.0 else float(likelihood(0.0))
        if from_mm == 0.0:  # staying at 0 and becoming 0 anew are told apart by nothing
            new = Patients(*PATIENT[:3], jnp.asarray(-50.0))
            law = LAW._replace(repeats_zero=jnp.asarray(0.0))
            step = (0.2, 0.2 + gap)
            anew = np.exp(log_likelihood(law, new, *step, np.asarray(1e-12), np.asarray(0.0)))
            vanished = float(anew * jax.nn.sigmoid(-(PATIENT.repeats + LAW.repeats_zero)))
        total = float(likelihood(from_mm)) + vanished + integrate.simpson(density, x=sizes)
    assert total == pytest.approx(1.0, abs=2e-3)


def test_draws_follow_the_likelihood():
    count, from_mm = 40_000, 30.0
    drawn = np.asarray(
        draw_next(jax.random.key(1), LAW, PATIENT, 0.2, 0.6, jnp.full(count, from_mm))
    )
    with jax.enable_x64(True):
        edges = np.quantile(drawn[(drawn > 0.0) & (drawn != from_mm)], np.linspace(0.02, 0.98, 13))
        shares = []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            s = np.linspace(np.log(low + 4.0), np.log(high + 4.0), 401)
            at = log_likelihood(LAW, PATIENT, 0.2, 0.6, from_mm, np.exp(s) - 4.0)
            shares.append(integrate.simpson(np.exp(at), x=s))
        points = [float(np.exp(log_likelihood(LAW, PATIENT, 0.2, 0.6, from_mm, np.asarray(v))))
                  for v in (0.0, from_mm)]  # fmt: skip
    moved = drawn[drawn != from_mm]
    seen = [((low < moved) & (moved <= high)).sum()
            for low, high in zip(edges[:-1], edges[1:], strict=True)]  # fmt: skip
    seen += [(drawn == 0.0).sum(), (drawn == from_mm).sum()]
    expected = np.append(shares, points)
    rest = count - sum(seen)
    test = stats.chisquare([*seen, rest], count * np.append(expected, 1.0 - expected.sum()))
    assert test.pvalue > 1e-4


def test_what_the_end_depends_on():
    series = lesion_series(
        [[0.0, 42.0, 84.0], [0.0, 40.0]], [volumes(20.0, 10.0, 26.0), volumes(8.0, 0.0)]
    )
    table, last, may_end = training_covariates(steps_of(series))
    assert last.tolist() == [False, True, True]
    assert may_end.tolist() == [False, True, False]
    names = {name: table[:, k] for k, name in enumerate(COVARIATES)}
    np.testing.assert_allclose(
        names["above the smallest size before"],
        [-0.5, np.log(30 / 14), -0.5],  # cut at 0.5 below
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        names["rise since the reading before"][1], np.log(30 / 14), rtol=1e-5
    )
    np.testing.assert_allclose(
        names["fall since the reading before"][0], np.log(24 / 14), rtol=1e-5
    )
    assert names["not seen"].tolist() == [0.0, 0.0, 1.0]
    assert names["first weeks"].tolist() == [1.0, 0.0, 1.0]


def test_a_forecast_of_known_patients_is_a_draw_of_the_law():
    known = population()
    series = one([0.0, 42.0], [30.0, 33.0])
    found = known.forecast(series, np.array([90.0]), particles=100)
    expected = draw_next(
        jax.random.key(3),
        Law(*(jnp.asarray(known.draws[name][0]) for name in Law._fields)),
        Patients(*(jnp.asarray(v) for v in (0.1, 0.0, 1.0, -3.0))),
        0.42,
        0.9,
        jnp.full(1000, 33.0),
    )
    assert stats.ks_2samp(found.diameters_mm[0, :, 0], np.asarray(expected)).pvalue > 1e-3
    assert found.effective[0] == pytest.approx(DRAWS * 100, rel=1e-3)
    np.testing.assert_allclose(found.ends, jax.nn.sigmoid(-1.0), rtol=1e-5)


def test_readings_inform_the_growth_of_a_patient():
    """The mean forecast is that of the posterior of g, integrated on a grid."""
    known = population(growth_sd=0.2, shares=(1.0 - 2e-6, 1e-6, 1e-6), repeats=-30.0)
    days = np.arange(6) * 50.0
    diameters = 20.0 * 1.15 ** np.arange(6)
    found = known.forecast(one(days, diameters), np.array([300.0]), particles=200)
    grid = np.linspace(-0.9, 1.1, 2001)
    with jax.enable_x64(True):
        law = Law(*(jnp.asarray(known.draws[name][0]) for name in Law._fields))
        patients = Patients(
            jnp.asarray(grid)[:, None], *(jnp.asarray(v) for v in (0.0, 1.0, -30.0))
        )
        steps = (days[:-1] / 100, days[1:] / 100, diameters[:-1], diameters[1:])
        log = np.asarray(log_likelihood(law, patients, *steps)).sum(1)
    weight = np.exp(log - log.max()) * stats.norm.pdf(grid, 0.1, 0.2)
    growth = (weight * grid).sum() / weight.sum()
    ahead = np.log(found.diameters_mm[0, :, 0] + 4.0).mean() - np.log(diameters[-1] + 4.0)
    assert ahead == pytest.approx(0.5 * growth, abs=0.015)
    assert growth > 0.2  # what all have is 0.1


def test_arms_that_are_known_are_used():
    known = population(growth_arm_sd=0.3)
    days, read = [0.0, 42.0], [30.0, 31.0]
    series = lesion_series([days] * 3, [volumes(*read)] * 3, groups=["fast", "slow", "never seen"])
    fast, slow, unseen = known.forecast(series, np.array([142.0]), particles=100).median_mm[:, 0]
    assert fast > 1.5 * slow
    assert slow < unseen < fast


def test_who_ends_has_grown_where_growth_ends_series():
    rising = (-2.0, 0.0, 0.0, 6.0, *(0.0 for _ in COVARIATES[4:]))
    known = population(ends=rising)
    series = one([0.0, 42.0, 84.0], [30.0, 31.0, 30.0])
    told, plain = (
        known.forecast(series, np.array([126.0]), ends=ends, particles=100)
        for ends in (True, False)
    )
    assert told.median_mm[0, 0] > plain.median_mm[0, 0] + 0.5
    weights = jax.nn.sigmoid(
        covariates(log_size(30.0), 30.0, plain.diameters_mm[0, :, 0], 1.26) @ jnp.asarray(rising)
    )
    expected = np.average(plain.diameters_mm[0, :, 0], weights=np.asarray(weights))
    assert told.diameters_mm[0, :, 0].mean() == pytest.approx(expected, abs=0.3)


def simulated(seed: int, lesions: int):
    """Lesions of the population above with patients that differ, five readings each."""
    random = np.random.default_rng(seed)
    truth = population()
    days = np.array([-10.0, 40.0, 82.0, 124.0, 166.0])
    rows = []
    law = Law(*(jnp.asarray(truth.draws[name][0]) for name in Law._fields))
    for i in range(lesions):
        growth = jnp.asarray(0.1 + 0.15 * random.standard_normal())
        habit = jnp.asarray(-1.0 + random.standard_normal())
        patient = Patients(growth, jnp.asarray(0.3), jnp.asarray(1.0), habit)
        read = [float(np.exp(random.normal(np.log(35.0), 0.4)))]
        for k in range(1, len(days)):
            key = jax.random.fold_in(jax.random.key(seed), 10 * i + k)
            step = (days[k - 1] / 100, days[k] / 100)
            read.append(float(draw_next(key, law, patient, *step, jnp.asarray(read[-1]))))
        rows.append(volumes(*read))
    arms = [f"Study_{i % 2}_Arm_1" for i in range(lesions)]
    return lesion_series([days] * lesions, rows, groups=arms, trials=[a[:7] for a in arms])


@pytest.fixture(scope="module")
def fitted():
    return fit_population(simulated(3, 50), chains=2, warmup=100, draws=80, seed=1)


def test_a_fit_finds_what_made_its_patients(fitted):
    for name, truth in (("change_sd", 0.1), ("growth", 0.1), ("decline", 0.3), ("repeats", -1.0)):
        _, low, high = fitted.summary(name, 0.99)
        assert low < truth < high, name
    assert fitted.arms == ("Study_0_Arm_1", "Study_1_Arm_1")
    assert (fitted.lesions, fitted.readings) == (50, 250)


def assert_chains_apart_are_those_of_one(monkeypatch):
    """Each chain has a stream of its own number, wherever it runs."""
    series = simulated(4, 30)
    few = {"chains": 2, "warmup": 4, "draws": 4, "seed": 5}
    alone = fit_population(series, **few)
    monkeypatch.setattr(hierarchy, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(hierarchy, "available_cores", lambda: 2)
    apart = fit_population(series, **few)
    for name, values in alone.draws.items():
        np.testing.assert_allclose(apart.draws[name], values, rtol=1e-9, err_msg=name)


def test_chains_apart_are_those_of_one(monkeypatch):
    """One after the other; in processes of their own in tests/validation."""
    monkeypatch.setattr(cores, "available_cores", lambda: 1)
    assert_chains_apart_are_those_of_one(monkeypatch)


@pytest.mark.parametrize("bad", [{"rhat": 1.06}, {"effective": 40.0}, {"diverged": 0.02}])
def test_what_has_not_converged_says_so_and_its_forecasts_too(bad):
    assert population().converged
    found = replace(population(), **bad)
    assert not found.converged
    assert "NOT CONVERGED" in repr(found)
    assert not found.forecast(one([0.0], [20.0]), np.array([50.0])).converged


def test_a_saved_population_forecasts_the_same(fitted, tmp_path):
    path = tmp_path / "population.npz"
    fitted.save(path)
    again = LesionPopulation.load(path)
    assert replace(again, draws={}).__dict__ == replace(fitted, draws={}).__dict__
    series = simulated(5, 3).without_last()
    found, expected = (p.forecast(series, np.array([200.0, 250.0])) for p in (again, fitted))
    np.testing.assert_array_equal(found.diameters_mm, expected.diameters_mm)
    low, high = found.interval_mm()
    assert (low <= found.median_mm).all() and (found.median_mm <= high).all()
    assert np.isfinite(found.diameters_mm).all() and (found.diameters_mm >= 0.0).all()


def test_forecasts_of_some_lesions_do_not_depend_on_the_others(fitted):
    series = simulated(6, 20).without_last()
    whole = fitted.forecast(series, np.array([200.0]), particles=2)
    np.testing.assert_allclose(
        whole.median_mm[:18], fitted.forecast(series.select(np.arange(20) < 18), np.array([200.0]),
                                              particles=2).median_mm)  # fmt: skip


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([[50.0], [60.0]], "days do not fit"),
        ([], "days do not fit"),
        ([42.0], "cannot be forecast"),
        ([50.0, 50.0], "cannot be forecast"),
        ([np.nan], "cannot be forecast"),
    ],
)
def test_days_that_cannot_be(days, message):
    with pytest.raises(TwinError, match=message):
        population().forecast(one([0.0, 42.0], [30.0, 31.0]), np.array(days))


def test_too_few_lesions_and_files_that_are_none(tmp_path):
    with pytest.raises(TwinError, match="too few lesions"):
        fit_population(simulated(7, 12))
    with pytest.raises(TwinError, match="no such file"):
        LesionPopulation.load(tmp_path / "none.npz")
    for name, content in (("text.npz", b"lesions"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TwinError, match="not a population"):
            LesionPopulation.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", about=np.array("{}"))
    with pytest.raises(TwinError, match="not a population"):
        LesionPopulation.load(tmp_path / "other.npz")


def test_diameters_are_those_of_the_volumes():
    series = one([0.0, 10.0, 20.0], [17.0, 17.0, 0.0])
    np.testing.assert_allclose(diameters_mm(series), [[17.0, 17.0, 0.0]])
    steps = steps_of(series)
    assert steps.from_mm[0] == steps.to_mm[0]
