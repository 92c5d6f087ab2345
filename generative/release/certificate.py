"""The certificate of a release: proved, re-computable by its receiver, asserted by its owner.

It is a checked model, not a text: whoever reads `certificate.json` gets every number, and
`certificate.html` says the same to a person. `Certificate.model_json_schema()` is its schema.
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from generative.cohort import ScanCohort
from generative.privacy.accountant import Charge
from generative.privacy.ledger import PrivacyStatement
from generative.release.wording import check_column, check_line, check_untelling
from twin.errors import TwinError

CERTIFICATE_SCHEMA = "oncotwin-certificate/1"
USE = "Research use, not for clinical decisions."

_LONGEST_WEAKNESS = 2000
_Count = Annotated[int, Field(ge=1, le=999_999)]
_Size = Annotated[float, Field(gt=0.0, le=1000.0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PaidCharge(_Part):
    """One use of private patients, as in `generative.privacy.Charge`."""

    name: str
    noise_multiplier: Annotated[float, Field(gt=0.0)]
    sampling_probability: Annotated[float, Field(gt=0.0, le=1.0)]
    steps: Annotated[int, Field(ge=1, le=10**9)]


class Proved(_Part):
    """What follows from the mechanism, given that the owner's assertions are true."""

    claim: str
    mechanism: str
    unit: Literal["a patient with all their scans"] = "a patient with all their scans"
    neighbors: Literal["cohorts that differ by one patient, added or removed"] = (
        "cohorts that differ by one patient, added or removed"
    )
    epsilon: Annotated[float, Field(ge=0.0)] | None
    delta: Annotated[float, Field(gt=0.0, lt=1.0)] | None
    charges: Annotated[list[PaidCharge], Field(max_length=10_000)]
    weakness: str


class Recomputable(_Part):
    """What a receiver can compute anew from the files alone; `verify_release` does."""

    patients: _Count
    scans_per_patient: Annotated[int, Field(ge=1, le=99)]
    shape: tuple[_Count, _Count, _Count]
    spacing_mm: tuple[_Size, _Size, _Size]
    modality: str
    unit: str
    responders: Annotated[int, Field(ge=0)]
    columns: list[str]


class Asserted(_Part):
    """What only the owner can know; `generative.release.statements` puts it into sentences."""

    patients_in_training: Annotated[int, Field(ge=0)]
    unpaid: list[str]
    defaced: bool


class Certificate(_Part):
    """Content of certificate.json."""

    schema_name: Annotated[Literal["oncotwin-certificate/1"], Field(alias="schema")]
    title: str
    owner: str
    license: str
    published: datetime.date
    use: Literal["Research use, not for clinical decisions."] = USE
    software: Annotated[str, Field(pattern=r"^oncotwin [0-9A-Za-z.+-]{1,40}$")]
    proved: Proved
    recomputable: Recomputable
    asserted: Asserted

    @property
    def statement(self) -> PrivacyStatement:
        """The privacy statement that it certifies."""
        return PrivacyStatement(
            self.proved.mechanism,
            self.asserted.patients_in_training,
            self.proved.epsilon,
            self.proved.delta,
            tuple(Charge(**charge.model_dump()) for charge in self.proved.charges),
            tuple(self.asserted.unpaid),
            self.proved.weakness,
        )

    def to_bytes(self) -> bytes:
        """certificate.json, the same bytes each time."""
        return (self.model_dump_json(indent=2, by_alias=True) + "\n").encode()


def make_certificate(
    cohort: ScanCohort,
    privacy: PrivacyStatement,
    *,
    title: str,
    owner: str,
    license: str,
    published: datetime.date,
    defaced: bool,
) -> Certificate:
    """Certificate of a cohort that may go out.

    Raises:
        TwinError: a text that may not stand in a release, or a number out of its range.
    """
    from twin import __version__

    _check_delta(privacy.epsilon, privacy.delta)
    values = {
        "schema": CERTIFICATE_SCHEMA,
        "title": title,
        "owner": owner,
        "license": license,
        "published": published,
        "software": f"oncotwin {__version__}",
        "proved": {
            "claim": privacy.line,
            "mechanism": privacy.engine,
            "epsilon": privacy.epsilon,
            "delta": privacy.delta,
            "charges": [vars(charge) for charge in privacy.charges],
            "weakness": privacy.weakness,
        },
        "recomputable": contents(cohort).model_dump(),
        "asserted": {
            "patients_in_training": privacy.patients,
            "unpaid": list(privacy.unpaid),
            "defaced": defaced,
        },
    }
    try:
        made = Certificate.model_validate(values)
    except ValidationError as error:
        raise _not_certificate(error) from error
    check_texts(made)
    return made


def contents(cohort: ScanCohort) -> Recomputable:
    """What the scans themselves say about a release."""
    shape = cohort.images.shape
    return Recomputable(
        patients=shape[0],
        scans_per_patient=shape[1],
        shape=shape[2:],
        spacing_mm=cohort.spacing_mm,
        modality=cohort.modality,
        unit=cohort.unit,
        responders=int(cohort.response.sum()),
        columns=sorted(cohort.columns),
    )


def read_certificate(content: bytes) -> Certificate:
    """Read certificate.json.

    Raises:
        TwinError: it is not one, its bytes are not as written here, or a text in it may not
            stand in a release.
    """
    try:
        found = Certificate.model_validate_json(content)
    except ValidationError as error:
        raise _not_certificate(error) from error
    if found.to_bytes() != content:
        raise TwinError("certificate is not written as it must be")
    check_texts(found)
    return found


def check_texts(certificate: Certificate) -> None:
    """Check every free text, and that the claim is that of the numbers.

    Raises:
        TwinError: naming the text.
    """
    _check_delta(certificate.proved.epsilon, certificate.proved.delta)
    for where in ("title", "owner"):
        check_line(getattr(certificate, where), where=where)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,39}", certificate.license):
        raise TwinError(
            "license is no SPDX identifier",
            where="license",
            expected="such as CC-BY-4.0",
            got=repr(certificate.license[:60]),
        )
    proved = certificate.proved
    check_untelling(proved.mechanism, where="privacy.engine")
    for charge in proved.charges:
        check_untelling(charge.name, where="privacy.charges")
    for text in certificate.asserted.unpaid:
        check_untelling(text, where="privacy.unpaid")
    if proved.weakness:
        check_untelling(proved.weakness, where="privacy.weakness", longest=_LONGEST_WEAKNESS)
    for name in certificate.recomputable.columns:
        check_column(name)
    if proved.claim != certificate.statement.line:
        raise TwinError("claim is not that of the numbers", where="claim", got=proved.claim[:200])


def _check_delta(epsilon: float | None, delta: float | None) -> None:
    if epsilon is not None and delta is None:
        raise TwinError("epsilon has no delta", where="delta", expected="a number below 1 / N")


def _not_certificate(error: ValidationError) -> TwinError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return TwinError("not a certificate of this version", where=where[:80], got=first["msg"][:200])
