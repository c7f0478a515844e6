"""Rules between several settings of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.escaping import unescape
from echolab.framing import framed
from echolab.server.reply import reply_named
from echolab.sockets.endpoint_strings import TLS_KINDS, parsed

if TYPE_CHECKING:
    from echolab.framing.base import AnyFraming
    from echolab.server.settings import ServerSettings

__all__ = ["check_together", "does_tls"]

MOST_SHOWN = 60


def does_tls(endpoint: str) -> bool:
    """Whether a server's endpoint string has TLS."""
    kind, arguments, _ = parsed(endpoint)
    if kind == "haproxy" and arguments:
        kind = arguments[0].lower()
    return kind in TLS_KINDS


def check_together(settings: ServerSettings) -> None:
    """Check that the reply fits the framing, and that the behaviour is possible.

    Raises:
        ValueError: a rule is broken; the message is one line that names the option.
    """
    if isinstance(settings.reply, str):
        _check_reply(settings.reply, settings.framing)
    kinds = {fault.kind for fault in settings.behave}
    if "refuse" in kinds and (settings.listen or settings.tls):
        raise ValueError("--behave refuse: goes with --port, not --listen or --tls")
    if {"refuse", "hold-accept"} <= kinds:
        raise ValueError("--behave hold-accept: not with refuse, which does not listen")
    tls = settings.tls or any(map(does_tls, settings.listen))
    if settings.tls_keys and not tls:
        raise ValueError("--tls-keys: there is no TLS")
    if "half-close" in kinds and tls:
        raise ValueError("--behave half-close: TLS ends both sides at once")


def _check_reply(text: str, framing: AnyFraming) -> None:
    if reply_named(text) is not None:
        return
    try:
        framed(unescape(text), framing)
    except ValueError as error:
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
        raise ValueError(f"--reply {shown}: {error}") from None
