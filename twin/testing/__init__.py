"""The conformance kit: what any tumor simulator owes its users, as tests that anyone can run.

    from twin.testing import conformance
    report = conformance.check(my_simulator)

A simulator is a callable from a `Case` to an array, see `twin.testing.protocol`. The kit needs
NumPy, SciPy and Hypothesis; it imports no JAX and no other part of this package. Names are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.testing.case import Case, Drug
    from twin.testing.conformance import check
    from twin.testing.protocol import NotApplicable, Simulator
    from twin.testing.report import Report, Verdict

_HOME_OF = {
    "Case": "twin.testing.case",
    "Drug": "twin.testing.case",
    "NotApplicable": "twin.testing.protocol",
    "Report": "twin.testing.report",
    "Simulator": "twin.testing.protocol",
    "Verdict": "twin.testing.report",
    "check": "twin.testing.conformance",
}

__all__ = ["Case", "Drug", "NotApplicable", "Report", "Simulator", "Verdict", "check"]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'twin.testing' has no attribute {name!r}")
