"""One thing to do wrong on purpose; other people's code may be what does it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from echolab.doors import OBJECT, DoorError, Found, call, find, verify
from echolab.quantities import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from echolab.interfaces import AnyMisbehaviour

__all__ = [
    "KINDS",
    "SENDING",
    "Fault",
    "fault_text",
    "misbehaviour_of",
    "offered_fault",
]

SENDING = (
    "answer-twice",
    "answer-out-of-order",
    "send-in-pieces",
    "send-slowly",
    "send-corrupted",
    "jitter",
)
"""The kinds that change what is on its way to the transport."""

KINDS = (
    "accept-late",
    "read-bytewise",
    "read-slowly",
    "stop-reading",
    "reset",
    "close",
    "half-close",
    "answer-nothing",
    "answer-garbage",
    "answer-late",
    "answer-slowly",
    *SENDING,
    "refuse",
    "hold-accept",
)

_LEAST = {
    "after_bytes": 0,
    "after_messages": 1,
    "after_sent_bytes": 0,
    "bytes_per_piece": 1,
    "seed": 0,
    "first": 0,
    "only": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to do wrong; made by the methods of `Behaviour`.

    Attributes:
        kind: what: ``reset``, ``read-slowly``…
        after_bytes: strike when so many bytes were read.
        after_messages: strike when so many messages were read.
        after_sent_bytes: strike when so many bytes were sent.
        bytes_per_second: how fast.
        bytes_per_piece: how large a piece is.
        seconds: how long.
        seed: makes what is random the same each time.
        arguments: what a fault of other people's is made with.
        make: makes such a fault, if it has no name.
        first: do it to so many connections only, the first ones; 0 for all.
        only: do it to this connection only, the first being number 1; 0 for all.

    Raises:
        ValueError: a number is negative, or one is 0 that cannot be; or there are
            ``first`` and ``only``.
    """

    kind: str
    after_bytes: int | None = None
    after_messages: int | None = None
    after_sent_bytes: int | None = None
    bytes_per_second: float | None = None
    bytes_per_piece: int | None = None
    seconds: float | None = None
    seed: int | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    make: Callable[..., object] | None = None
    first: int = 0
    only: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, least in _LEAST.items():
            number = getattr(self, name)
            if number is not None and number < least:
                raise ValueError(f"{name} must be at least {least}, not {number}")
        for name in ("bytes_per_second", "seconds"):
            number = getattr(self, name)
            if number is not None and not 0 < number < float("inf"):
                raise ValueError(f"{name} must be more than 0, not {number}")
        if self.first and self.only:
            raise ValueError("the first connections, or only one")

    @property
    def is_of_sending(self) -> bool:
        """Whether it needs to know or to change what is sent."""
        return self.kind in SENDING or self.after_sent_bytes is not None

    def is_for(self, number: int) -> bool:
        """Whether it is done to a connection, the first being number 1."""
        if self.only:
            return number == self.only
        return not self.first or number <= self.first

    @override
    def __str__(self) -> str:
        """As `Behaviour.parse` reads it: ``reset:after-messages=2:first=1``."""
        words = [self.kind]
        words += (f"{name.replace('_', '-')}={said}" for name, said in self.arguments)
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value != field.default and field.name not in ("arguments", "make"):
                words.append(f"{field.name.replace('_', '-')}={plain(value)}")
        return ":".join(words)


def offered_fault(
    kind: str,
    found: Found,
    arguments: Mapping[str, str],
    *,
    first: int = 0,
    only: int = 0,
) -> Fault:
    """A fault of other people's.

    Args:
        kind: its name; "" if it has none.
        found: what makes it for each connection: a class, or a function.
        arguments: what that is called with.
        first: see `Fault`.
        only: likewise.

    Raises:
        DoorError: it cannot be used.
        ValueError: see `Fault`.
    """
    # Imported here, since most faults are built in.
    from echolab.extending import IMisbehaviour

    make = found.thing
    if isinstance(make, type):
        verify(IMisbehaviour, found)
    elif not callable(make):
        raise DoorError(f"{found.name} makes no IMisbehaviour: it cannot be called")
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError as why:
        raise DoorError(f"{found.name}: {why}") from None
    return Fault(
        kind=kind or _kind_of(make),
        arguments=tuple(arguments.items()),
        make=None if kind else make,
        first=first,
        only=only,
    )


def _kind_of(make: Callable[..., object]) -> str:
    """Return what would name this; for what has no name, what it looks like."""
    name = getattr(make, "__qualname__", None)
    return f"{OBJECT}:{make.__module__}:{name}" if name else repr(make)


def fault_text(fault: Fault) -> str:
    """Write a fault as `Behaviour.parse` reads it.

    Raises:
        TypeError: it is made by code that has no name.
    """
    if fault.make is None:
        return str(fault)
    raise TypeError(f"{fault.make!r} cannot be said in words; python:module:name can")


def misbehaviour_of(fault: Fault) -> AnyMisbehaviour | None:
    """Make what does a fault of other people's to one connection; None for others'.

    Raises:
        DoorError: it cannot be made.
    """
    if fault.kind in KINDS:
        return None
    from echolab.extending import IMisbehaviour

    found = Found.here(fault.make) if fault.make else find("behaviours", fault.kind)
    if found is None:
        raise DoorError(f"there is no behaviour {fault.kind}")
    made = call(found, found.thing, **dict(fault.arguments))
    verify(IMisbehaviour, made)
    return cast("AnyMisbehaviour", made.thing)
