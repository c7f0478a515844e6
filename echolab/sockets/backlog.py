"""The backlog (how many connections may wait), and the kernel's limit for it."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import Logger

from echolab.quantities import whole_number

__all__ = ["SOMAXCONN", "SYN_BACKLOG", "backlog_of", "check_backlog", "limit"]

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
SYN_BACKLOG = Path("/proc/sys/net/ipv4/tcp_max_syn_backlog")
MOST = 2**31

_log = Logger()


def backlog_of(text: str) -> int:
    """Read the backlog of an endpoint string; warn if the kernel would cut it.

    Raises:
        ValueError: the text is not a backlog.
    """
    if not 0 < (backlog := whole_number(text)) < MOST:
        raise ValueError(f"backlog must be 1-{MOST - 1}")
    check_backlog(backlog)
    return backlog


def check_backlog(backlog: int) -> None:
    """Warn if the backlog is over the kernel's limit: listen(2) silently cuts it."""
    most = limit(SOMAXCONN)
    if most is not None and backlog > most:
        _log.warn(
            "backlog {backlog} is more than this machine's net.core.somaxconn: "
            "the kernel makes it {most}",
            backlog=backlog,
            most=most,
        )


def limit(path: Path) -> int | None:
    """Return a limit of the kernel; None if it is unknown, as on other systems."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
