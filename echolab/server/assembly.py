"""The parts of the server put together: settings in, a service to run out.

What is not said in the settings is handed in: the reactor, whether anybody sees
the terminal, and whom to tell of the end.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from twisted.internet.defer import gatherResults
from twisted.logger import Logger

from echolab.command.server_outputs import server_outputs
from echolab.events import ORDERLY, Accepted, Finished, tee
from echolab.framing.names import framing_named
from echolab.server.admission import Admission
from echolab.server.endpoints import server_endpoints
from echolab.server.factory import ReceiverFactory
from echolab.server.misbehaving import MisbehavingProtocol
from echolab.server.protocol import Limits, ReceiverProtocol
from echolab.server.replying import ReplyingProtocol, echo, no_reply, reply_text
from echolab.server.service import ReceiverService
from echolab.sinks.reporting import Reporter, connection_lost
from echolab.sockets.backlog import check_backlog
from echolab.sockets.watching import open_files_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from echolab.errors import EcholabError
    from echolab.events import Event, Sink
    from echolab.framing.names import Framer
    from echolab.interfaces import IReactor
    from echolab.server.behaviour import Behaviour
    from echolab.server.replying import Reply
    from echolab.server.service import Done
    from echolab.server.settings import ServerSettings

__all__ = [
    "receiver_factory",
    "server_service",
]

MOST_CONNECTIONS = 1_000_000
RESERVED_FILES = 16
"""What the program itself may still open: outputs, logs, a listening socket."""

_log = Logger()


def server_service(
    reactor: IReactor, settings: ServerSettings, *, done: Done, foreground: bool = True
) -> ReceiverService:
    """The receive-and-print server.

    Args:
        reactor: runs it.
        settings: what the user said.
        done: called when it ends by itself.
        foreground: whether there is a stdout; without one, and without an
            output file, the lines go to the log.

    Raises:
        OutputError: an output file cannot be opened, or two are the same file.
        ListenError: an endpoint string cannot be understood.
    """
    endpoints = server_endpoints(reactor, settings)
    printed = server_outputs(reactor, settings, done=done, foreground=foreground)

    def when_printed(why: EcholabError | None) -> None:
        """End once a slow output has taken all: nobody has asked for a quick end."""
        flushing = gatherResults([output.flush(None) for output in outputs])
        flushing.addCallback(lambda _: done(why))

    def serve_once(event: Event) -> None:
        match event:
            case Accepted():
                service.stop_listening()
            case Finished(cause=cause) if cause in ORDERLY:
                when_printed(None)
            case Finished():
                # The program's last word, instead of the reporter's.
                when_printed(connection_lost(event))
            case _:
                reporter(event)

    outputs = [each.output for each in printed]
    sinks: list[Sink] = [each.printer for each in printed]
    reporter = Reporter(reactor)
    reactor.addSystemEventTrigger("during", "shutdown", reporter.catch_up)
    sinks.append(serve_once if settings.once else reporter)
    forms = {each.form for each in printed}
    factory = receiver_factory(
        settings,
        tee(*sinks),
        clock=reactor,
        partial_alone="raw" in forms and settings.label != "always",
        count_messages=forms != {"raw"},
        report_chunks=settings.record is not None,
    )
    service = ReceiverService(
        endpoints,
        factory,
        outputs,
        clock=reactor,
        done=done,
        drain_seconds=settings.drain_seconds,
        close_outputs=True,
    )
    check_backlog(settings.backlog)
    return service


def receiver_factory(
    settings: ServerSettings,
    sink: Sink,
    *,
    clock: IReactorTime,
    partial_alone: bool = False,
    count_messages: bool = True,
    report_chunks: bool = True,
) -> ReceiverFactory:
    """What makes a server's connections, as the user wants them.

    Args:
        settings: what the user said.
        sink: takes the events.
        clock: tells the time.
        partial_alone: see `echolab.Limits`.
        count_messages: see `echolab.ReceiverFactory`.
        report_chunks: likewise.
    """
    return ReceiverFactory(
        sink,
        clock=clock,
        make_framer=framing_named(
            settings.framing, settings.max_message_bytes, settings.overlong
        ),
        make_protocol=_protocol_maker(_reply(settings), settings.behave),
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
            max_connections=_connections(settings.max_connections),
            max_per_host=settings.max_per_host,
        ),
        count_messages=count_messages,
        report_chunks=report_chunks,
    )


def _protocol_maker(
    reply: Reply | None, behaviour: Behaviour
) -> Callable[[Framer], ReceiverProtocol]:
    """What makes the protocol of each connection, given its framer.

    Args:
        reply: what to answer; None for nothing.
        behaviour: what to do wrong, and to which of the connections.
    """
    numbers = count(1)

    def make(framer: Framer) -> ReceiverProtocol:
        faults = behaviour.towards(next(numbers))
        if faults:
            return MisbehavingProtocol(framer, reply or no_reply, faults)
        return ReplyingProtocol(framer, reply) if reply else ReceiverProtocol(framer)

    return make


def _reply(settings: ServerSettings) -> Reply | None:
    if settings.reply == "none":
        return None
    if settings.reply == "echo":
        return echo
    return reply_text(settings.reply, settings.framing)


def _connections(wanted: int) -> int:
    """How many connections may be open: what is wanted, if there is room."""
    room = open_files_left() - RESERVED_FILES
    room = max(1, room)
    if wanted > room:
        _log.warn(
            "max-connections {wanted} is more than the limit of open files allows: "
            "it is {room}",
            wanted=wanted,
            room=room,
        )
    return min(wanted or MOST_CONNECTIONS, room)
