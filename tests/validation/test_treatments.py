"""Drugs against what labels and papers report; the figures are printed and drawn.

Plots go to docs/validation. What is compared with what, and where it falls short, is in
docs/explanation/treatments.md.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.validation.figures import save
from twin.treatments.chemotherapy import DRUGS, get_drug
from twin.treatments.concentration import area_mg_h_per_l, concentration_mg_per_l, peak
from twin.treatments.concentration import relative_concentration as relative
from twin.treatments.neutrophils import MARROW_EFFECTS, Marrow, MarrowEffect, neutrophil_course
from twin.treatments.presets import Measures, clinical_schedule
from twin.treatments.schedule import DrugDose, Schedule

SURFACE_M2 = 1.8
WHOLE = Measures(body_surface_m2=SURFACE_M2, gfr_ml_min=90.0, weight_kg=70.0)


def off(found: float, reported: float) -> str:
    return f"{100 * (found / reported - 1):+.0f} %"


def _compartments(name: str, times: np.ndarray) -> np.ndarray:
    kinetics = get_drug(name).kinetics
    absorption = kinetics.absorption_rate_per_day or 0.0
    out, back = kinetics.outward_rate_per_day, kinetics.return_rate_per_day

    def change(_, state):
        depot, blood, rest = state
        gone = (kinetics.elimination_rate_per_day + out) * blood
        return [
            -absorption * depot,
            absorption * depot - gone + back * rest,
            out * blood - back * rest,
        ]

    start = [1.0, 0.0, 0.0] if absorption else [0.0, 1.0, 0.0]
    options = {"method": "LSODA", "rtol": 1e-11, "atol": 1e-14}
    return solve_ivp(change, (0.0, times[-1]), start, t_eval=times, **options).y[1]


def test_sums_of_exponentials_are_the_compartments():
    worst = {}
    for name in DRUGS:
        times = np.geomspace(1e-3, 6.0, 60) * get_drug(name).half_life_days
        exact = _compartments(name, times)
        found = relative(get_drug(name).kinetics, times)
        worst[name] = float(np.abs(found / exact - 1).max())
    print("closed forms against LSODA:", {k: f"{v:.0e}" for k, v in worst.items()})
    assert max(worst.values()) < 1e-7


TEMOZOLOMIDE_REPORTED = (
    # dose mg/m², Cmax mg/L, AUC mg h/L, source
    (150.0, 7.5, 23.4, "US label"),
    (200.0, 13.0, 35.0, "Swiss label"),
)


def test_temozolomide_reaches_the_reported_peak_and_area():
    """The labels disagree on Cmax / AUC by 16 %; that ratio does not depend on the clearance."""
    kinetics = get_drug("temozolomide").kinetics
    day, height = peak(kinetics)
    hour = 24 * day
    assert 0.5 <= round(hour, 1) <= 1.5  # Swiss label
    for dose, peak_mg_l, area, source in TEMOZOLOMIDE_REPORTED:
        given = dose * SURFACE_M2
        volume = kinetics.central_volume_l * SURFACE_M2
        highest, found = given / volume * height, area_mg_h_per_l(kinetics, given)
        print(
            f"temozolomide {dose:g} mg/m², {source}: Cmax {highest:.1f} mg/L"
            f" ({off(highest, peak_mg_l)}), AUC {found:.1f} mg h/L ({off(found, area)}),"
            f" peak after {hour:.2f} h"
        )
        assert highest == pytest.approx(peak_mg_l, rel=0.15)
        assert found == pytest.approx(area, rel=0.15)
    ratio = height / (24 * kinetics.exposure_days)
    print(f"temozolomide Cmax/AUC {ratio:.4f}/h, US label {7.5 / 23.4:.4f}/h")
    assert ratio == pytest.approx(7.5 / 23.4, rel=0.02)


def test_temozolomide_varies_between_patients_as_reported():
    """Clearance 11.2 L/h at 2.0 m² in men; 15 % between patients makes 15 % in the area."""
    kinetics = get_drug("temozolomide").kinetics
    clearance = kinetics.clearance_l_per_day / 24
    assert 2.0 * clearance == pytest.approx(11.2, rel=1e-6)
    women = off(1.7 * clearance, 8.8)
    spread = np.sqrt(np.log1p(kinetics.clearance_cv**2))
    factors = np.exp(spread * np.random.default_rng(0).standard_normal(4000))
    areas = [area_mg_h_per_l(kinetics.varied(clearance=f), 270.0) for f in factors]
    variation = np.std(areas) / np.mean(areas)
    print(f"temozolomide: women's clearance off by {women}; AUC varies by {100 * variation:.1f} %")
    assert variation == pytest.approx(0.15, abs=0.01)


def test_antibodies_accumulate_as_reported():
    """Pembrolizumab: AUC over 6 weeks 1.87 mg d/mL, accumulation 2.1, half-life 22 days (with
    clearance that falls over time, not modeled). Bevacizumab: accumulation 2.8, trough 80.3 mg/L
    (45 to 128) on day 84 of 5 mg/kg every two weeks."""
    pembrolizumab, bevacizumab = (get_drug(n).kinetics for n in ("pembrolizumab", "bevacizumab"))
    area = area_mg_h_per_l(pembrolizumab, 400.0) / 24 / 1000

    def accumulation(kinetics, interval):
        levels = kinetics.levels(np.ones(1), np.zeros((1, 1)))
        first = kinetics.exposure(levels, np.array([[interval]]))[0, 0]
        return kinetics.exposure_days / first

    found = accumulation(pembrolizumab, 21.0)
    half = pembrolizumab.half_life_days
    print(
        f"pembrolizumab: AUC over 6 weeks {area:.2f} mg d/mL ({off(area, 1.87)}),"
        f" accumulation {found:.2f} ({off(found, 2.1)}), half-life {half:.1f} d ({off(half, 22.0)})"
    )
    assert area == pytest.approx(1.87, rel=0.05)
    assert found == pytest.approx(2.1, rel=0.1)
    assert half == pytest.approx(22.0, rel=0.25)
    days = np.arange(0.0, 84.0, 14.0)
    trough = concentration_mg_per_l(bevacizumab, [84.0], days, np.full(6, 350.0))[0]
    more = accumulation(bevacizumab, 14.0)
    print(
        f"bevacizumab: accumulation {more:.2f} ({off(more, 2.8)}), trough on day 84"
        f" {trough:.0f} mg/L ({off(trough, 80.3)})"
    )
    assert more == pytest.approx(2.8, rel=0.1) and trough == pytest.approx(80.3, rel=0.1)


def test_cytotoxic_drugs_have_the_numbers_of_their_labels():
    doxorubicin, paclitaxel, carboplatin = (
        get_drug(n).kinetics for n in ("doxorubicin", "paclitaxel", "carboplatin")
    )
    fast, slow = (np.log(2) / rate for _, rate in doxorubicin.phases)
    steady = doxorubicin.central_volume_l * (
        1 + doxorubicin.outward_rate_per_day / doxorubicin.return_rate_per_day
    )
    clearance = doxorubicin.clearance_l_per_day / 1440 * 1000
    print(
        f"doxorubicin: half-lives {fast * 1440:.1f} min and {slow * 24:.0f} h, clearance"
        f" {clearance:.0f} mL/min/m², steady-state volume {steady:.0f} L/m²"
    )
    assert 20 <= slow * 24 <= 48 and 324 <= clearance <= 809 and 809 <= steady <= 1214
    area = area_mg_h_per_l(paclitaxel, 175.0 * SURFACE_M2, body_surface_m2=SURFACE_M2)
    print(f"paclitaxel 175 mg/m²: AUC {area:.1f} mg h/L ({off(area, 15.007)})")
    assert area == pytest.approx(15.007, rel=0.06)
    weights = np.array([w / k for w, k in carboplatin.phases])
    rates = np.array([k for _, k in carboplatin.phases])
    residence = 24 * (weights / rates).sum() / weights.sum()
    print(f"carboplatin: mean residence {residence:.2f} h ({off(residence, 3.5)})")
    assert residence == pytest.approx(3.5, rel=0.05)


def test_draw_the_kinetics():
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    hours = np.linspace(0, 10, 400)
    kinetics = get_drug("temozolomide").kinetics
    for (dose, highest, _, source), color in zip(TEMOZOLOMIDE_REPORTED, ("C0", "C1"), strict=True):
        level = concentration_mg_per_l(kinetics, hours / 24, [0.0], [dose * SURFACE_M2])
        axes[0].plot(hours, level, color, label=f"{dose:g} mg/m²")
        axes[0].axhline(highest, color=color, ls=":", label=f"peak, {source}")
    axes[0].set(title="temozolomide, oral", xlabel="h", ylabel="mg/L")
    hours = np.geomspace(0.01, 120, 400)
    for name in ("doxorubicin", "docetaxel", "carboplatin", "paclitaxel"):
        axes[1].loglog(hours, relative(get_drug(name).kinetics, hours / 24), label=name)
    axes[1].set(title="one dose", xlabel="h", ylabel="relative to the start", ylim=(1e-4, 1.5))
    days = np.linspace(0, 200, 800)
    for name in ("pembrolizumab every 3 weeks", "pembrolizumab every 6 weeks"):
        doses = clinical_schedule(name).drug_doses
        level = concentration_mg_per_l(
            get_drug("pembrolizumab").kinetics,
            days,
            [d.time_days for d in doses],
            [d.dose_mg for d in doses],
        )
        axes[2].plot(days, level, label=name.removeprefix("pembrolizumab "))
    axes[2].set(title="pembrolizumab", xlabel="days", ylabel="mg/L")
    for axis in axes:
        axis.legend(fontsize=7)
    save(figure, "treatment-kinetics")


# Neutrophils.

KLOFT = (
    # Kloft et al. 2006 (doi 10.1158/1078-0432.CCR-06-0815), as in the model repository
    # DDMODEL00000224: slope 15.57 L/µmol on docetaxel, transit time 84.2 h.
    Marrow(5.22, 84.2, 0.145),
    15.57,
)


def _kloft_effect() -> MarrowEffect:
    marrow, slope_per_micromolar = KLOFT
    kinetics, dose = get_drug("docetaxel").kinetics, get_drug("docetaxel").reference_dose_mg_m2
    area = area_mg_h_per_l(kinetics, dose * SURFACE_M2) / 0.8079
    log_kill = slope_per_micromolar * area * 4 / float(marrow.transit_hours)
    return MarrowEffect(log_kill, "", "literature human", infusion_hours=1.0)


def _docetaxel(dose_mg_m2: float, times: np.ndarray, **keywords):
    schedule = Schedule((), (DrugDose(0.0, "docetaxel", dose_mg_m2 * SURFACE_M2),))
    return neutrophil_course(schedule, times, body_surface_m2=SURFACE_M2, **keywords)


def test_the_nadir_of_docetaxel_comes_when_reported_and_how_deep_depends_on_the_fit():
    """US label, 100 mg/m²: median nadir on day 8, severe neutropenia (below 0.5) for 7 days."""
    times = np.arange(0.0, 42.1, 0.1)
    fits = {
        "Friberg 2002": {},
        "Kloft 2006": {"marrow": KLOFT[0], "effects": {"docetaxel": _kloft_effect()}},
    }
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
    for name, keywords in fits.items():
        for dose in (60.0, 75.0, 100.0):
            course = _docetaxel(dose, times, **keywords)
            day, count = course.nadir
            severe = 0.1 * float((course.neutrophils_1e9_per_l < 0.5).sum())
            print(
                f"docetaxel {dose:g} mg/m², {name}: nadir {count:.2f} · 10⁹/L on day {day:.1f},"
                f" below 0.5 for {severe:.1f} days"
            )
            if dose == 100.0:
                assert abs(day - 8.0) <= 1.5
                axes[0].semilogy(times, course.neutrophils_1e9_per_l, label=name)
    axes[0].axvline(8.0, color="k", ls=":", lw=1, label="nadir, US label")
    axes[0].set(title="docetaxel 100 mg/m²", xlabel="days", ylabel="neutrophils, 10⁹/L")
    times = np.arange(0.0, 180.0, 0.25)
    for name in ("ac-t weekly", "ac-t every 3 weeks"):
        course = neutrophil_course(clinical_schedule(name, WHOLE), times)
        axes[1].semilogy(times, course.neutrophils_1e9_per_l, label=f"{name} (assumed effects)")
    axes[1].set(title="AC-T", xlabel="days")
    for axis in axes:
        axis.axhline(0.5, color="r", lw=0.8)
        axis.legend(fontsize=7)
    save(figure, "treatment-neutrophils")


def test_parameters_between_patients_make_severe_neutropenia_common():
    """Friberg's variability (42 % baseline, 16 % transit, 33 % effect, 50 % EC50) at 100 mg/m²."""
    random, times = np.random.default_rng(1), np.arange(0.0, 21.25, 0.25)
    base, counts = MARROW_EFFECTS["docetaxel"], []
    for _ in range(200):
        z = random.standard_normal(4)
        marrow = Marrow(5.05 * np.exp(0.42 * z[0]), 89.3 * np.exp(0.16 * z[1]))
        effect = replace(
            base,
            largest=base.largest * np.exp(0.33 * z[2]),
            half_mg_per_l=base.half_mg_per_l * np.exp(0.5 * z[3]),
        )
        course = _docetaxel(100.0, times, marrow=marrow, effects={"docetaxel": effect})
        counts.append(course.nadir[1])
    severe = np.mean(np.array(counts) < 0.5)
    print(
        f"docetaxel 100 mg/m² in 200 patients: nadir {np.median(counts):.2f}"
        f" ({np.percentile(counts, 5):.2f} to {np.percentile(counts, 95):.2f}) · 10⁹/L,"
        f" grade 4 in {100 * severe:.0f} %"
    )
    assert 0.1 < severe < 0.9
