"""The words users say, and what is made of them."""

from __future__ import annotations

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import Behaviour
from echolab.client_options import ClientOptions
from echolab.server_options import ServerOptions
from echolab.settings import ClientSettings, ServerSettings


def server(*words: str) -> ServerSettings:
    options = ServerOptions()
    options.parseOptions(words)
    return options.settings


def client(*words: str) -> ClientSettings:
    options = ClientOptions()
    options.parseOptions(words)
    return options.settings


class BehaviourOptionsTests(SynchronousTestCase):
    def test_behave_and_record(self) -> None:
        settings = server(
            *("--behave", "reset+read-bytewise", "--behave", "close:first=1"),
            *("--record", "lab.json", "--output", "-"),
        )
        self.assertEqual(
            settings.behave,
            Behaviour.reset() + Behaviour.read_bytewise() + Behaviour.close(first=1),
        )
        self.assertEqual(settings.record, "lab.json")

    def test_what_does_not_go_together(self) -> None:
        for words, why in (
            (("--behave", "toast"), "--behave toast: toast is none of accept-late"),
            (("--behave", "refuse", "--listen", "unix:/a"), "refuse: goes with --port"),
            (("--behave", "half-close", "--listen", "ssl:1"), "half-close: TLS ends"),
            (("--record", "-", "--output", "-"), "--record -: that file is an"),
            (("--record", ""), "--record: the file has no name"),
        ):
            with self.assertRaises(UsageError) as caught:
                server(*words)
            self.assertIn(why, str(caught.exception))


class ServerOptionsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        self.assertEqual(server(), ServerSettings())
        self.assertEqual(ServerSettings().port, 8888)

    def test_everything(self) -> None:
        self.assertEqual(
            server(
                *("--port", "0", "--interface", "::1", "--backlog=5"),
                *("--once", "--fsync"),
                *("--framing", "netstring", "--max-message", "9", "--overlong=close"),
                *("--format", "json", "--label", "auto"),
                *("--escape", "always", "--color", "never"),
                *(
                    "--listen",
                    "unix:/a",
                    "--listen",
                    "tcp:1",
                    "--output",
                    "out",
                    "-o",
                    "json:a:b",
                ),
            ),
            ServerSettings(
                port=0,
                interface="::1",
                backlog=5,
                framing="netstring",
                max_message_bytes=9,
                overlong="close",
                format="json",
                label="auto",
                escape="always",
                color="never",
                once=True,
                fsync=True,
                listen=("unix:/a", "tcp:1"),
                outputs=((None, "out"), ("json", "a:b")),
            ),
        )

    def test_ipv6_as_it_is_shown(self) -> None:
        self.assertEqual(server("--interface", "[::1]").interface, "::1")
        self.assertEqual(client("[::1]", "1").host, "::1")

    def test_options_may_stand_behind_the_port(self) -> None:
        self.assertEqual(server("9999", "--once"), ServerSettings(port=9999, once=True))
        self.assertEqual(server("-p1", "-i", "::1").interface, "::1")

    def test_mistakes(self) -> None:
        for words, message in (
            (["99999"], "bind 0.0.0.0:99999: port must be 0-65535"),
            (["--port", "x"], "bind 0.0.0.0:x: port is not a number"),
            (["-i", "::", "-p", "-1"], r"bind \[::\]:-1: port must be 0-65535"),
            (["--backlog", "0"], "--backlog 0: must be a whole number over 0 and .*"),
            (["--port", "٣"], "bind 0.0.0.0:٣: port is not a number"),
            ([""], "bind 0.0.0.0:: port is not a number"),
            (["-o", "foo:a"], r"--output foo:a: foo is no format \(classic, .*\); .*"),
            (["--allow", "x"], "--allow x: 'x' does not appear to be .*"),
            (["--deny", "192.0.2.1/24"], "--deny 192.0.2.1/24: .* has host bits set"),
            (
                ["--framing", "int16", "--reply", "x" * 65_536],
                r"--reply x{60}\.\.\.: 65536 bytes are too long: at most 65535",
            ),
            (["--reply", r"\q"], r"--reply \\q: has an unknown escape"),
            (["--idle-timeout", "-1"], "--idle-timeout -1: must be a number from 0 .*"),
            (["--max-per-host", "1.5"], ".*: must be a whole number from 0 .*"),
            (["--overlong", "x"], "--overlong x: must be one of split, close"),
            (
                ["--framing", "x"],
                "--framing x: must be one of line, chunk, netstring, int16, .*",
            ),
            (["-o", "a", "-o", "json:a"], "--output json:a: that file is given twice"),
            (["-o", "json:"], "--output json:: the file has no name"),
            (["--framing", r"delimiter:\q"], ".*: has an unknown escape"),
            (["--format", "x"], "--format x: must be one of classic, log, .*"),
            (["1", "--port", "2"], "the port is given twice"),
            (["1", "2"], r"Usage: echolab server \[port\]"),
            (["--bogus"], "option --bogus not recognized; see --help"),
        ):
            with self.assertRaisesRegex(UsageError, f"^{message}$"):
                server(*words)


class ClientOptionsTests(SynchronousTestCase):
    def test_the_lectures_words(self) -> None:
        self.assertEqual(
            client("10.0.0.1", "99"), ClientSettings(host="10.0.0.1", port=99)
        )

    def test_everything(self) -> None:
        self.assertEqual(
            client("::1", "99", "--no-dot", "--quiet", "--timeout", "0.5"),
            ClientSettings(
                host="::1", port=99, dot=False, quiet=True, timeout_seconds=0.5
            ),
        )
        self.assertEqual(client("--connect", "tcp:a:1").connect, "tcp:a:1")
        self.assertIs(client("--host", "a", "--dot").dot, True)
        self.assertIs(client("--host", "a", "--no-history").history, False)
        self.assertEqual(client("--host", "a"), ClientSettings(host="a"))
        self.assertEqual(client("--port", "9"), ClientSettings(port=9))

    def test_too_few_words(self) -> None:
        for words in ([], ["127.0.0.1"], ["a", "1", "2"]):
            with self.assertRaisesRegex(
                UsageError, "^Usage: echolab client <ipaddr> <port>$"
            ):
                client(*words)

    def test_mistakes(self) -> None:
        for words, message in (
            (["::1", "0"], r"connect \[::1\]:0: port must be 1-65535"),
            (["a", "1", "--timeout", "-1"], "--timeout -1: must be a number over"),
            (["a", "1", "--timeout", "x"], "--timeout x: must be a number over"),
            (["", "1"], "connect :1: the host is empty"),
            (["a", ""], "connect a:: port is not a number"),
            (["a", "1", "--connect", "tcp:b:1"], "the server is given twice"),
            (["a", "1", "--dot", "--no-dot"], "--dot and --no-dot contradict"),
            (["a", "1", "--replay", "r", "--dot"], "not with --file, --crlf, --dot"),
        ):
            with self.assertRaisesRegex(UsageError, message):
                client(*words)
