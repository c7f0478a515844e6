"""The certificates and the key of a PEM file (RFC 7468)."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from OpenSSL import SSL
from OpenSSL.crypto import Error

from echolab.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BEGIN", "certificates", "pem_bytes", "reading", "unencrypted"]

BEGIN = b"-----BEGIN CERTIFICATE-----"
MAX_BYTES = 1 << 20
"""Four times the size of the system's file with all its certificates."""


def pem_bytes(path: str) -> bytes:
    """Return all bytes of a PEM file; it may be a pipe, but not an endless one.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is too large.
    """
    with Path(path).open("rb") as file:
        pem = file.read(MAX_BYTES + 1)
    if len(pem) > MAX_BYTES:
        raise ValueError(f"{path}: no PEM file: over 1 MiB")
    return pem


def certificates(path: str) -> list[bytes]:
    """Return the certificates of a PEM file, one by one."""
    _, *rest = pem_bytes(path).split(BEGIN)
    if not rest:
        raise ValueError(f"{path}: no certificate in it")
    return [BEGIN + each for each in rest]


def unencrypted(path: str) -> bytes:
    """Return a PEM file; refuse an encrypted key: OpenSSL would ask for a phrase."""
    pem = pem_bytes(path)
    if b"ENCRYPTED" in pem:
        raise ValueError(f"{path}: the key is encrypted")
    return pem


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn errors within the context into one that names the file.

    Raises:
        ValueError: the file cannot be read, or OpenSSL does not accept it.
    """
    try:
        yield
    except (OSError, SSL.Error, Error) as error:
        raise ValueError(f"{path}: {reason_of(error)}") from None
