"""Captures of recordings that have not all events: the bytes have their places."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab import (
    Accepted,
    Called,
    Chunk,
    Connected,
    EndCause,
    Event,
    LeftOut,
    Sampled,
    Sent,
)
from echolab.lab.conversations import packets_of
from tests.captures import FIN, RST, Tcp, tcp
from tests.gaps import echoes, without
from tests.sessions import write
from tests.support import run
from tests.test_export import (
    ANN,
    ANN_SAYS,
    BEGUN,
    HELLO,
    TIME,
    WE_SAY,
    call,
    finished,
    over_tls,
)
from tests.ways import FolderCase

GAP = LeftOut(ANN, TIME, 1234, received_bytes=56_000, sent_bytes=3000)


def packets(*events: Event) -> list[tuple[Tcp, str]]:
    """Return the packets of one connection, each with its comment."""
    return [(tcp(each.data), each.comment) for each in packets_of(events)]


def data_of(found: list[tuple[Tcp, str]], source: str) -> list[tuple[int, bytes]]:
    """Return the bytes of a sender, and where they are in its stream."""
    sent = [each for each, _ in found if each.source == source]
    return [((p.seq - sent[0].seq - 1) % 2**32, p.data) for p in sent if p.data]


class PlaceTests(SynchronousTestCase):
    def test_the_numbers_go_on_behind_a_gap(self) -> None:
        found = packets(BEGUN, HELLO, GAP, HELLO, Sent(ANN, TIME, b"ok\n", 3000))
        self.assertEqual(
            data_of(found, ANN_SAYS), [(0, b"hello\n"), (56_006, b"hello\n")]
        )
        self.assertEqual(data_of(found, WE_SAY), [(3000, b"ok\n")])

    def test_the_next_packet_of_each_side_says_what_is_missing(self) -> None:
        found = packets(BEGUN, GAP, HELLO, HELLO, Sent(ANN, TIME, b"ok\n", 3000))
        said = [(p.source, comment) for p, comment in found if "kept" in comment]
        [(peer, of_peer), (own, of_own)] = said
        self.assertEqual((peer, own), (ANN_SAYS, WE_SAY))
        self.assertTrue(of_peer.endswith("; 56000 bytes before it were not kept"))
        self.assertTrue(of_own.endswith("; 3000 bytes before it were not kept"))

    def test_gaps_that_follow_each_other(self) -> None:
        found = packets(BEGUN, GAP, replace(GAP, received_bytes=1), HELLO)
        self.assertEqual(data_of(found, ANN_SAYS), [(56_001, b"hello\n")])
        self.assertIn("56001 bytes", found[-2][1] + found[-1][1])

    def test_numbers_begin_again_after_the_last(self) -> None:
        gap = replace(GAP, received_bytes=2**32 + 7)
        found = packets(BEGUN, gap, HELLO)
        self.assertEqual(data_of(found, ANN_SAYS), [(7, b"hello\n")])

    @given(st.data(), st.sampled_from([0, 3, 10]), st.booleans())
    def test_wherever_the_gaps_are(
        self, data: st.DataObject, late_bytes: int, is_server: bool
    ) -> None:
        pair = echoes(late_bytes=late_bytes)
        whole = pair.at_server if is_server else pair.at_client
        begins = [isinstance(e, Accepted | Connected) for e in whole].index(True)
        first = data.draw(st.integers(begins + 1, len(whole) - 2))
        last = data.draw(st.integers(first + 1, len(whole) - 1))
        found = packets(*without(whole, first, last))
        (client, _), (server, _) = found[:2]
        read = b"".join(event.data for event in whole if isinstance(event, Chunk))
        written = b"".join(event.data for event in whole if isinstance(event, Sent))
        of_client, of_server = (read, written) if is_server else (written, read)
        for source, stream in (client.source, of_client), (server.source, of_server):
            for place, sent in data_of(found, source):
                self.assertEqual(stream[place : place + len(sent)], sent)
        for each, _ in found:
            self.assertFalse(each.flags & RST)

    def test_what_the_kernel_has_acknowledged(self) -> None:
        sample = Sampled(ANN, TIME, "ESTABLISHED", acked_bytes=2500)
        found = packets(BEGUN, GAP, sample)
        ours = found[1][0]
        self.assertEqual(found[-1][0].ack, (ours.seq + 1 + 2500) % 2**32)


class CallTests(SynchronousTestCase):
    def test_sends_of_bytes_that_were_given_before(self) -> None:
        found = packets(
            *(BEGUN, GAP, call("send", 100), Sent(ANN, TIME, b"ok\n", 2900)),
            *(call("send", 102), call("send", 1)),
        )
        self.assertEqual(data_of(found, WE_SAY), [(3000, b"ok"), (3002, b"\n")])

    def test_a_gap_between_a_recv_and_its_bytes(self) -> None:
        # Otherwise, these would be taken for the calls of TLS.
        found = packets(
            *(BEGUN, call("recv", 9), GAP, HELLO, Sent(ANN, TIME, b"ok\n", 3000)),
            *(call("recv", 6), HELLO, Sent(ANN, TIME, b"ok\n", 3003), call("send", 6)),
        )
        self.assertEqual(data_of(found, WE_SAY), [(3000, b"ok\n"), (3003, b"ok\n")])

    def test_without_calls_behind_the_gap(self) -> None:
        found = packets(
            *(BEGUN, call("recv", 6), HELLO, GAP),
            *(Sent(ANN, TIME, b"ok\n", 3000), finished(EndCause.EOF)),
        )
        self.assertEqual(data_of(found, WE_SAY), [(3000, b"ok\n")])
        ends = [each.source for each, _ in found if each.flags & FIN]
        self.assertEqual(ends, [ANN_SAYS, WE_SAY])

    def test_the_ciphertext_lacks_at_least_as_much(self) -> None:
        early = Called(ANN, TIME, "recv", "65536", 6, monotonic=1.0, data=b"hidden")
        sends = [
            event
            for at in range(2)
            for event in (Sent(ANN, TIME, b"ok\n"), over_tls("send", b"secret%d" % at))
        ]
        events = early, BEGUN, GAP, over_tls("recv", b"hidden"), HELLO, *sends
        made = [*packets_of(events)]
        said = [each.comment for each in made if "kept" in each.comment]
        self.assertEqual(
            [(" at least " in comment, "56000" in comment) for comment in said],
            [(True, True), (True, False), (False, True), (False, False)],
        )
        cipher = [(tcp(each.data), each.comment) for each in made if each.encrypted]
        sent = [data for _, data in data_of(cipher, WE_SAY)]
        self.assertEqual(sent, [b"secret0", b"secret1"])


class ProgramTests(FolderCase):
    def test_wireshark_misses_them(self) -> None:
        if shutil.which("tshark") is None:
            raise SkipTest("tshark is not installed")
        recording = write(
            self.folder / "lab.jsonl",
            [
                *(BEGUN, call("recv", 6), HELLO, GAP, call("recv", 6), HELLO),
                *(Sent(ANN, TIME, b"ok\n", 3000), call("send", 3), HELLO),
            ],
        )
        capture = str(self.folder / "lab.pcapng")
        run("export", recording, capture)
        fields = "tcp.srcport", "frame.comment"
        shown = subprocess.run(
            [
                *("tshark", "-r", capture, "-Y", "tcp.analysis.lost_segment"),
                *("-T", "fields", *(f"-e{field}" for field in fields)),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        self.assertEqual([line.split("\t")[0] for line in shown], ["60612", "8888"])
        for line in shown:
            self.assertIn("bytes before it were not kept", line)

    def test_one_that_begins_in_a_gap(self) -> None:
        recording = write(self.folder / "lab.jsonl", [GAP])
        ended = run("export", recording, str(self.folder / "lab.pcapng"))
        why = b"it continues another recording: join them with cat, in order"
        self.assertIn(why, ended.err)
