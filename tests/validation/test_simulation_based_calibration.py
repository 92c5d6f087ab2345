"""Simulation-based calibration of NUTS, Laplace and ensemble Kalman inversion on a reduced case.

200 data sets, each of parameters from the prior, simulated with the model that is fitted (12³
voxels of 5 mm, 60 days, 10 fractions of 2 Gy) and observed with noise of known variance. The seed
is drawn at run time and printed. Everything is simulated.
"""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from tests.validation.figures import save
from tests.validation.posterior_study import METHODS, QUANTITIES, Ranked, ranked
from twin.calibration.simulation_based import EcdfBand, ecdf_band
from twin.cores import on_every_core

DATASETS, DRAWS = 200, 100
LEVEL = 0.95
PARAMETERS = QUANTITIES[:4]


@pytest.mark.timeout(7200)
def test_nuts_ranks_are_uniform_and_those_of_a_sampler_too_sure_are_not():
    """Each of six quantities has a band of 95 %: a right sampler leaves one of them in a quarter of
    all runs. So the six are asserted within bands that hold them all with 95 %."""
    seed = int(np.random.default_rng().integers(2**31))
    print(f"\nsimulated data only; seed {seed}")
    seeds = [(seed, index) for index in range(DATASETS)]
    judge(list(on_every_core(ranked, seeds, worth_processes=2)))


def judge(found: list[Ranked]) -> None:
    """Print and draw the ranks of all data sets, and hold NUTS and the wrong sampler to them."""
    band = ecdf_band(len(found), DRAWS, level=LEVEL)
    joint = ecdf_band(len(found), DRAWS, level=1.0 - (1.0 - LEVEL) / len(QUANTITIES))
    ranks = {method: np.stack([each.ranks[method] for each in found]) for method in METHODS}
    _print(found, ranks, band, joint)
    _draw(ranks, band)
    assert min(each.checks["effective_draws"] for each in found) >= DRAWS
    known = np.mean([each.contraction["nuts"] for each in found], axis=0)
    assert known.min() > 0.1
    for column, quantity in enumerate(QUANTITIES):
        assert joint.deviation(ranks["nuts"][:, column]) <= 1.0, quantity
        assert band.deviation(ranks["wrong"][:, column]) > 1.0, quantity


def _print(
    found: list[Ranked], ranks: dict[str, np.ndarray], band: EcdfBand, joint: EcdfBand
) -> None:
    print(
        f"{len(found)} data sets, {DRAWS} draws of each; largest difference of the ranks'"
        f" distribution over its {100 * band.level:.0f} % band, and over the band of"
        f" {100 * joint.level:.1f} % which holds all six with {100 * band.level:.0f} %"
    )
    for method in METHODS:
        print(f"{method}:")
        contraction = np.mean([each.contraction[method] for each in found], axis=0)
        for column, quantity in enumerate(QUANTITIES):
            of = ranks[method][:, column]
            known = f", contraction {contraction[column]:.2f}" if column < 4 else ""
            verdict = "inside" if band.deviation(of) <= 1.0 else "OUTSIDE"
            print(
                f"  {quantity}: {band.deviation(of):.2f} {verdict}, {joint.deviation(of):.2f},"
                f" mean rank {of.mean() / DRAWS:.3f}{known}"
            )
    checks = {key: [each.checks[key] for each in found] for key in found[0].checks}
    print(
        f"NUTS: R-hat at most {max(checks['rhat']):.3f}, at least"
        f" {min(checks['effective_draws']):.0f} effective draws, at most"
        f" {100 * max(checks['diverged']):.1f} % diverged;"
        f" {sum(each.long for each in found)} run again, longer;"
        f" {sum(not each.fitted for each in found)} fits had not converged"
    )


def _draw(ranks: dict[str, np.ndarray], band: EcdfBand) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(7.6, 4.3), sharex=True, sharey=True)
    labels = {"wrong": "NUTS, deviations halved", "nuts": "NUTS", "laplace": "Laplace"}
    colors = dict(zip(METHODS, ("C0", "C1", "C2", "0.55"), strict=True))
    for column, (quantity, ax) in enumerate(zip(QUANTITIES, axes.flat, strict=True)):
        ax.fill_between(band.places, band.low, band.high, color="C0", alpha=0.15, lw=0)
        for method in METHODS:
            width = 1.8 if method == "nuts" else 1.0
            ax.plot(
                band.places,
                band.difference(ranks[method][:, column]),
                color=colors[method],
                lw=width,
                label=labels.get(method, "ensemble Kalman"),
            )
        ax.set_title(quantity.replace("_", " "), fontsize=9)
        ax.axhline(0.0, color="k", lw=0.5)
    for ax in axes[1]:
        ax.set_xlabel("rank of the truth / draws")
    for ax in axes[:, 0]:
        ax.set_ylabel("ECDF less uniform")
    axes[0, 0].legend(fontsize=7, frameon=False)
    figure.suptitle(
        f"{band.datasets} simulated data sets; shaded: simultaneous {100 * band.level:.0f} % band",
        fontsize=10,
    )
    figure.tight_layout()
    save(figure, "simulation-based-calibration")
