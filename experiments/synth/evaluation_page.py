"""The page of a judgement: one HTML file without scripts, which stays with the owner."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.markup import Markup, bullets, element, number, paragraph, table
from experiments.report.plain_page import Section, plain_page
from experiments.synth.charts import attack_chart, effect_chart
from experiments.synth.evaluate import Evaluation
from experiments.synth.picture_sheet import picture_sheet
from experiments.synth.verdicts import GROUPS, Status
from generative.attacks.outcome import Membership
from generative.cohort import ScanCohort
from generative.metrics.figure import Figure

OWNER = (
    "This page shows patients of the private cohort and figures that were computed from them. No"
    " privacy budget covers it: it stays with the owner of the cohort."
)
SIMULATED = "All “real” patients of this page are simulated."
_TAGS: dict[Status, str] = {
    "passed": "yes",
    "failed": "no",
    "not shown": "plain",
    "not examined": "plain",
}
_STYLE = """
.sheet td, .sheet th { padding: 4px 10px 4px 0; border: 0; }
.sheet { width: auto; }
.sheet td:first-child { padding-right: 30px; }
.sheet img { display: block; max-width: 100%; }
figure + figure { margin-top: 18px; }
.verdicts { display: flex; flex-wrap: wrap; gap: 12px 32px; margin: 8px 0 18px; padding: 0; }
.verdicts li { list-style: none; font-size: 1.05rem; }
.verdicts .tag { font-size: 0.95rem; }
svg.chart { display: block; width: 100%; max-width: 640px; height: auto; }
svg.chart.square { max-width: 440px; }
svg.chart text { font: 12px system-ui, sans-serif; fill: #3c444c; }
"""


def evaluation_page(result: Evaluation, synthetic: ScanCohort, test: ScanCohort) -> str:
    """HTML of a judgement, with pictures of real beside synthetic patients."""
    notices = [paragraph(OWNER, class_="notice stop")]
    if result.simulated:
        notices.append(paragraph(SIMULATED, class_="notice"))
    return plain_page(
        "Judgement of a synthetic cohort",
        _subtitle(result),
        window_title="oncotwin: synthetic cohort",
        notices=notices,
        sections=[
            Section("Verdicts", _verdicts(result)),
            Section("Pictures", _pictures(synthetic, test)),
            Section("Fidelity", _fidelity(result)),
            Section("Radiomics", _radiomics(result)),
            Section("Utility", _utility(result)),
            Section("Privacy", _privacy(result)),
        ],
        style=_STYLE,
    )


def _subtitle(result: Evaluation) -> str:
    kind = "simulated" if result.simulated else "real"
    members = f", {result.members} {kind} training patients" if result.members else ""
    budget = "no privacy budget" if result.epsilon is None else f"epsilon {result.epsilon:g}"
    text = f"{result.synthetic} synthetic patients, {result.test} {kind} test patients{members}"
    return f"{text}; generator trained under {budget}"


def _verdicts(result: Evaluation) -> Markup:
    items = [
        element("li", group.capitalize(), " ", _tag(result.verdicts[group])) for group in GROUPS
    ]
    rows = [[c.group, c.name, c.demand, c.found, _tag(c.status)] for c in result.criteria]
    notes = [
        "“Not shown”: the figure lies beyond its limit, but so few patients would give it by"
        " chance. Bounds on attacks need about 800 training and 800 test patients.",
        "One generator in twenty that leaks nothing fails the attacks by chance.",
        "Attacks can show a leak; that none was found proves nothing. Only a privacy budget does.",
    ]
    return Markup(
        element("ul", *items, class_="verdicts")
        + table(
            ["", "Criterion", "Limit", "Found (95 % interval)", ""],
            rows,
            caption="Limits are those of a generator with a budget."
            if result.epsilon is not None
            else "Limits are those of a generator without a privacy budget.",
        )
        + bullets(notes, class_="small")
    )


def _pictures(synthetic: ScanCohort, test: ScanCohort) -> Markup:
    caption = (
        "Slices through the middle of the first mask, drawn at random, in one gray window; the mask"
        " in orange. Patients in a row do not belong together."
    )
    return element("figure", picture_sheet(test, synthetic), element("figcaption", caption))


def _fidelity(result: Evaluation) -> Markup:
    frechet, diverse = result.frechet, result.diversity
    rows: list[Sequence[object]] = [
        [
            "Fréchet distance of radiomics",
            number(frechet.distance),
            "real halves",
            number(frechet.floor),
        ],
        ["its ratio to that of real halves", str(frechet.ratio), "like real", "1"],
        ["MMD², unbiased", f"{result.mmd.value:.4f}", "p of chance", f"{result.mmd.p_value:.3f}"],
        ["clipped density", str(result.density), "like real", "1"],
        ["clipped coverage", str(result.coverage), "like real", "1"],
        ["AUC of a classifier, synthetic or real", str(result.two_sample), "like real", "0.5"],
        ["radial log spectrum, RMS difference", str(result.spectrum), "like real", "0"],
        ["MS-SSIM of pairs", str(diverse.synthetic), "real pairs", str(diverse.real)],
        ["more alike than real pairs", str(diverse.difference), "like real", "0"],
        ["patients that repeat another one", str(result.repeats), "like real", "0"],
        ["R² of measured on requested volume", _figure(result.volume), "best", "1"],
        ["AUC of responses by a model of real patients", _figure(result.response), "best", "1"],
    ]
    caption = (
        f"Figures with 95 % intervals. Distances compare {frechet.patients} with"
        f" {frechet.patients} patients, features in units of the real spread."
    )
    return table(["Figure", "Synthetic", "Beside", ""], rows, caption=caption)


def _radiomics(result: Evaluation) -> Markup:
    kept = result.preservation
    worst = sorted(range(len(kept.names)), key=lambda i: -kept.kolmogorov_smirnov[i])[:12]
    rows = [
        [
            kept.names[i],
            float(kept.kolmogorov_smirnov[i]),
            float(kept.quantile_error[i]),
            *_effects_of(result, kept.names[i]),
        ]
        for i in worst
    ]
    words = [
        f"Correlations between features: Lin's CCC {kept.correlation_agreement}, RMS difference"
        f" {kept.correlation_error}.",
    ]
    parts = [bullets(words)]
    if result.effects is not None:
        parts.append(
            element(
                "figure",
                effect_chart(result.effects),
                element(
                    "figcaption",
                    "Effect of each feature of the first scan on the response, in standard"
                    f" deviations. Lin's CCC {result.effects.ccc}; without sampling noise"
                    f" {_figure(result.effects.corrected)}.",
                ),
            )
        )
    parts.append(
        table(
            ["Feature", "Kolmogorov-Smirnov", "Quantile error (SD)", "Effect, real", "synthetic"],
            rows,
            caption="The twelve features that differ most; the JSON file holds all. Effects are of"
            " features of the first scan.",
            right=(1, 2, 3, 4),
        )
    )
    return Markup("".join(parts))


def _utility(result: Evaluation) -> Markup:
    if result.utility is None:
        return paragraph(f"Left out: {result.without_utility}.")
    told = result.utility
    rows = [
        [f"trained on {told.trained_on[0]} synthetic patients", str(told.synthetic)],
        [f"trained on {told.trained_on[1]} real patients", str(told.real)],
        ["difference, paired", str(told.difference)],
        ["trained on shuffled synthetic labels", f"{told.shuffled:.3f}"],
        ["volume alone, trained on synthetic", str(told.volume)],
        ["mean intensity alone, trained on synthetic", str(told.intensity)],
    ]
    caption = (
        f"AUC of the response of {told.patients} real test patients from radiomics of their first"
        " scan: logistic models, penalty chosen on their own training patients."
    )
    return table(["Model", "AUC (95 % interval)"], rows, caption=caption)


def _privacy(result: Evaluation) -> Markup:
    if result.membership is None or result.copies is None:
        return paragraph("Not examined: no training patients were given (--members).")
    copies = result.copies
    secrets = [
        [d.name, f"{d.members:.1%}", f"{d.nonmembers:.1%}", str(d.risk)] for d in result.disclosures
    ]
    return Markup(
        element(
            "figure",
            attack_chart(result.membership),
            element(
                "figcaption", "AUC of attacks on membership with 95 % intervals; 0.5 is a coin."
            ),
        )
        + _attacks(result.membership)
        + paragraph(
            f"Copies, whatever flips, turns, shifts or intensity: {copies.count} of"
            f" {len(copies.copied)}. Largest similarity {copies.similarity.max():.3f}; from"
            f" {copies.threshold:.3f} on it is a copy. Real test patients reach"
            f" {copies.between_real.max():.3f}."
        )
        + table(
            ["Guessed from synthetic patients", "Members", "Others", "Difference"],
            secrets,
            caption="Right guesses of training patients beyond those of test patients are a leak.",
        )
    )


def _attacks(membership: Membership) -> Markup:
    rows = [
        [a.name, str(a.auc), _percent(a.tpr[0]), _percent(a.tpr[1])] for a in membership.attacks
    ]
    low, high = membership.auc_bounds
    return table(
        ["Attack", "AUC", "TPR at 1 % FPR", "TPR at 0.1 % FPR"],
        rows,
        caption=f"{membership.members} members, {membership.nonmembers} others. Strongest AUC"
        f" between {low:.3f} and {high:.3f}, corrected for {len(rows)} attacks.",
    )


def _effects_of(result: Evaluation, name: str) -> tuple[object, object]:
    if result.effects is None or name not in result.effects.names:
        return "", ""
    place = result.effects.names.index(name)
    return float(result.effects.real[place]), float(result.effects.synthetic[place])


def _figure(figure: Figure | None) -> str:
    return "–" if figure is None else str(figure)


def _percent(figure: Figure) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"


def _tag(status: Status) -> Markup:
    return element("span", status, class_=f"tag {_TAGS[status]}")
