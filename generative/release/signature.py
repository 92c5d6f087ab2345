"""Keys, checksums and the signature of a release: Ed25519 (RFC 8032) over the list of checksums.

Without this package: `sha256sum -c checksums.sha256`, then check the signature of that file with
any Ed25519 tool.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field

from generative.release.layout import CHECKSUMS
from twin.errors import TwinError

_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")


class Signature(BaseModel):
    """Content of signature.json."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    algorithm: Literal["Ed25519"] = "Ed25519"
    signs: Literal["checksums.sha256"] = CHECKSUMS
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")


def make_signing_key(path: str | Path) -> Ed25519PrivateKey:
    """Make a signing key (PEM, only its owner may read it) and its public half, PATH.pub.

    Raises:
        TwinError: one of the two files exists or cannot be written.
    """
    path = Path(path)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write_new(public_path(path), public, mode=0o644)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        _write_new(path, private, mode=0o600)
    except TwinError:
        public_path(path).unlink()
        raise
    return key


def public_path(path: str | Path) -> Path:
    """Where `make_signing_key` puts the public half of a key."""
    return Path(path).with_name(Path(path).name + ".pub")


def read_signing_key(path: str | Path) -> Ed25519PrivateKey:
    """Read a signing key.

    Raises:
        TwinError: no such file, or it holds no Ed25519 private key in PEM without a password.
    """
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "private", str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, "private", type(key).__name__)
    return key


def read_public_key(path: str | Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        TwinError: no such file, or it holds no Ed25519 public key in PEM.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "public", str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "public", type(key).__name__)
    return key


def key_text(key: Ed25519PublicKey) -> str:
    """A public key in hexadecimal digits, as its owner may print it."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def sign(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """signature.json over the list of checksums."""
    made = Signature(public_key=key_text(key.public_key()), signature=key.sign(content).hex())
    return _canonical(made)


def check_signature(packed: bytes, content: bytes) -> str:
    """Check signature.json against the list of checksums.

    Returns:
        the public key that it was made with, in hexadecimal digits.

    Raises:
        TwinError: it is no signature, or not over this list.
    """
    try:
        found = Signature.model_validate_json(packed)
    except ValueError as error:
        raise TwinError("not a signature", got=str(error).splitlines()[0]) from error
    if packed != _canonical(found):
        raise TwinError("signature is not written as it must be")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.public_key))
        key.verify(bytes.fromhex(found.signature), content)
    except (InvalidSignature, ValueError) as error:
        raise TwinError("signature is not over these checksums") from error
    return found.public_key


def checksums(digests: Mapping[str, str]) -> bytes:
    """The list of checksums, as sha256sum writes it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def read_checksums(content: bytes) -> dict[str, str]:
    """Path -> digest of a list of checksums.

    Raises:
        TwinError: a line that is none, a path that leads out of the release, or a path twice.
    """
    found: dict[str, str] = {}
    for line in content.decode("ascii", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or any(set(part) == {"."} for part in match[2].split("/")):
            raise TwinError("not a line of checksums", got=repr(line[:80]))
        found[match[2]] = match[1]
    if checksums(found) != content:
        raise TwinError("checksums are not sorted, or a file is there twice")
    return found


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _canonical(signature: Signature) -> bytes:
    return (signature.model_dump_json(indent=2) + "\n").encode()


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TwinError("cannot read the key", where=str(path), got=str(error.strerror)) from error


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise TwinError(
            "cannot write the key",
            where=str(path),
            expected="a new file in a folder that exists",
            got=str(error.strerror),
            fix="Choose another path; a key is never replaced.",
        ) from error


def _no_key(path: str | Path, kind: str, got: str) -> TwinError:
    return TwinError(
        f"not a {kind} key",
        where=str(path),
        expected=f"an Ed25519 {kind} key in PEM, without a password",
        got=got.splitlines()[0] if got else "",
        fix="Make a pair with `oncotwin synth key PATH`; the public half is PATH.pub.",
    )
