"""The judgement of a synthetic cohort: fidelity, utility and privacy against real patients.

Real test patients say what is real; training patients are needed for attacks, and for what a model
learns from real patients. All figures look at private patients and are not covered by a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.synth.comparable import check_comparable, why_without_utility
from experiments.synth.verdicts import (
    GROUPS,
    Criterion,
    Group,
    Status,
    fidelity_criteria,
    limits_for,
    privacy_criteria,
    utility_criteria,
    verdict,
)
from generative.attacks.copies import Copies, count_repeats, find_copies
from generative.attacks.disclosure import Disclosure, attribute_inference, linkability
from generative.attacks.membership import Scores, membership_attacks
from generative.attacks.outcome import Membership
from generative.cohort import ScanCohort
from generative.metrics.condition import REQUESTED, response_fidelity, volume_fidelity
from generative.metrics.density import clipped_coverage, clipped_density
from generative.metrics.distances import Frechet, Mmd, frechet_against_floor, mmd, standardized
from generative.metrics.diversity import Diversity, diversity
from generative.metrics.features import features, first_scan_only
from generative.metrics.figure import Figure
from generative.metrics.preservation import Effects, Preservation, effects, preservation
from generative.metrics.spectrum import radial_spectra, spectrum_distance
from generative.metrics.two_sample import two_sample_auc
from generative.metrics.utility import Utility, utility

Sided = tuple[ScanCohort, np.ndarray]
"""A cohort and its features."""


@dataclass(frozen=True)
class Evaluation:
    """Every figure of a synthetic cohort, and the criteria that it meets.

    Attributes:
        synthetic, test, members: numbers of patients; 0 members where none were given.
        simulated: whether the "real" patients are simulated themselves.
        epsilon: budget of the generator; None where it had none.
        frechet, mmd, density, coverage, two_sample, spectrum, diversity: fidelity.
        repeats: synthetic patients that are another one over again.
        volume, response: whether the cohort is what was asked for.
        preservation, effects: radiomics.
        utility: of a prediction; None with `without_utility` saying why.
        membership, copies, disclosures: attacks; None and empty without members.
        criteria: all criteria with their outcome.
    """

    synthetic: int
    test: int
    members: int
    simulated: bool
    epsilon: float | None
    frechet: Frechet
    mmd: Mmd
    density: Figure
    coverage: Figure
    two_sample: Figure
    spectrum: Figure
    diversity: Diversity
    repeats: int
    volume: Figure | None
    response: Figure | None
    preservation: Preservation
    effects: Effects | None
    utility: Utility | None
    without_utility: str
    membership: Membership | None
    copies: Copies | None
    disclosures: tuple[Disclosure, ...]
    criteria: tuple[Criterion, ...]

    @property
    def verdicts(self) -> dict[Group, Status]:
        """Fidelity, utility and privacy: passed, failed, not shown or not examined."""
        return {group: verdict(self.criteria, group) for group in GROUPS}


def evaluate(
    synthetic: ScanCohort,
    test: ScanCohort,
    members: ScanCohort | None = None,
    *,
    epsilon: float | None = None,
    inside_scores: Mapping[str, Scores] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge a synthetic cohort.

    Args:
        synthetic: the cohort.
        test: real patients that the generator never saw.
        members: real patients that it learned from; without them no attack can be tried.
        epsilon: budget that the generator was trained under; it loosens the limits.
        inside_scores: attacks that know the generator: name -> scores of members and of test
            patients, higher for members.
        seed: of every draw.

    Raises:
        TwinError: cohorts that cannot be compared, or too few patients.
    """
    check_comparable(synthetic, test, members)
    with threadpool_limits(1):
        return _evaluate(synthetic, test, members, epsilon, inside_scores, seed)


def _evaluate(
    synthetic: ScanCohort,
    test: ScanCohort,
    members: ScanCohort | None,
    epsilon: float | None,
    inside_scores: Mapping[str, Scores] | None,
    seed: int,
) -> Evaluation:
    names, real = features(test)
    made = features(synthetic)[1]
    known = features(members)[1] if members is not None else None
    unit, unit_made = standardized(real, made)
    why_not = why_without_utility(synthetic, test, members)
    learned = (
        None
        if why_not
        else _utility(names, (synthetic, made), (test, real), (members, known), seed)
    )
    first = first_scan_only(names)
    effect = None
    if not why_not:
        columns = tuple(np.array(names)[first])
        effect = effects(
            columns, real[:, first], test.response, made[:, first], synthetic.response, seed=seed
        )
    attacked = None
    if members is not None and known is not None:
        attacked = _attacks(
            names, (synthetic, made), (members, known), (test, real), inside_scores, seed
        )
    membership, copies, disclosures = attacked or (None, None, ())
    frechet = frechet_against_floor(unit, unit_made, seed=seed)
    told_apart = two_sample_auc(unit, unit_made, seed=seed)
    volume = volume_fidelity(synthetic, seed=seed)
    limits = limits_for(epsilon)
    criteria = (
        *fidelity_criteria(limits, frechet, told_apart, volume),
        *utility_criteria(limits, effect, learned, why_not),
        *privacy_criteria(membership, copies),
    )
    return Evaluation(
        synthetic=len(synthetic),
        test=len(test),
        members=0 if members is None else len(members),
        simulated=test.provenance.startswith("simulated"),
        epsilon=epsilon,
        frechet=frechet,
        mmd=mmd(unit, unit_made, seed=seed),
        density=clipped_density(unit, unit_made, seed=seed),
        coverage=clipped_coverage(unit, unit_made, seed=seed),
        two_sample=told_apart,
        spectrum=spectrum_distance(
            radial_spectra(test.images), radial_spectra(synthetic.images), seed=seed
        ),
        diversity=diversity(test.images[:, 0], synthetic.images[:, 0], seed=seed),
        repeats=count_repeats(synthetic, test),
        volume=volume,
        response=None
        if why_not
        else response_fidelity((real, test.response), (made, synthetic.response), seed=seed),
        preservation=preservation(names, real, made, seed=seed),
        effects=effect,
        utility=learned,
        without_utility=why_not,
        membership=membership,
        copies=copies,
        disclosures=disclosures,
        criteria=criteria,
    )


def _utility(
    names: tuple[str, ...],
    synthetic: Sided,
    test: Sided,
    members: tuple[ScanCohort | None, np.ndarray | None],
    seed: int,
) -> Utility:
    """Without members, every second test patient is learned from and the others are tested."""
    first = first_scan_only(names)
    columns = tuple(np.array(names)[first])

    def labeled(cohort: ScanCohort, values: np.ndarray, rows: Any = slice(None)):
        return values[rows][:, first], cohort.response[rows]

    made = labeled(*synthetic)
    if members[0] is not None and members[1] is not None:
        return utility(columns, made, labeled(members[0], members[1]), labeled(*test), seed=seed)
    # Every second patient within each response, so that both halves hold enough of each.
    order = np.argsort(test[0].response, kind="stable")
    return utility(
        columns, made, labeled(*test, order[::2]), labeled(*test, order[1::2]), seed=seed
    )


def _attacks(
    names: tuple[str, ...],
    synthetic: Sided,
    members: Sided,
    test: Sided,
    inside_scores: Mapping[str, Scores] | None,
    seed: int,
) -> tuple[Membership, Copies, tuple[Disclosure, ...]]:
    cohorts = synthetic[0], members[0], test[0]
    values = synthetic[1], members[1], test[1]
    first = first_scan_only(names)
    secrets = {"response": [cohort.response for cohort in cohorts]}
    for name in set.intersection(*(set(cohort.columns) for cohort in cohorts)) - {REQUESTED}:
        secrets[name] = [np.asarray(cohort.columns[name]) for cohort in cohorts]
    found = [
        attribute_inference(
            name,
            *((rows[:, first], secret) for rows, secret in zip(values, secrets[name], strict=True)),
            seed=seed,
        )
        for name in sorted(secrets)
    ]
    found.append(linkability(*values, first, seed=seed))
    return (
        membership_attacks(*cohorts, values, extra=inside_scores, seed=seed),
        find_copies(*cohorts),
        tuple(found),
    )
