"""Captures that are made of recordings: for Wireshark, without root."""

from __future__ import annotations

import re
import shutil
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Diagnosed,
    EndCause,
    Event,
    Finished,
    HalfClosed,
    Lines,
    Peer,
    Received,
    Sampled,
    Sent,
    SynSaved,
)
from echolab.formats.recording import Recording, read_recording
from echolab.lab.conversations import packets_of
from tests.captures import SYN, Tcp, blocks, packets, shown, streams, tcp
from tests.support import Client, Program, run, write_certificates
from tests.ways import FolderCase

ANN = Peer(1, "IPv4", "127.0.0.1", 60612)
HERE = Peer(1, "IPv4", "127.0.0.1", 8888)
ANN_SAYS, WE_SAY = "127.0.0.1:60612", "127.0.0.1:8888"
TIME = 1_795_000_000.0
SAVED = bytes.fromhex(
    "4500003c772e40004006c58b7f0000017f000001"  # IPv4, 127.0.0.1 to 127.0.0.1
    "ecc422b8fffffff000000000a002ffd7fe300000"  # 60612 to 8888, SYN, window 65495
    "0204ffd70402080a821bf8760000000001030302"  # MSS, SACK, time, scale 2
)

KEY_LOG = b"# of OpenSSL\nCLIENT_RANDOM 0123 4567abcdef\n"


def call(name: str, result: int = 0, errno: str = "", arguments: str = "") -> Called:
    return Called(ANN, TIME, name, arguments, result, errno, monotonic=1.0)


def over_tls(name: str, data: bytes) -> Called:
    return replace(call(name, len(data)), data=data)


def finished(cause: EndCause, unread: int = 0) -> Finished:
    return Finished(
        ANN, TIME, cause, received_bytes=6, unread_bytes=unread, seconds=1.0
    )


BEGUN = Accepted(ANN, TIME, HERE, 1.0)
HELLO = Chunk(ANN, TIME, b"hello\n")
SHUT = call("shutdown", arguments="SHUT_RDWR")
HANDSHAKE = [">S", "<S."]


class PacketCase(SynchronousTestCase):
    def packets(self, *events: Event) -> list[Tcp]:
        """Return the packets of one connection, which must follow each other."""
        made = [*packets_of(events)]
        times = [each.time for each in made]
        self.assertEqual(times, sorted(times))
        found = [tcp(each.data, checked=each.data != SAVED) for each in made]
        self.streams = streams(found)
        return found

    def shown(self, *events: Event) -> list[str]:
        return shown(self.packets(*events))


class ServerTests(PacketCase):
    def test_the_session_of_the_lecture(self) -> None:
        found = self.packets(
            *(BEGUN, call("recv", 6), HELLO, Sent(ANN, TIME, b"hello\n", 0)),
            *(call("recv"), call("send", 6), SHUT, call("close")),
            *(finished(EndCause.EOF),),
        )
        self.assertEqual(
            [f"{each.source[10:]} {each.named} {len(each.data)}" for each in found],
            [
                *("60612 S 0", "8888 S. 0", "60612 . 0"),
                *("60612 P. 6", "8888 . 0", "60612 F. 0", "8888 . 0"),
                *("8888 P. 6", "60612 . 0", "8888 F. 0", "60612 . 0"),
            ],
        )
        self.assertEqual(self.streams, {ANN_SAYS: b"hello\n", WE_SAY: b"hello\n"})

    def test_the_saved_syn_is_the_first_packet(self) -> None:
        events = (BEGUN, SynSaved(ANN, TIME, SAVED), HELLO)
        first, *_ = packets_of(events)
        self.assertEqual(first.data, SAVED)
        self.assertNotIn("made-up", first.comment)
        found = self.packets(*events, Chunk(ANN, TIME, b"x" * 20))
        self.assertEqual([each.seq for each in found[2:4]], [0xFFFFFFF1, 0xFFFFFFF1])
        self.assertEqual(found[1].ack, 0xFFFFFFF1)
        self.assertEqual(self.streams[ANN_SAYS], b"hello\n" + b"x" * 20)

    def test_a_saved_syn_of_another_pair_is_not_taken(self) -> None:
        other = replace(BEGUN, peer=replace(ANN, port=1), local=HERE)
        for packet in (SAVED, SAVED[:30], b"", bytes(80)):
            for begun in (other, BEGUN):
                syn = SynSaved(begun.peer, TIME, packet)
                if (packet, begun) != (SAVED, BEGUN):
                    first, *_ = packets_of([begun, syn])
                    self.assertIn("made-up", first.comment)

    def test_packets_are_marked(self) -> None:
        made = [*packets_of([BEGUN, HELLO, finished(EndCause.EOF)])]
        self.assertEqual([each for each in made if "made-up" not in each.comment], [])
        self.assertIn("peer 1, 127.0.0.1:60612", made[0].comment)

    def test_what_the_kernel_took_was_sent(self) -> None:
        found = self.shown(
            *(BEGUN, Sent(ANN, TIME, b"one", 0), Sent(ANN, TIME, b"two", 0)),
            *(call("send", 4), call("send", -1, "EAGAIN"), Sent(ANN, TIME, b"3", 4)),
            *(call("send", 2), call("close"), finished(EndCause.STOPPED)),
        )
        # One byte was never taken: the connection was aborted.
        self.assertEqual(self.streams[WE_SAY], b"onetwo")
        self.assertEqual(found[2:], ["<P.onet", "<P.wo", "<R."])

    def test_bytes_that_were_sent_before_the_peer_was_known(self) -> None:
        self.packets(
            *(call("send", 3), BEGUN, call("recv", 6), HELLO),
            *(Sent(ANN, TIME, b"hi\n", 3),),
        )
        self.assertEqual(self.streams[WE_SAY], b"hi\n")

    def test_over_tls_the_plain_text(self) -> None:
        found = self.shown(
            *(BEGUN, call("send", 1945), call("recv", 28), HELLO),
            *(Sent(ANN, TIME, b"ok\n"), call("send", 28), call("recv", 24)),
            *(HalfClosed(ANN, TIME), call("recv"), SHUT, call("close")),
        )
        self.assertEqual(found, [*HANDSHAKE, ">P.hello\n", "<P.ok\n", ">F.", "<F."])

    def test_the_last_bytes_of_tls_come_before_its_end(self) -> None:
        found = self.shown(
            *(BEGUN, call("recv", 28), HELLO, call("recv"), HELLO),
            *(SHUT, call("close"), finished(EndCause.EOF)),
        )
        self.assertEqual(found[2:], [">P.hello\n", ">P.hello\n", ">F.", "<F."])

    def test_large_reads_are_cut(self) -> None:
        data = bytes(range(256)) * 1000
        found = self.packets(BEGUN, Chunk(ANN, TIME, data))
        self.assertEqual(self.streams[ANN_SAYS], data)
        self.assertEqual(len([each for each in found if each.data]), 4)


class CiphertextTests(PacketCase):
    HELLOS = over_tls("recv", b"client hello"), over_tls("send", b"server hello")
    TALK: tuple[Event, ...] = (
        *(BEGUN, over_tls("recv", b"<hello>"), HELLO),
        *(Sent(ANN, TIME, b"ok\n"), over_tls("send", b"<ok>")),
    )

    def both(self, *events: Event) -> tuple[list[str], list[str]]:
        """Return the ciphertext and the plain text, each like `shown`."""
        made = [*packets_of(events)]
        found: list[list[str]] = []
        for encrypted in (True, False):
            layer = [each for each in made if each.encrypted is encrypted]
            times = [each.time for each in layer]
            self.assertEqual(times, sorted(times))
            packets = [tcp(each.data, checked=each.data != SAVED) for each in layer]
            streams(packets)
            found.append(shown(packets))
        return found[0], found[1]

    def test_a_connection_has_both(self) -> None:
        ciphertext, plain_text = self.both(
            *(call("accept", 9), *self.HELLOS, *self.TALK),
            *(SHUT, call("close"), finished(EndCause.EOF)),
            *(Diagnosed(ANN, TIME, "own", "TIME_WAIT"),),
        )
        self.assertEqual(
            ciphertext,
            [
                *(*HANDSHAKE, ">P.client hello", "<P.server hello"),
                *(">P.<hello>", "<P.<ok>", "<F.", ">F."),
            ],
        )
        self.assertEqual(plain_text[:4], [*HANDSHAKE, ">P.hello\n", "<P.ok\n"])

    def test_they_are_two_streams(self) -> None:
        client = Connected(HERE, TIME, ANN, 1.0)
        there = [replace(each, peer=HERE) for each in self.HELLOS]
        ours: tuple[Event, ...] = (*self.HELLOS, *self.TALK)
        theirs: tuple[Event, ...] = (*there, client)
        for events in (ours, theirs):
            ends = {
                (each.encrypted, frozenset(tcp(each.data)[:2]))
                for each in packets_of(events)
            }
            self.assertEqual(
                ends,
                {
                    (True, frozenset({ANN_SAYS, WE_SAY})),
                    (False, frozenset({ANN_SAYS, "127.0.0.1:2"})),
                },
            )
        [*_, note] = [
            each.comment for each in packets_of(events) if "port" in each.comment
        ]
        self.assertIn("127.0.0.1:8888 has the ciphertext", note)

    def test_it_begins_when_the_kernel_says(self) -> None:
        accepted = replace(call("accept", 9), time=TIME - 2)
        saved = SynSaved(ANN, TIME, SAVED)
        listening = replace(call("accept", -1, "EAGAIN"), peer=replace(HERE, number=0))
        first, second, *_ = packets_of(
            [accepted, *self.HELLOS, BEGUN, listening, saved, HELLO]
        )
        self.assertEqual(first.data, SAVED)
        self.assertEqual([first.time, second.time], [TIME - 2, TIME - 2])

    def test_the_end_of_tls_is_not_that_of_tcp(self) -> None:
        ciphertext, _ = self.both(
            *(*self.HELLOS, BEGUN, over_tls("recv", b"<end>"), HalfClosed(ANN, TIME)),
            *(over_tls("send", b"<end>"), SHUT, call("close"), finished(EndCause.EOF)),
        )
        self.assertEqual(ciphertext[4:], [">P.<end>", "<P.<end>", "<F."])

    def test_calls_belong_to_their_connection(self) -> None:
        bob = Accepted(replace(ANN, number=2, port=60613), TIME, HERE, 1.0)
        again = (finished(EndCause.EOF), call("accept"), BEGUN, HELLO)
        of_two: tuple[Event, ...] = (*self.HELLOS, bob)
        of_two_runs: tuple[Event, ...] = (*self.HELLOS, *self.TALK, *again)
        for events in (of_two, of_two_runs):
            last = [*packets_of(events)][-1]
            self.assertFalse(last.encrypted)
            self.assertIn(WE_SAY, tcp(last.data)[:2])


class EndTests(PacketCase):
    def test_this_side_ends_first(self) -> None:
        found = self.shown(
            *(BEGUN, SHUT, call("close"), Diagnosed(ANN, TIME, "own", "FIN_WAIT_2")),
            *(finished(EndCause.STOPPED), Diagnosed(ANN, TIME, "own", "TIME_WAIT")),
        )
        self.assertEqual(found, [*HANDSHAKE, "<F.", ">F."])

    def test_the_peers_end_is_not_made_up(self) -> None:
        found = self.shown(BEGUN, SHUT, call("close"), finished(EndCause.STOPPED))
        self.assertEqual(found, [*HANDSHAKE, "<F."])

    def test_the_peers_end_was_not_read(self) -> None:
        waits = Sampled(ANN, TIME, "CLOSE_WAIT")
        found = self.shown(BEGUN, waits, SHUT, call("close"))
        self.assertEqual(found, [*HANDSHAKE, ">F.", "<F."])

    def test_the_peer_resets(self) -> None:
        failed = call("shutdown", -1, "ENOTCONN", "SHUT_RDWR")
        for broken in (
            call("recv", -1, "ECONNRESET"),
            call("send", -1, "EPIPE"),
            call("getsockopt", 0, "ECONNRESET", "SO_ERROR"),
        ):
            found = self.shown(
                *(BEGUN, HELLO, broken, failed, call("close")),
                *(finished(EndCause.RESET), Diagnosed(ANN, TIME, "own", "CLOSED")),
            )
            self.assertEqual(found, [*HANDSHAKE, ">P.hello\n", ">R."])

    def test_a_closed_peer_resets_what_comes_after_its_end(self) -> None:
        found = self.shown(
            *(BEGUN, call("recv"), Sent(ANN, TIME, b"late\n", 0), call("send", 5)),
            Sampled(ANN, TIME, "CLOSED", acked_bytes=0),
            *(call("shutdown", -1, "ENOTCONN", "SHUT_RDWR"), call("close")),
            Diagnosed(ANN, TIME, "own", "CLOSED"),
            finished(EndCause.RESET),
        )
        self.assertEqual(found[-2:], ["<P.late\n", ">R."])

    def test_this_side_resets(self) -> None:
        self.assertEqual(self.shown(BEGUN, call("close")), [*HANDSHAKE, "<R."])
        unread = Sampled(ANN, TIME, "ESTABLISHED", unread_bytes=9)
        found = self.shown(BEGUN, unread, SHUT, unread, call("close"))
        self.assertEqual(found, [*HANDSHAKE, "<F.", "<R."])

    def test_nobody_answers(self) -> None:
        failed = call("recv", -1, "ETIMEDOUT")
        gone = call("shutdown", -1, "ENOTCONN", "SHUT_RDWR")
        found = self.shown(BEGUN, failed, gone, call("close"))
        self.assertEqual(found, HANDSHAKE)

    def test_recordings_without_calls(self) -> None:
        half = HalfClosed(ANN, TIME)
        for events, ends in (
            ((finished(EndCause.EOF),), [">F.", "<F."]),
            ((half, finished(EndCause.STOPPED)), [">F.", "<F."]),
            ((finished(EndCause.STOPPED),), ["<F."]),
            ((finished(EndCause.IDLE, unread=3),), ["<R."]),
            ((finished(EndCause.RESET),), [">R."]),
            ((finished(EndCause.TIMEOUT),), []),
            ((), []),
        ):
            begun = Accepted(ANN, TIME)
            self.assertEqual(self.shown(begun, *events), [*HANDSHAKE, *ends])

    def test_what_was_sent_without_calls(self) -> None:
        sent = Sent(ANN, TIME, b"ok", 0)
        found = self.shown(Accepted(ANN, TIME), sent, finished(EndCause.EOF))
        self.assertEqual(found, [*HANDSHAKE, "<P.ok", ">F.", "<F."])


class KernelTests(PacketCase):
    def sample(self, acked: int = 0, **facts: int) -> Sampled:
        return Sampled(ANN, TIME, "ESTABLISHED", acked_bytes=acked, **facts)

    def test_the_peer_acknowledges_what_the_kernel_says(self) -> None:
        found = self.packets(
            *(BEGUN, self.sample(), Sent(ANN, TIME, b"hello", 0), call("recv", 6)),
            *(HELLO, call("send", 5), self.sample(2), self.sample(5)),
            *(self.sample(1 << 60), SHUT, self.sample(6)),
        )
        acks = [each.ack for each in found if each.source == ANN_SAYS]
        self.assertEqual([ack - acks[1] for ack in acks[1:]], [0, 0, 2, 5, 6])

    def test_a_client_counts_its_syn(self) -> None:
        found = self.packets(
            *(Connected(HERE, TIME, ANN, 1.0), self.sample(1)),
            *(Sent(HERE, TIME, b"hello", 0), call("send", 5), self.sample(6)),
        )
        self.assertEqual(found[-1].ack - found[1].ack, 5)
        self.assertEqual(found[-1].source, WE_SAY)

    def test_a_window_that_closes_and_opens(self) -> None:
        found = self.packets(
            *(BEGUN, self.sample(send_window=65483, receive_window=65483)),
            *(self.sample(send_window=0, receive_window=65483),),
            *(self.sample(send_window=1, receive_window=0),),
        )
        self.assertEqual(
            [(each.source, each.window) for each in found[3:]],
            [(ANN_SAYS, 0), (WE_SAY, 0), (ANN_SAYS, 1)],
        )


class AddressTests(PacketCase):
    def ends(self, begun: Accepted | Connected) -> tuple[str, str]:
        syn, *_ = self.packets(begun)
        self.assertEqual(syn.flags, SYN)
        return syn.source, syn.target

    def test_a_client_sends_the_syn(self) -> None:
        begun = Connected(HERE, TIME, ANN, 1.0)
        self.assertEqual(self.ends(begun), (ANN_SAYS, WE_SAY))

    def test_the_syn_of_a_client_has_the_time_of_its_call(self) -> None:
        calls = [
            Called(HERE, TIME + 1, "connect", "", -1, "EINPROGRESS", 0.5),
            Called(HERE, TIME + 2, "connect"),
        ]
        calls = [replace(each, peer=replace(HERE, number=0)) for each in calls]
        begun = Connected(HERE, TIME + 3, ANN, 1.0)
        times = [each.time - TIME for each in packets_of([*calls, begun])]
        self.assertEqual(times, [0.5, 3, 3])
        others = [replace(each, peer=ANN) for each in calls]
        times = [each.time - TIME for each in packets_of([*others, begun])]
        self.assertEqual(times, [3, 3, 3])

    def test_ipv6(self) -> None:
        there = Peer(1, "IPv6", "fe80::1%eth0", 60612)
        here = Peer(1, "IPv6", "fe80::2%eth0", 8888)
        ends = self.ends(Accepted(there, TIME, here, 1.0))
        self.assertEqual(ends, ("fe80::1:60612", "fe80::2:8888"))

    def test_mapped_addresses_are_ipv4(self) -> None:
        there = Peer(1, "IPv6", "::ffff:127.0.0.1", 60612)
        here = replace(there, port=8888)
        self.assertEqual(
            self.ends(Accepted(there, TIME, here, 1.0)), (ANN_SAYS, WE_SAY)
        )

    def test_what_is_unknown_is_made_up_and_said(self) -> None:
        unix = Peer(70000, "UNIX", path="/tmp/\udc80 lab.sock")
        for begun, ends in (
            (Accepted(ANN, TIME), ("127.0.0.1:60612", "127.0.0.1:1")),
            (
                Accepted(replace(ANN, host="10.0.0.7"), TIME),
                ("10.0.0.7:60612", "192.0.2.1:1"),
            ),
            (Connected(HERE, TIME), ("127.0.0.1:1025", "127.0.0.1:8888")),
            (Accepted(unix, TIME, unix, 1.0), ("127.0.0.1:6512", "127.0.0.1:1")),
            (Accepted(Peer(1, "odd", "x.y", 5), TIME), ("127.0.0.1:5", "127.0.0.1:1")),
        ):
            self.assertEqual(self.ends(begun), ends)
            [first, *_] = packets_of([begun])
            self.assertRegex(first.comment, "(is|are) made up")

    def test_one_connection_of_several(self) -> None:
        bob = Peer(2, "IPv4", "127.0.0.1", 60613)
        events = (
            *(BEGUN, Accepted(bob, TIME, HERE), HELLO),
            *(Chunk(bob, TIME, b"x"), finished(EndCause.EOF)),
        )
        all_of_them = [tcp(each.data) for each in packets_of(events)]
        [*bobs] = [tcp(each.data) for each in packets_of(events, 2)]
        port = ":60613"
        self.assertEqual(
            bobs,
            [each for each in all_of_them if port in each.source + each.target],
        )
        self.assertLess(len(bobs), len(all_of_them))


ANY_EVENT = st.one_of(
    st.sampled_from(
        [
            *(HELLO, SHUT, HalfClosed(ANN, TIME), SynSaved(ANN, TIME, SAVED)),
            *(call("recv"), call("close"), call("send", -1, "EAGAIN")),
            *(call("recv", -1, "ECONNRESET"), call("shutdown", -1, "ENOTCONN")),
            *(over_tls("recv", b"<hello>"), over_tls("send", b"<ok>")),
            *(Diagnosed(ANN, TIME, "own", "TIME_WAIT"),),
            *(Diagnosed(ANN, TIME, "own", "CLOSED"),),
            *map(finished, EndCause),
        ]
    ),
    st.builds(call, st.sampled_from(["send", "recv"]), st.integers(-1, 2**63 - 1)),
    st.builds(
        Sent,
        st.just(ANN),
        st.floats(0, TIME),
        st.binary(max_size=9),
        st.none() | st.integers(0, 2**63 - 1),
    ),
    st.builds(
        Sampled,
        st.just(ANN),
        st.floats(0, TIME),
        st.sampled_from(["ESTABLISHED", "CLOSE_WAIT"]),
        unread_bytes=st.integers(0, 2),
        acked_bytes=st.none() | st.integers(0, 2**63 - 1),
        send_window=st.none() | st.integers(0, 2**63 - 1),
        receive_window=st.none() | st.integers(0, 2**63 - 1),
    ),
)


class HostileTests(PacketCase):
    @given(
        st.sampled_from([BEGUN, Connected(ANN, TIME, HERE, 1.0), Accepted(ANN, 0.0)]),
        st.lists(ANY_EVENT),
    )
    def test_any_events_make_packets_that_follow_each_other(
        self, begun: Accepted | Connected, events: list[Event]
    ) -> None:
        self.packets(begun, *events)
        [*made] = packets_of([over_tls("recv", b"<"), begun, *events])
        for encrypted in (True, False):
            layer = [each for each in made if each.encrypted is encrypted]
            streams(tcp(each.data, checked=each.data != SAVED) for each in layer)

    def test_no_time_is_before_all_times(self) -> None:
        asked = Called(HERE, 1.0, "connect", seconds=9e9)
        [first, *_] = packets_of([asked, Connected(HERE, TIME, ANN, 1.0)])
        self.assertEqual(first.time, 0.0)

    def test_a_saved_syn_is_no_longer_than_a_packet(self) -> None:
        long = SynSaved(ANN, TIME, SAVED + bytes(1 << 20))
        [first, *_] = packets_of([BEGUN, long])
        self.assertLess(len(first.data), 100)


class ProgramTests(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        self.recording = self.folder / "lab.jsonl"
        self.capture = self.folder / "lab.pcapng"

    def write(self, *events: Event) -> None:
        self.recording.write_bytes(b"".join(map(Recording(), events)))

    def export(self, *words: str) -> Program:
        return run("export", *(words or (str(self.recording), str(self.capture))))

    def test_a_capture(self) -> None:
        self.capture.write_bytes(b"x" * 99999)
        self.write(BEGUN, HELLO, finished(EndCause.EOF))
        ended = self.export()
        self.assertEqual(
            (ended.process.returncode, ended.out, ended.err), (0, b"", b"")
        )
        written = self.capture.read_bytes()
        found = [tcp(each.data) for each in packets(written)]
        self.assertEqual(streams(found)[ANN_SAYS], b"hello\n")
        self.assertEqual(
            self.export(str(self.recording), "-", "--peer", "1").out, written
        )

    def test_a_new_file_is_private(self) -> None:
        self.write(BEGUN)
        self.export()
        self.assertEqual(stat.S_IMODE(self.capture.stat().st_mode), 0o600)

    def test_errors_are_one_line(self) -> None:
        self.write(BEGUN, Received(ANN, TIME, Lines(b"hello\n")))
        json, empty = str(self.recording), str(self.folder / "empty")
        Path(empty).touch()
        Path(self.folder, "text").write_text("hello\n")
        self.write(BEGUN, HELLO)
        file = str(self.capture)
        for words, error in (
            (("nowhere", file), "open nowhere: No such file or directory"),
            ((str(self.folder / "text"), file), "line 1 is not of a recording"),
            ((empty, file), "no connection in it"),
            ((json, file, "--peer", "2"), "no peer 2"),
            ((json, file, "--peer", "0"), "over 0"),
            ((json, json), "it is the recording"),
            ((json, "/dev/full"), "write /dev/full: No space left on device"),
            ((json, str(self.folder)), "Is a directory"),
            ((json,), "Usage: echolab export RECORDING FILE"),
        ):
            ended = self.export(*words)
            self.assertEqual((ended.process.returncode, ended.out), (1, b""), words)
            self.assertEqual(ended.err.count(b"\n"), 1, ended.err)
            self.assertIn(error.encode(), ended.err)
        self.assertFalse(self.capture.exists())

    def test_secrets(self) -> None:
        self.write(*CiphertextTests.HELLOS, BEGUN, HELLO)
        keys = self.folder / "keys.txt"
        keys.write_bytes(KEY_LOG)
        self.capture.touch(0o644)
        words = (str(self.recording), str(self.capture), "--tls-keys", str(keys))
        ended = self.export(*words)
        self.assertEqual((ended.process.returncode, ended.out), (0, b""), ended.err)
        self.assertEqual(
            ended.err.decode(),
            f"--tls-keys: whoever reads {self.capture} can decrypt the connections\n",
        )
        self.assertEqual(stat.S_IMODE(self.capture.stat().st_mode), 0o600)
        written = self.capture.read_bytes()
        kinds = [kind for kind, _ in blocks(written)]
        self.assertLess(kinds.index(10), kinds.index(6))
        [secrets] = [body for kind, body in blocks(written) if kind == 10]
        self.assertEqual(secrets[:8], b"KSLT" + len(KEY_LOG).to_bytes(4, "little"))
        self.assertEqual(secrets[8:].rstrip(b"\0"), KEY_LOG)
        self.assertEqual({each.interface for each in packets(written)}, {0, 1})

    def test_errors_with_secrets_are_one_line(self) -> None:
        self.write(*CiphertextTests.HELLOS, BEGUN, HELLO)
        keys, plain = self.folder / "keys.txt", self.folder / "plain.jsonl"
        record = Recording()
        plain.write_bytes(record(BEGUN) + record(HELLO))
        json, file, none = str(self.recording), str(self.capture), b"# no secrets\n\n"
        no_file = str(self.folder / "nowhere")
        for path, content, error in (
            (no_file, b"", f"open {no_file}: No such file or directory"),
            (str(self.folder), b"", "Is a directory"),
            ("/dev/zero", b"", "over 64 MiB"),
            (str(keys), none, f"read {keys}: no secrets in it"),
            (str(keys), none + b"hello\n", f"read {keys}: line 3 is not of a key log"),
        ):
            keys.write_bytes(content)
            ended = self.export(json, file, "--tls-keys", path)
            self.assertEqual(ended.process.returncode, 1)
            self.assertEqual(ended.err.count(b"\n"), 1, ended.err)
            self.assertIn(error.encode(), ended.err)
            self.assertFalse(self.capture.exists())
        keys.write_bytes(KEY_LOG)
        ended = self.export(json, str(keys), "--tls-keys", str(keys))
        self.assertIn(b"it is the file with the secrets", ended.err)
        self.assertEqual(keys.read_bytes(), KEY_LOG)
        ended = self.export(str(plain), file, "--tls-keys", str(keys))
        self.assertIn(b"no encrypted bytes in it: it was not made with", ended.err)
        self.assertEqual(ended.process.returncode, 1)

    def test_a_recording_needs_chunks(self) -> None:
        self.write(BEGUN, Received(ANN, TIME, Lines(b"hello\n")))
        ended = self.export()
        self.assertIn(b"no chunks in it: it was not made by --record, or", ended.err)

    def test_a_part_of_a_rotated_recording_has_no_beginning(self) -> None:
        self.write(HELLO, finished(EndCause.EOF))
        ended = self.export()
        self.assertIn(b": it continues another recording: join them with", ended.err)

    def test_no_reactor_is_imported(self) -> None:
        self.write(BEGUN)
        code = (
            "import sys; from echolab.command.cli import main; main(sys.argv[1:]);"
            "sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        ended = run(
            *("export", str(self.recording), str(self.capture)),
            program=(sys.executable, "-c", code),
        )
        self.assertEqual(ended.process.returncode, 0, ended.err)


class WiresharkTests(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        if shutil.which("tshark") is None:
            raise SkipTest("tshark is not installed")

    def tshark(self, *options: str) -> str:
        ended = subprocess.run(
            ["tshark", "-r", str(self.folder / "lab.pcapng"), *options],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertNotIn("tshark: ", ended.stderr)
        return ended.stdout

    def follow(self, protocol: str, stream: int) -> list[bytes]:
        """Return the bytes of a stream: of who spoke first, and of the other."""
        shown = self.tshark("-q", "-z", f"follow,{protocol},raw,{stream}")
        lines = re.findall("^(\t?)([0-9a-f]+)$", shown, re.MULTILINE)
        return [
            bytes.fromhex("".join(text for tab, text in lines if bool(tab) is other))
            for other in (False, True)
        ]

    def test_tshark_decrypts(self) -> None:
        write_certificates(self.folder, server="localhost")
        keys, others, server_file, client_file = (
            str(self.folder / name) for name in ("keys", "others", "server", "client")
        )
        server = self.start(
            *("--record", server_file, "--port", "0", "--interface", "127.0.0.1"),
            *("--cert", f"{self.folder}/server.pem", "--tls-keys", keys),
            *("--reply", "ok", "--once"),
        )
        client = run(
            *("client", "127.0.0.1", str(server.port()), "--tls", "--insecure"),
            *("--record", client_file, "--tls-keys", others),
            typed=b"hello\nbye\n",
        )
        server.end()
        self.assertEqual(client.out, b"ok\nok\n", client.err)
        faults = "_ws.malformed || _ws.expert.severity >= warning"
        for recording in (server_file, client_file):
            words = ("export", recording, str(self.folder / "lab.pcapng"))
            run(*words)
            self.assertIn("Application Data", self.tshark("-Y", "tls"))
            self.assertEqual(self.tshark("-Y", faults), "")
            self.assertEqual(self.follow("tls", 0), [b"", b""])
            run(*words, "--tls-keys", keys)
            said = [b"hello\nbye\n", b"ok\nok\n"]
            self.assertCountEqual(self.follow("tls", 0), said)
            self.assertEqual(self.follow("tcp", 1), said)
            self.assertEqual(self.tshark("-Y", faults), "")
            shown = self.tshark("-T", "fields", "-e", "frame.interface_name")
            self.assertEqual(set(shown.splitlines()), {"plain text", "ciphertext"})

    def test_tshark_has_nothing_to_complain_of(self) -> None:
        recording = str(self.folder / "lab.jsonl")
        sent = bytes(range(256)) * 700
        server = self.start(
            *("--record", recording, "--port", "0", "--interface", "127.0.0.1"),
            *("--reply", "echo", "--framing", "chunk", "--once"),
        )
        with Client(server.port()) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        server.end()
        self.assertEqual(received, sent)
        run("export", recording, str(self.folder / "lab.pcapng"))
        faults = "_ws.malformed || _ws.expert.severity >= warning"
        # On a busy machine, a window is full for a moment; that is no fault.
        full = "tcp.analysis.zero_window || tcp.analysis.window_full"
        checks = (
            *("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"),
            *("-Y", f"({faults}) && !(frame.number == 1) && !({full})"),
        )
        self.assertEqual(self.tshark(*checks), "")
        self.assertEqual(self.follow("tcp", 0), [sent, sent])
        times = self.tshark("-T", "fields", "-e", "frame.time_epoch").split()
        [chunk, *_] = [
            event for event in read_recording(recording) if isinstance(event, Chunk)
        ]
        self.assertIn(f"{chunk.time:.7f}00", times)
