"""Captures of other programs, read packet by packet; they are not trusted."""

from __future__ import annotations

import os
import struct
import tempfile
from ipaddress import ip_address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab.errors import InputError
from echolab.lab.capture import Packet, is_capture, read_capture
from echolab.lab.pcapng import Pcapng
from echolab.lab.segments import End, Flag, segment

ANN = End(ip_address("127.0.0.1"), 60612)
HERE = End(ip_address("127.0.0.1"), 8888)
ANN6 = End(ip_address("::1"), 60612)
HERE6 = End(ip_address("::1"), 8888)

HELLO = segment(
    ANN, HERE, Flag.PSH | Flag.ACK, seq=7, ack=9, window=512, data=b"hello\n"
)
HELLO6 = segment(
    ANN6, HERE6, Flag.PSH | Flag.ACK, seq=7, ack=9, window=512, data=b"hello\n"
)
SYN = segment(
    ANN,
    HERE,
    Flag.SYN,
    seq=6,
    window=65495,
    options=bytes([2, 4, 255, 215, 1, 3, 3, 7]),
)
UDP = HELLO[:9] + b"\x11" + HELLO[10:]
MACS = bytes(12)
IP, IPV6, VLAN = b"\x08\x00", b"\x86\xdd", b"\x81\x00\x00\x07"


def pcap(
    *frames: bytes,
    link: int = 101,
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    cut: int = 0,
) -> bytes:
    """Return a pcap file; ``cut`` is how many bytes of each frame it lacks."""
    written = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for frame in frames:
        size = len(frame) - cut
        head = struct.pack(f"{order}IIII", 1_795_000_000, 123456, size, len(frame))
        written.append(head + frame[:size])
    return b"".join(written)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    body = struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)
    return block(0x0A0D0D0A, body, order)


def interface(options: bytes = b"", order: str = "<", link: int = 101) -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order)


def enhanced(ticks: int, order: str = "<", index: int = 0) -> bytes:
    high, low = divmod(ticks, 1 << 32)
    size = len(HELLO)
    head = struct.pack(f"{order}5I", index, high, low, size, size)
    return block(6, head + HELLO, order)


class CaptureCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()), "c.pcap")

    def read(self, capture: bytes) -> list[Packet]:
        self.path.write_bytes(capture)
        return [*read_capture(self.path)]

    def fault(self, capture: bytes) -> str:
        with self.assertRaises(InputError) as caught:
            self.read(capture)
        return str(caught.exception).removeprefix(f"read {self.path}: ")


class PcapTests(CaptureCase):
    def test_a_packet(self) -> None:
        [syn, hello] = self.read(pcap(SYN, HELLO))
        self.assertEqual(
            hello,
            Packet(
                number=2,
                time=1_795_000_000.123456,
                source=ANN,
                target=HERE,
                flags=Flag.PSH | Flag.ACK,
                seq=7,
                ack=9,
                window=512,
                scale=None,
                length=6,
                data=b"hello\n",
            ),
        )
        self.assertEqual((syn.number, syn.flags, syn.scale), (1, Flag.SYN, 7))
        self.assertEqual(str(hello.source), "127.0.0.1:60612")

    def test_byte_orders_and_nanoseconds(self) -> None:
        for order in "<", ">":
            [packet] = self.read(pcap(HELLO, order=order))
            self.assertEqual(packet.time, 1_795_000_000.123456)
            [packet] = self.read(pcap(HELLO, order=order, magic=0xA1B23C4D))
            self.assertEqual(packet.time, 1_795_000_000.000123456)

    def test_links(self) -> None:
        for link, head4, head6 in (
            (0, struct.pack("<I", 2), struct.pack(">I", 30)),
            (108, struct.pack(">I", 2), struct.pack(">I", 24)),
            (1, MACS + IP, MACS + VLAN + VLAN + IPV6),
            (113, bytes(14) + IP, bytes(14) + IPV6),
            (276, IP + bytes(18), IPV6 + bytes(18)),
            *((raw, b"", b"") for raw in (12, 14, 101, 228, 229)),
        ):
            frames = head4 + HELLO, head6 + HELLO6
            first, second = self.read(pcap(*frames, link=link))
            self.assertEqual((first.source, first.data), (ANN, b"hello\n"), link)
            self.assertEqual((second.source, second.data), (ANN6, b"hello\n"), link)

    def test_what_is_no_tcp_is_left_out(self) -> None:
        arp = MACS + b"\x08\x06" + HELLO
        fragment = HELLO[:6] + b"\x00\x07" + HELLO[8:]
        frames = (arp, MACS + IP + UDP, MACS + IP + fragment, MACS + IP, MACS, b"")
        numbers = [
            each.number for each in self.read(pcap(*frames, MACS + IP + HELLO, link=1))
        ]
        self.assertEqual(numbers, [7])

    def test_padding_is_no_data(self) -> None:
        [packet] = self.read(pcap(MACS + IP + HELLO + bytes(9), link=1))
        self.assertEqual((packet.length, packet.data), (6, b"hello\n"))

    def test_a_part_of_the_data_is_none(self) -> None:
        [packet] = self.read(pcap(HELLO, cut=1))
        self.assertEqual((packet.length, packet.data), (6, None))
        self.assertEqual(self.read(pcap(HELLO, cut=7)), [])

    def test_packets_without_a_length_are_as_long_as_on_the_link(self) -> None:
        whole = HELLO[:2] + b"\0\0" + HELLO[4:]
        for packet in whole, HELLO6[:4] + b"\0\0" + HELLO6[6:]:
            [found] = self.read(pcap(packet))
            self.assertEqual((found.length, found.data), (6, b"hello\n"))

    def test_extension_headers(self) -> None:
        options = b"\x06\x00" + bytes(6)
        payload = struct.pack("!H", len(HELLO6) - 40 + 8)
        for kind in (0, 43, 60, 44):
            head = HELLO6[:4] + payload + bytes([kind, 64]) + HELLO6[8:40]
            [found] = self.read(pcap(head + options + HELLO6[40:]))
            self.assertEqual(found.data, b"hello\n")

    def test_later_fragments_have_no_header(self) -> None:
        later = b"\x06\x00\x00\x10" + bytes(4)
        head = HELLO6[:6] + bytes([44, 64]) + HELLO6[8:40]
        self.assertEqual(self.read(pcap(head + later + HELLO6[40:])), [])

    def test_another_link_type_is_logged(self) -> None:
        with capturedLogs() as logs:
            self.assertEqual(self.read(pcap(HELLO, HELLO, link=127)), [])
        [logged] = map(formatEvent, logs)
        self.assertIn("link type 127", logged)

    def test_a_file_that_is_cut_off(self) -> None:
        whole = pcap(HELLO, HELLO)
        for size in (len(whole) - 1, len(whole) - len(HELLO) - 3):
            with capturedLogs() as logs:
                self.assertEqual(len(self.read(whole[:size])), 1)
            [logged] = map(formatEvent, logs)
            self.assertIn("cut off after packet 1", logged)

    def test_faults_are_one_line(self) -> None:
        long = pcap() + struct.pack("<IIII", 0, 0, 262_145, 262_145)
        self.assertEqual(self.fault(long), "a packet of 262145 bytes")
        long = pcap(HELLO) + long[24:]
        self.assertEqual(self.fault(long), "after packet 1: a packet of 262145 bytes")
        self.assertEqual(self.fault(b"hello\n"), "neither pcap nor pcapng")
        self.assertEqual(self.fault(b""), "neither pcap nor pcapng")
        with self.assertRaisesRegex(InputError, "open nowhere: No such file"):
            [*read_capture("nowhere")]


class PcapngTests(CaptureCase):
    def test_what_echolab_writes(self) -> None:
        written = bytearray()
        capture = Pcapng(written.extend, "echolab")
        capture.secrets(b"CLIENT_RANDOM\n")
        number = capture.interface("plain text", "")
        capture.packet(number, 1_795_000_000.1234567, HELLO, "made up")
        [packet] = self.read(bytes(written))
        self.assertEqual(packet.time, 1_795_000_000.1234567)
        self.assertEqual(packet.data, b"hello\n")

    def test_byte_orders_and_sections(self) -> None:
        capture = b"".join(
            section(order) + interface(order=order) + enhanced(5_000_000, order)
            for order in "<><"
        )
        times = [each.time for each in self.read(capture)]
        self.assertEqual(times, [5.0, 5.0, 5.0])

    def test_times(self) -> None:
        for options, ticks in (
            (b"", 2_500_000),
            (b"\x09\0\x01\0\x09\0\0\0", 2_500_000_000),
            (b"\x09\0\x01\0\x81\0\0\0", 5),
            (b"\x09\0\x01\0\0\0\0\0" + struct.pack("<HHq", 14, 8, -4), 6),
            (b"\x02\0\x03\0lo!\0\x09\0\x01\0\x83\0\0\0\0\0\0\0", 20),
        ):
            [packet] = self.read(section() + interface(options) + enhanced(ticks))
            self.assertIn(packet.time, (2.5, 2.0))

    def test_two_interfaces(self) -> None:
        capture = section() + interface(link=1) + interface() + enhanced(1, index=1)
        self.assertEqual(len(self.read(capture)), 1)

    def test_old_packets_and_other_blocks(self) -> None:
        size = len(HELLO)
        old = block(2, struct.pack("<HHIIII", 0, 9, 0, 7, size, size) + HELLO)
        capture = section() + interface() + block(5, bytes(8)) + old
        [packet] = self.read(capture)
        self.assertEqual(packet.data, b"hello\n")

    def test_faults_are_one_line(self) -> None:
        late = enhanced((1 << 64) - 1)
        one = b"\x09\0\x01\0\0\0\0\0"
        short = block(6, struct.pack("<5I", 0, 0, 0, 99, 99) + HELLO)
        for capture, fault in (
            (section()[:8] + bytes(20), "a section without a byte order"),
            (section() + enhanced(1), "a packet of an interface that is not described"),
            (
                section() + interface(one) + late,
                "a packet that has no time of our days",
            ),
            (section() + interface() + short, "a packet that is longer than its block"),
            (section() + block(1, b""), "an interface without a link type"),
            (section() + block(6, bytes(16)), "a packet without a length"),
            (section() + struct.pack("<II", 5, 1 << 31), "a block of 2147483648 bytes"),
            (section() + struct.pack("<II", 5, 8), "a block of 8 bytes"),
        ):
            self.assertEqual(self.fault(capture), fault)


class KindTests(CaptureCase):
    def test_captures_are_known_by_their_first_bytes(self) -> None:
        for capture in (
            *(pcap(order=order) for order in "<>"),
            *(pcap(order=order, magic=0xA1B23C4D) for order in "<>"),
            section(),
        ):
            self.path.write_bytes(capture)
            self.assertTrue(is_capture(self.path))
        for other in (b"", b"{", b'{"event":"accepted"'):
            self.path.write_bytes(other)
            self.assertFalse(is_capture(self.path))

    def test_nothing_is_read_of_a_pipe(self) -> None:
        os.mkfifo(self.path)
        self.assertFalse(is_capture(self.path))
        self.assertFalse(is_capture(self.path.parent))
        self.assertFalse(is_capture("nowhere"))


class HostileTests(CaptureCase):
    @given(
        st.sampled_from(
            [
                pcap(HELLO, HELLO6, SYN),
                pcap(MACS + VLAN + IPV6 + HELLO6, MACS + IP + SYN, link=1),
                section() + interface(b"\x09\0\x01\0\x09\0\0\0") + enhanced(5) * 2,
            ]
        ),
        st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=4))),
    )
    def test_no_bytes_are_more_than_one_line(
        self, capture: bytes, changes: list[tuple[int, bytes]]
    ) -> None:
        changed = bytearray(capture)
        for at, value in changes:
            changed[at : at + len(value)] = value
        try:
            self.read(bytes(changed))
        except InputError as error:
            self.assertNotIn("\n", str(error))
