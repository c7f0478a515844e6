"""Events as the payload of a stream's message, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Batch,
    Called,
    Chunk,
    EndCause,
    Finished,
    HalfClosed,
    Introduced,
    Lines,
    Listening,
    Misbehaved,
    Mistaken,
    Peer,
    Received,
    Refused,
    Sent,
    Unanswered,
)
from echolab.carrying.schema import Carried, NotCarriedError, decode, encode

if TYPE_CHECKING:
    from echolab.events import Event

PEER = Peer(7, "IPv4", "192.0.2.1", 60612, name='a"b')
TIME = 1764410000.25
ENDED = Finished(
    PEER, TIME + 9, EndCause.RESET, received_bytes=9, seconds=9.5, detail="ECONNRESET"
)


def carried(*events: Event, client: tuple[str, int] | None = None) -> Carried:
    return Carried("web1", "3f9a0c1e", 17, 15, events, client)


class RoundTripTests(SynchronousTestCase):
    def test_lines_travel_as_they_are(self) -> None:
        there = carried(Received(PEER, TIME, Lines(b'one\n"two"\n\xff\n')))
        payload = encode(there)
        self.assertTrue(payload.endswith(b'}\none\n"two"\n\xff\n'))
        self.assertEqual(decode(payload), there)

    def test_the_head_is_as_documented(self) -> None:
        events = Received(PEER, TIME, Lines(b"one\n", "overlong")), HalfClosed(PEER, 5)
        head = encode(carried(*events, client=("7f3a", 101))).split(b"\n")[0]
        self.assertEqual(
            json.loads(head),
            {
                "receiver": "web1",
                "run": "3f9a0c1e",
                "number": 17,
                "stored": 15,
                "peer": {
                    "number": 7,
                    "family": "IPv4",
                    "host": "192.0.2.1",
                    "port": 60612,
                    "name": 'a"b',
                },
                "client": ["7f3a", "101"],
                "events": [
                    ["received", TIME, 4, "overlong"],
                    {"event": "half_closed", "time": "1970-01-01T00:00:05.0000000Z"},
                ],
            },
        )

    def test_every_event_comes_back(self) -> None:
        there = carried(
            Accepted(PEER, TIME, Peer(0, "IPv4", "192.0.2.9", 8888), 12.5),
            Called(PEER, TIME, "recv", "65536", 4, data=b"\x17"),
            Chunk(PEER, TIME, b"a\r\n\xfe"),
            Received(PEER, TIME, Lines(b"a\n")),
            Received(PEER, TIME, Batch((b"", b"\n", b"\xfe"))),
            Received(PEER, TIME, Batch((b"x",), "partial")),
            Received(PEER, TIME, Lines(b"rest\n", "continued")),
            Sent(PEER, TIME, b"ok\n", 0, 1),
            Unanswered(PEER, TIME, 2, b"what?"),
            Misbehaved(PEER, TIME, "mute"),
            Mistaken(PEER, TIME, "TLS"),
            HalfClosed(PEER, TIME),
            Introduced(PEER, TIME, "7f3a", 101),
            ENDED,
            client=("7f3a", 2**63 - 1),
        )
        self.assertEqual(decode(encode(there)), there)

    def test_events_of_no_connection_come_back(self) -> None:
        port = Peer(0, "IPv6", "::", 8888)
        for event in (
            Refused(replace(PEER, number=0), TIME, EndCause.REFUSED, "denied", 3),
            Listening(port, TIME, 128, waiting=1),
            Called(port, TIME, "listen", "128"),
        ):
            self.assertEqual(decode(encode(carried(event))).events, (event,))

    def test_a_name_that_looks_like_the_head_changes_nothing(self) -> None:
        peer = replace(PEER, name='","peer":{}', path="\udcff\n")
        event = Misbehaved(peer, TIME, f'"peer":{peer.name}')
        self.assertEqual(decode(encode(carried(event))).events, (event,))


class GarbageTests(SynchronousTestCase):
    GOOD = encode(
        carried(
            Received(PEER, TIME, Lines(b"one\n")),
            Received(PEER, TIME, Batch((b"a", b"bc"))),
            ENDED,
            client=("7f3a", 5),
        )
    )

    def refused(self, payload: bytes) -> None:
        self.assertNotEqual(payload, self.GOOD)
        with self.assertRaises(NotCarriedError):
            decode(payload)

    def test_what_is_cut_off_or_goes_on(self) -> None:
        for size in range(len(self.GOOD)):
            self.refused(self.GOOD[:size])
        self.refused(self.GOOD + b"x")

    def test_what_is_no_head(self) -> None:
        for payload in (b"", b"\n", b"[]\n", b"{}\n", b"\xff\n", b"[" * 9999, b"1\n"):
            self.refused(payload)

    def test_members_that_are_wrong(self) -> None:
        for before, after in (
            (b'"web1"', b'"web 1"'),
            (b'"web1"', b'""'),
            (b'"web1"', b"1"),
            (b'"number":17', b'"number":-1'),
            (b'"number":17', b'"number":17,"number":18'),
            (b'"stored":15', b'"stored":true'),
            (b'"stored":15', b'"stored":NaN'),
            (b'["7f3a","5"]', b'["7f3a",5]'),
            (b'["7f3a","5"]', b'["7f3a","9223372036854775808"]'),
            (b'["7f3a","5"]', b'["7f3a"]'),
            (b'["received",1764410000.25,4]', b'["sent",1764410000.25,4]'),
            (b'["received",1764410000.25,4]', b'["received",1e999,4]'),
            (b'["received",1764410000.25,4]', b'["received",0,-4]'),
            (b'["received",1764410000.25,4]', b'["received",0,3]'),
            (b'["received",1764410000.25,4]', b'["received",0,4,"odd"]'),
            (b'["received",1764410000.25,4]', b'["received",0,4,null]'),
            (b'["received",1764410000.25,4]', b'["received",0,4,[]]'),
            (b"[1,2]", b"[]"),
            (b"[1,2]", b"[3,0,true]"),
            (b"[1,2]", b'[1,2],"partial"'),
            (b'"finished"', b'"partial"'),
            (b'"finished"', b'"other"'),
        ):
            self.assertIn(before, self.GOOD)
            self.refused(self.GOOD.replace(before, after, 1))

    def test_no_events(self) -> None:
        head = json.loads(self.GOOD.split(b"\n")[0])
        self.refused(json.dumps({**head, "events": []}).encode() + b"\n")
