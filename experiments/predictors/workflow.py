"""From a task file to a model folder: what `oncotwin predict train` does."""

from __future__ import annotations

from pathlib import Path

from experiments.predictors.card import model_card
from experiments.predictors.model_folder import check_free, save_model
from experiments.predictors.results import TrainingResult
from experiments.predictors.task import load_task
from experiments.predictors.training import Progress, train


def train_task(
    task_path: Path,
    folder: Path,
    *,
    cohort: Path | None = None,
    permutations: int | None = None,
    restart: bool = False,
    progress: Progress | None = None,
) -> tuple[TrainingResult, bool]:
    """Train a task and write its model folder; the result, and whether it is of survival.

    Raises:
        TwinError: the task, its cohort or the folder is no good.
    """
    check_free(folder, restart=restart)
    task = load_task(task_path)
    trained, result = train(
        task, task_path.parent, cohort=cohort, permutations=permutations, progress=progress
    )
    card = model_card(task, trained, result)
    save_model(folder, task, task_path, trained, result, card)
    return result, task.outcome.is_survival
