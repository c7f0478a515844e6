"""The secrets of TLS connections, in a file for Wireshark (SSLKEYLOGFILE, RFC 9850)."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.errors import OutputError, reason_of

if TYPE_CHECKING:
    from OpenSSL import SSL

__all__ = ["KeyLog"]

OTHERS = stat.S_IRWXG | stat.S_IRWXO

_log = Logger()


class KeyLog:
    """Appends the secrets of TLS connections to a file, which only its owner may read.

    Args:
        path: the file.

    Raises:
        OutputError: the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise OutputError("open", path, reason_of(error)) from None
        others = ""
        if os.fstat(self._fd).st_mode & OTHERS:
            others = ", and users other than its owner may"
        _log.warn(
            "--tls-keys: whoever reads {path} can decrypt the connections{others}",
            path=path,
            others=others,
        )
        self._failed = False

    def watch(self, context: SSL.Context) -> None:
        """Append the secrets of all connections of a context; before there are any."""
        context.set_keylog_callback(self._append)

    def _append(self, _connection: object, line: bytes) -> None:
        try:
            os.write(self._fd, line + b"\n")
        except OSError as error:
            if not self._failed:
                self._failed = True
                reason = reason_of(error)
                _log.warn("write {path}: {reason}", path=self._path, reason=reason)
