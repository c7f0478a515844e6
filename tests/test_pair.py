"""Both sides joined in memory, without a socket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import EndCause, ReceiverFactory, SenderFactory
from echolab.testing import Transcript, connected


class PairTests(SynchronousTestCase):
    @given(
        st.lists(st.binary(min_size=1, max_size=20), max_size=8),
        st.integers(1, 9) | st.none(),
    )
    def test_what_is_sent_is_received(
        self, chunks: list[bytes], size: int | None
    ) -> None:
        clock = Clock()
        received, replied = Transcript(), Transcript()
        talk = connected(
            ReceiverFactory(received, clock=clock),
            SenderFactory(replied, clock=clock),
            clock=clock,
        )
        for chunk in chunks:
            talk.client.write(chunk)
            talk.flush(size)
        talk.client.finish()
        talk.flush(size)
        sent = b"".join(chunks)
        lines = sent.replace(b"\r\n", b"\n").split(b"\n")
        self.assertEqual(received.lines(), lines if lines[-1] else lines[:-1])
        [finished] = received.ends()
        self.assertEqual(finished.received_bytes, len(sent))
        self.assertEqual(finished.unterminated_bytes, len(lines[-1]))
        self.assertIs(finished.cause, EndCause.EOF)
        self.assertIs(replied.ends()[0].cause, EndCause.EOF)

    def test_time_passes_while_a_server_that_has_ended_reads_nothing(self) -> None:
        talk = connected(behave="half-close:after-messages=1")
        talk.client.write(b"one\n" + bytes(1 << 20))
        talk.from_client.deliver(4)
        talk.server.pause()
        talk.advance(60)
        self.assertFalse(talk.client.ending.has_begun)
        talk.server.resume()
        talk.flush()
        self.assertTrue(talk.client.ending.has_begun)
        self.assertEqual(talk.server.connection.received_bytes, 4 + (1 << 20))
