"""The outcome of a check: one verdict for each property, printed as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

HOLDS, FAILS, NOT_APPLICABLE = "holds", "FAILS", "not applicable"


@dataclass(frozen=True)
class Verdict:
    """What came out for one property.

    Attributes:
        name, number, reason: of the property.
        outcome: "holds", "FAILS" or "not applicable".
        detail: the claim that failed, with found and expected; or why it is not applicable, as
            a whole or, where it holds, on some examples.
        script: copy-paste script that reproduces a failure; empty otherwise.
        examples: examples that the simulator could express and that were compared.
        error, tolerance: largest error seen and the tolerance of the property.
        seconds: time taken.
    """

    name: str
    number: int
    reason: str
    outcome: str
    detail: str = ""
    script: str = ""
    examples: int = 0
    error: float = 0.0
    tolerance: float = 0.0
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the relation was broken."""
        return self.outcome == FAILS

    def explained(self) -> str:
        """The verdict in full, with the script that reproduces a failure."""
        head = f"{self.name} (property {self.number}) {self.outcome}: {self.reason}"
        parts = [head, *([f"  {self.detail}"] if self.detail else [])]
        if self.script:
            parts += ["", "  This script reproduces it:", "", self.script]
        return "\n".join(parts)


@dataclass(frozen=True)
class Report:
    """Verdicts of a simulator, in the order of the kit's list.

    Attributes:
        simulator: its name and version.
        verdicts: one for each property.
    """

    simulator: str
    verdicts: tuple[Verdict, ...] = field(repr=False)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Verdicts of the properties that the simulator broke."""
        return tuple(v for v in self.verdicts if v.failed)

    @property
    def held(self) -> tuple[Verdict, ...]:
        """Verdicts of the properties that held."""
        return tuple(v for v in self.verdicts if v.outcome == HOLDS)

    @property
    def not_applicable(self) -> tuple[Verdict, ...]:
        """Verdicts of the properties that the simulator, by its nature, cannot be asked."""
        return tuple(v for v in self.verdicts if v.outcome == NOT_APPLICABLE)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __getitem__(self, name: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.name == name:
                return verdict
        raise KeyError(name)

    def __str__(self) -> str:
        width = max((len(v.name) for v in self.verdicts), default=0)
        lines = [f"{self.simulator}: {self.summary}", ""]
        for v in self.verdicts:
            told = v.detail or v.reason
            lines.append(f"{v.number:>3}  {v.name:<{width}}  {v.outcome:<14}  {told}".rstrip())
        return "\n".join(lines)

    @property
    def summary(self) -> str:
        """How many properties held, failed and were not applicable, in one line."""
        return (
            f"{len(self.held)} hold, {len(self.failed)} fail,"
            f" {len(self.not_applicable)} not applicable"
        )

    def raise_if_failed(self) -> None:
        """Raise an AssertionError with a script for every failure; nothing if there is none."""
        if self.failed:
            told = "\n\n".join(v.explained() for v in self.failed)
            raise AssertionError(f"{self.simulator}: {self.summary}\n\n{told}")
