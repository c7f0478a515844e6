"""What printers show, to the byte."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Batch,
    Connected,
    ConversationPrinter,
    EndCause,
    Finished,
    Hex,
    Peer,
    Printer,
    Received,
    Replies,
)

PEER = Peer(1, "IPv4", "127.0.0.1", 60612)
CONNECTED = Connected(PEER, 0.0)
FINISHED = Finished(PEER, 1.0, EndCause.EOF, received_bytes=3, seconds=1.0)


def reply(data: bytes) -> Received:
    return Received(PEER, 0.0, Batch((data,)))


class PrinterTests(SynchronousTestCase):
    def test_writes_what_there_is_to_print(self) -> None:
        written: list[bytes] = []
        printer = Printer(written.append)
        printer(CONNECTED)
        printer(FINISHED)
        self.assertEqual(written, [b"finish.\n"])


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.screen = b""

    def write(self, data: bytes) -> None:
        self.screen += data

    def test_the_lectures_session(self) -> None:
        printer = ConversationPrinter(self.write, prompt=b"> ")
        printer(CONNECTED)
        self.screen += b"hello\n"  # as the terminal echoes it
        printer.typed()
        printer.ask()
        self.screen += b".\n"
        printer.typed()
        printer(FINISHED)
        printer.finish()
        self.assertEqual(self.screen, b"> hello\n> .\nfinish.\n")

    def test_a_reply_does_not_share_a_line_with_the_prompt(self) -> None:
        printer = ConversationPrinter(self.write, prompt=b"> ")
        printer(CONNECTED)
        printer(reply(b"welcome"))
        self.assertEqual(self.screen, b"> \nwelcome\n> ")

    def test_end_of_input_at_the_prompt(self) -> None:
        printer = ConversationPrinter(self.write, prompt=b"> ")
        printer(CONNECTED)
        printer.finish()
        self.assertEqual(self.screen, b"> \nfinish.\n")

    def test_replies_are_printed_as_they_are(self) -> None:
        printer = ConversationPrinter(self.write)
        printer(CONNECTED)
        printer(reply(b"a"))
        printer(reply(b"b\nc"))
        printer.finish()
        self.assertEqual(self.screen, b"ab\nc\nfinish.\n")

    def test_input_that_is_no_echo_ends_no_line(self) -> None:
        printer = ConversationPrinter(self.write)
        printer(CONNECTED)
        printer(reply(b"a"))
        printer.typed()
        printer.finish()
        self.assertEqual(self.screen, b"a\nfinish.\n")

    def test_replies_cannot_drive_the_terminal(self) -> None:
        printer = ConversationPrinter(self.write, escape=True)
        printer(CONNECTED)
        for data in (b"\x1b[2J", b"\xe2\x82", b"\xac\n", b"\xe2"):
            printer(reply(data))
        printer(FINISHED)
        self.assertEqual(self.screen, "\\x1b[2J€\n\\xe2".encode())

    def test_the_ends_of_lines_are_left_to_the_terminal(self) -> None:
        printer = ConversationPrinter(self.write, escape=True)
        for data in (b"one\r\ntwo\r", b"\nthree\rfour\r", b"five\r"):
            printer(reply(data))
        printer(FINISHED)
        self.assertEqual(self.screen, b"one\r\ntwo\r\nthree\\rfour\\rfive\\r")

    def test_half_a_character_waits_for_the_other(self) -> None:
        printer = ConversationPrinter(self.write, prompt=b"> ", escape=True)
        printer(CONNECTED)
        printer(reply(b"\xe6"))
        printer(reply(b"\xbc\xa2"))
        self.assertEqual(self.screen.decode(), "> \n漢\n> ")

    def test_a_line_that_goes_on_is_shown_again(self) -> None:
        printer = ConversationPrinter(self.write, prompt=b"> ")
        printer(CONNECTED)
        for data in (b"welcome\nlo", b"gin", b": \nPass"):
            printer(reply(data))
        self.assertEqual(
            self.screen,
            b"> \nwelcome\nlo\n> \nlogin\n> \nlogin: \nPass\n> ",
        )
        self.screen = b""
        printer.typed()
        printer.ask()
        printer(reply(b"word: "))
        self.assertEqual(self.screen, b"> \nword: \n> ")

    def test_the_prompt_comes_back_when_the_reply_is_whole(self) -> None:
        clock = Clock()
        printer = ConversationPrinter(self.write, prompt=b"> ", clock=clock)
        printer(CONNECTED)
        printer(reply(b"x" * 5000))
        clock.advance(0.09)
        printer(reply(b"yz"))
        clock.advance(0.09)
        self.assertEqual(self.screen, b"> \n" + b"x" * 5000 + b"yz")
        clock.advance(0.02)
        self.assertTrue(self.screen.endswith(b"yz\n> "))
        self.screen = b""
        printer(reply(b"!\n"))
        self.assertEqual(self.screen, b"\n" + b"x" * 4094 + b"yz!\n> ")
        printer(reply(b"bye"))
        printer.finish()
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertTrue(self.screen.endswith(b"> \nbye\nfinish.\n"))

    def test_all_but_the_replies_elsewhere(self) -> None:
        for replies, seen in (
            (Replies.ELSEWHERE, b"> one\n> finish.\n"),
            (Replies.PIPED, b"> one\n> \n\n> finish.\n"),
        ):
            said: list[bytes] = []
            self.screen = b""
            printer = ConversationPrinter(
                self.write, say=said.append, replies=replies, prompt=b"> "
            )
            printer(CONNECTED)
            said.append(b"one\n")
            printer.typed()
            printer.ask()
            printer(reply(b"login: "))
            said.append(b"")
            printer.typed()
            printer.finish()
            self.assertEqual(b"".join(said), seen)
            self.assertEqual(self.screen, b"login: ")

    def test_replies_in_a_form(self) -> None:
        printer = ConversationPrinter(self.write, form=Hex(), prompt=b"> ")
        printer(CONNECTED)
        printer(reply(b"\x1b["))
        printer(FINISHED)
        dump = b"00000000  1b 5b".ljust(60) + b"|.[|\n"
        self.assertEqual(
            self.screen, b"> \n127.0.0.1:60612 recv 2 bytes\n" + dump + b"> "
        )

    def test_quiet(self) -> None:
        printer = ConversationPrinter(self.write, show_replies=False)
        printer(CONNECTED)
        printer(reply(b"a"))
        printer.end_line()
        self.assertEqual(self.screen, b"")
