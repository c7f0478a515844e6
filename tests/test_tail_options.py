"""Command lines of `echolab tail`."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, Peer
from echolab.carrying.begin import Begin
from echolab.command.tail_options import TailOptions
from echolab.command.tail_settings import TailSettings, Wanted
from echolab.server.settings import ServerSettings

URL = "nats://127.0.0.1/lab"


def tail(*words: str) -> TailSettings:
    options = TailOptions()
    options.parseOptions([URL, *words])
    settings: TailSettings = options.settings
    return settings


class ValueTests(SynchronousTestCase):
    def test_defaults_are_those_of_a_server(self) -> None:
        settings, server = tail(), ServerSettings()
        for name in ("format", "show", "time", "label", "escape", "color", "outputs"):
            self.assertEqual(getattr(settings, name), getattr(server, name))
        self.assertEqual(settings.printing(), {})
        self.assertEqual(settings.begin, Begin("first"))

    def test_where_it_begins(self) -> None:
        one = datetime(2026, 11, 29, 13, tzinfo=UTC)
        for text, at in (
            *(("first", "first"), ("NOW", "now"), ("17", 17)),
            *(("2026-11-29T13:00:00Z", one), ("2026-11-29T13:00", one)),
            ("2026-11-29T14:00+01:00", one),
        ):
            begin = tail("--from", text).begin
            self.assertEqual(begin.at, at)
            self.assertEqual(tail("--from", str(begin)).begin, begin)

    def test_which_peers(self) -> None:
        for text, wanted in (
            ("192.0.2.7", Wanted("192.0.2.7")),
            ("192.0.2.7:80", Wanted("192.0.2.7", 80)),
            ("2001:db8:0::1", Wanted("2001:db8::1")),
            ("[2001:db8::1]", Wanted("2001:db8::1")),
            ("[2001:db8::1]:80", Wanted("2001:db8::1", 80)),
            ("::ffff:192.0.2.7", Wanted("192.0.2.7")),
            ("UNIX", Wanted("unix")),
        ):
            self.assertEqual(tail("--peer", text).peer, wanted)
            self.assertEqual(tail("--peer", str(wanted)).peer, wanted)

    def test_only_those_are_wanted(self) -> None:
        peers = (
            Peer(1, "IPv4", "192.0.2.7", 80),
            Peer(2, "IPv4", "192.0.2.7", 81),
            Peer(3, "UNIX", path="/run/lab"),
            Peer(4, "IPv6", "::ffff:192.0.2.7", 82),
        )
        for wanted, numbers in (
            (Wanted("192.0.2.7"), [1, 2, 4]),
            (Wanted("192.0.2.7", 81), [2]),
            (Wanted("unix"), [3]),
        ):
            events = [Accepted(peer, 1.0) for peer in peers]
            found = [each.peer.number for each in events if wanted(each.peer)]
            self.assertEqual(found, numbers)

    def test_printing(self) -> None:
        settings = tail("--format", "log", "-o", "raw:a", "--record", "b", "--fsync")
        self.assertEqual(
            settings.printing(),
            {
                "format": "log",
                "outputs": (("raw", "a"),),
                "record": "b",
                "fsync": True,
            },
        )


class MistakeTests(SynchronousTestCase):
    def test_they_are_told_in_one_line(self) -> None:
        for words, why in (
            (
                ("--from", "x"),
                "--from x: must be first, now, the number of a message, or",
            ),
            (("--from", "0"), "--from 0: must be first"),
            (("--from", "-1"), "--from -1: must be first"),
            (("--from", "9" * 5000), "must be first"),
            (("--from", "1969-12-31"), "a time must be in the years 1970 to 2261"),
            (("--from", "2262-01-01"), "a time must be in the years 1970 to 2261"),
            (("--web", "0"), "--web: without --follow, the page ends at once"),
            (("--web-token", "a", "--follow"), "--web-token: there is no --web"),
            (("--peer", ""), "--peer: the host is empty"),
            (
                ("--peer", "lab.example"),
                "--peer lab.example: must be an IP address, as",
            ),
            (("--peer", "192.0.2.7:0"), "--peer 192.0.2.7:0: port must be 1-65535"),
            (("--name", "a.b"), "--name a.b: must be 1 to 64 letters, digits, - and _"),
            (("--name", ""), "--name : must be 1 to 64"),
            (("--show", "sent"), "--show sent: goes with --format log, hex or json"),
            (("--record", "a", "-o", "a"), "--record a: that file is an --output too"),
            (("-o", URL), "--output nats://127.0.0.1:4222/lab: that is the stream it"),
            (("more",), "Usage: echolab tail nats://HOST/SUBJECT"),
        ):
            with self.assertRaises(UsageError) as caught:
                tail(*words)
            self.assertIn(why, str(caught.exception))

    def test_an_address_is_told_without_its_secrets(self) -> None:
        with self.assertRaises(UsageError) as caught:
            TailOptions().parseOptions(["nats://me:secret@127.0.0.1/a?stream=*"])
        self.assertIn("nats://127.0.0.1/a?stream=*: stream must", str(caught.exception))
        with self.assertRaisesRegex(UsageError, "^Usage: echolab tail nats://HOST/S"):
            TailOptions().parseOptions([])
