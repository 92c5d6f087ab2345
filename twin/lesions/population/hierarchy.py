"""The joint model of readings and of their end, and its posterior by NUTS.

Each patient has a growth, a decline, a volatility and a habit of repeated readings, drawn around
those of the arm, which are drawn around those of all. Priors are assumed, and wide beside what a
thousand series say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jaxtyping import Array, Int
from numpyro.distributions import Dirichlet, HalfNormal, LogNormal, Normal
from numpyro.infer import MCMC, NUTS, init_to_median

from twin.cores import available_cores, on_every_core
from twin.lesions.population.endings import COVARIATES, log_chance, training_covariates
from twin.lesions.population.steps import Law, Patients, Steps, log_likelihood

PATIENT = ("patient_growth", "patient_decline", "patient_volatility", "patient_repeats")
"""Sites that belong to the patients of the table and not to the population."""
_DEPTH = 7  # of the tree: 127 steps at most
_WORTH_PROCESSES = 1000
"""Readings from which a chain takes so long that every core should have its own."""


def law_of(site: Callable[[str], Any]) -> Law:
    """What patients share, from named values."""
    return Law(*(site(name) for name in Law._fields))


def patients_of(
    site: Callable[[str], Any],
    growth: Array,
    decline: Array,
    volatility: Array,
    repeats: Array,
    arm_growth: Array,
    arm_decline: Array,
) -> Patients:
    """Patients from standard normal scores of theirs and of their arms."""
    return Patients(
        site("growth") + site("growth_arm_sd") * arm_growth + site("growth_sd") * growth,
        site("decline") + site("decline_arm_sd") * arm_decline + site("decline_sd") * decline,
        jnp.exp(site("volatility_sd") * volatility),
        site("repeats") + site("repeats_sd") * repeats,
    )


_PRIORS: dict[str, Any] = {
    "wear_off": LogNormal(0.0, 0.5),
    "change_sd": LogNormal(math.log(0.08), 0.5),
    "fall_sd": LogNormal(math.log(0.2), 0.5),
    "rise_sd": LogNormal(math.log(0.2), 0.5),
    "shares": Dirichlet(np.array([12.0, 2.0, 2.0])),
    "fall_mean": LogNormal(math.log(0.5), 0.4),
    "rise_mean": LogNormal(math.log(0.5), 0.4),
    "with_size": Normal(0.3, 0.3),
    "with_gap": Normal(0.5, 0.2),
    "repeats_zero": Normal(2.0, 2.0),
    "growth": Normal(0.05, 0.2),
    "growth_arm_sd": HalfNormal(0.05),
    "growth_sd": LogNormal(math.log(0.1), 0.3),
    "decline": Normal(0.1, 0.3),
    "decline_arm_sd": HalfNormal(0.1),
    "decline_sd": LogNormal(math.log(0.25), 0.5),
    "volatility_sd": HalfNormal(0.3),
    "repeats": Normal(-1.0, 1.0),
    "repeats_sd": HalfNormal(1.0),
    "ends": Normal(0.0, 1.5).expand([len(COVARIATES)]).to_event(1),
    "ends_with_growth": Normal(0.0, 0.5),
}


def sample_posterior(
    steps: Steps,
    arm: Int[np.ndarray, " n"],
    *,
    arms: int,
    chains: int,
    warmup: int,
    draws: int,
    seed: int,
) -> tuple[dict[str, np.ndarray], int]:
    """(chains, draws, ...) of every site, patients left out, and how many transitions diverged."""
    several = available_cores() if len(steps.lesion) >= _WORTH_PROCESSES else 1
    groups = [part.tolist() for part in np.array_split(np.arange(chains), min(several, chains))]
    run = partial(_run_chains, steps, arm, arms, warmup, draws, seed)
    found = list(on_every_core(run, groups, worth_processes=2))
    sites = {name: np.concatenate([drawn[name] for drawn, _ in found]) for name in found[0][0]}
    return sites, sum(diverged for _, diverged in found)


def _run_chains(
    steps: Steps,
    arm: Int[np.ndarray, " n"],
    arms: int,
    warmup: int,
    draws: int,
    seed: int,
    numbers: list[int],
) -> tuple[dict[str, np.ndarray], int]:
    """Chains of NUTS, each with a stream of its own number, one after the other."""
    table, last, may_end = training_covariates(steps)
    drawn: Callable[..., Any] = numpyro.sample

    def model() -> None:
        values = {name: drawn(name, prior) for name, prior in _PRIORS.items()}
        site = values.__getitem__
        with numpyro.plate("arms", arms):
            by_arm = [drawn(f"arm_{name}", Normal()) for name in ("growth", "decline")]
        with numpyro.plate("patients", len(arm)):
            own = [drawn(name, Normal()) for name in PATIENT]
        patients = patients_of(site, *own, *(effect[arm] for effect in by_arm))
        each = Patients(*(value[steps.lesion] for value in patients))
        found = log_likelihood(
            law_of(site), each, steps.before, steps.after, steps.from_mm, steps.to_mm
        )
        odds = table @ site("ends") + site("ends_with_growth") * own[0][steps.lesion]
        ended = jnp.where(may_end, log_chance(odds, last), 0.0)
        numpyro.factor("readings", found.sum())
        numpyro.factor("endings", ended.sum())

    together: Any = [tuple(_PRIORS)]  # a mass matrix for them, not for the patients
    kernel = NUTS(model, dense_mass=together, init_strategy=init_to_median, max_tree_depth=_DEPTH)
    sampler = MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=len(numbers),
        chain_method="sequential",
        progress_bar=False,
    )
    with jax.enable_x64(True):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), jnp.asarray(numbers))
        sampler.run(keys if len(numbers) > 1 else keys[0], extra_fields=("diverging",))
        found = sampler.get_samples(group_by_chain=True)
        diverged = int(np.asarray(sampler.get_extra_fields()["diverging"]).sum())
    return {n: np.asarray(v) for n, v in found.items() if n not in PATIENT}, diverged
