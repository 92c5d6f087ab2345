"""What a hospital hands out: synthetic scans with a certificate that their receiver can check."""

from generative.release.certificate import Certificate, read_certificate
from generative.release.reading import list_scans, load_release
from generative.release.signature import (
    make_signing_key,
    public_path,
    read_public_key,
    read_signing_key,
)
from generative.release.verification import Check, Verification
from generative.release.verifying import verify_release
from generative.release.writing import write_release

__all__ = [
    "Certificate",
    "Check",
    "Verification",
    "list_scans",
    "load_release",
    "make_signing_key",
    "public_path",
    "read_certificate",
    "read_public_key",
    "read_signing_key",
    "verify_release",
    "write_release",
]
