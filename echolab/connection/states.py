"""What a connection can be: its states, who may hold it, why this side ends it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from echolab.ends import EndCause

__all__ = ["Holder", "State", "Verdict"]


class State(enum.Enum):
    """The states of a connection, in order."""

    ARRIVING = enum.auto()
    """Its peer is not known yet: no event was reported."""
    OPEN = enum.auto()
    """Received bytes are framed and reported."""
    UNFRAMED = enum.auto()
    """The received bytes did not fit the framing: no more messages are made."""
    ENDED = enum.auto()
    """The last message is reported."""


class Holder(enum.Enum):
    """The reasons to pause reading from a connection."""

    SINK = enum.auto()
    """The sink of its events is full."""
    PEER = enum.auto()
    """The peer does not read what it is sent."""
    OWED = enum.auto()
    """The peer is owed too many replies."""


class Verdict(NamedTuple):
    """Why this side ends a connection; ``detail`` is the reason in words."""

    cause: EndCause
    detail: str = ""
