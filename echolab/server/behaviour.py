"""What a server can be told to do wrong, as values that are added up."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.doors import Found, find, installed, split_name
from echolab.near_misses import did_you_mean, nearest
from echolab.quantities import byte_rate, byte_size, seconds, whole_number
from echolab.server.fault import KINDS, Fault, offered_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Behaviour", "Fault"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a server does wrong: nothing, or the sum of what the methods make.

    ``Behaviour.read_slowly(100) + Behaviour.reset(after_bytes=1000, first=2)``

    Each method takes ``first``: to how many connections it is done, the first
    ones; 0 for all. So a client that tries again can be tested.
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
        parts = re.split(r"\+(?!\d)", text)  # An error is to show all of 1e+06.
        return cls(tuple(fault for part in parts for fault in _parse(part)))

    @classmethod
    def of(
        cls, make: Callable[..., object], *, first: int = 0, **arguments: str
    ) -> Behaviour:
        """A behaviour of yours.

        Args:
            make: called for each connection; returns an `echolab.IMisbehaviour`.
            first: to how many connections it is done, the first ones; 0 for all.
            arguments: what ``make`` is called with.

        Raises:
            ValueError: it cannot be used.
        """
        return cls((offered_fault("", Found.here(make), arguments, first),))

    def towards(self, number: int) -> Behaviour:
        """What is done to one connection, the first being number 1."""
        return Behaviour(
            tuple(f for f in self.faults if not f.first or number <= f.first)
        )

    @staticmethod
    def accept_late(seconds: float, *, first: int = 0) -> Behaviour:
        """Leave a new connection alone for so long: no handshake, no read.

        For its peer it is there at once, by the kernel's doing (listen(2)).
        """
        return _one(Fault(kind="accept-late", seconds=seconds, first=first))

    @staticmethod
    def read_bytewise(*, first: int = 0) -> Behaviour:
        """Read one byte at a time."""
        return _one(Fault(kind="read-bytewise", first=first))

    @staticmethod
    def read_slowly(bytes_per_second: float, *, first: int = 0) -> Behaviour:
        """Read so many bytes a second, and no more."""
        return _one(
            Fault(kind="read-slowly", bytes_per_second=bytes_per_second, first=first)
        )

    @staticmethod
    def stop_reading(
        *, after_bytes: int = 0, seconds: float | None = None, first: int = 0
    ) -> Behaviour:
        """Read no more after so many bytes, for so long, or for ever.

        The peer sees it when the kernel's buffers are full (a zero window).
        """
        return _one(
            Fault(
                kind="stop-reading",
                after_bytes=after_bytes,
                seconds=seconds,
                first=first,
            )
        )

    @staticmethod
    def reset(
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
        first: int = 0,
    ) -> Behaviour:
        """Reset the connection: at once, or after so many bytes or messages.

        What was not sent yet is lost, as with every reset (RFC 9293, 3.10.7.4).
        """
        return _cut("reset", after_bytes, after_messages, first)

    @staticmethod
    def close(
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
        first: int = 0,
    ) -> Behaviour:
        """Close the connection: at once, or after so many bytes or messages.

        What it owed by then is answered. A peer that goes on sending is answered
        with a reset, by the kernel.
        """
        return _cut("close", after_bytes, after_messages, first)

    @staticmethod
    def half_close(
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
        first: int = 0,
    ) -> Behaviour:
        """End the sending side (shutdown(2)), and go on reading. Not over TLS."""
        return _cut("half-close", after_bytes, after_messages, first)

    @staticmethod
    def answer_nothing(*, first: int = 0) -> Behaviour:
        """Answer nothing, whatever there is to reply."""
        return _one(Fault(kind="answer-nothing", first=first))

    @staticmethod
    def answer_garbage(*, first: int = 0) -> Behaviour:
        """Answer each message with 128 bytes of no use, and a newline."""
        return _one(Fault(kind="answer-garbage", first=first))

    @staticmethod
    def answer_late(seconds: float, *, first: int = 0) -> Behaviour:
        """Answer so much later."""
        return _one(Fault(kind="answer-late", seconds=seconds, first=first))

    @staticmethod
    def answer_slowly(bytes_per_second: float, *, first: int = 0) -> Behaviour:
        """Answer with so many bytes a second, and no more."""
        return _one(
            Fault(kind="answer-slowly", bytes_per_second=bytes_per_second, first=first)
        )

    @staticmethod
    def refuse(seconds: float | None = None) -> Behaviour:
        """Take a port and refuse every connection to it, so long, or for ever.

        It is the kernel that refuses (ECONNREFUSED), and it does not count.
        """
        return _one(Fault(kind="refuse", seconds=seconds))

    @staticmethod
    def hold_accept(seconds: float | None = None) -> Behaviour:
        """Listen, but do not call accept(2), for so long, or for ever.

        Connections wait in the kernel's queue until it is full (listen(2)); then TCP
        ignores new clients, and UNIX sockets block them. Those that wait at the end
        are accepted.
        """
        return _one(Fault(kind="hold-accept", seconds=seconds))


def _one(fault: Fault) -> Behaviour:
    return Behaviour((fault,))


def _cut(
    kind: str, after_bytes: int | None, after_messages: int | None, first: int
) -> Behaviour:
    if after_bytes is not None and after_messages is not None:
        raise ValueError("after so many bytes, or after so many messages")
    if after_bytes is None and after_messages is None:
        after_bytes = 0
    return _one(
        Fault(
            kind=kind,
            after_bytes=after_bytes,
            after_messages=after_messages,
            first=first,
        )
    )


_NUMBERS: dict[str, Callable[[str], float]] = {
    "after_bytes": byte_size,
    "after_messages": whole_number,
    "bytes_per_second": byte_rate,
    "seconds": seconds,
    "first": whole_number,
}


def _parse(text: str) -> Behaviour:
    spelt, colon, rest = split_name(text)
    words = rest.split(":") if colon else []
    kind = spelt.lower()
    if kind not in KINDS:
        if found := find("behaviours", spelt):
            return _parse_offered(spelt, found, words)
        meant = did_you_mean(nearest(kind, [*KINDS, *installed("behaviours")]))
        raise ValueError(f"{spelt or 'nothing'} is none of {', '.join(KINDS)}{meant}")
    make = getattr(Behaviour, kind.replace("-", "_"))
    arguments: dict[str, float] = {}
    for word in words:
        spoken, _, value = word.partition("=")
        name = spoken.replace("-", "_")
        if "_" in spoken or name not in inspect.signature(make).parameters:
            takes = ", ".join(inspect.signature(make).parameters).replace("_", "-")
            raise ValueError(f"{kind} takes {takes}, not {word}")
        if name in arguments:
            raise ValueError(f"{kind}: {spoken} is given twice")
        try:
            arguments[name] = _NUMBERS[name](value)
        except ValueError:
            raise ValueError(f"{kind}: {word} is no number") from None
    try:
        made: Behaviour = make(**arguments)
    except TypeError:
        needed = next(iter(inspect.signature(make).parameters)).replace("_", "-")
        raise ValueError(f"{kind} needs :{needed}=") from None
    except ValueError as why:
        raise ValueError(f"{kind}: {why}".replace("_", "-")) from None
    return made


def _parse_offered(kind: str, found: Found, words: list[str]) -> Behaviour:
    arguments: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{kind}: {word or 'nothing'} is no NAME=VALUE")
        if name.replace("-", "_") in arguments:
            raise ValueError(f"{kind}: {name} is given twice")
        arguments[name.replace("-", "_")] = value
    first = arguments.pop("first", "0")
    try:
        number = whole_number(first)
    except ValueError:
        raise ValueError(f"{kind}: first={first} is no number") from None
    return _one(offered_fault(kind, found, arguments, number))
