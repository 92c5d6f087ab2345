"""The ledger of a training: every touch of private patients pays, or the training is refused.

A training under a budget never holds the private cohort itself but a `GuardedCohort`, which gives
noisy sums and gradients for a charge. Anything else that it gives is written down as unpaid:
allowed where no privacy is claimed, refused where it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from generative.cohort import ScanCohort
from generative.privacy.accountant import Charge, check_budget, epsilon_of, least_noise
from generative.privacy.gradients import Loss, PrivateGradients
from twin.errors import TwinError

_SLACK = 1e-3


@dataclass(frozen=True)
class PrivacyStatement:
    """What a training spent, as its model and every release of it say.

    Attributes:
        engine: how real patients went in.
        patients: how many there were; this number itself is not protected.
        epsilon: spent, none where no privacy is claimed.
        delta: at which epsilon holds.
        charges: everything that was taken and paid for.
        unpaid: everything that was taken and not paid for.
        weakness: what is known to be weak about a model of so many patients, or nothing.
    """

    engine: str
    patients: int
    epsilon: float | None
    delta: float | None
    charges: tuple[Charge, ...] = ()
    unpaid: tuple[str, ...] = ()
    weakness: str = ""

    @property
    def line(self) -> str:
        """The claim in one sentence."""
        if self.epsilon is None or self.delta is None:
            return "No privacy is claimed: the patients of the training may be recognised."
        return (
            f"Differentially private release: epsilon {self.epsilon:.3g} at delta "
            f"{self.delta:.3g}, for each of {self.patients} patients with all their scans."
        )


@dataclass
class Ledger:
    """Budget of a training and what was taken so far.

    Attributes:
        patients: of the private cohort.
        epsilon: budget, none where no privacy is claimed.
        delta: at which the budget holds; 1 / (10 patients) unless given.

    Raises:
        TwinError: a budget that promises nothing.
    """

    patients: int
    epsilon: float | None
    delta: float | None = None
    charges: list[Charge] = field(default_factory=list)
    unpaid: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.epsilon is not None:
            if self.delta is None:
                self.delta = 0.1 / self.patients
            check_budget(self.epsilon, self.delta, self.patients)

    def noise_of_one_sum(self, name: str) -> float:
        """Smallest noise multiplier with which one sum of everyone spends the whole budget.

        Args:
            name: what is summed.

        Raises:
            TwinError: there is no budget.
        """
        if self.epsilon is None or self.delta is None:
            raise TwinError("no budget to spend", where=name, expected="an epsilon", got="none")
        return least_noise(
            lambda noise: [Charge(name, noise)], epsilon=self.epsilon, delta=self.delta
        )

    def pay(self, charge: Charge) -> None:
        """Pay for a use before it happens.

        Raises:
            TwinError: the budget does not hold it.
        """
        if self.epsilon is not None and self.delta is not None:
            spent = epsilon_of([*self.charges, charge], self.delta)
            if spent > self.epsilon * (1.0 + _SLACK):
                raise TwinError(
                    "the privacy budget is spent",
                    where=charge.name,
                    expected=f"epsilon at most {self.epsilon:g} in all",
                    got=f"{spent:.4g} with it",
                    fix="Take less, add more noise, or ask for a larger epsilon.",
                )
        self.charges.append(charge)

    def take_unpaid(self, what: str) -> None:
        """Write down that private patients are used as they are.

        Raises:
            TwinError: privacy is claimed.
        """
        if self.epsilon is not None:
            raise TwinError(
                "private patients would be used without payment",
                where=what,
                expected="only noisy sums of clipped values, each paid for",
                got="the scans as they are",
                fix="Use public or simulated scans there, or train with epsilon none.",
            )
        if what not in self.unpaid:
            self.unpaid.append(what)

    def statement(self, engine: str, weakness: str = "") -> PrivacyStatement:
        """What was spent."""
        spent, delta = None, None
        if self.epsilon is not None and self.delta is not None:
            spent, delta = epsilon_of(self.charges, self.delta), self.delta
        return PrivacyStatement(
            engine,
            self.patients,
            spent,
            delta,
            tuple(self.charges),
            tuple(self.unpaid),
            weakness,
        )


class GuardedCohort:
    """A private cohort behind its ledger.

    The number of patients is given freely; the owner asserts that it is public.
    """

    def __init__(self, cohort: ScanCohort, ledger: Ledger) -> None:
        self._cohort = cohort
        self.ledger = ledger

    def __len__(self) -> int:
        return len(self._cohort)

    def scans(self, what: str) -> ScanCohort:
        """The patients as they are, without payment.

        Raises:
            TwinError: privacy is claimed.
        """
        self.ledger.take_unpaid(what)
        return self._cohort

    def noisy_sum(
        self,
        name: str,
        values: Callable[[ScanCohort], Float[np.ndarray, "n k"]],
        *,
        bound: float,
        noise_multiplier: float,
        random: np.random.Generator,
    ) -> Float[np.ndarray, " k"]:
        """Sum over patients of clipped vectors, with noise; charged before it is taken.

        Args:
            name: what is taken, for the certificate.
            values: a vector of each patient, from that patient's scans alone.
            bound: largest Euclidean norm of a vector; longer ones are shortened to it.
            noise_multiplier: standard deviation of the noise, relative to `bound`.
            random: of the noise. Its seed must stay secret.

        Raises:
            TwinError: the budget does not hold it.
        """
        self.ledger.pay(Charge(name, noise_multiplier))
        vectors = np.asarray(values(self._cohort), float)
        vectors = np.clip(np.nan_to_num(vectors), -bound, bound)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        clipped = vectors * np.minimum(1.0, bound / np.maximum(norms, 1e-300))
        noise = random.standard_normal(clipped.shape[1]) * noise_multiplier * bound
        return clipped.sum(axis=0) + noise

    def gradients(
        self,
        inputs: Callable[[ScanCohort], Any],
        loss: Loss,
        *,
        charge: Charge,
        bound: float,
        secret: int,
    ) -> PrivateGradients:
        """Noisy gradients over Poisson samples of patients; all charged before the first.

        Args:
            inputs: arrays with a row for each patient, from that patient's scans alone.
            loss: see `generative.privacy.gradients.PrivateGradients`, as are the others.
            charge: for all steps.
            bound: of the gradient of a patient.
            secret: seed of batches and noise.

        Raises:
            TwinError: the budget does not hold it.
        """
        self.ledger.pay(charge)
        return PrivateGradients(
            inputs(self._cohort), loss, charge=charge, bound=bound, secret=secret
        )

    def fingerprint(self) -> str:
        """Of all scans and labels, to know the cohort again; for the owner's own files alone."""
        digest = hashlib.sha256()
        cohort = self._cohort
        for part in (cohort.images, cohort.masks, cohort.days, cohort.response):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()
