"""What is typed or piped to the peers of a server, in memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from echolab import (
    EndCause,
    InputError,
    LineFramer,
    ReceiverFactory,
    ReplyingProtocol,
    Sent,
    tee,
)
from echolab.framing import framed
from echolab.server.addressing import Addressing
from echolab.server.connections import TURN_SECONDS
from echolab.server.conversation import (
    MOST_WAITING,
    MOST_WAITING_BYTES,
    STUCK_SECONDS,
)
from echolab.server.piped_talk import MOST_LINE_BYTES, PipedTalk
from echolab.server.reply import no_reply
from echolab.server.talk import MOST_LISTED, MOST_NAMED, Talk
from echolab.terminal.named_file import SHORTER
from tests.receiving import PEER, ReceiverCase
from tests.test_client import Producer

if TYPE_CHECKING:
    from echolab import Framer
    from tests.support import FakeTransport


class Display:
    """Where the user of a test types."""

    def __init__(self) -> None:
        self.has_begun = False
        self.said: list[str] = []
        self.refreshed = 0

    def say(self, data: bytes) -> None:
        self.said.append(data.decode().removesuffix("\n"))

    def refresh(self) -> None:
        self.refreshed += 1


class TalkCase(ReceiverCase):
    def setUp(self) -> None:
        super().setUp()
        self.display = Display()
        self.addressing = Addressing(self.clock)
        self.addressing.show_on(self.display)
        self.talk = Talk(self.addressing, lambda line: framed(line, "line"))
        self.factory = ReceiverFactory(
            tee(self.addressing, self.transcript),
            clock=self.clock,
            make_framer=lambda: LineFramer(4096),
            make_protocol=self.make_protocol,
            report_chunks=True,
            report_sent=True,
        )
        self.peers: dict[int, tuple[ReplyingProtocol, FakeTransport]] = {}

    def make_protocol(self, framer: Framer) -> ReplyingProtocol:
        protocol = ReplyingProtocol(framer, no_reply)
        protocol.when_accepted = self.addressing.accepted
        return protocol

    def join(self, *spoken: bytes) -> FakeTransport:
        """Connect one more peer, which says something; return its transport."""
        protocol, transport = self.connect()
        assert isinstance(protocol, ReplyingProtocol)
        self.peers[len(self.peers) + 1] = protocol, transport
        for each in spoken:
            protocol.dataReceived(each)
        return transport

    def speak(self, number: int, data: bytes = b"hello\n") -> None:
        self.peers[number][0].dataReceived(data)

    def leave(self, number: int) -> None:
        protocol, _ = self.peers[number]
        protocol.connectionLost(Failure(error.ConnectionDone()))

    def sent(self, number: int) -> bytes:
        transport = self.peers[number][1]
        sent: bytes = transport.value()
        transport.clear()
        return sent

    def type(self, line: str) -> None:
        """Type a line below the prompt that is shown, then see the next prompt."""
        self.addressing.prompt()
        self.display.has_begun = True
        self.addressing.prompt()
        self.talk.received(line.encode("utf-8", "surrogateescape") + b"\n")
        self.display.has_begun = False

    def prompt(self) -> str:
        return self.addressing.prompt().replace(f" {PEER}", "")

    def said(self) -> list[str]:
        said, self.display.said = self.display.said, []
        return [each.replace(f" {PEER}", "") for each in said]


class AddresseeTests(TalkCase):
    def test_the_peer_that_spoke_last(self) -> None:
        self.assertEqual(self.prompt(), "to nobody: ")
        self.join()
        self.assertEqual(self.addressing.prompt(), f"to 1 {PEER}: ")
        self.join()
        self.assertEqual(self.prompt(), "to 1: ", "who only comes has not spoken")
        self.speak(2)
        self.assertEqual(self.prompt(), "to 2: ")
        self.type("hello")
        self.speak(1)
        self.type("you too")
        self.assertEqual((self.sent(1), self.sent(2)), (b"you too\n", b"hello\n"))
        self.leave(1)
        self.assertEqual(self.prompt(), "to 2: ")
        self.leave(2)
        self.assertEqual(self.prompt(), "to nobody: ")
        self.assertEqual(self.said(), [])

    def test_a_line_goes_to_whom_it_was_begun(self) -> None:
        self.join(b"hello\n")
        self.join()
        self.assertEqual(self.prompt(), "to 1: ")
        self.display.has_begun = True
        self.speak(2)
        self.assertEqual(self.prompt(), "to 1: ")
        self.talk.received(b"to the first\n")
        self.assertEqual((self.sent(1), self.sent(2)), (b"to the first\n", b""))
        self.display.has_begun = False
        self.assertEqual(self.prompt(), "to 2: ")

    def test_who_spoke_after_the_prompt_was_drawn_is_not_meant(self) -> None:
        self.join(b"hello\n")
        self.join()
        self.prompt()
        self.speak(2)
        self.talk.received(b"to the first\n")
        self.assertEqual((self.sent(1), self.sent(2)), (b"to the first\n", b""))

    def test_a_line_for_a_peer_that_has_left_goes_to_nobody(self) -> None:
        self.join(b"hello\n")
        self.join(b"hello\n")
        self.prompt()
        self.display.has_begun = True
        self.leave(2)
        self.assertEqual(self.prompt(), "to 2 (left): ")
        self.talk.received(b"secret\n/send secret\n/file /etc/hostname\n/close\n\n")
        self.assertEqual(
            self.said(), [*["not sent: 2 has left"] * 3, "/close: 2 has left"]
        )
        self.assertEqual(self.sent(1), b"")
        self.display.has_begun = False
        self.assertEqual(self.prompt(), "to 1: ")

    def test_a_line_that_is_begun_before_anybody_comes(self) -> None:
        self.type("hello")
        self.assertEqual(self.said(), ["not sent: nobody is connected"])
        self.display.has_begun = True
        self.assertEqual(self.prompt(), "to nobody: ")
        self.join()
        self.assertEqual(self.prompt(), "to 1: ")
        self.talk.received(b"welcome\n")
        self.assertEqual(self.sent(1), b"welcome\n")

    def test_chosen(self) -> None:
        self.join()
        self.join(b"hello\n")
        self.type("/to 1")
        self.speak(2)
        self.assertEqual(self.prompt(), "to 1: ")
        self.type("/to")
        self.assertEqual(self.prompt(), "to 2: ")
        self.type("/to 2")
        self.leave(2)
        self.assertEqual(
            self.said(), ["2 has left: lines go to the peer that spoke last"]
        )
        self.assertEqual(self.prompt(), "to 1: ")

    def test_chosen_among_lines_that_come_together(self) -> None:
        self.join()
        self.join(b"hello\n")
        self.prompt()
        self.display.has_begun = True
        self.talk.received(b"a\n/to 1\nb\n/all\nc\n/to 2\nd\n")
        self.assertEqual((self.sent(1), self.sent(2)), (b"b\nc\n", b"a\nc\nd\n"))

    def test_all(self) -> None:
        self.type("/all")
        self.assertEqual(self.prompt(), "to all (0): ")
        self.type("hello")
        self.assertEqual(self.said(), ["not sent: nobody is connected"])
        self.join()
        self.join()
        self.assertEqual(self.prompt(), "to all (2): ")
        self.type("hello")
        self.type(r"/send \x00")
        self.assertEqual((self.sent(1), self.sent(2)), (b"hello\n\0",) * 2)

    def test_the_prompt_is_drawn_again_when_it_may_have_changed(self) -> None:
        self.join()
        self.assertEqual(self.display.refreshed, 1)
        self.speak(1)
        self.assertEqual(self.display.refreshed, 2)
        self.leave(1)
        self.assertEqual(self.display.refreshed, 3)


class CommandTests(TalkCase):
    def test_a_line_is_framed_and_bytes_are_not(self) -> None:
        transport = self.join()
        self.type("//a")
        self.type("")
        self.type("\udcff")
        self.type(r"/send \x00\xff ")
        self.assertEqual(transport.value(), b"/a\n\n\xff\n\0\xff ")
        events = self.transcript.events
        sent = [event.data for event in events if isinstance(event, Sent)]
        self.assertEqual(sent, [b"/a\n", b"\n", b"\xff\n", b"\0\xff "])

    def test_a_line_that_cannot_be_framed(self) -> None:
        self.talk = Talk(self.addressing, lambda line: framed(line, "int16"))
        self.join()
        self.type("x" * 70_000)
        [said] = self.said()
        self.assertRegex(said, "^not sent: ")
        self.type("x")
        self.assertEqual(self.sent(1), b"\0\1x")

    def test_a_line_in_parts(self) -> None:
        self.join()
        self.prompt()
        self.talk.received(b"/se")
        self.talk.received(b"nd a\nb")
        self.assertEqual(self.sent(1), b"a")
        self.talk.ended()
        self.assertEqual(self.sent(1), b"b\n")
        self.assertEqual(
            self.said(), ["nothing more is sent by hand; Ctrl-C ends the server"]
        )

    def test_peers(self) -> None:
        self.type("/peers")
        self.join(b"hello\n")
        self.join()
        self.type("hi")
        self.type("/peers")
        self.assertEqual(
            self.said(),
            [
                "nobody is connected",
                "> 1: received 6 bytes, sent 3 bytes",
                "  2: received 0 bytes, sent 0 bytes",
            ],
        )

    def test_of_many_peers_those_that_spoke_last_are_listed(self) -> None:
        for _ in range(MOST_LISTED + 10):
            self.join()
        self.speak(MOST_LISTED + 5)
        self.type("/peers")
        said = self.said()
        self.assertEqual(len(said), MOST_LISTED + 1)
        self.assertIn(f"> {MOST_LISTED + 5}: received 6 bytes, sent 0 bytes", said)
        self.assertEqual(said[-1], "  and 10 others")

    def test_close(self) -> None:
        first, second = self.join(), self.join(b"hello\n")
        self.type("/close 1")
        self.assertTrue(first.disconnecting)
        self.assertEqual(self.prompt(), "to 2: ")
        self.type("/close 1")
        self.type("/to 1")
        self.assertEqual(
            self.said(),
            ["/close: 1: its connection is ending", "/to: 1: its connection is ending"],
        )
        self.type("/close")
        self.assertTrue(second.disconnecting)
        self.assertEqual(self.prompt(), "to nobody: ")
        self.leave(1)
        end = self.transcript.ends()[0]
        self.assertEqual((end.cause, end.detail), (EndCause.STOPPED, "closed by hand"))

    def test_what_waits_is_sent_before_the_close(self) -> None:
        transport = self.join()
        replies = self.peers[1][0].replies
        replies.pauseProducing()
        self.type("last words")
        self.type("/close")
        self.assertEqual(self.prompt(), "to nobody: ")
        self.type("more")
        self.type("/peers")
        self.assertFalse(transport.disconnecting)
        self.assertEqual(
            self.said(),
            [
                "1 ends when it has taken 1 line",
                "not sent: all connections are ending",
                "  1: received 0 bytes, sent 0 bytes, ending",
            ],
        )
        replies.resumeProducing()
        self.assertEqual(transport.value(), b"last words\n")
        self.assertTrue(transport.disconnecting)

    def test_reset(self) -> None:
        first, second = self.join(), self.join()
        self.type("/reset 2")
        self.assertTrue(second.aborted)
        self.type("/reset")
        self.assertTrue(first.aborted)
        self.peers[2][0].connectionLost(Failure(error.ConnectionAborted()))
        end = self.transcript.ends()[0]
        self.assertEqual((end.cause, end.detail), (EndCause.STOPPED, "reset by hand"))

    def test_a_peer_that_does_not_take_what_waits_can_be_reset(self) -> None:
        transport = self.join()
        self.peers[1][0].replies.pauseProducing()
        self.type("stuck")
        self.type("/close")
        self.type("/reset 1")
        self.assertTrue(transport.aborted)

    def test_what_cannot_be_done_is_said(self) -> None:
        self.join()
        for line, why in (
            ("/to 7", "/to 7: no peer has this number"),
            (
                "/to x\x1b",
                r"/to x\x1b: no number (/to N, or /to for the peer that spoke last)",
            ),
            (
                "/to 1 2",
                "/to 1 2: no number (/to N, or /to for the peer that spoke last)",
            ),
            ("/close 0", "/close 0: no peer has this number"),
            ("/all of them", "/all: nothing may follow it"),
            ("/peers 1", "/peers: nothing may follow it"),
            ("/send", r"/send: /send BYTES, as /send \x00\xff"),
            ("/file", "/file: /file PATH"),
            ("/file /none", "open /none: No such file or directory"),
        ):
            self.type(line)
            self.assertEqual(self.said(), [why])
        self.type("/none")
        self.assertRegex(self.said()[0], "^/none: no such command")
        self.assertEqual(self.sent(1), b"")
        self.talk.input_failed(InputError("read", "stdin", "lost"))
        self.assertEqual(self.said(), ["read stdin: lost"])


class FileTests(TalkCase):
    def setUp(self) -> None:
        super().setUp()
        self.data = os.urandom(200_000)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = str(Path(folder, "a file"))
        Path(self.path).write_bytes(self.data)
        self.before = self.open_files()

    def open_files(self) -> int:
        return len(os.listdir("/proc/self/fd"))

    def test_each_peer_takes_it_at_its_pace(self) -> None:
        fast, slow = self.join(), self.join()
        replies = self.peers[2][0].replies
        replies.pauseProducing()
        self.type("/all")
        self.type(f"/file {self.path}")
        self.type("behind it")
        self.assertEqual(fast.value(), self.data + b"behind it\n")
        self.assertEqual(slow.value(), b"")
        sent = f"sent {len(self.data)} bytes of {self.path} to"
        self.assertEqual(self.said(), [f"{sent} 1"])
        replies.resumeProducing()
        self.assertEqual(slow.value(), self.data + b"behind it\n")
        self.assertEqual(self.said(), [f"{sent} 2"])
        self.assertEqual(self.open_files(), self.before)

    def test_a_peer_that_leaves_before_its_end(self) -> None:
        self.join()
        self.peers[1][0].replies.pauseProducing()
        self.type(f"/file {self.path}")
        self.type("behind it")
        self.leave(1)
        self.assertEqual(
            self.said(),
            [
                (
                    f"sent 0 of {len(self.data)} bytes of {self.path} to 1, not more: "
                    "it has left"
                ),
                "not sent to 1: the last 1 line: it has left",
            ],
        )
        self.assertEqual(self.open_files(), self.before)

    def test_it_gets_shorter(self) -> None:
        self.join()
        replies = self.peers[1][0].replies
        replies.pauseProducing()
        self.type(f"/file {self.path}")
        os.truncate(self.path, 1000)
        replies.resumeProducing()
        size = len(self.data)
        said = f"sent 1000 of {size} bytes of {self.path} to 1, not more: {SHORTER}"
        self.assertEqual(self.said(), [said])

    def test_the_server_ends_when_it_is_sent(self) -> None:
        transport = self.join()
        replies = self.peers[1][0].replies
        replies.pauseProducing()
        self.type(f"/file {self.path}")
        self.type("behind it")
        self.factory.connections.drain(5)
        self.clock.pump([TURN_SECONDS] * 3)
        self.assertFalse(transport.disconnecting)
        replies.resumeProducing()
        self.assertEqual(transport.value(), self.data + b"behind it\n")
        self.clock.pump([TURN_SECONDS] * 2)
        self.assertTrue(transport.disconnecting)

    def test_the_server_ends_before_it_is_sent(self) -> None:
        transport = self.join()
        self.peers[1][0].replies.pauseProducing()
        self.type(f"/file {self.path}")
        self.type("behind it")
        self.factory.connections.drain(2)
        self.clock.advance(2)
        self.assertTrue(transport.aborted)
        self.peers[1][0].connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(
            self.said(),
            [
                (
                    f"sent 0 of {len(self.data)} bytes of {self.path} to 1, not more: "
                    "the server has stopped"
                ),
                "not sent to 1: the last 1 line: the server has stopped",
            ],
        )

    def test_what_waits_is_named(self) -> None:
        self.join()
        self.peers[1][0].replies.pauseProducing()
        self.type(f"/file {self.path}")
        for _ in range(MOST_WAITING):
            self.type("x")
        self.type("/close")
        waiting = f"{MOST_WAITING - 1} lines and 1 file"
        self.assertEqual(
            self.said(),
            [
                f"not sent to 1: {MOST_WAITING} lines wait for it",
                f"1 ends when it has taken {waiting}",
            ],
        )
        self.leave(1)

    def test_no_addressee(self) -> None:
        self.type(f"/file {self.path}")
        self.type("/close")
        self.type("/reset")
        self.assertEqual(
            self.said(),
            [
                "not sent: nobody is connected",
                "/close: nobody is connected",
                "/reset: nobody is connected",
            ],
        )
        self.assertEqual(self.open_files(), self.before)

    def test_the_peer_ends_its_side_and_gets_the_rest(self) -> None:
        transport = self.join()
        protocol, _ = self.peers[1]
        protocol.replies.pauseProducing()
        self.type(f"/file {self.path}")
        IHalfCloseableProtocol(protocol).readConnectionLost()
        self.assertEqual(self.prompt(), "to nobody: ")
        protocol.replies.resumeProducing()
        self.assertEqual(transport.value(), self.data)
        self.assertTrue(transport.disconnecting)


class UnreadTests(TalkCase):
    """A peer that does not read what it is sent."""

    def setUp(self) -> None:
        super().setUp()
        self.transport = self.join(b"hello\n")
        self.replies = self.peers[1][0].replies
        self.replies.pauseProducing()
        self.replies.resumeProducing()

    def fill(self) -> None:
        """Let the transport be full at the next write."""
        write = self.transport.write

        def write_and_pause(data: bytes) -> None:
            write(data)
            self.replies.pauseProducing()

        self.patch(self.transport, "write", write_and_pause)
        self.type("first")

    def test_lines_are_bounded(self) -> None:
        self.fill()
        for number in range(1, MOST_WAITING + 2):
            self.type(f"{number}")
        self.assertEqual(
            self.said(),
            [f"not sent to 1: {MOST_WAITING} lines wait for it"] * 2,
        )

    def test_bytes_are_bounded(self) -> None:
        self.fill()
        self.type("x" * MOST_WAITING_BYTES)
        self.assertEqual(self.said(), [])
        self.type("more")
        self.assertEqual(self.said(), ["not sent to 1: 64 KiB wait for it"])

    def test_of_many_some_are_named(self) -> None:
        for _ in range(MOST_NAMED + 2):
            self.join()
        for protocol, _ in self.peers.values():
            protocol.replies.pauseProducing()
        self.type("/all")
        self.type("x" * MOST_WAITING_BYTES)
        self.type("more")
        [said] = self.said()
        who = "1, 2, 3, 4, 5, and 3 others"
        self.assertEqual(said, f"not sent to {who}: 64 KiB wait for it")

    def test_it_is_still_read(self) -> None:
        self.fill()
        self.assertEqual(self.transport.producerState, "producing")

    def test_it_is_said_once(self) -> None:
        self.fill()
        self.clock.advance(STUCK_SECONDS)
        self.clock.advance(STUCK_SECONDS)
        self.assertEqual(self.said(), ["1 has taken nothing for 5 seconds"])
        self.leave(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_peer_that_has_taken_all_is_not_stuck(self) -> None:
        self.type("hello")
        self.clock.advance(STUCK_SECONDS)
        self.assertEqual(self.said(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SecretTests(TalkCase):
    def test_each_peer_is_heard_alone(self) -> None:
        self.join(b"hello\n")
        self.join(b"Password: ")
        self.prompt()
        self.assertFalse(self.addressing.may_be_secret)
        self.type("/to 2")
        self.assertTrue(self.addressing.may_be_secret)
        self.speak(1)
        self.assertTrue(self.addressing.may_be_secret)
        self.addressing.answer()
        self.speak(2, b"welcome\n")
        self.assertFalse(self.addressing.may_be_secret)

    def test_what_all_can_read(self) -> None:
        self.join(b"hello\n")
        self.join(b"Password: ")
        self.type("/all")
        self.assertTrue(self.addressing.may_be_secret)
        self.leave(2)
        self.assertFalse(self.addressing.may_be_secret)


class PipeTests(TalkCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = EventLoggingObserver()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)
        self.piped = PipedTalk(self.addressing, lambda line: framed(line, "line"))
        self.addressing.show_on(self.piped)
        self.source = Producer()
        self.piped.join(self.source)

    def logged(self) -> list[str | None]:
        return [formatEvent(event) for event in self.log]

    def test_it_is_read_while_there_is_a_peer(self) -> None:
        self.assertEqual(self.source.calls[-1], "pause")
        self.join()
        self.assertEqual(self.source.calls[-1], "resume")
        self.leave(1)
        self.assertEqual(self.source.calls[-1], "pause")

    def test_no_line_is_a_command(self) -> None:
        self.join(b"hello\n")
        self.piped.received(b"/close\n//x\nbegun")
        self.assertEqual(self.sent(1), b"/close\n//x\n")
        self.piped.received(b" and done\nlast")
        self.piped.ended()
        self.assertEqual(self.sent(1), b"begun and done\nlast\n")
        self.assertEqual(self.logged(), [])

    def test_a_peer_that_does_not_read_stops_it(self) -> None:
        self.join(b"hello\n")
        replies = self.peers[1][0].replies
        replies.pauseProducing()
        self.piped.received(b"hello\n")
        self.assertEqual(self.source.calls[-1], "pause")
        self.speak(1)
        self.assertEqual(self.source.calls[-1], "pause")
        replies.resumeProducing()
        self.assertEqual(self.source.calls[-1], "resume")

    def test_a_peer_that_leaves(self) -> None:
        self.join(b"hello\n")
        self.join()
        self.peers[1][0].replies.pauseProducing()
        self.piped.received(b"hello\n")
        self.leave(1)
        self.assertEqual(self.logged(), [f"not sent to 1 {PEER}: 6 bytes: it has left"])
        self.assertEqual(self.source.calls[-1], "resume")
        self.assertEqual(self.sent(2), b"")

    def test_what_was_sent_is_not_lost(self) -> None:
        self.join(b"hello\n")
        replies = self.peers[1][0].replies
        transport = self.peers[1][1]
        write = transport.write

        def write_and_pause(data: bytes) -> None:
            write(data)
            replies.pauseProducing()

        self.patch(transport, "write", write_and_pause)
        self.piped.received(b"hello\n")
        self.leave(1)
        self.assertEqual(self.sent(1), b"hello\n")
        self.assertEqual(self.logged(), [])

    def test_nobody_is_left_for_the_last_line(self) -> None:
        self.piped.received(b"last")
        self.piped.ended()
        self.assertEqual(self.logged(), ["not sent: 5 bytes"])
        self.join()
        self.assertEqual(self.sent(1), b"")

    def test_a_line_without_an_end_is_sent_in_pieces(self) -> None:
        self.join()
        self.piped.received(b"x" * (MOST_LINE_BYTES + 1))
        self.assertEqual(len(self.sent(1)), MOST_LINE_BYTES + 2)

    def test_errors_are_logged(self) -> None:
        self.piped.input_failed(InputError("read", "stdin", "lost"))
        self.assertEqual(self.logged(), ["read stdin: lost"])
