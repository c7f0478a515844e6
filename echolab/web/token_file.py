"""The page's token: whoever knows it may look."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from echolab.errors import InputError, OutputError, reason_of

__all__ = ["new_token", "token_in"]

TOKEN_BYTES = 32
MOST_FILE_BYTES = 4096
TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP
"""Permissions that the file must not have; a group may read it, for a scraper."""

_TOKEN = re.compile(rb"[A-Za-z0-9._~-]{16,512}")
"""Text that cannot be guessed, and needs no escapes in a URL or a header."""


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_in(path: str) -> str:
    """Return the token in a file; make the file if it is absent.

    As ssh with a private key, refuse a file of this user that others may read. Its
    group may read it, so that a scraper can.

    Raises:
        InputError: the file cannot be read, others may read it, or it has no token.
        OutputError: the file cannot be made.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        raise InputError("open", path, reason_of(error)) from None
    try:
        _check_mode(path, os.fstat(fd))
        text = os.read(fd, MOST_FILE_BYTES)
    except OSError as error:
        raise InputError("read", path, reason_of(error)) from None
    finally:
        os.close(fd)
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise InputError(
            "read", path, "not a token: one line of 16 to 512 letters, digits or -._~"
        )
    return token.decode("ascii")


def _check_mode(path: str, status: os.stat_result) -> None:
    if status.st_uid == os.geteuid() and status.st_mode & TOO_OPEN:
        mode = stat.S_IMODE(status.st_mode)
        why = f"mode {mode:04o} lets other users read or change the token"
        raise InputError("open", path, why)


def _made(path: str) -> str:
    token = new_token()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
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
