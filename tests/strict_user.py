"""What a user writes who runs ``mypy --strict`` without any plugin; see .ci/run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.basic import LineOnlyReceiver

from echolab import Behaviour, EndCause, Finished, Peer
from echolab.testing import (
    Connect,
    LabProcess,
    LabServer,
    Transcript,
    connected,
    cuttings,
    listen,
    recut,
    replay_into,
)

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


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


async def coroutines(echolab_server: LabServer, echolab_client: Connect) -> None:
    """Use the fixtures for pytest-twisted."""
    client = await echolab_client(echolab_server.address, framing="chunk")
    client.send("hello")
    waiting: Deferred[list[Peer]] = echolab_server.wait_for_peers(1)
    [peer] = await waiting
    print(echolab_server.lines(peer))
    await listen(tls=True).stop()


def memory() -> None:
    """Use what needs no socket."""
    for maker in (Greeter, Greeters(), Greeters, Protocol, lambda: Greeters()):
        talk = connected(maker, Greeter, framing="line")
        talk.flush(1)
        print(talk.transcript.lines())
    recut(Greeter, b"x", observe=lambda protocol: protocol.factory)
    recut(Greeters, b"x")
    recut(Greeters(), b"x", seed=1)
    written: bytes = replay_into(Greeter, Transcript.load("lab.json")).written
    print(written, cuttings(b"abc"))


BAD = Behaviour.parse("reset:after-messages=2")
