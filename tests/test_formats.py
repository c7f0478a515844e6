"""Printed bytes, format by format."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab import (
    Accepted,
    Batch,
    Classic,
    Connected,
    EndCause,
    Finished,
    Hex,
    Introduced,
    Json,
    Lines,
    Log,
    Misbehaved,
    Peer,
    Raw,
    Received,
    Refused,
    Sent,
    Style,
)
from echolab.addresses import Credentials
from echolab.counting import count
from echolab.formats import FORMATS
from echolab.formats.apart import Apart
from echolab.formats.recorded_event import event_of
from echolab.formats.recording import Recording
from echolab.formats.style import needs_of
from echolab.formats.times import Elapsed, local_time
from tests.test_escaping import NAMES, original

if TYPE_CHECKING:
    from echolab import Event, Form, Messages

PEER = Peer(1, "IPv4", "127.0.0.1", 60612)
OTHER = Peer(2, "IPv6", "::1", 60613)
PATH = Peer(3, "UNIX", path="/run/lab")
TIME = 1795353364.1239
STAMP = b"2026-11-22T13:16:04.123Z"
ACCEPTED = Accepted(PEER, TIME)
FINISHED = Finished(
    PEER,
    TIME,
    EndCause.EOF,
    received_bytes=13,
    messages=2,
    unterminated_bytes=3,
    seconds=1.5,
)


def received(messages: Messages | bytes, peer: Peer = PEER) -> Received:
    if isinstance(messages, bytes):
        messages = Lines(messages)
    return Received(peer, TIME, messages)


def show(form: Form, *events: Event) -> bytes:
    return b"".join(map(form, events))


ADDRESSES = st.sampled_from(
    [IPv4Address("TCP", "192.0.2.1", 1), IPv6Address("TCP", "2001:db8::1", 1)]
) | st.builds(
    UNIXAddress,
    st.binary(max_size=108)
    | NAMES.map(lambda name: name.encode("utf-8", "surrogateescape")[:108]),
)
PEERS = st.builds(
    Peer.of,
    st.integers(1, 9),
    ADDRESSES,
    credentials=st.none() | st.just(Credentials(7, 1000)),
    name=st.none() | NAMES,
)
CARRIED = st.builds(replace, PEERS, receiver=st.none() | NAMES)
LABEL = re.compile(
    r"(?:(?P<name>[^ \[\](),:@]*)@)?"
    r"(?:(?P<host>[\d.]+|\[[\da-f:]+\]):(?P<port>\d+)"
    r"|unix:(?P<path>@?[^ \[\](),:@]*)(?:,pid=(?P<pid>\d+))?)"
    r"(?:,at=(?P<receiver>[^ \[\](),:@]*))?"
)
HOST = re.compile(
    r"(?:IP: (?P<host>[^ ,]+), Port: (?P<port>\d+)"
    r"|UNIX: (?P<path>@?[^ \[\](),:@]*)(?:, PID: (?P<pid>\d+), UID: 1000)?)"
    r"(?:, Name: (?P<name>[^ \[\](),:@]*))?"
    r"(?:, Receiver: (?P<receiver>[^ \[\](),:@]*))?"
)


def members(match: re.Match[str] | None) -> dict[str, str | int | None]:
    """Return what the printed lines tell about a peer."""
    assert match is not None
    found: dict[str, str | int | None] = dict(match.groupdict())
    for name in ("name", "path", "receiver"):
        text = found[name]
        if isinstance(text, str):
            found[name] = original(text)
    for name in ("port", "pid"):
        if found[name] is not None:
            found[name] = int(str(found[name]))
    if found["host"] is not None:
        found["host"] = str(found["host"]).strip("[]")
    return found


class LabelTests(SynchronousTestCase):
    @given(CARRIED, st.binary().map(lambda data: data.replace(b"\n", b"")))
    def test_it_can_be_told_where_a_name_ends(self, peer: Peer, data: bytes) -> None:
        """For any name of a peer, and any bytes it sends."""
        event = received(data + b"\n", peer)
        style = Style(label="always")
        who = {
            name: getattr(peer, name)
            for name in ("name", "host", "port", "path", "pid", "receiver")
        }
        for form, start, end in (
            (Classic(style), "[", "] recv data: "),
            (Log(style), "2026-11-22T13:16:04.123Z ", " recv "),
            (Hex(style), "", f" recv {count(len(data), 'byte')}\n"),
            (Raw(style), "[", "] "),
        ):
            printed = form(event).decode("utf-8", "surrogateescape")
            label = LABEL.match(printed, len(start))
            self.assertEqual(members(label), who)
            assert label is not None
            self.assertEqual(printed[: len(start)], start)
            rest = printed[label.end() :]
            self.assertTrue(rest.startswith(end), rest)
            if not isinstance(form, Hex):
                sent = rest[len(end) :].encode("utf-8", "surrogateescape")
                self.assertEqual(sent, data + b"\n")
        [line] = Classic(style)(Accepted(peer, TIME)).decode().splitlines()
        host = HOST.fullmatch(line.removeprefix("accepted host(").removesuffix(")"))
        self.assertEqual(members(host), who)

    def test_a_file_and_an_abstract_name_look_different(self) -> None:
        names = (b"@lab", b"\0lab", b"\0@lab", b"./@lab", b"\0", b"@")
        shown = [str(Peer.of(1, UNIXAddress(name))) for name in names]
        self.assertEqual(
            shown,
            [
                *(r"unix:./\x40lab", "unix:@lab", r"unix:@\x40lab"),
                *(r"unix:./\x40lab", "unix:@", r"unix:./\x40"),
            ],
        )


class ClassicTests(SynchronousTestCase):
    def test_the_lectures_lines(self) -> None:
        self.assertEqual(
            show(Classic(), ACCEPTED, received(b"hello\nbye\n"), FINISHED),
            b"accepted host(IP: 127.0.0.1, Port: 60612)\n"
            b"recv data: hello\nrecv data: bye\nfinish.\n",
        )

    def test_other_families(self) -> None:
        for peer, host in (
            (OTHER, b"IP: ::1, Port: 60613"),
            (PATH, b"UNIX: /run/lab"),
            (Peer(1, "process"), b"process"),
        ):
            self.assertEqual(
                show(Classic(), Accepted(peer, TIME)), b"accepted host(%b)\n" % host
            )

    def test_labels_only_while_a_second_connection_is_open(self) -> None:
        self.assertEqual(
            show(
                Classic(Style(label="auto")),
                *(ACCEPTED, received(b"alone\n")),
                *(Accepted(OTHER, TIME), received(b"one\ntwo\n")),
                received(Batch((b"three",)), OTHER),
                *(FINISHED, received(b"alone again\n", OTHER)),
            ),
            b"accepted host(IP: 127.0.0.1, Port: 60612)\n"
            b"recv data: alone\n"
            b"accepted host(IP: ::1, Port: 60613)\n"
            b"[127.0.0.1:60612] recv data: one\n"
            b"[127.0.0.1:60612] recv data: two\n"
            b"[[::1]:60613] recv data: three\n"
            b"[127.0.0.1:60612] finish.\n"
            b"recv data: alone again\n",
        )

    def test_an_end_has_a_label_if_its_lines_had_one(self) -> None:
        form = Classic(Style(label="auto"))
        ended = replace(FINISHED, peer=OTHER)
        show(form, ACCEPTED, Accepted(OTHER, TIME), received(b"x\n", OTHER))
        self.assertEqual(show(form, FINISHED), b"[127.0.0.1:60612] finish.\n")
        self.assertEqual(show(form, ended), b"[[::1]:60613] finish.\n")
        # A peer without labelled lines, and a later connection, have no label.
        self.assertEqual(
            show(
                form, ACCEPTED, received(b"x\n"), Accepted(OTHER, TIME), FINISHED
            ).splitlines()[-1:],
            [b"[127.0.0.1:60612] finish."],
        )
        self.assertEqual(show(form, ended), b"finish.\n")

    def test_connections_that_began_before_are_open_when_they_are_seen(self) -> None:
        form = Classic(Style(label="auto"))
        ended = replace(FINISHED, peer=OTHER)
        self.assertEqual(show(form, ended), b"finish.\n")
        show(form, received(b"x\n"))
        self.assertEqual(
            show(form, received(b"y\n", OTHER)), b"[[::1]:60613] recv data: y\n"
        )
        self.assertEqual(show(form, ended), b"[[::1]:60613] finish.\n")
        self.assertEqual(show(form, received(b"x\n")), b"recv data: x\n")

    def test_labels_always_and_never(self) -> None:
        always = Classic(Style(label="always"))
        self.assertEqual(
            show(always, ACCEPTED, received(b"a\n"), FINISHED).splitlines()[1:],
            [b"[127.0.0.1:60612] recv data: a", b"[127.0.0.1:60612] finish."],
        )
        never = Classic(Style(label="never"))
        two = (ACCEPTED, Accepted(OTHER, TIME), received(b"a\n"), FINISHED)
        self.assertEqual(
            show(never, *two).splitlines()[2:], [b"recv data: a", b"finish."]
        )

    def test_colours_tell_peers_apart(self) -> None:
        form = Classic(Style(label="always", color=True))
        one = show(form, received(b"a\n"))
        two = show(form, received(b"a\n", OTHER))
        self.assertEqual(one, b"[\x1b[33m127.0.0.1:60612\x1b[0m] recv data: a\n")
        self.assertEqual(two, b"[\x1b[35m[::1]:60613\x1b[0m] recv data: a\n")


class LogTests(SynchronousTestCase):
    def test_every_line_has_time_and_peer(self) -> None:
        start = STAMP + b" 127.0.0.1:60612 "
        self.assertEqual(
            show(Log(), ACCEPTED, received(b"a\nb\n"), FINISHED),
            start
            + b"accepted\n"
            + start
            + b"recv a\n"
            + start
            + b"recv b\n"
            + start
            + b"finished eof, 13 bytes, 2 messages, 3 bytes unterminated in 1.500 s\n",
        )

    def test_pieces_are_marked(self) -> None:
        for messages, mark in (
            (Lines(b"a\n", mark="overlong"), b"recv(overlong) a\n"),
            (Lines(b"a\n", mark="partial"), b"recv(partial) a\n"),
            (Lines(b"a\n", mark="continued"), b"recv(continued) a\n"),
            (Batch((b"a",), mark="unterminated"), b"recv(unterminated) a\n"),
        ):
            self.assertTrue(show(Log(), received(messages)).endswith(mark))

    def test_long_spans_have_units(self) -> None:
        ended = replace(FINISHED, seconds=7503.25)
        self.assertTrue(show(Log(), ended).endswith(b" in 2 h 5 min\n"))

    def test_local_times_name_their_distance_from_utc(self) -> None:
        def back(zone: str | None) -> None:
            if zone is None:
                os.environ.pop("TZ", None)
            else:
                os.environ["TZ"] = zone
            time.tzset()

        self.addCleanup(back, os.environ.get("TZ"))
        for zone, start in (
            ("UTC", b"2026-11-22T13:16:04.123+00:00"),
            ("KST-9", b"2026-11-22T22:16:04.123+09:00"),
            ("NST3:30", b"2026-11-22T09:46:04.123-03:30"),
        ):
            back(zone)
            line = show(Log(Style(time=local_time)), ACCEPTED)
            self.assertEqual(line, start + b" 127.0.0.1:60612 accepted\n")

    def test_elapsed_times_do_not_follow_a_clock_that_is_set(self) -> None:
        clock = Clock()
        clock.advance(5000.0)
        form = Log(Style(time=Elapsed(clock.seconds)))
        lines = show(form, ACCEPTED)
        clock.advance(3725.0625)
        lines += show(form, Accepted(OTHER, TIME - 3600))
        self.assertEqual(
            lines,
            b"0:00:00.000 127.0.0.1:60612 accepted\n1:02:05.062 [::1]:60613 accepted\n",
        )

    def test_elapsed_times_of_the_past(self) -> None:
        form = Log(Style(time=Elapsed()))
        times = [TIME, TIME + 59.9996, TIME - 1.5]
        lines = show(form, *(Accepted(PEER, each) for each in times))
        self.assertEqual(
            [line.partition(b" ")[0] for line in lines.splitlines()],
            [b"0:00:00.000", b"0:01:00.000", b"-0:00:01.500"],
        )


class RawTests(SynchronousTestCase):
    def test_nothing_but_the_messages(self) -> None:
        self.assertEqual(
            show(
                Raw(),
                *(ACCEPTED, received(b"a\nb\n"), received(Batch((b"c\0", b"d")))),
                received(Lines(b"piece\n", mark="overlong")),
                received(Lines(b"rest\n", mark="continued")),
                *(received(Lines(b"last\n", mark="unterminated")), FINISHED),
            ),
            b"a\nb\nc\0dpiecerest\nlast",
        )

    def test_labelled_when_asked(self) -> None:
        self.assertEqual(
            show(Raw(Style(label="always")), received(b"a\nb\n")),
            b"[127.0.0.1:60612] a\n[127.0.0.1:60612] b\n",
        )


class ApartTests(SynchronousTestCase):
    def test_a_peer_does_not_go_on_in_the_line_of_another(self) -> None:
        start = received(Lines(b"ab\n", "partial"))
        end = received(Lines(b"c\n", "continued"))
        other = received(b"x\n", OTHER)
        for events, shown in (
            ((start, end, other), b"abc\nx\n"),
            ((start, other, end), b"ab\nx\nc\n"),
            ((start, Accepted(OTHER, TIME), FINISHED, other), b"ab\nx\n"),
            ((start, received(Lines(b"x\n", "partial"), OTHER), end), b"ab\nx\nc\n"),
        ):
            self.assertEqual(show(Apart(Raw()), *events), shown)

    def test_other_bytes_stay_as_they_are(self) -> None:
        events = received(Batch((b"a", b"b"))), received(Batch((b"c",)), OTHER)
        self.assertEqual(show(Apart(Raw()), *events), b"abc")

    def test_another_file_begins_with_a_line(self) -> None:
        form = Apart(Raw())
        form(received(Lines(b"ab\n", "partial")))
        form.restart()
        self.assertEqual(form(received(b"x\n", OTHER)), b"x\n")


class HexTests(SynchronousTestCase):
    def test_sample(self) -> None:
        self.assertEqual(
            show(
                Hex(), ACCEPTED, received(Batch((b"hello\0world, \xff+3",))), FINISHED
            ),
            b"127.0.0.1:60612 accepted\n"
            b"127.0.0.1:60612 recv 16 bytes\n"
            b"00000000  68 65 6c 6c 6f 00 77 6f  72 6c 64 2c 20 ff 2b 33"
            b"  |hello.world, .+3|\n"
            b"127.0.0.1:60612 finished eof\n",
        )

    def test_one_byte(self) -> None:
        self.assertIn(b" recv 1 byte\n", show(Hex(), received(Batch((b"x",)))))

    def test_as_hexdump_shows_it(self) -> None:
        if shutil.which("hexdump") is None:
            raise SkipTest("hexdump is not installed")
        for size in (0, 1, 8, 15, 16, 17, 63, 64, 65, 256, 1 << 17):
            data = bytes((7 * i + 3 * size) % 256 for i in range(size))
            dump = subprocess.run(
                ["hexdump", "-Cv"], input=data, capture_output=True, check=True
            )
            shown = show(Hex(), received(Batch((data,)))).splitlines()
            self.assertEqual(shown[1:], dump.stdout.splitlines()[:-1])


class JsonTests(SynchronousTestCase):
    def objects(self, *events: Event, style: Style | None = None) -> list[object]:
        return [json.loads(line) for line in show(Json(style), *events).splitlines()]

    def test_schema(self) -> None:
        shared = {
            "time": STAMP.decode(),
            "peer": {
                "number": 1,
                "family": "IPv4",
                "host": "127.0.0.1",
                "port": 60612,
            },
        }
        self.assertEqual(
            self.objects(ACCEPTED, received(b"a\n\xff\n"), FINISHED),
            [
                {"event": "accepted"} | shared,
                {"event": "received"} | shared | {"message": "a"},
                {"event": "received"} | shared | {"message_base64": "/w=="},
                {
                    "event": "finished",
                    "cause": "eof",
                    "bytes": 13,
                    "messages": 2,
                    "unterminated_bytes": 3,
                    "unread_bytes": 0,
                    "seconds": 1.5,
                }
                | shared,
            ],
        )

    def test_path(self) -> None:
        [accepted] = self.objects(Accepted(PATH, TIME))
        assert isinstance(accepted, dict)
        self.assertEqual(
            accepted["peer"], {"number": 3, "family": "UNIX", "path": "/run/lab"}
        )

    def test_a_receiver_is_recorded(self) -> None:
        there = Accepted(replace(PATH, receiver="web1"), TIME)
        line = show(Json(recording=True), there)
        self.assertIn(b'"receiver":"web1"', line)
        self.assertEqual(event_of(line), there)

    def test_pieces_are_marked(self) -> None:
        for messages, flag in (
            (Lines(b"a\n", mark="overlong"), "overlong"),
            (Lines(b"a\n", mark="partial"), "partial"),
            (Lines(b"a\n", mark="continued"), "continued"),
            (Batch((b"a",), mark="unterminated"), "unterminated"),
        ):
            [line] = self.objects(received(messages))
            assert isinstance(line, dict)
            self.assertIs(line[flag], True)

    @given(st.text())
    def test_escaped_or_not_it_says_the_same(self, text: str) -> None:
        events = [received(Batch((text.encode(),)))]
        text = text.replace("\n", "")
        events += [received(Lines(text.encode() + b"\n" + text.encode() + b"\n"))]
        for style in (Style(), Style(escape=True)):
            first, *others = self.objects(*events, style=style)
            assert isinstance(first, dict)
            self.assertEqual(first["message"].replace("\n", ""), text)
            for line in others:
                assert isinstance(line, dict)
                self.assertEqual(line["message"], text)
            self.assertEqual(len(others), 2)

    @given(st.text(alphabet='\\\\n"/\\0\\x7fé'))
    def test_backslashes(self, text: str) -> None:
        [line] = self.objects(received(text.encode() + b"\n"))
        assert isinstance(line, dict)
        self.assertEqual(line["message"], text)


class EndTests(SynchronousTestCase):
    """Ends that were not in order, and connections that were never accepted."""

    END = Finished(
        Peer(4, "UNIX", path="/x\n\x1b", pid=7, uid=8, name="al\nice"),
        TIME,
        EndCause.RESET,
        received_bytes=13,
        messages=1,
        unread_bytes=5,
        seconds=1.5,
        detail="ECONNRESET",
        rtt_seconds=0.00025,
        retransmits=2,
    )
    REFUSED = Refused(PEER, TIME, EndCause.REFUSED, "denied", 3)

    def test_log(self) -> None:
        self.assertEqual(
            show(Log(), self.END, self.REFUSED).decode().splitlines(),
            [
                (
                    rf"{STAMP.decode()} al\nice@unix:/x\n\x1b,pid=7 finished reset "
                    "(ECONNRESET), 13 bytes, 1 message, 5 bytes unread in 1.500 s, "
                    "rtt 0.250 ms, 2 retransmits"
                ),
                f"{STAMP.decode()} 127.0.0.1:60612 refused: denied, and 3 others",
            ],
        )

    def test_one_of_each(self) -> None:
        end = Finished(
            *(PEER, TIME, EndCause.RESET),
            received_bytes=1,
            messages=1,
            unterminated_bytes=1,
            unread_bytes=1,
            seconds=1,
            retransmits=1,
        )
        self.assertIn(
            b"1 byte, 1 message, 1 byte unterminated, 1 byte unread in 1.000 s, "
            b"1 retransmit\n",
            show(Log(), end),
        )

    def test_json(self) -> None:
        end, refused = map(
            json.loads, show(Json(), self.END, self.REFUSED).split(b"\n")[:2]
        )
        self.assertEqual(
            (
                end["detail"],
                end["unread_bytes"],
                end["rtt_seconds"],
                end["retransmits"],
            ),
            ("ECONNRESET", 5, 0.00025, 2),
        )
        self.assertEqual(
            end["peer"],
            {
                "number": 4,
                "family": "UNIX",
                "path": "/x\n\x1b",
                "pid": 7,
                "uid": 8,
                "name": "al\nice",
            },
        )
        self.assertEqual(
            (refused["event"], refused["cause"], refused["detail"], refused["others"]),
            ("refused", "refused", "denied", 3),
        )

    def test_classic_and_hex(self) -> None:
        self.assertEqual(show(Classic(), self.REFUSED), b"")
        self.assertEqual(show(Hex(), self.REFUSED), b"127.0.0.1:60612 refused\n")
        accepted = Accepted(self.END.peer, TIME)
        self.assertEqual(
            show(Classic(), accepted),
            rb"accepted host(UNIX: /x\n\x1b, PID: 7, UID: 8, Name: al\nice)" + b"\n",
        )


NOT_DRAWN = {name: make for name, make in FORMATS.items() if name != "flow"}
"""The formats that print events; ``flow`` draws all that happens."""


class SentTests(SynchronousTestCase):
    SENT = Sent(PEER, TIME, b"+OK\r\nmore\x1b", 7)
    ENDED = replace(FINISHED, sent_bytes=10)

    def test_is_shown_where_that_is_asked_for(self) -> None:
        style = Style(sent=True, escape=True)
        start = STAMP + b" 127.0.0.1:60612 "
        self.assertEqual(
            show(Log(style), self.SENT),
            start + b"sent +OK\n" + start + b"sent more\\x1b\n",
        )
        self.assertIn(b", 10 bytes sent in", show(Log(style), self.ENDED))
        self.assertRegex(
            show(Hex(style), self.SENT),
            rb"^127.0.0.1:60612 sent 10 bytes\n00000000  2b 4f 4b 0d 0a 6d",
        )
        shown = json.loads(show(Json(style), self.SENT))
        self.assertEqual(shown["event"], "sent")
        self.assertEqual(shown["data"], "+OK\r\nmore\x1b")
        self.assertEqual(shown["taken_bytes"], 7)
        self.assertEqual(json.loads(show(Json(style), self.ENDED))["sent_bytes"], 10)

    def test_each_line_of_it_is_one(self) -> None:
        for data, lines in (
            (b"a\n", [b"a"]),
            (b"a", [b"a"]),
            (b"\n", [b""]),
            (b"a\n\nb\n", [b"a", b"", b"b"]),
        ):
            shown = show(Log(Style(sent=True)), Sent(PEER, TIME, data))
            self.assertEqual(re.findall(rb"sent (.*)\n", shown), lines)

    def test_else_it_is_not(self) -> None:
        for name, make in NOT_DRAWN.items():
            self.assertEqual(make(Style())(self.SENT), b"", name)
            plain = make(Style())(replace(self.ENDED, sent_bytes=None))
            self.assertEqual(make(Style())(self.ENDED), plain, name)

    def test_formats_that_do_not_show_it_do_not_ask_for_it(self) -> None:
        wanted = {"hex", "json", "log"}
        for name, make in NOT_DRAWN.items():
            self.assertFalse(needs_of(make(Style())).sent, name)
            asked = needs_of(make(Style(sent=True))).sent
            self.assertEqual(asked, name in wanted, name)


class EveryFormatTests(SynchronousTestCase):
    @given(st.binary(), st.sampled_from(sorted(FORMATS)))
    def test_nothing_drives_the_terminal(self, data: bytes, name: str) -> None:
        form = FORMATS[name](Style(escape=True))
        for messages in (Lines(data.replace(b"\n", b"") + b"\n"), Batch((data,))):
            shown = show(form, ACCEPTED, received(messages), FINISHED).decode()
            bad = [c for c in shown if c < " " and c not in "\n\t"]
            bad += [c for c in shown if "\x7f" <= c <= "\x9f" or c in "\u202e\u2066"]
            self.assertEqual(bad, [])

    def test_a_connection_made_by_this_side(self) -> None:
        shown = {
            name: make(Style())(Connected(PEER, TIME))
            for name, make in NOT_DRAWN.items()
        }
        self.assertTrue(shown.pop("log").endswith(b" connected\n"))
        self.assertTrue(shown.pop("json").startswith(b'{"event":"connected",'))
        self.assertEqual(set(shown.values()), {b""})

    def test_introduction(self) -> None:
        event = Introduced(PEER, TIME, "web-7", 2**63 - 1)
        shown = {name: make(Style())(event) for name, make in NOT_DRAWN.items()}
        introduced = b" introduced web-7 9223372036854775807\n"
        self.assertTrue(shown.pop("log").endswith(introduced))
        told = b'"client":"web-7","number":9223372036854775807}\n'
        self.assertTrue(shown.pop("json").endswith(told))
        self.assertEqual(event_of(Recording()(event)), event)
        self.assertEqual(set(shown.values()), {b""})

    def test_misbehaviour(self) -> None:
        event = Misbehaved(PEER, TIME, "reset:messages=2")
        shown = {name: make(Style())(event) for name, make in NOT_DRAWN.items()}
        self.assertTrue(shown.pop("log").endswith(b" misbehaved reset:messages=2\n"))
        self.assertIn(b'"behaviour":"reset:messages=2"}', shown.pop("json"))
        self.assertTrue(shown.pop("hex").endswith(b" misbehaved reset:messages=2\n"))
        self.assertEqual(set(shown.values()), {b""})
