"""The parts of the server put together: settings in, a service to run out.

What is not said in the settings is handed in: the reactor, whether anybody sees
the terminal, and whom to tell of the end.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.connection.terms import Ledger
from echolab.framing import FRAMING_NAMES, framing_named
from echolab.server.admission import Admission
from echolab.server.checking import greeting_of
from echolab.server.factory import ReceiverFactory
from echolab.server.limits import Limits
from echolab.server.maker import Hosting
from echolab.server.protocol import ReceiverProtocol
from echolab.server.replies import MOST_OWED_BYTES
from echolab.server.reply import no_reply, repeated, reply_named, reply_text
from echolab.server.replying import ReplyingProtocol, log_failure
from echolab.sockets.open_files import open_files_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from echolab.events import Sink
    from echolab.framing import Framer
    from echolab.framing.base import AnyFraming
    from echolab.server.reply import Reply
    from echolab.server.settings import ServerSettings

__all__ = ["receiver_factory"]

MOST_CONNECTIONS = 1_000_000
RESERVED_FILES = 16
"""What the program itself may still open: outputs, logs, a listening socket."""

_log = Logger()


def receiver_factory(
    settings: ServerSettings,
    sink: Sink,
    *,
    clock: IReactorTime,
    partial_alone: bool = False,
    count_messages: bool = True,
    report_chunks: bool = True,
    report_sent: bool = True,
    report_ledger: bool = False,
    other_files: int = 0,
    failed: Callable[[Failure], None] = log_failure,
    accepted: Callable[[ReplyingProtocol], None] | None = None,
) -> ReceiverFactory:
    """What makes a server's connections, as the user wants them.

    Args:
        settings: what the user said.
        sink: takes the events.
        clock: tells the time.
        partial_alone: see `echolab.Limits`.
        count_messages: see `echolab.ReceiverFactory`.
        report_chunks: likewise.
        report_sent: likewise.
        report_ledger: whether to report calls, and to ask the kernel if the user has
            not forbidden that.
        other_files: how many files something else of the program may open.
        failed: called with the failure of a reply.
        accepted: called with the protocol of each peer that is accepted, to send to it.

    Raises:
        DoorError: a reply of other people's cannot be made.
    """
    reply = _reply(settings, numbered=report_sent)
    make_factory: Callable[..., ReceiverFactory] = ReceiverFactory
    if isinstance(reply, Hosting):
        from echolab.server.hosting import HostingFactory

        make_factory = partial(HostingFactory, reply.maker)
    return make_factory(
        sink,
        clock=clock,
        make_framer=framing_named(
            settings.framing, settings.max_message_bytes, settings.overlong
        ),
        make_protocol=_protocol_maker(
            settings, reply, numbered=report_sent, failed=failed, accepted=accepted
        ),
        limits=Limits(
            partial_seconds=settings.partial_seconds,
            partial_alone=partial_alone,
            idle_seconds=settings.idle_seconds,
            handshake_seconds=settings.handshake_seconds,
            keepalive_seconds=settings.keepalive_seconds,
        ),
        admission=Admission(
            allow=settings.allow,
            deny=settings.deny,
            max_connections=_connections(settings.max_connections, other_files),
            max_per_host=settings.max_per_host,
        ),
        count_messages=count_messages,
        report_chunks=report_chunks,
        report_sent=report_sent,
        ledger=_ledger(settings) if report_ledger else None,
    )


def _protocol_maker(
    settings: ServerSettings,
    reply: Reply | Hosting | None,
    *,
    numbered: bool,
    failed: Callable[[Failure], None],
    accepted: Callable[[ReplyingProtocol], None] | None,
) -> Callable[[Framer], ReceiverProtocol]:
    """What makes the protocol of each connection, given its framer."""
    if settings.acknowledge:
        from echolab.server.acknowledging import Acknowledging

        return Acknowledging(settings.framing).make_protocol
    # Each answer is sent by itself, so that it can be sent wrongly.
    numbered = numbered or settings.behave.is_of_sending
    script = settings.answers + greeting_of(settings)
    if reply is None and not settings.behave and not script and accepted is None:
        return ReceiverProtocol
    make: Callable[..., ReplyingProtocol]
    # What only some servers need is imported here.
    if isinstance(reply, Hosting):
        from echolab.server.hosting import HostingProtocol

        make = partial(HostingProtocol, maker=reply.maker)
    elif script:
        from echolab.server.dialogue import Answers

        answers = Answers(script, framing=settings.framing, numbered=numbered)
        make = partial(answers.make_protocol, reply=reply or no_reply)
    else:
        make = partial(ReplyingProtocol, reply=reply or no_reply)
    made = partial(
        make,
        behaviour=settings.behave,
        failed=failed,
        most_bytes=max(MOST_OWED_BYTES, settings.max_message_bytes),
        answers_cut=_cut_is_message(settings.framing),
    )
    return made if accepted is None else partial(_make_known, made, accepted)


def _make_known(
    make: Callable[[Framer], ReplyingProtocol],
    accepted: Callable[[ReplyingProtocol], None],
    framer: Framer,
) -> ReplyingProtocol:
    protocol = make(framer)
    protocol.when_accepted = accepted
    return protocol


def _cut_is_message(framing: AnyFraming) -> bool:
    """Whether what a peer has not ended may be a message: a line, not half a frame."""
    if not isinstance(framing, str):
        return True
    kind = framing.partition(":")[0]
    return kind in {"line", "chunk", "delimiter"} or kind not in FRAMING_NAMES


def _reply(settings: ServerSettings, *, numbered: bool) -> Reply | Hosting | None:
    """Return what to answer to each message; None for nothing."""
    reply = settings.reply
    if callable(reply) or isinstance(reply, Hosting):
        return reply
    if isinstance(reply, bytes):
        return repeated(reply, numbered=numbered) if reply else None
    make = reply_named(reply)
    if make is not None:
        reply = make()
        return None if reply is no_reply else reply
    return reply_text(reply, settings.framing, numbered=numbered)


def _ledger(settings: ServerSettings) -> Ledger:
    return Ledger(settings.kernel != "never", encrypted=settings.tls_keys is not None)


def _connections(wanted: int, other_files: int) -> int:
    """How many connections may be open: what is wanted, if there is room."""
    room = open_files_left() - RESERVED_FILES - other_files
    room = max(1, room)
    if wanted > room:
        _log.warn(
            "max-connections {wanted} is more than the limit of open files allows: "
            "it is {room}",
            wanted=wanted,
            room=room,
        )
    return min(wanted or MOST_CONNECTIONS, room)
