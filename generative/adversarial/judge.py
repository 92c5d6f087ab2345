"""Judge by moments, then by a discriminator of what they leave: adversarial fine-tuning.

The population is steered by noisy moments (`generative.moments`). In the last round a discriminator
is trained to tell private patients from the weighted ones, and weights are multiplied by exp(β D):
where it finds private patients more often, simulated ones count more. The generator is a simulator
that cannot be differentiated, so that it follows by weights instead of gradients (Louppe et al.
2019, https://proceedings.mlr.press/v89/louppe19a.html; Andreassen et al. 2020,
https://doi.org/10.1103/PhysRevLett.124.182001).

Under a budget, most of it pays the moments and the rest DP-SGD of the discriminator.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from math import sqrt

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from generative.adversarial.discriminator import (
    PRIVATE,
    Settings,
    Virtual,
    inputs_of,
    private_loss,
    scores,
    start,
    train,
    train_private,
)
from generative.cohort import ScanCohort
from generative.moments.judge import NAME as MOMENTS
from generative.moments.judge import MomentsJudge
from generative.privacy.accountant import Charge, least_noise
from generative.privacy.ledger import GuardedCohort, PrivacyStatement
from generative.privacy.recommend import DISCRIMINATOR_SHARE
from generative.steering.loop import ROUNDS
from generative.steering.population import effective_size
from generative.summaries import summarize

_NAME = "discriminator, by clipped gradients of single patients"
_SAMPLED = 0.3
_CLIP = 1.0
_BEFORE = 0.5
"""Share of the patients that the moments must leave in play for the discriminator."""
_SOFTER = (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.0)


class AdversarialJudge:
    """Weighs simulated patients by moments, in the last round also by a discriminator.

    Arguments:
        private: the cohort behind its ledger; without a budget its patients are used as they are.
        secret: seed of all noise, which must not be known to anyone who gets the model.

    Raises:
        TwinError: too few patients.
    """

    def __init__(self, private: GuardedCohort, secret: int) -> None:
        self._private, self._secret = private, secret
        ledger, noise = private.ledger, None
        self._charge: Charge | None = None
        if ledger.epsilon is not None and ledger.delta is not None:
            moments, self._charge = _charges(_least_scale(ledger.epsilon, ledger.delta))
            noise = moments.noise_multiplier
        self._moments = MomentsJudge(private, secret, noise)

    def weights(
        self, summaries: Float[np.ndarray, "m k"], *, round_: int, in_play: float
    ) -> Float[np.ndarray, "m 2"]:
        """See `generative.steering.loop.Judge`."""
        last = round_ == ROUNDS
        weights = self._moments.weights(
            summaries, round_=round_, in_play=_BEFORE if last else in_play
        )
        if not last:
            return weights
        found = self._discriminate(summaries, weights)
        for softer in _SOFTER:
            tilted = weights * np.exp(softer * (found - found.max()))
            tilted /= tilted.sum()
            if effective_size(tilted.sum(axis=1)) >= in_play * len(summaries):
                break
        return tilted

    def state(self) -> dict[str, np.ndarray]:
        """See `generative.steering.loop.Judge`."""
        return self._moments.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """See `generative.steering.loop.Judge`."""
        self._moments.restore(state)

    def statement(self, worth: float) -> PrivacyStatement:
        """See `generative.steering.loop.Judge`."""
        return self._private.ledger.statement("adversarial", self._moments.weakness(worth))

    def _discriminate(
        self, summaries: Float[np.ndarray, "m k"], weights: Float[np.ndarray, "m 2"]
    ) -> Float[np.ndarray, "m 2"]:
        """D of each simulated patient without and with response."""
        public = jnp.asarray(summaries.mean(axis=0)), jnp.asarray(summaries.std(axis=0) + 1e-6)
        inputs = [
            inputs_of(jnp.asarray(summaries), jnp.full(len(summaries), sign), *public)
            for sign in (-1.0, 1.0)
        ]
        either = jnp.concatenate(inputs)
        virtual = Virtual(either, jnp.asarray(weights.T.ravel()))
        if self._charge is None:
            rows, signs = map(jnp.asarray, _rows(self._private.scans(_NAME)))
            graph, params = train(inputs_of(rows, signs, *public), virtual, Settings(), seed=ROUNDS)
        else:
            graph, params = start(either.shape[1], PRIVATE)
            gradients = self._private.gradients(
                _rows,
                partial(private_loss, graph),
                charge=self._charge,
                bound=_CLIP,
                secret=self._secret + 1,
            )
            params = train_private(gradients, graph, public, virtual, params)
        return scores(graph, params, either).reshape(2, -1).T


def _rows(cohort: ScanCohort) -> tuple[np.ndarray, np.ndarray]:
    """Summaries of each patient and the response as ±1."""
    sign = np.where(cohort.response, 1.0, -1.0)
    return summarize(cohort).astype(np.float32), sign.astype(np.float32)


@cache
def _least_scale(epsilon: float, delta: float) -> float:
    """Takes seconds, and depends on nothing else."""
    return least_noise(_charges, epsilon=epsilon, delta=delta)


def _charges(scale: float) -> tuple[Charge, Charge]:
    """Of moments and discriminator, at a noise of both."""
    sampled = _SAMPLED * sqrt(PRIVATE.steps / DISCRIMINATOR_SHARE)
    return (
        Charge(MOMENTS, scale / sqrt(1.0 - DISCRIMINATOR_SHARE)),
        Charge(_NAME, scale * sampled, _SAMPLED, PRIVATE.steps),
    )
