"""What other people's code promises that extends echolab; see docs/extending.md.

Nobody needs to declare these interfaces: what is named is checked against them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.addresses import Peer
    from echolab.events import Event
    from echolab.messages import Messages

__all__ = ["IForm", "IFramer", "IFraming", "IMisbehaviour", "IReply"]


class IFramer(Interface):
    """Turns the chunks of one connection into messages; see ``echolab.Framer``."""

    buffered_bytes = Attribute("Number of bytes of the unfinished message.")

    def feed(chunk: bytes) -> Iterable[Messages]:
        """Take the bytes of one read; return the messages they complete.

        Raises:
            MalformedError: the bytes are not valid in this framing.
            OverlongError: a message is over the bound, and ``overlong`` is ``close``.
        """

    def take() -> Iterable[Messages]:
        """Return the bytes of the unfinished message so far, marked ``partial``."""

    def end() -> Iterable[Messages]:
        """Take the end of the stream; return the unterminated message, if any."""


class IFraming(Interface):
    """How bytes become messages, and messages bytes: what ``--framing`` names.

    A class is called without arguments, once or more often.
    """

    def make_framer(max_message_bytes: int, overlong: str) -> Any:
        """Make the framer (`IFramer`) of one connection.

        Args:
            max_message_bytes: the longest message, at least 1.
            overlong: what to do with a longer one: ``split`` it, or ``close`` the
                connection.
        """

    def framed(message: bytes) -> bytes:
        """Return a message as it is sent: with its delimiter or its length.

        Raises:
            ValueError: the message is too long for the framing.
        """


class IForm(Interface):
    """Makes printed bytes of events: what ``--format`` names.

    A class is called with an ``echolab.Style``, once for each output. A function is a
    format too. An attribute ``needs``, an `echolab.formats.Needs`, says what the
    format wants to be told.
    """

    def __call__(event: Event) -> bytes:
        """Return what is printed of an event: whole lines, or nothing."""


class IReply(Interface):
    """Says what is sent back: what ``--reply`` names. A function is one.

    A class is called without arguments, once for each server.
    """

    def __call__(peer: Peer, messages: Messages) -> Any:
        """Return what to send back to whole messages of a peer.

        Returns:
            Bytes as they are sent, many pieces of them, or None; or a coroutine or
            Deferred that has that as its result.
        """


class IMisbehaviour(Interface):
    """What is done wrong to one connection: what ``--behave`` names makes these.

    A class, or a function that returns one, is called for each connection, with the
    arguments of the text: ``NAME:every=3`` calls it with ``every="3"``.
    """

    def accepted(victim: Any) -> None:
        """Begin: the connection was accepted, and nothing was read.

        Args:
            victim: the connection (`echolab.Victim`).
        """

    def gone() -> None:
        """Let go: the connection has ended, but for framing what is left of it."""
