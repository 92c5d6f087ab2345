"""What synthetic patients give away of a known patient: an attribute, or which records belong
together.

Both compare success on members with success on patients whom the generator never saw, as
Anonymeter does (Giomi et al. 2023, https://doi.org/10.56553/popets-2023-0055): what is guessed of
everyone is knowledge about the disease, and only the rest is a leak.

    risk = success on members - success on others
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from generative.metrics.distances import standardized
from generative.metrics.figure import Figure, interval

_DRAWS = 1000
_CLOSE = 0.25
"""A guess of a number is right within this share of its standard deviation."""


@dataclass(frozen=True)
class Disclosure:
    """Success of one attack.

    Attributes:
        name: what is guessed.
        members, nonmembers: share of right guesses.
        risk: of members beyond the others, with its interval; at most 0 where nothing leaks.
    """

    name: str
    members: float
    nonmembers: float
    risk: Figure


def attribute_inference(
    name: str,
    synthetic: tuple[Float[np.ndarray, "s k"], np.ndarray],
    members: tuple[Float[np.ndarray, "m k"], np.ndarray],
    nonmembers: tuple[Float[np.ndarray, "q k"], np.ndarray],
    *,
    seed: int = 0,
) -> Disclosure:
    """Guess an attribute of a patient from that of the most alike synthetic one.

    Args:
        name: of the attribute.
        synthetic, members, nonmembers: features that the attacker knows, and the attribute:
            truth values or numbers.
        seed: of the bootstrap.
    """
    spread = float(np.std(nonmembers[1].astype(float)))
    scale = np.concatenate([members[0], nonmembers[0]])

    def right(rows: np.ndarray, truth: np.ndarray) -> np.ndarray:
        _, made, known = standardized(scale, synthetic[0], rows)
        guess = synthetic[1][cdist(known, made).argmin(axis=1)]
        if truth.dtype == bool:
            return guess == truth
        return np.abs(guess.astype(float) - truth.astype(float)) <= _CLOSE * spread

    return _compare(name, right(*members), right(*nonmembers), seed)


def linkability(
    synthetic: Float[np.ndarray, "s k"],
    members: Float[np.ndarray, "m k"],
    nonmembers: Float[np.ndarray, "q k"],
    first: Bool[np.ndarray, " k"],
    *,
    neighbors: int = 3,
    seed: int = 0,
) -> Disclosure:
    """Link two records of a patient: features of the first scan, and their change.

    A link is found where one synthetic patient is among the nearest of both records.

    Args:
        synthetic, members, nonmembers: features.
        first: which features the first record holds.
        neighbors: how many synthetic patients count as near.
        seed: of the bootstrap.
    """
    scale = np.concatenate([members, nonmembers])

    def linked(rows: np.ndarray) -> np.ndarray:
        _, made, known = standardized(scale, synthetic, rows)
        near = [
            np.argsort(cdist(known[:, part], made[:, part]), axis=1)[:, :neighbors]
            for part in (first, ~first)
        ]
        return (near[0][:, :, None] == near[1][:, None, :]).any(axis=(1, 2))

    return _compare("records of one patient", linked(members), linked(nonmembers), seed)


def _compare(
    name: str, members: Bool[np.ndarray, " m"], nonmembers: Bool[np.ndarray, " q"], seed: int
) -> Disclosure:
    random = np.random.default_rng(seed)
    drawn = [
        # Jeffreys: no share is certain, not even 0 or 1.
        random.beta(group.sum() + 0.5, (~group).sum() + 0.5, _DRAWS)
        for group in (members, nonmembers)
    ]
    shares = float(members.mean()), float(nonmembers.mean())
    risk = interval(shares[0] - shares[1], drawn[0] - drawn[1])
    return Disclosure(name, *shares, risk)
