"""Code of a user who runs ``mypy --strict`` without any plugin; see .ci/run."""

from __future__ import annotations

import re
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.basic import LineOnlyReceiver
from zope.interface import implementer

import echolab
from echolab import Behaviour, EndCause, Event, Finished, Peer, escaping, sockets, tls
from echolab.testing import (
    AsyncLabProcess,
    BlockingClient,
    BlockingConnect,
    Connect,
    LabProcess,
    LabServer,
    Rules,
    Transcript,
    connected,
    cuttings,
    listen,
    recut,
    replay_into,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import (
        IStreamClientEndpoint,
        IStreamServerEndpoint,
    )


class Greeter(LineOnlyReceiver):
    """A protocol of the user's."""


class Greeters(Factory[Greeter]):
    """A factory of the user's."""


def plain(echolab_process: LabProcess) -> None:
    """Use the blocking fixture."""
    line: bytes = echolab_process.wait_for_line("hello", peer=1, timeout=1)
    end: Finished = echolab_process.wait_for_end()
    if end.cause is EndCause.EOF:
        echolab_process.assert_lines([line, "bye"])
    other = echolab_process.another(reply="echo", behave=Behaviour.close() + BAD)
    address: tuple[str, int] | str = other.address
    print(address, other.port, other.render())


def of_a_server(echolab_connect: BlockingConnect, echolab_process: LabProcess) -> None:
    """Use the blocking client."""
    with BlockingClient(Path("/run/lab.sock"), framing="int16") as peer:
        peer.send_message("hello")
    peer = echolab_connect("localhost", 8888, tls=ssl.create_default_context())
    found: bytes = peer.ask("hello", "^hel+(o)", timeout=1)[1]
    peer.send(found)
    echolab_connect(echolab_process).finish()
    print(peer.expect(re.compile(rb"o$")).groups(), peer.wait_for_data("o", 1))
    if peer.expect_end().cause is EndCause.RESET:
        peer.close()


async def awaited(echolab_async: AsyncLabProcess) -> None:
    """Use the fixture for asyncio."""
    line: bytes = await echolab_async.wait_for_line("hello", peer=1, timeout=1)
    end: Finished = await echolab_async.wait_for_end()
    echolab_async.assert_lines([line, end.cause.value])
    other: AsyncLabProcess = await echolab_async.another(reply="echo")
    async with AsyncLabProcess("--max-per-host", "1", unix=True) as server:
        print(server.path, other.port)


async def coroutines(echolab_server: LabServer, echolab_client: Connect) -> None:
    """Use the fixtures for pytest-twisted."""
    client = await echolab_client(echolab_server.address, framing="chunk")
    client.send("hello")
    waiting: Deferred[list[Peer]] = echolab_server.wait_for_peers(1)
    [peer] = await waiting
    print(echolab_server.lines(peer))
    await listen(tls=True).stop()


def memory() -> None:
    """Use the parts that need no socket."""
    for maker in (Greeter, Greeters(), Greeters, Protocol, lambda: Greeters()):
        talk = connected(maker, Greeter, framing="line")
        talk.flush(1)
        print(talk.transcript.lines())
    recut(Greeter, b"x", observe=lambda protocol: protocol.factory)
    recut(Greeters, b"x")
    recut(Greeters(), b"x", seed=1)
    written: bytes = replay_into(Greeter, Transcript.load("lab.json")).written
    print(written, cuttings(b"abc"))


def sink(event: Event) -> None:
    """Take every kind of event."""
    match event:
        case echolab.Accepted(peer=peer) | echolab.Connected(peer=peer):
            print(peer, peer.number, peer.name)
        case echolab.Received(messages=messages):
            size: int = len(messages.raw())
            print(size, [*messages], messages.mark)
        case echolab.Chunk(data=data):
            print(data.hex())
        case echolab.Finished(cause=cause, seconds=seconds):
            print(cause.value, f"{seconds:.3f}")
        case echolab.Unanswered(number=number, message=data):
            print(number, data)
        case echolab.Refused(detail=text) | echolab.Misbehaved(behaviour=text):
            print(text.upper())
        case echolab.Sent(data=data, taken_bytes=taken):
            print(len(data), taken)
        case echolab.Mistaken(protocol=text):
            print(text.upper())
        case echolab.Called(call=call, result=result):
            print(call.upper(), result + 1)
        case echolab.Sampled(state=text) | echolab.Diagnosed(state=text):
            print(text.upper())
        case echolab.SynSaved(packet=data):
            print(data.hex())
        case echolab.Listening(backlog=backlog, waiting=waiting):
            print(backlog - waiting)
        case echolab.HalfClosed(peer=peer):
            print(peer.number)
        case echolab.Introduced(client=text, number=number):
            print(text, number)
        case echolab.LeftOut(events=number, received_bytes=size, sent_bytes=sent):
            print(number + size + sent)


def recorded() -> echolab.ReceiverFactory:
    """Make the factory of a server with a ledger."""
    return echolab.ReceiverFactory(sink, clock=Clock(), ledger=echolab.Ledger())


async def slow_sink(event: Event) -> None:
    """Take an event asynchronously."""
    print(event)


@implementer(echolab.IOutput)
class Elsewhere:
    """An output of the user's."""

    def write(self, data: bytes) -> None:
        """Print the bytes."""
        print(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Never pause it."""

    def unregisterProducer(self, producer: Any = None) -> None:
        """Never pause it."""

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Buffer nothing."""
        return succeed(0)

    def reopen(self) -> bool:
        """Return False: this is not a file."""
        return False

    def close(self) -> None:
        """Close nothing."""


class Framing:
    """A framing of the user's."""

    buffered_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[echolab.Messages]:
        """Yield the chunk."""
        yield echolab.Batch((chunk,))

    def take(self) -> Iterator[echolab.Messages]:
        """Yield nothing."""
        yield echolab.Lines(b"", mark="partial")

    end = take


@implementer(echolab.IFraming)
class Framings:
    """What makes them."""

    def make_framer(self, max_message_bytes: int, overlong: str) -> Framing:
        """Make one, without a bound."""
        return Framing()

    def framed(self, message: bytes) -> bytes:
        """Return the message."""
        return message


@implementer(echolab.IMisbehaviour)
class Rude:
    """A misbehaviour of the user's."""

    def accepted(self, victim: echolab.Victim) -> None:
        """Answer once, then no more."""
        victim.send(b"no, " + str(victim.peer).encode())
        victim.later(1, victim.reset)
        victim.reply = echolab.echo

    def gone(self) -> None:
        """Let go of nothing."""


def library(reactor: Any, endpoint: IStreamServerEndpoint) -> None:
    """Use the parts of the server, each handed to the next."""
    clock = Clock()
    style = echolab.Style(label="always", escape=True)
    form: echolab.Form
    for form in (
        *(echolab.Classic(style), echolab.Hex(style), echolab.Json(style)),
        *(echolab.Log(style), echolab.Raw(style)),
    ):
        print(form(echolab.Accepted(Peer(1, "IPv4"), 0.0)))
    file = echolab.FileOutput("lab.json", clock=clock, sync=True)
    stdout = echolab.DescriptorOutput(
        reactor, 1, "stdout", clock=clock, lost=lambda why: print(why)
    )
    outputs: list[echolab.Output] = [
        file,
        stdout,
        echolab.LogOutput(clock),
        Elsewhere(),
    ]
    every: echolab.Tee = echolab.tee(
        *(sink, slow_sink, echolab.Printer(file.write, form)),
        *(echolab.Printer(output, form) for output in outputs),
    )
    kept: echolab.Sink = every
    print(
        kept,
        echolab.ISink.providedBy(every),
        every.taken,
        every.flushed,
        every.flush(1.0),
        every.reopen(),
    )
    framers: list[echolab.Framer] = [
        *(echolab.ChunkFramer(), echolab.DelimiterFramer(b";"), Framing()),
        *(echolab.IntFramer(2), echolab.LineFramer(8), echolab.NetstringFramer()),
    ]
    factory = echolab.ReceiverFactory(
        every,
        clock=clock,
        make_framer=lambda: framers.pop(),
        make_protocol=lambda framer: echolab.ReplyingProtocol(framer, echolab.echo),
        limits=echolab.Limits(idle_seconds=5),
        admission=echolab.Admission(max_connections=3),
    )
    file.registerProducer(factory, True)
    service = echolab.ReceiverService(
        [("tcp", endpoint)], factory, clock=reactor, done=print
    )
    print(service.addresses())
    make: type[echolab.ReceiverProtocol] = echolab.ReceiverProtocol
    int16 = echolab.framing_named("int16")
    print(
        echolab.IForm.providedBy(form),
        echolab.IReply.providedBy(echolab.echo),
        echolab.framing_named(Framings),
        echolab.IFramer.providedBy(Framing()),
    )
    producer: echolab.Producer = echolab.ReceiverFactory(
        sink, clock=reactor, make_framer=int16, make_protocol=make
    )
    stdout.registerProducer(producer, True)
    stop_pausing = echolab.share(producer, [file, Elsewhere()])
    stop_pausing()
    print(echolab.of_chunks(lambda peer, chunk: b"%d" % len(chunk) * peer.number))
    print(echolab.reply_text("ok"), echolab.Fault(kind="reset"))
    rules: Rules = {
        "answers": [("^DATA", ["go on", echolab.Then("data")]), (b"^(Q)", rb"\1")],
        "data": [(r"^\.$", [echolab.Delay(0.5), echolab.Close()])],
    }
    answers = echolab.Answers(rules, greet=b"220 lab\r\n", framing="line")
    print(
        echolab.ReceiverFactory(sink, clock=clock, make_protocol=answers.make_protocol)
    )
    print(Behaviour.of(Rude, first=2) + BAD)


def sender(reactor: Any, endpoint: IStreamClientEndpoint) -> None:
    """Use the parts of the client."""
    factory = echolab.SenderFactory(sink, clock=Clock(), make_framer=Framing)
    protocol: echolab.SenderProtocol = factory.buildProtocol(None)
    reader = echolab.StdinReader(
        reactor, 0, received=protocol.write, ended=protocol.finish, failed=print
    )
    protocol.registerProducer(reader, True)
    waiting: Deferred[echolab.SenderProtocol] = protocol.when_ready()
    replies = echolab.Replies.HERE
    printer = echolab.ConversationPrinter(print)
    print(replies)
    service = echolab.SenderService(
        echolab.Connector(endpoint, "it", clock=reactor, timeout_seconds=5.0),
        "it",
        printer,
        [Elsewhere()],
        clock=reactor,
        done=print,
        make_reader=lambda service: echolab.StdinReader(
            reactor, 0, received=service.received, ended=service.ended, failed=print
        ),
    )
    service.startService()
    print(waiting)


def apart(reactor: Any, endpoint: IStreamClientEndpoint, transport: Any) -> None:
    """Use the parts that work alone."""
    watched: sockets.WatchedSocket | None = sockets.watch(transport)
    if watched is not None:
        sockets.keep_alive(watched, 60)
        print(watched.error + watched.unread_bytes)
    header: sockets.ProxyHeader | None = sockets.parse_proxy_header(b"PROXY UNKNOWN")
    print(header)
    shared = echolab.SharedConsumer(transport)
    for reader in (reactor, transport):
        shared.registerProducer(reader, True)
    connector = echolab.Connector(endpoint, "it", clock=reactor, timeout_seconds=5.0)
    greeter: Deferred[Greeter] = connector.connect(Greeters())
    print(greeter)
    sender = echolab.Sender(
        endpoint, "it", sink, clock=reactor, retry_policy=lambda tries: tries / 2
    )
    ready: Deferred[echolab.SenderProtocol] = sender.when_connected(1)
    if sender.connected:
        sender.write(b"hello")
    print(ready, sender.protocol(Peer(1, "IPv4")))
    admitted = echolab.AdmittingFactory(
        Greeters(), echolab.Admission(), refused=lambda peer, why: print(peer, why)
    )
    behind = echolab.behind_proxy(
        admitted, [ip_network("10.0.0.0/8")], clock=reactor, header_seconds=5
    )
    options = tls.server_options(private_key="key.pem", certificate="cert.pem")
    factory = tls.wrap(behind, options, reactor)
    print(factory, tls.verified_creator("lab.example"))
    for secured in (
        tls.verified_client(reactor, endpoint, "lab.example"),
        tls.insecure_client(reactor, endpoint, "lab.example"),
    ):
        print(secured)
    stream = escaping.StreamEscaper()
    shown: bytes = escaping.escape(b"\x1b[2J") + stream(b"\r") + stream.end()
    text: str = escaping.escape_line("\n") + escaping.escape_name("a b")
    text += escaping.escape_json('"\x9b"')
    messages = escaping.escape_messages(echolab.Batch((shown,)))
    print(text, escaping.escape_newlines(messages), escaping.unescape(r"\0"))


def errors() -> str:
    """Tell errors apart."""
    try:
        raise echolab.ListenError("bind", "127.0.0.1:1", "Permission denied")
    except (
        *(echolab.ConnectError, echolab.ConnectionLostError, echolab.InputError),
        *(echolab.ListenError, echolab.OutputError),
    ) as why:
        known: echolab.EcholabError = why
        return f"{known.call} {known.address}"
    except (echolab.MalformedError, echolab.OverlongError) as why:
        framing: echolab.FramingError = why
        return str(framing)
    except echolab.UnverifiedError:
        return "who is that?"


BAD = Behaviour.parse("reset:after-messages=2")
