"""The writer of captures, against a reader that knows only the format's draft."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from echolab.lab.pcapng import Pcapng
from tests.captures import blocks, options, packets

TIME = 1_795_000_000.1234567


class PcapngTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.written = bytearray()
        self.capture = Pcapng(self.written.extend, "echolab 9")

    def test_a_section_names_the_program(self) -> None:
        [(kind, body)] = blocks(bytes(self.written))
        self.assertEqual(kind, 0x0A0D0D0A)
        self.assertEqual(body[:8], struct.pack("<IHH", 0x1A2B3C4D, 1, 0))
        self.assertEqual(options(body[16:]), {4: b"echolab 9"})

    def test_two_interfaces_and_secrets_before_their_packets(self) -> None:
        plain = self.capture.interface("plain text", "made up")
        cipher = self.capture.interface("ciphertext", "made up")
        self.capture.secrets(b"CLIENT_RANDOM 00 11\n")
        self.capture.packet(plain, TIME, b"E" * 21, "a")
        self.capture.packet(cipher, TIME, b"F" * 40, "b")
        _, first, second, secrets, *_ = blocks(bytes(self.written))
        self.assertEqual(first[1][:2], struct.pack("<H", 101))
        self.assertEqual(options(second[1][8:])[2], b"ciphertext")
        kind, length = struct.unpack_from("<II", secrets[1])
        self.assertEqual((secrets[0], kind), (10, 0x544C534B))
        self.assertEqual(secrets[1][8 : 8 + length], b"CLIENT_RANDOM 00 11\n")
        found = packets(bytes(self.written))
        self.assertEqual([each.interface for each in found], [0, 1])
        self.assertEqual([each.data for each in found], [b"E" * 21, b"F" * 40])
        self.assertEqual([each.comment for each in found], ["a", "b"])

    def test_times_have_the_digits_of_a_recording(self) -> None:
        number = self.capture.interface("plain text", "made up")
        last_second = 253_402_300_799.0
        for time in (TIME, 0.0, 0.99999999, last_second):
            self.capture.packet(number, time, b"", "")
        self.assertEqual(
            [each.ticks for each in packets(bytes(self.written))],
            [17_950_000_001_234_567, 0, 10_000_000, 2_534_023_007_990_000_000],
        )

    def test_long_comments_are_cut(self) -> None:
        number = self.capture.interface("plain text", "made up")
        self.capture.packet(number, TIME, b"", "\udc80한" * 40_000)
        [found] = packets(bytes(self.written))
        self.assertIn("한", found.comment)
