# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From scans to a ranked treatment plan
#
# The embedded patient is a soft-tissue sarcoma: real anatomy at day 0, **simulated follow-up**
# (`docs/explanation/embedded-patient.md`). Six visits, radiotherapy after the third. We calibrate
# on the first three, forecast the others and compare treatment plans.
#
# **Research use, not for clinical decisions.**

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import twin

ROOT = Path(twin.__file__).parent.parent
PLANS = int(os.environ.get("ONCOTWIN_PLANS", "40"))
DRAWS = 16

BLUE, ORANGE, GRAY = "#2563a8", "#c2571a", "#8a8f98"
plt.rcParams.update(
    {"axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110, "font.size": 9}
)

# %% [markdown]
# ## The patient
# A folder with `patient.yaml` and NIfTI images, cropped around the tumor.

# %%
patient = twin.crop_to_tumor(twin.load_patient(ROOT / "patients" / "demo"), margin_mm=20)
print(patient.simulated_note)

first = patient.visits[0]
outline = first.masks["gtv"]
level = int(outline.sum(axis=(0, 1)).argmax())
extent = np.array([0, patient.grid.shape[0], 0, patient.grid.shape[1]]) * 3.0


def show(axes, volume, title, **look):
    """One axial slice, right side of the patient on the left, anterior up."""
    image = axes.imshow(volume[:, :, level].T, origin="lower", extent=extent, **look)
    axes.set(title=title, xticks=[], yticks=[])
    axes.set_frame_on(False)
    return image


def draw_outline(axes, mask, color="white"):
    x, y = (np.arange(n) * 3.0 + 1.5 for n in mask.shape[:2])
    axes.contour(x, y, mask[:, :, level].T, levels=[0.5], colors=color, linewidths=1.2)


figure, row = plt.subplots(1, 4, figsize=(10, 2.5), layout="constrained")
looks = {"T1": "gray", "PET": "inferno", "CT": "gray", "ADC": "viridis"}
for axes, (name, colors) in zip(row, looks.items(), strict=True):
    image = first.images[name]
    low, high = np.percentile(image.data[patient.tissue], (1, 99))
    shown = show(axes, image.data, f"{name} [{image.unit}]", cmap=colors, vmin=low, vmax=high)
    figure.colorbar(shown, ax=axes, shrink=0.7)
    draw_outline(axes, outline)
figure.suptitle(f"{first.name}, day {first.time_days:g}: outline of the tumor on four images")
plt.show()

# %% [markdown]
# What was given, and when it was looked at. Plans start at the decision day, the last fitted visit.

# %%
figure, axes = plt.subplots(figsize=(9, 1.6), layout="constrained")
given = patient.treatments
axes.vlines([f.time_days for f in given.fractions], 0, 0.4, color=GRAY, lw=1, label="2 Gy")
axes.vlines(
    [d.time_days for d in given.drug_doses], 0, 0.8, color=ORANGE, lw=3, label="doxorubicin"
)
axes.vlines([s.time_days for s in given.surgeries], 0, 0.8, color="black", lw=3, label="surgery")
axes.plot([v.time_days for v in patient.visits], [1.0] * 6, "v", color=BLUE, label="visit")
axes.axvline(patient.visits[2].time_days, color=BLUE, ls=":", lw=1)
axes.set(xlabel="days since the first visit", yticks=[], ylim=(0, 1.2))
axes.spines["left"].set_visible(False)
axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
plt.show()

# %% [markdown]
# ## Calibration
# Every parameter has a prior. The picture shows prior (gray) and posterior (blue) 90 % intervals,
# as multiples of the prior median: where they are alike, the scans said nothing.

# %%
posterior = twin.calibrate(patient, twin.models.FisherKPP(), visits=3)
print("converged:", posterior.converged, "- decision day:", posterior.decision_day)
for warning in posterior.diagnostics["warnings"]:
    print("note:", warning)

rows = [r for r in posterior.summary() if r["contraction"] is not None]
print(f"\n{'parameter':26}{'value':>9}  {'90 % interval':20}{'unit':9}{'data says'}")
for r in rows:
    says = f"{r['contraction']:.0%} narrower" if r["determined"] else "undetermined"
    interval = f"{r['low']:.3g} to {r['high']:.3g}"
    print(f"{r['name']:26}{r['point']:9.3g}  {interval:20}{r['unit']:9}{says}")

figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
for place, r in enumerate(reversed(rows)):
    middle = float(posterior.table[r["name"]].prior.transform(0.0))
    ends = np.array([r["prior_low"], r["prior_high"]]) / middle
    axes.plot(ends, [place, place], color=GRAY, lw=6, alpha=0.35, solid_capstyle="butt")
    axes.plot(np.array([r["low"], r["high"]]) / middle, [place, place], color=BLUE, lw=3)
    axes.plot(r["point"] / middle, place, "o", color=BLUE, ms=5)
axes.set(xscale="log", xlabel="value / prior median", yticks=range(len(rows)))
axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
axes.minorticks_off()
axes.set_yticklabels([r["name"].replace("_", " ") for r in reversed(rows)])
axes.set_title("Prior (gray) and posterior (blue), 90 %")
plt.show()

# %% [markdown]
# ## Forecast
# Bands are 50 % and 90 % of posterior draws; vertical bars are the predictive 90 % interval of a
# visit, with noise. Open points were held out: calibration never saw them, nor any fraction.

# %%
forecast = twin.forecast(posterior)


def bands(axes, courses):
    for low, high, alpha in ((5, 95, 0.18), (25, 75, 0.3)):
        edges = np.percentile(courses, (low, high), axis=0)
        axes.fill_between(forecast.times_days, *edges, color=BLUE, alpha=alpha, lw=0)
    axes.plot(forecast.times_days, np.median(courses, axis=0), color=BLUE, lw=1.5)


figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.3), layout="constrained")
bands(left, forecast.burden_ml)
bands(right, forecast.visible_ml)
for visit in forecast.visits:
    face = "white" if visit.held_out else "black"
    for axes, draws, seen in (
        (left, visit.predicted_burden_ml, visit.observed_viable_ml),
        (right, visit.predicted_visible_ml, visit.observed_visible_ml),
    ):
        low, high = np.percentile(draws, (5, 95))
        axes.vlines(visit.time_days, low, high, color=BLUE, lw=1)
        axes.plot(visit.time_days, seen, "o", mfc=face, mec="black", ms=5)
left.set(title="Cell burden seen within the outline", ylabel="mL at capacity")
right.set(title="Outlined volume", ylabel="mL")
for axes in (left, right):
    axes.axvline(posterior.decision_day, color=GRAY, ls=":", lw=1)
    axes.set(xlabel="days since the first visit", ylim=(0, None))
plt.show()

for quantity in ("burden", "visible"):
    scores = {
        name: forecast.mean_score(f"{quantity}_crps{suffix}")
        for name, suffix in (
            ("twin", ""),
            ("no change", "_no_change"),
            ("exponential", "_exponential"),
            ("prior", "_prior"),
        )
    }
    print(f"CRPS of {quantity}, mL:", ", ".join(f"{k} {v:.1f}" for k, v in scores.items()))

# %% [markdown]
# The same in space, at the first held-out visit: expected cell fraction, its spread, and what was
# outlined (white) against where the twin expects the outline (orange).

# %%
held = forecast.held_out[0]
observed = patient.visits[3].masks["gtv"]
figure, row = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
for axes, volume, title, colors in (
    (row[0], held.mean, "expected cell fraction", "inferno"),
    (row[1], held.sd, "its standard deviation", "cividis"),
    (row[2], held.visible_probability, "probability of being outlined", "viridis"),
):
    shown = show(axes, np.where(patient.tissue, volume, np.nan), title, cmap=colors, vmin=0)
    figure.colorbar(shown, ax=axes, shrink=0.7)
    draw_outline(axes, observed)
    draw_outline(axes, (held.visible_probability > 0.5).astype(float), ORANGE)
figure.suptitle(f"{held.name}, day {held.time_days:g} (held out)")
plt.show()

# %% [markdown]
# ## Plans
# Every plan under the same draws. Radiosensitivity and drug sensitivity were not determined by the
# scans, so the draws of them come from the prior.

# %%
from twin.scenarios import default_plans

plans = default_plans(patient, posterior.decision_day, PLANS)
outcomes = twin.sweep(posterior, plans, draws=DRAWS)
ranking = twin.rank_for(posterior, outcomes)
print(f"{outcomes.status.size:,} scenarios: {len(plans)} plans x {DRAWS} draws")

figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
for r in ranking.rows:
    look = {"color": BLUE if r.on_pareto else GRAY, "alpha": 1.0 if r.on_pareto else 0.45}
    axes.plot([r.toxicity] * 2, r.interval, lw=0.8, color=look["color"], alpha=0.35)
    axes.plot(r.toxicity, r.expected, "o", ms=5, mec="none", **look)
standard = ranking.standard_of_care
axes.plot(standard.toxicity, standard.expected, "D", color=ORANGE, ms=8)
axes.annotate(
    "standard of care",
    (standard.toxicity, standard.expected),
    xytext=(8, 6),
    textcoords="offset points",
    color=ORANGE,
)
axes.axvline(1.0, color="black", lw=0.8, ls="--")
axes.set(xlabel="toxicity (share of the tightest limit)", ylabel="log10 viable mL at the horizon")
axes.set_title("Each point a plan with its 5-95 % interval; blue: no plan is better in both")
plt.show()

# %% [markdown]
# ## Ranking
# Plans of one color cannot be ordered by the data: their order in the list means nothing.

# %%
best = ranking.rows[:12]
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
colors, beside = plt.get_cmap("tab10"), axes.get_yaxis_transform()
for place, r in enumerate(best):
    color = colors((r.group - 1) % 10)
    axes.plot(r.interval, [place, place], color=color, lw=2, alpha=0.5)
    axes.plot(r.expected, place, "o", color=color)
    axes.text(
        1.02, place, f"{r.prior_share:.0%}", transform=axes.get_yaxis_transform(), va="center"
    )
axes.text(1.02, -1.1, "on priors", transform=axes.get_yaxis_transform(), va="center")
axes.set(yticks=range(len(best)), xlabel="log10 viable mL at the horizon (mean, 5-95 %)")
axes.set_yticklabels(
    [r.plan.name + (" (standard of care)" if r.plan.standard_of_care else "") for r in best]
)
axes.invert_yaxis()
plt.show()
for sentence in ranking.in_words():
    print(sentence)

# %% [markdown]
# ## What may not be concluded
# The follow-up is simulated; the organ limits and most priors are assumed. Before the first
# fraction the ranking of radiotherapy plans repeats what the priors say. `oncotwin demo` does the
# same with 1,000 plans, judges the best again on fresh draws and writes an offline report.
