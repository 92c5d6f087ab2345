"""The leakage check: does a procedure see, of the patients it tests, what it must not?

It asks by behavior, so that it works for any procedure and not only for ours:

- *a patient in two splits*: names or whole rows (inputs and outcome) that are both tested and
  learned from. Equal rows count where chance would hardly make one such pair.
- *selection outside the folds*: the outcomes of tested patients are changed; their scores may not.
- *fitting on test data* (scaling, imputation): the inputs of half of the tested patients are
  changed; the scores of the other half may not.

A procedure gets all patients and the folds, so that whatever it does before splitting is seen too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from experiments.predictors.evaluation.crossval import Procedure
from experiments.predictors.evaluation.outcome import is_survival

_EQUAL = 1e-9
_TRIES = 3
CHANCE_PAIRS = 0.01
"""Equal rows count as one patient where fewer such pairs than this are expected by chance."""


@dataclass(frozen=True)
class Leakage:
    """What was found: one sentence a leak, none if clean."""

    leaks: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not self.leaks


def check_leakage(
    procedure: Procedure,
    inputs: Float[np.ndarray, "n p"],
    outcome: np.ndarray,
    folds: Int[np.ndarray, "r n"],
    *,
    patients: Sequence[str],
    cells: np.ndarray | None = None,
    seed: int = 0,
) -> Leakage:
    """Look for the three kinds of leak; a sentence for each that is found.

    Args:
        procedure: what is checked.
        inputs, outcome, folds: what it is given.
        patients: their names.
        cells: (n, q) whatever else is known of them, such as the whole table, as text: inputs that
            are few and coarse do not tell patients apart.
        seed: of what is changed.
    """
    leaks = [*shared_patients(patients, inputs, outcome, folds, cells=cells)]
    split = folds[0]
    numbers = np.unique(split[split >= 0])
    random = np.random.default_rng(seed)
    for number in numbers[: _TRIES if len(numbers) > _TRIES else None]:
        # Only this fold is tested: a procedure that is honest does no more work than it must.
        only = np.where(split == number, 0, -1)
        test = only == 0
        before = procedure(inputs, outcome, only)[test]
        if not _same(before, procedure(inputs, outcome, only)[test]):
            leaks.append("the procedure gives other scores when run again: it cannot be checked")
            break
        if not _same(before, procedure(inputs, _other_outcomes(outcome, test, random), only)[test]):
            leaks.append(
                "selection outside the folds: the outcomes of tested patients change their scores"
            )
        changed, untouched = _other_inputs(inputs, test, random)
        after = procedure(changed, outcome, only)[test]
        if not _same(before[untouched], after[untouched]):
            leaks.append(
                "fitting on test data: the inputs of one tested patient change another's score"
            )
    return Leakage(tuple(dict.fromkeys(leaks)))


def shared_patients(
    patients: Sequence[str],
    inputs: Float[np.ndarray, "n p"],
    outcome: np.ndarray,
    folds: Int[np.ndarray, "r n"],
    *,
    cells: np.ndarray | None = None,
) -> list[str]:
    """Patients that some repeat both tests and learns from, by name or by equal rows."""
    found = []
    names = np.unique(np.asarray(patients), return_inverse=True)[1]
    if _split_apart(names, folds):
        found.append("a patient in two splits: the same name is tested and learned from")
    rows = as_rows(inputs, outcome)
    for told in (rows,) if cells is None else (rows, np.hstack([rows, as_codes(cells)])):
        same = np.unique(told, axis=0, return_inverse=True)[1].reshape(-1)
        if expected_pairs(told) < CHANCE_PAIRS and _split_apart(same, folds):
            found.append(
                "a patient in two splits: equal rows under different names are tested and learned"
                " from"
            )
            break
    return found


def as_codes(cells: np.ndarray) -> Float[np.ndarray, "n q"]:
    """(n, q) number of every text among those of its column."""
    if cells.shape[1] == 0:
        return np.zeros(cells.shape)
    columns = [np.unique(column.astype(str), return_inverse=True)[1] for column in cells.T]
    return np.stack(columns, axis=1).astype(float)


def as_rows(inputs: Float[np.ndarray, "n p"], outcome: np.ndarray) -> Float[np.ndarray, "n q"]:
    """(n, q) inputs and outcome of every patient as numbers, six digits each; no NaN."""
    seen = (
        np.stack([outcome["event"].astype(float), outcome["time"]], axis=1)
        if is_survival(outcome)
        else outcome[:, None].astype(float)
    )
    rows = np.concatenate([inputs, seen], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(rows == 0, 1.0, 10.0 ** (np.floor(np.log10(np.abs(rows))) - 5))
    return np.nan_to_num(np.round(rows / size) * size, nan=-1e30)


def collision(rows: Float[np.ndarray, "n q"]) -> float:
    """Chance that two patients have equal rows, were columns independent: 0 where one of them tells
    all patients apart.

    Columns that say the same make it too small: then equal rows count as one patient too readily,
    which costs a claim and never grants one.
    """
    pairs = max(len(rows) * (len(rows) - 1), 1)
    counts = [np.unique(column, return_counts=True)[1] for column in rows.T]
    return float(np.prod([(c * (c - 1)).sum() / pairs for c in counts]))


def expected_pairs(rows: Float[np.ndarray, "n q"]) -> float:
    """Pairs of patients that chance would give equal rows."""
    return len(rows) * (len(rows) - 1) / 2 * collision(rows)


def _split_apart(identity: np.ndarray, folds: Int[np.ndarray, "r n"]) -> bool:
    """Whether equal identities lie in different folds of one repeat."""
    for split in folds:
        pairs = np.unique(np.stack([identity, split]), axis=1)
        if len(np.unique(identity)) < pairs.shape[1]:
            return True
    return False


def _other_outcomes(
    outcome: np.ndarray, test: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Labels of tested patients turned round; their events too, with times of another patient."""
    changed = outcome.copy()
    if not is_survival(outcome):
        changed[test] = 1 - changed[test]
        return changed
    changed["event"][test] = ~outcome["event"][test]
    changed["time"][test] = random.permutation(outcome["time"])[: int(test.sum())]
    return changed


def _other_inputs(
    inputs: np.ndarray, test: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs with half of the tested patients far from all others, and which of the tested were
    left as they were."""
    rows = np.flatnonzero(test)
    touched = random.permutation(len(rows))[: max(1, len(rows) // 2)]
    spread = np.nan_to_num(np.nanstd(inputs, axis=0)) + 1.0
    changed = inputs.copy()
    changed[rows[touched]] = np.nanmax(
        np.nan_to_num(inputs), axis=0
    ) + 10.0 * spread * random.uniform(1.0, 2.0, (len(touched), inputs.shape[1]))
    untouched = np.ones(len(rows), bool)
    untouched[touched] = False
    return changed, untouched


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=_EQUAL, atol=_EQUAL, equal_nan=True))
