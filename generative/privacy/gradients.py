"""Gradients of private patients: Poisson samples, clipped by patient, noised, paid for in advance.

    g = (Σ_{i in batch} clip(∇ loss(params, patient i), C) + σ C ξ) / (q N)

Every patient is in a batch with chance q, whoever else is. A step computes on all patients and
masks those left out, so that its shapes and time do not tell how many were drawn (Abadi et al.
2016, https://doi.org/10.1145/2976749.2978318; Ponomareva et al. 2023,
https://doi.org/10.1613/jair.1.14649). Clipping and masks are those of jax-privacy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax_privacy.clipping import clipped_grad

from generative.privacy.accountant import Charge
from twin.errors import TwinError

Loss = Callable[[Any, Any, Any], Any]


class PrivateGradients:
    """So many noisy gradients of private patients, and not one more.

    Arguments:
        rows: pytree of arrays with a row for each patient.
        loss: of (params, public, row of a patient); `public` is nothing of a private patient.
        charge: what was paid for; its noise is relative to `bound`.
        bound: C, largest norm that a patient's gradient keeps.
        secret: seed of batches and noise, which must not be known to anyone who gets the result.

    Attributes:
        sizes: of the batches so far; they tell of the patients, so they stay with the owner.
    """

    def __init__(self, rows: Any, loss: Loss, *, charge: Charge, bound: float, secret: int) -> None:
        self._rows = jax.tree.map(jnp.asarray, rows)
        self._patients = len(jax.tree.leaves(self._rows)[0])
        self._charge, self._bound, self._secret = charge, bound, secret
        self._clipped_sum = jax.jit(
            clipped_grad(loss, l2_clip_norm=bound, batch_argnums=2, keep_batch_dim=False)
        )
        self._taken: set[int] = set()
        self.sizes: list[int] = []

    def mean(self, params: Any, public: Any, *, step: int) -> Any:
        """Noisy mean gradient of the loss by `params` over the batch of a step.

        The noise of a step is always the same: going on after an interruption takes nothing new.

        Args:
            params: where to differentiate.
            public: what else the loss needs.
            step: from 0; each at most once.

        Raises:
            TwinError: a step that was not paid for, or taken before.
        """
        if step in self._taken or not 0 <= step < self._charge.steps:
            raise TwinError(
                "a gradient that was not paid for",
                where=self._charge.name,
                expected=f"each of {self._charge.steps} steps once",
                got=f"step {step}",
            )
        self._taken.add(step)
        random = np.random.default_rng([self._secret, step])
        chosen = random.random(self._patients) < self._charge.sampling_probability
        self.sizes.append(int(chosen.sum()))
        total = self._clipped_sum(params, public, self._rows, is_padding_example=~chosen)
        strength = self._charge.noise_multiplier * self._bound
        expected = self._charge.sampling_probability * self._patients

        def noisy(leaf: Any) -> Any:
            noise = strength * random.standard_normal(leaf.shape)
            return jnp.asarray((np.asarray(leaf, float) + noise) / expected, leaf.dtype)

        return jax.tree.map(noisy, total)
