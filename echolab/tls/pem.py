"""PEM files (RFC 7468): the certificates and the key in them."""

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
"""The system's own file with all its certificates has a quarter of it."""


def pem_bytes(path: str) -> bytes:
    """The whole of a PEM file, which may be a pipe, but not without end.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too large to be one.
    """
    with Path(path).open("rb") as file:
        pem = file.read(MAX_BYTES + 1)
    if len(pem) > MAX_BYTES:
        raise ValueError(f"{path}: no PEM file: over 1 MiB")
    return pem


def certificates(path: str) -> list[bytes]:
    """The certificates of a PEM file, each on its own."""
    _, *rest = pem_bytes(path).split(BEGIN)
    if not rest:
        raise ValueError(f"{path}: no certificate in it")
    return [BEGIN + each for each in rest]


def unencrypted(path: str) -> bytes:
    """A PEM file, unless its key is encrypted: OpenSSL would ask for a phrase."""
    pem = pem_bytes(path)
    if b"ENCRYPTED" in pem:
        raise ValueError(f"{path}: the key is encrypted")
    return pem


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Name the file in which something was wrong.

    Raises:
        ValueError: it cannot be read, or OpenSSL makes nothing of it.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path}: {reason_of(error)}") from None
    except (SSL.Error, Error) as error:
        why = error.args[0][-1][-1] if error.args and error.args[0] else error
        raise ValueError(f"{path}: {why}") from None
