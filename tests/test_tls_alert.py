"""Unexpected TLS."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Connected,
    EndCause,
    Finished,
    Mistaken,
    Peer,
    Received,
)
from echolab.messages import Batch
from echolab.testing import connected
from echolab.tls.alert import AlertWatch, begins_tls

PEER = Peer(1, "IPv4", "127.0.0.1", 8443)
CONNECTED = Connected(PEER, 1.0)
FINISHED = Finished(PEER, 2.0, EndCause.EOF, received_bytes=7, seconds=1)
ALERT = b"\x15\x03\x03\0\x02\x02\x46"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100


def received(data: bytes) -> Received:
    return Received(PEER, 1.5, Batch((data,)))


class AlertTests(SynchronousTestCase):
    def watch(self, *chunks: bytes) -> tuple[bool, bytes]:
        """Watch a connection; return the verdict, and the events of the sink."""
        events: list[object] = []
        watch = AlertWatch(events.append)
        watch(CONNECTED)
        for chunk in chunks:
            watch(received(chunk))
        watch(FINISHED)
        self.assertIs(events[0], CONNECTED)
        self.assertIs(events[-1], FINISHED)
        given = [each.messages.raw() for each in events if isinstance(each, Received)]
        return watch.speaks_tls, b"".join(given)

    def test_an_alert_is_no_reply_however_it_is_cut(self) -> None:
        for level in (b"\1", b"\2"):
            for version in range(5):
                alert = b"\x15\x03%c\0\2%b\n" % (version, level)
                self.assertEqual(self.watch(alert), (True, b""))
                for cut in range(1, 7):
                    whole = self.watch(alert[:cut], alert[cut:])
                    self.assertEqual(whole, (True, b""))

    def test_anything_else_is_a_reply(self) -> None:
        for chunks in (
            (b"hello",),
            (b"\x15",),
            (ALERT[:6],),
            (ALERT + b"x",),
            (ALERT, b"x", ALERT),
            (b"x", ALERT),
            (b"\x15\x03\x03\0\x02\x03\x46",),
            (b"\x15\x03\x03\0\x03\x02\x46",),
            (b"\x16\x03\x03\0\x02\x02\x46",),
            (),
        ):
            self.assertEqual(self.watch(*chunks), (False, b"".join(chunks)))

    def test_no_more_after_it_was_stopped(self) -> None:
        events: list[object] = []
        watch = AlertWatch(events.append)
        watch.stop()
        watch(received(ALERT))
        self.assertEqual(len(events), 1)
        self.assertFalse(watch.speaks_tls)


class HelloTests(SynchronousTestCase):
    def test_what_begins_tls(self) -> None:
        self.assertTrue(begins_tls(HELLO))
        for data in (b"", b"hello\n", HELLO[:5], b"\x16\x03\x01\x02\x00\x02", ALERT):
            self.assertFalse(begins_tls(data))

    def mistakes(self, *chunks: bytes) -> int:
        talk = connected()
        for chunk in chunks:
            talk.client.write(chunk)
            talk.flush()
        talk.client.finish()
        talk.flush()
        self.assertEqual(talk.transcript.received(), b"".join(chunks))
        events = talk.transcript.events
        return sum(isinstance(event, Mistaken) for event in events)

    def test_it_is_said_once_and_received(self) -> None:
        self.assertEqual(self.mistakes(HELLO, HELLO), 1)
        self.assertEqual(self.mistakes(b"x", HELLO), 0)
