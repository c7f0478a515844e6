"""What has travelled at the end of a connection, and what is known of each end."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from echolab.formats.tcp_states import PASSIVE

if TYPE_CHECKING:
    from echolab.events import Called, Event
    from echolab.facts import Sampled

__all__ = ["E", "Mark", "OneEnd", "Stage"]

E = TypeVar("E")


class Stage(enum.Enum):
    """Where the FIN of an end is."""

    OPEN = enum.auto()  # the program has not ended its side
    SHUT = enum.auto()  # it has; the next look tells whether the FIN has left
    HELD = enum.auto()  # it waits behind unsent bytes
    SENT = enum.auto()


@dataclass(slots=True, eq=False)
class Mark(Generic[E]):
    """A FIN or RST that has travelled.

    Attributes:
        end: who has sent it; None for a reset of which that is not known.
        kind: what it is.
        at: the event that it stands at: a call, or what has told of it.
        is_noticed: whether a call or a look has met it; otherwise, it is deduced.
        is_late: whether it had come before the mark before it, but behind bytes that
            were read only now.
    """

    end: E | None
    kind: Literal["FIN", "RST"]
    at: Event
    is_noticed: bool = True
    is_late: bool = False


@dataclass(slots=True)
class OneEnd:
    """What is known of one end.

    Attributes:
        stage: where its FIN is.
        shut: the call with which its program has ended its side.
        place: how many marks there were then.
        closed: the call with which it has closed its socket, if that was connected.
        noticed: the read that has met the other's FIN, while it is unknown which of the
            two was first.
        vanished: the look that has found no connection any more, until it is known why.
        gone: the look that has found it gone, with all acknowledged, until what is left
            of it tells which FIN was first.
        has_come: whether that look tells that the other's FIN has come.
        sample: what its kernel has said last.
        unread: how many bytes wait there to be read, as far as is known.
        left: the state of what is left of it after its close.
        peers: what its kernel has said last of the state of the other end.
        has_calls: whether its calls are recorded.
        is_gone: whether its calls reach no connection any more.
        has_accepted: whether it is known to be the server's.
        is_unseen: whether its FIN may have travelled while events were not kept.
    """

    stage: Stage = Stage.OPEN
    shut: Called | None = None
    place: int = 0
    closed: Called | None = None
    noticed: Called | None = None
    vanished: Sampled | None = None
    gone: Sampled | None = None
    has_come: bool = False
    sample: Sampled | None = None
    unread: int = 0
    left: str = ""
    peers: str = ""
    has_calls: bool = False
    is_gone: bool = False
    has_accepted: bool = False
    is_unseen: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its program has not ended its side."""
        return self.stage is Stage.OPEN

    @property
    def refuses(self) -> bool:
        """Whether its kernel answers further bytes with a reset: nobody will read."""
        return self.shut is not None and self.shut.arguments == "SHUT_RDWR"

    @property
    def is_held(self) -> bool:
        """Whether its FIN waits behind unsent bytes."""
        return self.stage is Stage.HELD

    @property
    def has_sent(self) -> bool:
        """Whether its FIN was sent."""
        return self.stage is Stage.SENT

    @property
    def was_first_to_get(self) -> bool:
        """Whether the other's FIN had come before its program ended its side."""
        return self.sample is not None and self.sample.state in PASSIVE
