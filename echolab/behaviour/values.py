"""What a side can be told to do wrong, as values that are added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from echolab.behaviour.fault import Fault, offered_fault
from echolab.behaviour.parsing import faults_of
from echolab.doors import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Behaviour", "Fault"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a side does wrong: nothing, or the sum of what the methods make.

    ``Behaviour.read_slowly(100) + Behaviour.reset(after_bytes=1000, first=2)``

    Most methods take ``first``: to how many connections it is done, the first ones;
    0 for all. So a client that tries again can be tested. Or they take ``only``: to
    which connection alone it is done, the first being number 1.
    """

    faults: tuple[Fault, ...] = ()

    def __add__(self, other: Behaviour) -> Behaviour:
        """Both, at once."""
        return Behaviour(self.faults + other.faults)

    def __bool__(self) -> bool:
        """Whether anything is done wrong."""
        return bool(self.faults)

    def __iter__(self) -> Iterator[Fault]:
        """Each single fault."""
        return iter(self.faults)

    @property
    def is_of_sending(self) -> bool:
        """Whether anything is done wrong to what is sent."""
        return any(fault.is_of_sending for fault in self)

    @override
    def __str__(self) -> str:
        """As `parse` reads it."""
        return "+".join(map(str, self.faults))

    @classmethod
    def parse(cls, text: str) -> Behaviour:
        """Read what ``--behave`` takes.

        Args:
            text: one or more of the methods here, with ``-`` for ``_``, and
                their arguments: ``read-slowly:bytes-per-second=100+close``; or the
                name of an installed behaviour, or ``python:module:name``
                (`echolab.IMisbehaviour`), likewise with arguments.

        Raises:
            ValueError: it cannot be understood.
        """
        return cls(tuple(faults_of(text, cls)))

    @classmethod
    def of(
        cls,
        make: Callable[..., object],
        *,
        first: int = 0,
        only: int = 0,
        **arguments: str,
    ) -> Behaviour:
        """A behaviour of yours.

        Args:
            make: called for each connection; returns an `echolab.IMisbehaviour`.
            first: to how many connections it is done, the first ones; 0 for all.
            only: to which connection alone it is done; 0 for all.
            arguments: what ``make`` is called with.

        Raises:
            ValueError: it cannot be used.
        """
        found = Found.here(make)
        return cls((offered_fault("", found, arguments, first=first, only=only),))

    def towards(self, number: int) -> Behaviour:
        """What is done to one connection, the first being number 1."""
        return Behaviour(tuple(fault for fault in self if fault.is_for(number)))

    @staticmethod
    def accept_late(seconds: float, *, first: int = 0, only: int = 0) -> Behaviour:
        """Leave a new connection alone for so long: no handshake, no read.

        For its peer it is there at once, by the kernel's doing (listen(2)).
        """
        return _one("accept-late", seconds=seconds, first=first, only=only)

    @staticmethod
    def read_bytewise(*, first: int = 0, only: int = 0) -> Behaviour:
        """Read one byte at a time."""
        return _one("read-bytewise", first=first, only=only)

    @staticmethod
    def read_slowly(
        bytes_per_second: float, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Read so many bytes a second, and no more."""
        rate = bytes_per_second
        return _one("read-slowly", bytes_per_second=rate, first=first, only=only)

    @staticmethod
    def stop_reading(
        *,
        after_bytes: int = 0,
        seconds: float | None = None,
        first: int = 0,
        only: int = 0,
    ) -> Behaviour:
        """Read no more after so many bytes, for so long, or for ever.

        The peer sees it when the kernel's buffers are full (a zero window).
        """
        return _one(
            "stop-reading",
            after_bytes=after_bytes,
            seconds=seconds,
            first=first,
            only=only,
        )

    @staticmethod
    def reset(
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
        after_sent_bytes: int | None = None,
        first: int = 0,
        only: int = 0,
    ) -> Behaviour:
        """Reset the connection: at once, or after so many bytes or messages.

        What was not sent yet is lost, as with every reset (RFC 9293, 3.10.7.4). So
        ``after_sent_bytes`` first waits until the peer's kernel has those bytes, at
        most two seconds.
        """
        after = after_bytes, after_messages, after_sent_bytes
        return _cut("reset", *after, first=first, only=only)

    @staticmethod
    def close(
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
        after_sent_bytes: int | None = None,
        first: int = 0,
        only: int = 0,
    ) -> Behaviour:
        """Close the connection: at once, or after so many bytes or messages.

        What it owed by then is answered, except with ``after_sent_bytes``. A peer
        that goes on sending is answered with a reset, by the kernel.
        """
        after = after_bytes, after_messages, after_sent_bytes
        return _cut("close", *after, first=first, only=only)

    @staticmethod
    def half_close(
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
        after_sent_bytes: int | None = None,
        first: int = 0,
        only: int = 0,
    ) -> Behaviour:
        """End the sending side (shutdown(2)), and go on reading. Not over TLS."""
        after = after_bytes, after_messages, after_sent_bytes
        return _cut("half-close", *after, first=first, only=only)

    @staticmethod
    def answer_nothing(*, first: int = 0, only: int = 0) -> Behaviour:
        """Answer nothing, whatever there is to reply."""
        return _one("answer-nothing", first=first, only=only)

    @staticmethod
    def answer_garbage(*, first: int = 0, only: int = 0) -> Behaviour:
        """Answer each message with 128 bytes of no use, and a newline."""
        return _one("answer-garbage", first=first, only=only)

    @staticmethod
    def answer_late(seconds: float, *, first: int = 0, only: int = 0) -> Behaviour:
        """Answer so much later."""
        return _one("answer-late", seconds=seconds, first=first, only=only)

    @staticmethod
    def answer_slowly(
        bytes_per_second: float, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Answer with so many bytes a second, and no more."""
        rate = bytes_per_second
        return _one("answer-slowly", bytes_per_second=rate, first=first, only=only)

    @staticmethod
    def answer_twice(*, first: int = 0, only: int = 0) -> Behaviour:
        """Send each answer twice."""
        return _one("answer-twice", first=first, only=only)

    @staticmethod
    def answer_out_of_order(
        seconds: float = 1.0, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Send the second answer before the first, the fourth before the third.

        One that waits so long for the next is sent alone.
        """
        return _one("answer-out-of-order", seconds=seconds, first=first, only=only)

    @staticmethod
    def send_in_pieces(
        bytes_per_piece: int, seconds: float = 0.1, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Send in pieces of at most so many bytes, with so long a pause after each."""
        size = bytes_per_piece
        return _one(
            "send-in-pieces",
            bytes_per_piece=size,
            seconds=seconds,
            first=first,
            only=only,
        )

    @staticmethod
    def send_slowly(
        bytes_per_second: float, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Send so many bytes a second, and no more."""
        rate = bytes_per_second
        return _one("send-slowly", bytes_per_second=rate, first=first, only=only)

    @staticmethod
    def send_corrupted(
        after_sent_bytes: int = 0, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Invert all bits of one byte: the next one after so many sent bytes."""
        after = after_sent_bytes
        return _one("send-corrupted", after_sent_bytes=after, first=first, only=only)

    @staticmethod
    def jitter(
        seconds: float, seed: int | None = None, *, first: int = 0, only: int = 0
    ) -> Behaviour:
        """Delay all that is sent by random times, from 0 to so many seconds.

        With the same ``seed``, each connection has the same delays again. Without
        one, each connection has a seed of its own, and `Misbehaved` tells it.
        """
        return _one("jitter", seconds=seconds, seed=seed, first=first, only=only)

    @staticmethod
    def refuse(seconds: float | None = None) -> Behaviour:
        """Take a port and refuse every connection to it, so long, or for ever.

        It is the kernel that refuses (ECONNREFUSED), and it does not count.
        """
        return _one("refuse", seconds=seconds)

    @staticmethod
    def hold_accept(seconds: float | None = None) -> Behaviour:
        """Listen, but do not call accept(2), for so long, or for ever.

        Connections wait in the kernel's queue until it is full (listen(2)); then TCP
        ignores new clients, and UNIX sockets block them. Those that wait at the end
        are accepted.
        """
        return _one("hold-accept", seconds=seconds)


def _one(kind: str, **numbers: Any) -> Behaviour:
    return Behaviour((Fault(kind=kind, **numbers),))


def _cut(kind: str, *after: int | None, **which: int) -> Behaviour:
    names = ("after_bytes", "after_messages", "after_sent_bytes")
    given = {
        n: count for n, count in zip(names, after, strict=True) if count is not None
    }
    if len(given) > 1:
        raise ValueError("after so many bytes, or messages, or sent bytes")
    return _one(kind, **given or {"after_bytes": 0}, **which)
