"""Assemble the server: turn settings into a service to run.

All that is not in the settings is handed in: the reactor, whether there is a
terminal, and a function to call at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.command.server_outputs import prints_on_stdout, server_outputs
from echolab.doors import DoorError
from echolab.ends import ORDERLY
from echolab.errors import EcholabError, OutputError
from echolab.events import Accepted, Finished
from echolab.framing.names import ends_by_mark
from echolab.server.assembly import receiver_factory
from echolab.server.endpoints import server_endpoints
from echolab.server.service import ReceiverService
from echolab.sinks.reporting import BacklogReporter, Reporter, connection_lost
from echolab.sinks.tee import tee
from echolab.sockets.backlog import check_backlog

if TYPE_CHECKING:
    from echolab.command.server_outputs import Printed
    from echolab.command.talking import Talking
    from echolab.command.watching import Watching
    from echolab.events import Event, Sink
    from echolab.interfaces import Done, IReactor
    from echolab.server.settings import ServerSettings

__all__ = ["server_service"]


def server_service(
    reactor: IReactor,
    settings: ServerSettings,
    *,
    done: Done,
    foreground: bool = True,
    stdin: int | None = None,
) -> ReceiverService:
    """Return the receive-and-print server.

    Args:
        reactor: runs it.
        settings: the user's settings.
        done: called when it ends by itself.
        foreground: whether there is a stdout; without one, and without an
            output file, the lines go to the log.
        stdin: the descriptor that ``--talk`` reads; None if there is none.

    Raises:
        InputError: ``--talk`` cannot read the terminal.
        OutputError: an output cannot be opened, or two are the same file.
        ListenError: an endpoint string is wrong.
        EcholabError: the reply cannot be made.
    """
    endpoints = server_endpoints(reactor, settings)
    talking = _talking(reactor, settings, stdin, done) if settings.talk else None
    printed = server_outputs(
        *(reactor, settings),
        done=done,
        foreground=foreground,
        stdout=talking.stdout if talking else None,
    )

    def when_printed(why: EcholabError | None) -> None:
        """End when a slow output has taken all: the user asked for no quick end."""
        factory.sink.flush(None).addCallback(lambda _: done(why))

    def serve_once(event: Event) -> None:
        match event:
            case Accepted():
                service.stop_listening()
            case Finished(cause=cause) if cause in ORDERLY:
                reporter(event)
                when_printed(None)
            case Finished():
                # The program's last line, instead of the reporter's.
                when_printed(connection_lost(event))
            case _:
                reporter(event)

    # The prompt that is drawn again below what is printed names who spoke.
    sinks: list[Sink] = [talking.addressing] if talking else []
    sinks += [each.sink for each in printed]
    # The last line of a text often has no end.
    reporter = Reporter(reactor, of_cut=not ends_by_mark(settings.framing))
    reactor.addSystemEventTrigger("during", "shutdown", reporter.catch_up)
    sinks.append(serve_once if settings.once else reporter)
    if settings.kernel == "always":
        sinks.append(BacklogReporter())
    needs = [each.needs for each in printed]
    watching: Watching | None = None
    if settings.web:
        watching = _watching(reactor, settings, printed)
        sinks.append(watching.sink)
        needs.append(watching.needs)
    sink = tee(*sinks)
    outputs = [each.sink for each in printed]

    def lost(sink: Sink, reason: str) -> None:
        """End with the last output: nobody would see what is received."""
        if sink in outputs:
            outputs.remove(sink)
            if not outputs:
                done(OutputError("print", "the last output", reason))
            elif settings.acknowledge:  # Nothing can be acknowledged any more.
                done(OutputError("print", "an output", reason))

    sink.lost = lost
    try:
        factory = receiver_factory(
            settings,
            sink,
            clock=reactor,
            partial_alone=any(each.alone for each in needs),
            count_messages=any(each.counts for each in needs),
            report_chunks=settings.talk or any(each.chunks for each in needs),
            report_sent=any(each.sent for each in needs),
            report_ledger=any(each.ledger for each in needs),
            other_files=watching.most_files if watching else 0,
            accepted=talking.addressing.accepted if talking else None,
        )
    except DoorError as why:
        sink.close()
        raise EcholabError("make", "the reply", str(why)) from None
    service = ReceiverService(
        endpoints,
        factory,
        clock=reactor,
        done=done,
        drain_seconds=settings.drain_seconds,
        close_sink=True,
        behaviour=settings.behave,
        beside=[
            *(each.engine for each in printed if each.engine),
            *([watching.service] if watching else []),
        ],
    )
    if watching:
        watching.server = service
    check_backlog(settings.backlog)
    if talking:
        reactor.callWhenRunning(talking.start)
        reactor.addSystemEventTrigger("before", "shutdown", talking.stop)
    return service


def _talking(
    reactor: IReactor, settings: ServerSettings, stdin: int | None, done: Done
) -> Talking:
    # Imported here, because few servers talk.
    from echolab.command.talking import Talking

    return Talking(
        *(reactor, settings),
        stdin=stdin,
        done=done,
        prints=prints_on_stdout(settings),
    )


def _watching(
    reactor: IReactor, settings: ServerSettings, printed: list[Printed]
) -> Watching:
    # Imported here, because few servers are watched.
    from echolab.command.watching import Watching

    others_need = settings.talk or any(
        each.needs.chunks or each.needs.sent or each.needs.ledger for each in printed
    )
    try:
        return Watching(reactor, settings, may_skim=not others_need)
    except EcholabError:
        tee(*(each.sink for each in printed)).close()
        raise
