"""What a look at a release found: its checks, and whether to trust it."""

from __future__ import annotations

from dataclasses import dataclass

from generative.release.certificate import USE


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        passed: whether it is right.
        detail: what was found, or what is wrong.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """What `verify_release` found.

    Attributes:
        checks: everything that was looked at.
        claim: the privacy that the certificate claims, in a sentence.
        public_key: that the release was signed with, in hexadecimal digits.
        trusted: whether a key to compare with was given.
    """

    checks: tuple[Check, ...]
    claim: str
    public_key: str
    trusted: bool

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def confirmed(self) -> bool:
        """Whether every check passed and the release was signed by the key that is trusted."""
        return self.passed and self.trusted

    def __str__(self) -> str:
        lines = [
            f"{'ok    ' if check.passed else 'FAILED'}  {check.name}: {check.detail}"
            for check in self.checks
        ]
        if not self.passed:
            return "\n".join([*lines, "This release is not to be trusted.", USE])
        if self.trusted:
            signed = "Signed by the key that you trust."
        else:
            signed = (
                f"Signed by {self.public_key}: whose key this is, you have to ask the owner by"
                " another way."
            )
        return "\n".join([*lines, self.claim, signed, USE])
