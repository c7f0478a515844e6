"""The backlog (how many connections may wait), and the kernel's limit for it."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import Logger

from echolab.quantities import whole_number

__all__ = ["backlog_of", "check_backlog"]

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
MOST = 2**31

_log = Logger()


def backlog_of(text: str) -> int:
    """Read the backlog of an endpoint string; warn if the kernel would cut it.

    Raises:
        ValueError: the text is not a backlog.
    """
    if not 0 < (backlog := whole_number(text)) < MOST:
        raise ValueError(f"backlog must be over 0 and below {MOST}")
    check_backlog(backlog)
    return backlog


def check_backlog(backlog: int) -> None:
    """Warn if the backlog is over the kernel's limit: listen(2) silently cuts it."""
    try:
        most = int(SOMAXCONN.read_text())
    except (OSError, ValueError):
        return  # Not Linux: unknown.
    if backlog > most:
        _log.warn(
            "backlog {backlog} is more than this machine's net.core.somaxconn: "
            "the kernel makes it {most}",
            backlog=backlog,
            most=most,
        )
