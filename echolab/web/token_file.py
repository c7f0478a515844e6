"""The page's token: whoever knows it may look."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from pathlib import Path

from echolab.errors import InputError, OutputError, reason_of

__all__ = ["new_token", "token_in"]

TOKEN_BYTES = 32
MOST_FILE_BYTES = 512 + len("\r\n")
NO_FILE = "not a file"
TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP
"""Permissions that the file must not have; a group may read it, for a scraper."""

_TOKEN = re.compile(rb"[A-Za-z0-9._~-]{16,512}")
"""Text that cannot be guessed, and needs no escapes in a URL or a header."""


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_in(path: str) -> str:
    """Return the token in a file; make the file if it is absent.

    As ssh with a private key, refuse a file that others may read, whoever owns it. Its
    group may read it, so that a scraper can.

    Raises:
        InputError: the file cannot be read, others may read it, or it has no token.
        OutputError: the file cannot be made.
    """
    try:
        # A FIFO would be waited for.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        is_socket = error.errno == errno.ENXIO
        reason = NO_FILE if is_socket else reason_of(error)
        raise InputError("open", path, reason) from None
    try:
        _check(path, os.fstat(fd).st_mode)
        text = os.read(fd, MOST_FILE_BYTES + 1)
    except OSError as error:
        raise InputError("read", path, reason_of(error)) from None
    finally:
        os.close(fd)
    token = text.strip()
    if len(text) > MOST_FILE_BYTES or not _TOKEN.fullmatch(token):
        raise InputError(
            "read", path, "not a token: one line of 16 to 512 letters, digits or -._~"
        )
    return token.decode("ascii")


def _check(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise InputError("open", path, NO_FILE)
    if mode & TOO_OPEN:
        why = f"mode {stat.S_IMODE(mode):04o} lets other users read or change the token"
        raise InputError("open", path, why)


def _made(path: str) -> str:
    token = new_token()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
    except FileExistsError as error:
        dangles = Path(path).is_symlink()
        reason = "a link to a file that does not exist" if dangles else reason_of(error)
        raise OutputError("open", path, reason) from None
    except OSError as error:
        raise OutputError("open", path, reason_of(error)) from None
    try:
        os.write(fd, token.encode("ascii") + b"\n")
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise OutputError("write", path, reason_of(error)) from None
    finally:
        os.close(fd)
    return token
