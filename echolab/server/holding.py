"""Ports that listen, but leave all connections in the accept queue for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.abstract import FileDescriptor
from twisted.logger import Logger

from echolab.addresses import Peer, format_address
from echolab.events import Misbehaved
from echolab.timekeeping import time_of_day

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IListeningPort

    from echolab.behaviour.fault import Fault
    from echolab.events import Sink
    from echolab.interfaces import AnyClock

__all__ = ["Holding"]

_log = Logger()


class Holding:
    """Does not call accept(2) on ports, for a time or for ever.

    Args:
        fault: how long: a ``hold-accept``.
        clock: measures the time.
        sink: is told; the peer of the event is the address of the port.
    """

    def __init__(self, fault: Fault, *, clock: AnyClock, sink: Sink) -> None:
        self._fault = fault
        self._clock = clock
        self._now = time_of_day(clock)
        self._sink = sink
        self._timers: list[IDelayedCall] = []

    def hold(self, port: IListeningPort) -> None:
        """Stop accepting on a port until the time has passed."""
        host = port.getHost()
        address = format_address(host)
        # Another port, such as that of a plugin's endpoint, cannot be paused.
        if not isinstance(port, FileDescriptor):
            _log.warn(
                "{fault}: not possible on {address}",
                fault=str(self._fault),
                address=address,
            )
            return

        def go_on() -> None:
            port.startReading()
            _log.info("accepting on {address}", address=address)

        port.stopReading()
        self._sink(Misbehaved(Peer.of(0, host), self._now(), str(self._fault)))
        if self._fault.seconds is not None:
            self._timers.append(self._clock.callLater(self._fault.seconds, go_on))

    def stop(self) -> None:
        """Do nothing more: the ports are about to close."""
        timers, self._timers = self._timers, []
        for timer in timers:
            if timer.active():
                timer.cancel()
