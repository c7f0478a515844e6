"""Detect unexpected TLS by its first bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from echolab.events import Finished, Received

if TYPE_CHECKING:
    from echolab.events import Event, Sink

__all__ = ["NO_CLOSE_NOTIFY", "AlertWatch", "begins_tls"]

NO_CLOSE_NOTIFY = "unexpected eof while reading"
"""OpenSSL's words for the end of TCP without close_notify before (RFC 8446, 6.1)."""

ALERT_BYTES = 7

_ALERT = re.compile(rb"\x15\x03[\x00-\x04]\x00\x02[\x01\x02].", re.DOTALL)
"""A record of one alert: type, version, length, level, description (RFC 8446, 5.1)."""

_HELLO = re.compile(rb"\x16\x03[\x00-\x04]..\x01", re.DOTALL)
"""A handshake record that begins with a ClientHello (RFC 8446, 4)."""


def begins_tls(data: bytes) -> bool:
    """Whether the first bytes of a client are TLS."""
    return _HELLO.match(data) is not None


def _may_be_alert(data: bytes) -> bool:
    """Whether these bytes are an alert, or the beginning of one."""
    sample = b"\x15\x03\x03\x00\x02\x02\x00"
    return _ALERT.fullmatch(data + sample[len(data) :]) is not None


class AlertWatch:
    """Hold replies back from a sink while they may be nothing but a TLS alert.

    A TLS server answers a client that does not speak TLS with an alert, then ends.

    Args:
        sink: takes all other events, in their order.

    Attributes:
        speaks_tls: whether an alert is all that the server has sent.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held: list[Received] = []
        self._watching = True
        self._begun = b""

    @property
    def speaks_tls(self) -> bool:
        """Whether an alert is all that the server has sent."""
        return self._watching and len(self._begun) == ALERT_BYTES

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if self._watching and isinstance(event, Received):
            self._begun += event.messages.raw()
            self._held.append(event)
            if _may_be_alert(self._begun):
                return
            self.stop()
        elif isinstance(event, Finished) and not self.speaks_tls:
            self.stop()
            self._sink(event)
        else:
            self._sink(event)

    def stop(self) -> None:
        """Release the replies; hold back no others."""
        self._watching = False
        held, self._held = self._held, []
        for event in held:
            self._sink(event)
