"""Simulate, weigh, estimate the population, and again: how every engine trains.

    patients   ~ population            simulated on every core
    weights    = judge(summaries)      the only step that knows of private patients
    population = law of the weighted   `generative.steering.population`

Round i depends on the seeds and i alone, so that a training which was interrupted goes on from its
last checkpoint to the same end, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from jaxtyping import Float

from generative.model import ScanProtocol
from generative.parallel import Progress
from generative.privacy.ledger import PrivacyStatement
from generative.steering.checkpoints import Keeper, Kept
from generative.steering.model import SteeredModel
from generative.steering.population import Population, effective_size
from generative.steering.prior import Pool, draw_scores

ROUNDS = 8
"""Populations estimated, each from a third as many patients as the model keeps."""
_STEERING, _KEEPING = 0.1, 0.35
"""Share of the patients that weights must leave in play while steering, and in the model."""

Show = Callable[[int, SteeredModel], None]


class Judge(Protocol):
    """Says by weights which simulated patients stand for the private ones."""

    def weights(
        self, summaries: Float[np.ndarray, "m k"], *, round_: int, in_play: float
    ) -> Float[np.ndarray, "m 2"]:
        """Weights of simulated patients without and with response, summing to 1.

        Args:
            summaries: of the simulated patients, see `generative.summaries`.
            round_: of the training; a judge gives the same weights in the same round.
            in_play: share of the patients that must be left in play. Private patients are met as
                closely as that allows: beyond it, few would be drawn again and again.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """What later rounds need of earlier ones."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from the state of an interrupted training."""
        ...

    def statement(self, worth: float) -> PrivacyStatement:
        """What judging cost, of a model that is worth so many different patients."""
        ...


def steer(
    judge: Judge,
    protocol: ScanProtocol,
    *,
    members: int,
    seed: int,
    keeper: Keeper | None = None,
    show: Show | None = None,
    progress: Progress | None = None,
) -> SteeredModel:
    """A model whose patients stand for the private ones, as far as the judge can tell.

    Args:
        judge: of the patients of each round.
        protocol: of the scans.
        members: patients to simulate in the last round; a third of that in each before.
        seed: of the simulated patients.
        keeper: of the state after each round, to go on from.
        show: called with the number of a round and the model as it is after it.
        progress: called with patients simulated and all of them.
    """
    each = max(members // 3, 1)
    total = ROUNDS * each + members
    begun, population = 0, None
    kept = None if keeper is None else keeper.latest()
    if kept is not None:
        begun, population = kept.rounds, kept.population
        judge.restore(kept.judge)
    for round_ in range(begun, ROUNDS + 1):
        size = members if round_ == ROUNDS else each
        random = np.random.default_rng([seed, 1, round_])
        scores = draw_scores(size, random) if population is None else population.draw(size, random)
        first = round_ * each
        pool = Pool(protocol, seed, scores, np.arange(first, first + size))
        summaries, seen = pool.summarize(_shifted(progress, first, total))
        pool, summaries = pool.select(seen), summaries[seen]
        in_play = _KEEPING if round_ == ROUNDS else _STEERING
        weights = judge.weights(summaries, round_=round_, in_play=in_play)
        volumes_ml = np.exp(summaries[:, 0]) * protocol.voxel_ml
        worth = effective_size(weights.sum(axis=1))
        model = SteeredModel(judge.statement(worth), pool, weights, volumes_ml)
        population = Population.of(pool.scores, weights)
        if keeper is not None and round_ < ROUNDS:
            keeper.keep(Kept(round_ + 1, population, judge.state()))
        if show is not None:
            show(round_, model)
    return model


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one round among all."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
