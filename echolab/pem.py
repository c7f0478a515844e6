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

__all__ = ["BEGIN", "certificates", "reading", "unencrypted"]

BEGIN = b"-----BEGIN CERTIFICATE-----"


def certificates(path: str) -> list[bytes]:
    """The certificates of a PEM file, each on its own."""
    _, *rest = Path(path).read_bytes().split(BEGIN)
    if not rest:
        raise ValueError(f"{path}: no certificate in it")
    return [BEGIN + each for each in rest]


def unencrypted(path: str) -> bytes:
    """A PEM file, unless its key is encrypted: OpenSSL would ask for a phrase."""
    pem = Path(path).read_bytes()
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
