"""Predictors of outcomes: a task in YAML, a classical model, and an evaluation that cannot fool its
user (docs/explanation/evaluation.md)."""

from experiments.predictors.task import Task, load_task

__all__ = ["Task", "load_task"]
