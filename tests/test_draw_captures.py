"""Captures beside recordings: the packets of a figure are the real ones."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from echolab import Peer
from echolab.lab.capture import Packet
from echolab.lab.captured import with_packets
from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.reading import sides_of
from echolab.lab.segments import End, Flag
from echolab.lab.text import draw_text
from tests.drawing import rows
from tests.sessions import TIME, Pair, hello

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CLIENT = End(ip_address("127.0.0.1"), 60612)
SERVER = End(ip_address("127.0.0.1"), 8888)
DATA = Flag.PSH | Flag.ACK
FIN = Flag.FIN | Flag.ACK
UNNUMBERED = -1


def packet(at: float, flags: Flag, data: bytes = b"", *, back: bool = False) -> Packet:
    """Return a packet of the client, or one that comes back from the server.

    `drawn` numbers its bytes.
    """
    source, target = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    return Packet(
        1, TIME + at, source, target, flags, UNNUMBERED, 7, 512, None, len(data), data
    )


SESSION = (
    packet(0.00002, Flag.SYN),
    packet(0.00003, Flag.SYN | Flag.ACK, back=True),
    packet(0.00004, Flag.ACK),
    packet(0.81231, DATA, b"hello\n"),
    packet(0.81232, Flag.ACK, back=True),
    packet(5.00001, FIN),
    packet(5.00021, FIN, back=True),
    packet(5.00022, Flag.ACK),
)


def numbered(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Yield packets with the numbers that their bytes have in a real capture."""
    numbers = {CLIENT: 7, SERVER: 9}
    for each in packets:
        if each.seq == UNNUMBERED:
            at = numbers.get(each.source, 0)
            marks = each.flags & (Flag.SYN | Flag.FIN)
            numbers[each.source] = at + each.length + bool(marks)
            yield each._replace(seq=at)
        else:
            yield each


def drawn(
    pair: Pair,
    *packets: Packet,
    figure: str = "both",
    alone: bool = False,
) -> str:
    recordings = [pair.at_server] if alone else [pair.at_server, pair.at_client]
    accounts = join([sides_of(events) for events in recordings])
    [account] = with_packets(accounts, numbered(packets))
    return draw_text(figure_of(account, figure), 100)


class CaptureTests(SynchronousTestCase):
    def test_connections_between_the_same_ends(self) -> None:
        def session(first: int, at: float) -> list[Packet]:
            names = (b"one\n", b"two\n")
            return [
                packet(at, Flag.SYN)._replace(seq=first),
                packet(at + 0.1, Flag.SYN)._replace(seq=first),
                packet(at + 0.2, DATA, names[at > 0])._replace(seq=first + 1),
                packet(at + 0.3, Flag.RST)._replace(seq=first + 5),
            ]

        pair, late = Pair(), Pair(Peer(2, "IPv4", "127.0.0.1", 60612))
        pair.connects()
        late.connects()
        moved = [replace(event, time=event.time + 1) for event in late.at_server]
        accounts = join([sides_of([*pair.at_server, *moved])])
        one, two = session(7, 0.0), session(70, 1.0)
        for packets in [*one, *two], [*one, *two, *one, *two]:
            shown = [
                draw_text(figure_of(account, "packets"), 100)
                for account in with_packets(accounts, packets)
            ]
            for text, mine, others in zip(
                shown, ("one", "two"), ("two", "one"), strict=True
            ):
                self.assertIn(mine, text)
                self.assertNotIn(others, text)
                self.assertEqual(text.count(" SYN "), 2 * len(packets) // 8)

    def labels(self, shown: str) -> list[str]:
        arrows = [line for line in rows(shown) if "▶" in line or "◀" in line]
        return [line.split("│")[1].strip("─ ·▶◀") for line in arrows]

    def test_the_packets_are_those_of_the_capture(self) -> None:
        for figure in "both", "packets":
            for alone in True, False:
                shown = drawn(hello(), *SESSION, figure=figure, alone=alone)
                self.assertEqual(
                    self.labels(shown),
                    [
                        *("SYN", "SYN, ACK", "ACK", '6 bytes "hello\\n"', "ACK"),
                        *("FIN, ACK", "FIN, ACK", "ACK"),
                    ],
                )
                self.assertNotIn("·· deduced", shown)
                self.assertIn("with a capture", shown)
                self.assertIn("the client ended first", shown)

    def test_they_stand_between_the_calls(self) -> None:
        shown = drawn(hello(), *SESSION)
        words = ("send(6)", "6 bytes", "recv(65536) = 6", "shutdown", "FIN, ACK")
        places = [shown.index(word, shown.index("socket()")) for word in words]
        self.assertEqual(places, sorted(places))

    def test_a_call_that_returned_long_after_its_packet_says_so(self) -> None:
        acked = packet(0.00015, Flag.ACK)
        shown = drawn(hello(), *SESSION[:2], acked, *SESSION[3:])
        self.assertRegex(shown, r"ACK ─+▶│ accept\(\) = \S+\n[^\n]*50 µs later")
        [line] = [line for line in rows(shown) if "= 0 90 µs later" in line]
        self.assertIn("FIN, ACK", line)

    def test_calls_have_no_packets(self) -> None:
        shown = drawn(hello(), *SESSION, figure="calls")
        self.assertNotIn("SYN", shown)
        self.assertIn("connection", shown)

    def test_other_packets_are_not_of_it(self) -> None:
        others = [each._replace(source=End(CLIENT.host, 1)) for each in SESSION[:3]] + [
            each._replace(time=each.time + 900) for each in SESSION
        ]
        shown = drawn(hello(), *others)
        self.assertNotIn("with a capture", shown)
        self.assertIn("deduced", shown)

    def test_unix_sockets_have_none(self) -> None:
        path = Peer(1, "UNIX", path="/tmp/lab.sock", pid=7, uid=0)
        shown = drawn(hello(Pair(path, path)), *SESSION, alone=True)
        self.assertNotIn("with a capture", shown)

    def test_many_are_folded_and_none_is_lost(self) -> None:
        pair = hello()
        packets = [
            each
            for n in range(1, 501)
            for each in (
                packet(1 + n / 1000, DATA, b"x" * 1000),
                packet(1.0001 + n / 1000, Flag.ACK, back=True),
            )
        ]
        shown = drawn(pair, *SESSION[:5], *packets, *SESSION[5:], figure="packets")
        self.assertLess(len(rows(shown)), 20)
        self.assertIn("packet ×501", shown)
        self.assertIn("500 kB in", shown)

    def test_folding_keeps_the_fin_the_windows_and_what_came_again(self) -> None:
        packets: list[Packet] = []

        def captured(flags: Flag, seq: int, data: bytes = b"", window: int = 9) -> None:
            made = packet(1 + len(packets) / 1000, flags, data)
            packets.append(made._replace(seq=seq % 2**32, window=window))

        start = 2**32 - 2000  # They begin again at 0.
        for n in range(20):
            captured(DATA, start + n * 1000, b"x" * 1000)
            answer = packet(1 + len(packets) / 1000, Flag.ACK, back=True)
            packets.append(answer._replace(window=n % 2))
        captured(DATA, start + 19 * 1000, b"x" * 1000)
        captured(Flag.ACK, start + 20 * 1000 - 1)
        captured(FIN, start + 20 * 1000, b"x" * 500)
        shown = " ".join(drawn(hello(), *packets, figure="packets").split())
        for words in (
            "20 kB in",
            "packet ×20",
            "packet again ×1",
            "ACK, window 0 ×10",
            "bare ACK ×10",
            "ACK, probe ×1",
            "500 bytes, FIN",
        ):
            self.assertIn(words, shown.replace("× ", "×"))
        self.assertNotIn("segments", shown)
