"""A named property: a relation that must hold for every example that its strategies draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

from twin.testing.claims import Claim

Relation = Callable[..., "Claim | list[Claim]"]


@dataclass(frozen=True)
class Property:
    """What a simulator owes its users, one relation of it.

    Attributes:
        name: short name, the function's.
        number: number in the kit's list; several properties may share one.
        group: file that it lives in.
        reason: one line: why a user is owed this.
        double, single: tolerances for results in float64 and in float32.
        needs: extras of the protocol without which it is not applicable.
        examples: examples tried at the usual effort of `check`.
        relation: function of the simulator and an example, returning claims.
        given: name -> strategy of each argument of the relation after the simulator.
    """

    name: str
    number: int
    group: str
    reason: str
    double: float
    single: float
    relation: Relation
    given: dict[str, SearchStrategy[Any]] = field(repr=False)
    needs: tuple[str, ...] = ()
    examples: int = 5

    def tolerance(self, single: bool) -> float:
        """Tolerance for a simulator in single or double precision."""
        return self.single if single else self.double


def relation(
    number: int,
    reason: str,
    *,
    double: float,
    single: float,
    needs: tuple[str, ...] = (),
    examples: int = 5,
    **given: SearchStrategy[Any],
) -> Callable[[Relation], Property]:
    """Make a property of a function `(simulator, **example) -> claims`.

    The function stands alone: its source is what a reproducing script shows and runs. It may use
    names of its module.

    Args:
        number: number in the kit's list.
        reason: why a user is owed this, one line.
        double, single: tolerances in float64 and float32.
        needs: extras of the protocol that it uses.
        examples: examples tried at the usual effort.
        **given: a strategy for each argument after the simulator.
    """

    def decorate(function: Relation) -> Property:
        group = function.__module__.rpartition(".")[2]
        return Property(
            name=function.__name__,
            number=number,
            group=group,
            reason=reason,
            double=double,
            single=single,
            relation=function,
            given=given,
            needs=needs,
            examples=examples,
        )

    return decorate


def listed(claims: Claim | Iterable[Claim]) -> list[Claim]:
    """The claims of a relation as a list."""
    return [claims] if isinstance(claims, Claim) else list(claims)
