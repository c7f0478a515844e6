"""Sockets that report the system calls made on them: their results and times."""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from echolab.addresses import host_and_port
from echolab.sockets.stamps import STAMP_SPACE, ask_for_stamps, waited
from echolab.sockets.watching import WatchedSocket

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Call", "CallingSocket", "ListeningSocket", "made"]

SHUTDOWNS = {
    socket.SHUT_RD: "SHUT_RD",
    socket.SHUT_WR: "SHUT_WR",
    socket.SHUT_RDWR: "SHUT_RDWR",
}

MOST_EARLY = 1000
"""How many calls are kept before it is known who takes them."""


class Call(NamedTuple):
    """A system call that was made.

    Attributes:
        name: its name: ``recv``.
        arguments: what it was called with, besides the descriptor.
        result: what it returned; -1 for an error.
        errno: the name of the error; empty for none.
        began: when it was made, by the clock.
        ended: when it returned.
        exact: whether both times are its own; else it was made between the two.
        waited: how long the last of the received bytes had waited in the kernel, in
            seconds; None if the kernel does not tell.
        data: the bytes that were received or sent; None for none.
    """

    name: str
    arguments: str
    result: int
    errno: str
    began: float
    ended: float
    exact: bool = True
    waited: float | None = None
    data: bytes | memoryview | None = None


def made(
    clock: Callable[[], float], name: str, arguments: str, call: Callable[[], Any]
) -> tuple[Call, Any]:
    """Make a system call.

    Returns:
        What is to be reported; and what the call returned, or the OSError.
    """
    began = clock()
    try:
        value = call()
    except OSError as error:
        word = errno.errorcode.get(error.errno or 0, "unknown")
        return Call(name, arguments, -1, word, began, clock()), error
    return Call(name, arguments, _number(value), "", began, clock()), value


def _number(value: Any) -> int:
    """Return the result as C's function would: a number of bytes, or 0."""
    match value:
        case int():
            return value
        case bytes():
            return len(value)
        case (bytes() as data, *_):
            return len(data)
        case _:
            return 0


class CallingSocket(WatchedSocket):
    """A watched socket that reports its calls.

    Args:
        watched: the socket.
        clock: tells the time.
        before: calls that were made before.
        stamped: whether to ask when received bytes had arrived.

    Attributes:
        closing: called before the socket is closed.
    """

    __slots__ = ("_clock", "_early", "_report", "_stamped", "closing")

    def __init__(
        self,
        watched: socket.socket,
        clock: Callable[[], float],
        *before: Call,
        stamped: bool = False,
    ) -> None:
        super().__init__(watched)
        self._stamped = stamped and ask_for_stamps(watched)
        self._clock = clock
        self._early = deque(before, maxlen=MOST_EARLY)
        self._report: Callable[[Call], None] | None = self._early.append
        self.closing: Callable[[], None] | None = None

    def report_to(self, report: Callable[[Call], None]) -> None:
        """Report all calls so far, and all that follow."""
        self._report = report
        while self._early:
            report(self._early.popleft())

    def stop_reports(self) -> None:
        """Report no calls until `report_to`."""
        self._report = None

    def hold_back(self) -> None:
        """Keep the calls from now on until `report_to` says who takes them."""
        self._report = self._early.append

    def _make(self, name: str, arguments: str, call: Callable[[], Any]) -> Any:
        report = self._report
        if report is None:
            return call()
        what, value = made(self._clock, name, arguments, call)
        if isinstance(value, bytes):
            what = what._replace(data=value)
        report(what)
        if isinstance(value, OSError):
            raise value
        return value

    @override
    def recv(self, size: int) -> bytes:
        if self._report is None:
            return super().recv(size)
        if self._stamped:
            return self._recv_stamped(size, self._report)
        receive = super().recv
        data: bytes = self._make("recv", str(size), lambda: receive(size))
        return data

    def _recv_stamped(self, size: int, report: Callable[[Call], None]) -> bytes:
        """Receive with recvmsg(2), which also tells when the bytes had arrived."""
        receive = super().recvmsg
        what, value = made(
            self._clock, "recv", str(size), lambda: receive(size, STAMP_SPACE)
        )
        if isinstance(value, OSError):
            report(what)
            raise value
        data: bytes = value[0]
        self._at_end = self._at_end or not data
        report(what._replace(waited=waited(value[1]), data=data))
        return data

    @override
    def recvmsg(self, *args: int) -> Any:
        receive = super().recvmsg
        return self._make("recvmsg", str(args[0]), lambda: receive(*args))

    @override
    def send(self, data: bytes | memoryview) -> int:
        send, report = super().send, self._report
        if report is None:
            return send(data)
        what, value = made(self._clock, "send", str(len(data)), lambda: send(data))
        if isinstance(value, OSError):
            report(what)
            raise value
        sent: int = value
        report(what._replace(data=data[:sent]))
        return sent

    def connect_ex(self, address: Any) -> int:
        """Like the socket's method, which returns the errno."""
        watched = self._socket

        def connect() -> None:
            if number := watched.connect_ex(address):
                raise OSError(number, "")

        shown = _shown(address)
        what, value = made(self._clock, "connect", shown, connect)
        if self._report is not None:
            self._report(what)
        return value.errno or 0 if isinstance(value, OSError) else 0

    def getsockopt(self, level: int, name: int, *size: int) -> Any:
        """Like the socket's method; only a pending error is reported."""
        value = self._socket.getsockopt(level, name, *size)
        pending = (level, name) == (socket.SOL_SOCKET, socket.SO_ERROR)
        if value and pending and self._report is not None:
            now = self._clock()
            word = errno.errorcode.get(value, "unknown")
            self._report(Call("getsockopt", "SO_ERROR", 0, word, now, now))
        return value

    @override
    def shutdown(self, how: int) -> None:
        end = super().shutdown
        self._make("shutdown", SHUTDOWNS.get(how, str(how)), lambda: end(how))

    @override
    def close(self) -> None:
        if self.closing is not None:
            self.closing()
        close = super().close
        self._make("close", "", close)


class ListeningSocket:
    """A listening socket that reports its calls.

    Args:
        listening: the socket.
        clock: tells the time.
        report: takes its calls; those of an accepted socket are that one's.
        looking: called before a connection is accepted.
        skims: whether accepted connections are skimmed: then nothing is reported.
        stamped: see `CallingSocket`.
    """

    def __init__(
        self,
        listening: socket.socket,
        clock: Callable[[], float],
        *,
        report: Callable[[Call], None],
        looking: Callable[[], None],
        skims: Callable[[], bool],
        stamped: bool,
    ) -> None:
        self._socket = listening
        self._clock = clock
        self._report = report
        self._looking = looking
        self._skims = skims
        self._stamped = stamped

    def __getattr__(self, name: str) -> Any:
        """Pass all other attributes on to the socket."""
        return getattr(self._socket, name)

    def accept(self) -> tuple[CallingSocket | socket.socket, Any]:
        """Like the socket's method."""
        if self._skims():
            return self._socket.accept()
        self._looking()
        what, value = made(self._clock, "accept", "", self._socket.accept)
        if isinstance(value, OSError):
            self._report(what)
            raise value
        accepted, address = value
        what = what._replace(result=accepted.fileno())
        calling = CallingSocket(accepted, self._clock, what, stamped=self._stamped)
        return calling, address

    def shutdown(self, how: int) -> None:
        """Like the socket's method."""
        end = self._socket.shutdown
        shown = SHUTDOWNS.get(how, str(how))
        what, value = made(self._clock, "shutdown", shown, lambda: end(how))
        self._report(what)
        if isinstance(value, OSError):
            raise value

    def close(self) -> None:
        """Like the socket's method."""
        what, _ = made(self._clock, "close", "", self._socket.close)
        self._report(what)


def _shown(address: Any) -> str:
    """Return an address as users write it."""
    match address:
        case (str() as host, int() as port, *_):
            return host_and_port(host, port)
        case _:
            return "…"
