"""What a ledger says of a listening socket: its calls, its accept queue."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.error import CannotListenError

from echolab.addresses import Peer, format_address, host_and_port
from echolab.connection.account import called
from echolab.facts import Listening
from echolab.sockets.backlog import SOMAXCONN, SYN_BACKLOG, limit
from echolab.sockets.calling import Call, ListeningSocket
from echolab.sockets.stamps import ask_for_stamps
from echolab.sockets.tcp_info import accept_queue, save_syns
from echolab.timekeeping import time_of_day

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort
    from twisted.python.failure import Failure

    from echolab.connection.terms import Terms
    from echolab.sockets.tcp_info import Queue

__all__ = ["ListeningAccount"]


class ListeningAccount:
    """Reports the calls of a listening socket, and what the kernel says of it.

    Call it with the port when that listens.

    Args:
        terms: where events go, and which.
        began: when it was asked to listen, by CLOCK_MONOTONIC.
        handed: whether the socket was made and bound by another program.
    """

    def __init__(self, terms: Terms, began: float, *, handed: bool) -> None:
        self._terms = terms
        self._began = began
        self._handed = handed
        self._now = time_of_day(terms.clock)
        self._peer = Peer(0, "unknown")
        self._socket: Any = None
        self._before: Queue | None = None

    def __call__(self, port: IListeningPort) -> IListeningPort:
        """Report how it came to listen; from now on report what is called."""
        address = port.getHost()
        self._peer = Peer.of(0, address)
        shown = "" if self._peer.path else format_address(address)
        listening = getattr(port, "socket", None)
        made = listening if isinstance(listening, socket.socket) else None
        if not self._handed:
            self._made("socket", result=0 if made is None else made.fileno())
            self._made("bind", shown)
        if made is None:
            return port
        queue = accept_queue(made)
        if not self._handed:
            self._made("listen", str(queue.backlog) if queue else "")
        self._socket = made
        looking = self._nothing
        if self._terms.kernel is not None:
            # Accepted sockets inherit this: bytes may arrive before accept.
            ask_for_stamps(made)
            save_syns(made)
            self.look()
            self._terms.kernel.add(self)
            looking = self._look
        # Twisted reads from the port by this attribute.
        observed: Any = port
        observed.socket = ListeningSocket(
            made,
            self._terms.monotonic,
            report=self._called,
            looking=looking,
            skims=lambda: self._terms.skims,
            stamped=self._terms.kernel is not None,
        )
        return port

    def failed(self, failure: Failure) -> Failure:
        """Report the call that failed."""
        why = failure.value
        if isinstance(why, CannotListenError) and isinstance(why.socketError, OSError):
            word = errno.errorcode.get(why.socketError.errno or 0, "unknown")
            self._made("socket")
            self._made("bind", _address(why), -1, word)
        return failure

    def look(self) -> bool:
        """Report the accept queue if it has changed."""
        if self._socket is None or self._socket.fileno() < 0:
            return False
        queue = accept_queue(self._socket)
        if queue is None:
            return False
        before, self._before = self._before, queue
        if queue != before:
            seen = Listening(
                self._peer,
                self._now(),
                queue.backlog,
                queue.waiting,
                queue.drops,
                limit(SOMAXCONN),
                limit(SYN_BACKLOG),
            )
            self._terms.sink(seen)
        return True

    def _made(
        self, name: str, arguments: str = "", result: int = 0, error: str = ""
    ) -> None:
        """Report a call that Twisted made somewhere since the beginning."""
        ended = self._terms.monotonic()
        self._called(Call(name, arguments, result, error, self._began, ended, False))

    def _called(self, call: Call) -> None:
        self._terms.sink(called(call, self._peer, self._now()))

    def _look(self) -> None:
        self.look()

    def _nothing(self) -> None:
        pass


def _address(why: CannotListenError) -> str:
    """Return the address that could not be bound."""
    if why.interface and isinstance(why.port, int):
        return host_and_port(why.interface, why.port)
    return str(why.port)
