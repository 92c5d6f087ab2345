"""Runs properties against a simulator: `conformance.check(my_simulator)` returns a report.

Examples are drawn by Hypothesis from a fixed seed, so that a verdict is the same every time, and a
failing example is shrunk before it is told.
"""

from __future__ import annotations

import importlib
import pickle
import time
from collections.abc import Iterable
from typing import Any, cast

from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from twin.testing.case import Case
from twin.testing.properties import PROPERTIES
from twin.testing.property import Property, listed
from twin.testing.protocol import BadResult, NotApplicable, Simulator, Subject, name_of
from twin.testing.report import FAILS, HOLDS, NOT_APPLICABLE, Report, Verdict
from twin.testing.script import script_of

REJECTED = 20
"""Examples after which a property counts as not applicable, if none of them could be expressed."""
SHRINK_SECONDS = 10.0
"""Time given to make a failing example smaller; what is smallest by then is told."""


def check(
    simulator: Simulator | str,
    *,
    properties: Iterable[str | Property] | None = None,
    examples: int | None = None,
    derandomize: bool = True,
    shrink_seconds: float = SHRINK_SECONDS,
) -> Report:
    """Hold a simulator against the kit.

    Args:
        simulator: a callable from a `Case` to densities (see `twin.testing.protocol`), or
            "package.module:name" of one.
        properties: names of properties or groups, or properties themselves; None means all.
        examples: how many examples each property is tried on; None takes each property's own.
        derandomize: draw the same examples every time; otherwise new ones at each call.
        shrink_seconds: time given to make a failing example smaller.

    Raises:
        KeyError: a name that no property and no group has.
    """
    path = simulator if isinstance(simulator, str) else ""
    found = load(simulator) if isinstance(simulator, str) else simulator
    verdicts = tuple(
        judge(
            found,
            wanted,
            examples=examples,
            derandomize=derandomize,
            shrink_seconds=shrink_seconds,
            path=path,
        )
        for wanted in select(properties)
    )
    return Report(name_of(found), verdicts)


def select(properties: Iterable[str | Property] | None) -> list[Property]:
    """Properties by name or group, in the order of the kit's list; None means all."""
    if properties is None:
        return list(PROPERTIES.values())
    wanted, chosen = list(properties), []
    for entry in wanted:
        if isinstance(entry, Property):
            chosen.append(entry)
            continue
        matching = [p for p in PROPERTIES.values() if entry in (p.name, p.group)]
        if not matching:
            known = ", ".join(PROPERTIES)
            raise KeyError(f"no property or group is called {entry!r}; there are {known}")
        chosen += matching
    return chosen


def load(path: str) -> Simulator:
    """The simulator at "package.module:name".

    Raises:
        ValueError: no colon, or what is there cannot be called.
    """
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise ValueError(f"a simulator is named as package.module:name, not {path!r}")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"{path} is not callable: a simulator is a callable from a Case")
    return cast(Simulator, found)


def judge(
    simulator: Simulator,
    wanted: Property,
    *,
    examples: int | None = None,
    derandomize: bool = True,
    shrink_seconds: float = SHRINK_SECONDS,
    path: str = "",
) -> Verdict:
    """Hold a simulator against one property; arguments as in `check`."""
    begun = time.perf_counter()
    subject = Subject(simulator)
    trial = _Trial(subject, wanted, shrink_seconds)
    reason = _not_applicable(subject, wanted)
    if reason is None:
        count = examples or wanted.examples
        trial.run(count, derandomize)
        if trial.compared == 0 and trial.failure is None:
            reason = trial.cannot or "no example could be drawn"
    tolerance = wanted.tolerance(subject.single)
    outcome, detail, script = HOLDS, "", ""
    if reason is not None:
        outcome, detail = NOT_APPLICABLE, reason
    elif trial.failure is None and trial.cannot:
        detail = f"as far as it can be asked; not applicable: {trial.cannot}"
    elif trial.failure is not None:
        outcome, detail = FAILS, trial.failure.told
        script = script_of(wanted, simulator, trial.failure.example, tolerance, path)
    return Verdict(
        name=wanted.name,
        number=wanted.number,
        reason=wanted.reason,
        outcome=outcome,
        detail=detail,
        script=script,
        examples=trial.compared,
        error=trial.error,
        tolerance=tolerance,
        seconds=time.perf_counter() - begun,
    )


def _not_applicable(subject: Subject, wanted: Property) -> str | None:
    exempt = getattr(subject.simulator, "exempt", None) or {}
    if wanted.name in exempt:
        return str(exempt[wanted.name])
    missing = [extra for extra in wanted.needs if not subject.offers(extra)]
    return f"offers no {' and no '.join(missing)}" if missing else None


class _Broken(Exception):
    """A relation that does not hold on an example."""

    def __init__(self, example: dict[str, Any], told: str) -> None:
        super().__init__(told)
        self.example, self.told = example, told


class _Trial:
    """One property tried on one simulator."""

    def __init__(self, subject: Subject, wanted: Property, shrink_seconds: float) -> None:
        self.subject, self.wanted, self.shrink_seconds = subject, wanted, shrink_seconds
        self.compared, self.rejected, self.error, self.cannot = 0, 0, 0.0, ""
        self.failure: _Broken | None = None
        self._known: dict[bytes, _Broken] = {}
        self._deadline = float("inf")

    def run(self, count: int, derandomize: bool) -> None:
        """Try `count` examples; the smallest failing one becomes `failure`."""
        configured = settings(
            max_examples=count,
            derandomize=derandomize,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=tuple(HealthCheck),  # type: ignore[arg-type]
        )

        @configured
        @given(st.fixed_dictionaries(self.wanted.given))
        def tried(example: dict[str, Any]) -> None:
            self._try(example)

        try:
            tried()
        except _Broken as broken:
            self.failure = broken
        except Unsatisfiable:
            pass

    def _try(self, example: dict[str, Any]) -> None:
        if self.compared == 0 and self.rejected >= REJECTED:
            return
        if time.perf_counter() > self._deadline:
            # Time is up: of what follows, only examples already known to fail still fail.
            if known := self._known.get(pickle.dumps(example)):
                raise known
            return
        told = self._told(example)
        if told is not None:
            if not self._known:
                self._deadline = time.perf_counter() + self.shrink_seconds
            broken = self._known[pickle.dumps(example)] = _Broken(example, told)
            raise broken

    def _told(self, example: dict[str, Any]) -> str | None:
        """What is wrong on an example, or None."""
        try:
            claims = listed(self.wanted.relation(self.subject, **_copied(example)))
        except NotApplicable as error:
            self.cannot = str(error) or "the simulator cannot express it"
            self.rejected += 1
            reject()
        except BadResult as error:
            return f"FAILS: {error}"
        except Exception as error:
            return f"FAILS: raised {type(error).__name__}: {error}"
        tolerance = self.wanted.tolerance(self.subject.single)
        self.compared += 1
        self.error = max([self.error, *(claim.error for claim in claims)])
        broken = [claim for claim in claims if not claim.holds(tolerance)]
        if not broken:
            return None
        more = f"; and {len(broken) - 1} more" if len(broken) > 1 else ""
        return broken[0].told(tolerance) + more


def _copied(example: dict[str, Any]) -> dict[str, Any]:
    return {k: v.copy() if isinstance(v, Case) else v for k, v in example.items()}
