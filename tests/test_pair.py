"""Both sides joined in memory, without a socket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.test.iosim import connectedServerAndClient
from twisted.trial.unittest import SynchronousTestCase

from echolab import EndCause, ReceiverFactory, SenderFactory
from tests.support import Events


class PairTests(SynchronousTestCase):
    @given(st.lists(st.binary(min_size=1, max_size=20), max_size=8))
    def test_what_is_sent_is_received(self, chunks: list[bytes]) -> None:
        clock = Clock()
        received, replied = Events(), Events()
        server_factory = ReceiverFactory(received, clock=clock)
        client_factory = SenderFactory(replied, clock=clock)
        client, _, pump = connectedServerAndClient(
            lambda: server_factory.buildProtocol(None),
            lambda: client_factory.buildProtocol(None),
            clock=clock,
        )
        for chunk in chunks:
            client.write(chunk)
            pump.flush()
        client.finish()
        pump.flush()
        sent = b"".join(chunks)
        lines = sent.replace(b"\r\n", b"\n").split(b"\n")
        self.assertEqual(received.lines(), lines if lines[-1] else lines[:-1])
        finished = received.finished()
        self.assertEqual(finished.received_bytes, len(sent))
        self.assertEqual(finished.unterminated_bytes, len(lines[-1]))
        self.assertIs(finished.cause, EndCause.EOF)
        self.assertIs(replied.finished().cause, EndCause.EOF)
