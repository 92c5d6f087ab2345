"""What people run: the command line, sweeps on disk, reports and benchmarks.

`experiments.write_report` is imported when it is first used, so that `oncotwin --help` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.report import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    if name == "write_report":
        value = importlib.import_module("experiments.report").write_report
        globals()[name] = value
        return value
    raise AttributeError(f"module 'experiments' has no attribute {name!r}")
