"""Read the secrets of TLS connections from a file (SSLKEYLOGFILE, RFC 9850)."""

from __future__ import annotations

import re
from pathlib import Path

from echolab.errors import InputError, reason_of

__all__ = ["read_key_log"]

MOST_BYTES = 1 << 26
"""The most bytes of a file: a block of a capture cannot have many more."""
SECRET = re.compile(rb"[A-Z0-9_]+ [0-9A-Fa-f]+ [0-9A-Fa-f]+")
COMMENT = b"#"


def read_key_log(path: str) -> bytes:
    """Return the content of a key log, which has nothing else in it.

    Raises:
        InputError: it cannot be read, is none, or has no secrets.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError("open", path, reason_of(error)) from None
    if len(content) > MOST_BYTES:
        raise InputError("read", path, f"over {MOST_BYTES >> 20} MiB")
    found = False
    for number, line in enumerate(content.splitlines(), 1):
        if SECRET.fullmatch(line.rstrip()):
            found = True
        elif line.strip() and not line.startswith(COMMENT):
            raise InputError("read", path, f"line {number} is not of a key log")
    if not found:
        raise InputError("read", path, "no secrets in it")
    return content
