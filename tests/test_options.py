"""Command lines, and the settings made from them."""

from __future__ import annotations

import re
import socket

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import Behaviour
from echolab.client.settings import ClientSettings
from echolab.client.steps import Expect, Send
from echolab.command.cli import CommandOptions
from echolab.command.client_options import ClientOptions
from echolab.command.server_options import ServerOptions
from echolab.option import words_of
from echolab.server.reply import no_reply
from echolab.server.settings import ServerSettings
from echolab.sockets.watching import WatchedSocket, keep_alive


def server(*words: str) -> ServerSettings:
    options = ServerOptions()
    options.parseOptions(words)
    return options.settings


def client(*words: str) -> ClientSettings:
    options = ClientOptions()
    options.parseOptions(words)
    return options.settings


class EmptyValueTests(SynchronousTestCase):
    def test_it_takes_no_other_option_for_its_value(self) -> None:
        for words, why in (
            (("-o", "", "-p", "1"), "--output : the file has no name"),
            (("-p", "", "-o", "a"), "bind 0.0.0.0:: port is not a number"),
            (("-i", "", "-p", "1"), "--interface: the address is empty"),
            (("--output", "", "-p", "1"), "--output : the file has no name"),
            (("--output=", "-p", "1"), "--output : the file has no name"),
        ):
            with self.assertRaises(UsageError) as caught:
                server(*words)
            self.assertEqual(str(caught.exception), why)
        self.assertEqual(server("-o-", "-p1").port, 1)


class ShowTests(SynchronousTestCase):
    def test_what_is_sent_is_shown_by_formats_that_can(self) -> None:
        right: list[tuple[str, ...]] = [
            ("--format", "log"),
            ("--output", "json:lab.json", "--output", "-"),
            ("--format", "hex", "--output", "lab"),
        ]
        for words in right:
            self.assertEqual(server("--show", "sent", *words).show, "sent")
        wrong: list[tuple[str, ...]] = [(), ("--format", "raw"), ("-o", "raw:lab")]
        for words in wrong:
            with self.assertRaisesRegex(UsageError, "^--show sent: goes with --form"):
                server("--show", "sent", *words)


class TimeTests(SynchronousTestCase):
    def test_times_are_for_the_format_that_has_them(self) -> None:
        right = [("--format", "log"), ("-o", "log:lab.log", "-o", "-")]
        for words in right:
            self.assertEqual(server("--time", "LOCAL", *words).time, "local")
        wrong = [(), ("--format", "json"), ("-o", "json:lab"), ("--record", "-")]
        for words in wrong:
            with self.assertRaisesRegex(
                UsageError, "^--time utc: no output has the format log$"
            ):
                server("--time", "utc", *words)
        with self.assertRaisesRegex(UsageError, "must be one of local, utc, elapsed"):
            server("--time", "now", "--format", "log")


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
            (
                ("--behave", "answer-twice+answer-slowly:bytes-per-second=1"),
                "use send-s",
            ),
            (("--behave", "refuse+hold-accept"), "hold-accept: not with refuse, which"),
            (("--behave", "half-close", "--listen", "ssl:1"), "half-close: TLS ends"),
            (("--behave", "half-close", "--tls"), "half-close: TLS ends"),
            (("--behave", "refuse", "--cert", "a"), "refuse: goes with --port"),
            (("--tls", "--listen", "tcp:1"), "--tls: goes with --port"),
            (("1", "--listen", "unix:/a"), "--port: not with --listen"),
            (("--listen", "tcp:1", "--port", "0"), "--port: not with --listen"),
            (("--listen", "tcp:1", "-i", "::1"), "--interface: not with --listen"),
            (("--listen", "tcp:1", "--reuse-port"), "--reuse-port: not with --listen"),
            (("--cert", "a", "--listen", "tcp:1"), "--cert: goes with --port"),
            (("--key", "a"), "--key: there is no --cert"),
            (("--tls", "--cert", ""), "--cert: the file has no name"),
            (("--client-ca", "a"), "--client-ca: there is no --tls"),
            (("--record", "-", "--output", "-"), "--record -: that file is an"),
            (("--record", ""), "--record: the file has no name"),
            (("--no-edit",), "--no-edit: there is no --talk"),
            (("--no-history",), "--no-history: there is no --talk"),
        ):
            with self.assertRaises(UsageError) as caught:
                server(*words)
            self.assertIn(why, str(caught.exception))


class WebOptionsTests(SynchronousTestCase):
    def test_where_the_page_is(self) -> None:
        self.assertIsNone(server().web)
        for text, where in (
            ("8889", ("127.0.0.1", 8889)),
            ("0", ("127.0.0.1", 0)),
            ("localhost:8889", ("localhost", 8889)),
            ("0.0.0.0:80", ("0.0.0.0", 80)),
            ("[::1]:8889", ("::1", 8889)),
        ):
            self.assertEqual(server("--web", text).web, where)
        settings = server("--web", "[::1]:8889", "--web-token", "token")
        self.assertEqual(server(*words_of(settings)), settings)
        self.assertEqual(settings.web_token, "token")

    def test_where_it_cannot_be(self) -> None:
        usage = "must be [HOST:]PORT, as 8889, 127.0.0.1:8889 or [::1]:8889"
        for text, why in (
            ("", "--web: the port is empty"),
            (":8889", "--web :8889: the address is empty"),
            ("[]:8889", "--web []:8889: the address is empty"),
            ("localhost", f"--web localhost: {usage}"),
            ("localhost:", f"--web localhost:: {usage}"),
            ("::1:8889", f"--web ::1:8889: {usage}"),
            ("8889/", f"--web 8889/: {usage}"),
            ("\u0668", f"--web \u0668: {usage}"),
            ("-1", "--web -1: port must be 0-65535"),
            ("65536", "--web 65536: port must be 0-65535"),
            ("--port", f"--web --port: {usage}"),
            ("9" * 5000, usage),
        ):
            with self.assertRaises(UsageError) as caught:
                server("--web", text)
            self.assertIn(why, str(caught.exception))

    def test_a_token_without_a_page(self) -> None:
        with self.assertRaisesRegex(UsageError, "^--web-token: there is no --web$"):
            server("--web-token", "token")


class TLSOptionsTests(SynchronousTestCase):
    def test_server(self) -> None:
        self.assertTrue(server("--tls").tls)
        settings = server("--cert", "a", "--key", "b", "--client-ca", "c")
        self.assertEqual(
            (settings.tls, settings.certificate, settings.private_key),
            (True, "a", "b"),
        )
        self.assertEqual(settings.client_ca, "c")

    def test_client(self) -> None:
        self.assertTrue(client("--tls", "lab.example", "8443").tls)
        self.assertTrue(client("--tls", "--insecure", "--host", "a").insecure)
        for words, why in (
            (("--tls", "--connect", "tls:a:1"), "--tls: goes with HOST PORT"),
            (("--insecure", "a", "1"), "--insecure: there is no TLS without --tls"),
            (
                ("--behave", "refuse", "a", "1"),
                "--behave refuse: refuse: only a server",
            ),
            (
                ("--behave", "half-close", "--tls", "a", "1"),
                "half-close: TLS ends both",
            ),
        ):
            with self.assertRaisesRegex(UsageError, why):
                client(*words)


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
                *("--output", "out", "-o", "json:a:b"),
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
                outputs=((None, "out"), ("json", "a:b")),
            ),
        )
        listen = ("unix:/a", "tcp:1")
        self.assertEqual(
            server("--listen", listen[0], "--listen", listen[1]),
            ServerSettings(listen=listen),
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
            (["--backlog", "0"], "--backlog 0: must be a whole number over 0 .*"),
            (["--port", "٣"], "bind 0.0.0.0:٣: port is not a number"),
            ([""], "bind 0.0.0.0:: port is not a number"),
            (["-o", "foo:a"], r"--output foo:a: foo is no format \(classic, .*\); .*"),
            (["--allow", "x"], "--allow x: 'x' does not appear to be .*"),
            (
                ["--deny", "192.0.2.1/24"],
                r".* has host bits set; did you mean 192.0.2.0/24\?",
            ),
            (
                ["--framing", "int16", "--reply", "x" * 65_536],
                r"--reply x{60}\.\.\.: 65536 bytes are too long: at most 65535",
            ),
            (["--reply", r"\q"], r"--reply \\q: has an unknown escape"),
            (["--idle-timeout", "-1"], "--idle-timeout -1: must be a time from 0 .*"),
            (["--idle-timeout", "5x"], ".*: must be a time .*, as 5, 500ms, 2m or 1h"),
            (["--max-message", "0k"], "--max-message 0k: must be a size over 0 .*"),
            (["--max-message", "3G"], ".*: must be a size .*, as 65536, 64k or 1MiB"),
            (["--max-message", "1.1k"], "--max-message 1.1k: must be a size .*"),
            (
                ["--keepalive", "65535"],
                "--keepalive 65535: must be at most 65534 .*",
            ),
            (["--keepalive", "1d"], "--keepalive 1d: must be at most 65534 seconds.*"),
            (["--port", "1" * 5_000], "bind 0.0.0.0:1+: port is not a number"),
            (["--backlog", "1" * 5_000], "--backlog 1+: must be a whole number .*"),
            (["--drain", "9" * 400], "--drain 9+: must be a time .*"),
            (["a\nb\x1b[2J\udcff"], r"bind 0.0.0.0:a\\nb\\x1b\[2J\\xff: port is .*"),
            (["--a\nb"], r"option --a\\nb not recognized; see --help"),
            (["-o", "a\nb:c"], r"--output a\\nb:c: a\\nb is no format .*"),
            (["--max-per-host", "1.5"], ".*: must be a whole number from 0 .*"),
            (["--overlong", "x"], "--overlong x: must be one of split, close"),
            (
                ["--framing", "x"],
                "--framing x: must be one of line, chunk, netstring, int16, .*",
            ),
            (["-f", "Log"], "--framing Log: .*; log is a --format"),
            (["-o", "a", "-o", "json:a"], "--output json:a: that file is given twice"),
            (["-o", "json:"], "--output json:: the file has no name"),
            (["--framing", r"delimiter:\q"], ".*: has an unknown escape"),
            (["--format", "x"], "--format x: must be one of classic, log, .*"),
            (["1", "--port", "2"], "the port is given twice: 1 and --port 2"),
            (
                ["1", "2"],
                r"Usage: echolab server \[port\]",
            ),
            (["a", "1"], r"Usage: echolab server \[port\]"),
            (["127.0.0.1", "x"], r"Usage: echolab server \[port\]"),
            (["127.0.0.1", "65536"], r"Usage: echolab server \[port\]"),
            (["1", "2", "3"], r"Usage: echolab server \[port\]"),
            (["--bogus"], "option --bogus not recognized; see --help"),
            (["-x"], "option -x not recognized; see --help"),
            (["-p"], "option -p requires argument; see --help"),
            (["--port"], "option --port requires argument; see --help"),
            (["--once=1"], "option --once must not have an argument; see --help"),
        ):
            with self.assertRaisesRegex(UsageError, f"^{message}$"):
                server(*words)


class NumberTests(SynchronousTestCase):
    NOT = (
        "",
        "\uff11",
        "1_0",
        " 10",
        "10 ",
        "+10",
        "1e3",
        "0x10",
        "٣",
        "inf",
        "nan",
        "",
    )

    def test_ascii_digits_in_every_option(self) -> None:
        for option in (
            *("port", "backlog", "max-message", "partial-after", "max-connections"),
            *(
                "max-per-host",
                "idle-timeout",
                "handshake-timeout",
                "keepalive",
                "drain",
            ),
        ):
            self.assertTrue(server(f"--{option}", "10"))
            for text in self.NOT:
                with self.assertRaises(UsageError, msg=(option, text)):
                    server(f"--{option}", text)
        for option in ("port", "timeout", "retry", "wait", "rate"):
            self.assertTrue(client("--host", "a", f"--{option}", "10"))
            for text in self.NOT:
                with self.assertRaises(UsageError, msg=(option, text)):
                    client("--host", "a", f"--{option}", text)
        for option in ("speed", "peer"):
            for text in self.NOT:
                with self.assertRaises(UsageError, msg=(option, text)):
                    client("a", "1", "--replay", "x", f"--{option}", text)

    def test_units(self) -> None:
        self.assertEqual(
            server(
                *("--idle-timeout", "500ms", "--drain", "2m", "--keepalive", "1h"),
                *("--partial-after", "1.5s", "--handshake-timeout", ".5"),
                *("--max-message", "1MiB"),
            ),
            ServerSettings(
                idle_seconds=0.5,
                drain_seconds=120,
                keepalive_seconds=3600,
                partial_seconds=1.5,
                handshake_seconds=0.5,
                max_message_bytes=1 << 20,
            ),
        )
        for text, size in (
            ("1k", 1024),
            ("64K", 65_536),
            ("1KiB", 1024),
            ("1.5k", 1536),
            ("1kB", 1000),
            ("2m", 2 << 20),
            ("2MB", 2_000_000),
            ("1g", 1 << 30),
        ):
            self.assertEqual(server("--max-message", text).max_message_bytes, size)
        settings = client("a", "1", "--timeout", "1m", "--wait", "0", "--retry", "1d")
        self.assertEqual(
            (settings.timeout_seconds, settings.wait_seconds, settings.retry_seconds),
            (60, 0, 86_400),
        )

    def test_the_kernel_takes_the_longest_keepalive(self) -> None:
        with socket.socket() as tcp:
            keep_alive(
                WatchedSocket(tcp), server("--keepalive", "65534").keepalive_seconds
            )
            idle = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            patience = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        self.assertEqual((idle, patience), (32_767, 65_534_000))


class MeantTests(SynchronousTestCase):
    """Suggestions of what the user probably meant."""

    def test_names_in_any_case(self) -> None:
        self.assertEqual(
            server(
                *("--format", "JSON", "--framing", "Delimiter:X", "--escape", "NEVER"),
                *("--overlong", "Close", "-o", "Hex:Dump"),
            ),
            ServerSettings(
                format="json",
                framing="delimiter:X",
                escape="never",
                overlong="close",
                outputs=(("hex", "Dump"),),
            ),
        )
        settings = client("a", "1", "--replay", "x", "--speed", "MAX")
        self.assertEqual(settings.speed, 0)

    def test_of_the_server(self) -> None:
        for words, meant in (
            (["--prot", "1"], "did you mean --port? See --help"),
            (
                ["--max", "1"],
                " or --max-message or --max-per-host? See --help",
            ),
            (["--format", "jason"], "must be one of classic, .*; did you mean json?"),
            (["--framing", "lien"], "did you mean line?"),
            (["--framing", "delimeter:;"], "did you mean delimiter:;?"),
            (["-o", "jsn:x"], "did you mean json:x?"),
            (["--color", "allways"], "did you mean always?"),
            (["--listen", "9160"], "did you mean --listen tcp:9160?"),
            (["--listen", "/tmp/x"], "did you mean --listen unix:/tmp/x?"),
            (
                ["--listen", "127.0.0.1:9160"],
                "did you mean --listen tcp:9160:interface=127.0.0.1?",
            ),
            (["--listen", "[::1]:1"], r"did you mean --listen tcp:1:interface=\:\:1?"),
            (["127.0.0.1:1"], "did you mean --interface 127.0.0.1 --port 1?"),
            (["127.0.0.1", "1"], "did you mean --interface 127.0.0.1 --port 1?"),
            (["-l", "1"], "option -l not recognized: the server always listens; see"),
            (["-lk", "1"], "option -l not recognized: the server always listens; see"),
            (["-k"], ": the server always takes many connections; see --help"),
            (["--connect", "a:1"], ": echolab client has it; see --help"),
            (["tcp:0"], "did you mean --listen tcp:0?"),
            (["--listen", ""], "--listen: the endpoint string is empty"),
            (["--interface", ""], "--interface: the address is empty"),
        ):
            with self.assertRaises(UsageError) as caught:
                server(*words)
            pattern = re.escape(meant).replace(r"\.\*", ".*")
            self.assertRegex(str(caught.exception), pattern)

    def test_a_plugins_endpoint_is_none_of_them(self) -> None:
        for text in ("onion:80", "ssh:80", "tcp:80", "tpc:80"):
            self.assertEqual(server("--listen", text).listen, (text,))

    def test_of_the_client(self) -> None:
        for word, host, port in (
            ("localhost:99", "localhost", 99),
            ("[::1]:99", "::1", 99),
            ("10.0.0.1:1", "10.0.0.1", 1),
        ):
            self.assertEqual(client(word), ClientSettings(host=host, port=port))
        for words, meant in (
            (["unix:/tmp/x"], "unix:/tmp/x: did you mean --connect unix:/tmp/x?"),
            (["tls:a:1"], "tls:a:1: did you mean --connect tls:a:1?"),
            (["--connect", "99"], "did you mean --connect tcp:127.0.0.1:99?"),
            (["--connect", "a.b:99"], "did you mean --connect tcp:a.b:99?"),
            (["--connect", "./x"], "did you mean --connect unix:./x?"),
            (["a", "1", "--no-dto"], "did you mean --no-dot?"),
            (["a", "1", "-N"], "-N not recognized: the client always ends its side"),
            (
                ["a", "1", "--key=a"],
                "--key not recognized: a certificate of yours",
            ),
            (["a:\uff11"], "connect a:\uff11: port is not a number"),
            (["::1"], "Usage: echolab client <ipaddr> <port>"),
            (["8888"], "<port>; did you mean 127.0.0.1 8888?"),
            (["\uff18"], "Usage: echolab client <ipaddr> <port>"),
            (["tcp6:a:b"], "Usage: echolab client <ipaddr> <port>"),
            (["a:1", "--port", "1"], "the server is given twice"),
        ):
            with self.assertRaises(UsageError) as caught:
                client(*words)
            self.assertIn(meant, str(caught.exception))

    def test_of_the_command(self) -> None:
        for words, meant in (
            (["8888"], "Unknown command: 8888; did you mean echolab server 8888?"),
            (["serve", "1"], "did you mean echolab server 1?"),
            (["listen"], "did you mean echolab server?"),
            (["-l", "1"], "did you mean echolab server 1?"),
            (["units"], "did you mean echolab help units?"),
            (["version"], "did you mean echolab --version?"),
            (["exit-satus"], "did you mean echolab help exit-status?"),
            (["--versoin"], "did you mean echolab --version?"),
            (["--hlep"], "did you mean echolab --help?"),
            (["--prot", "1"], "did you mean echolab server --port 1?"),
            (["--retyr=5"], "did you mean echolab client --retry=5?"),
            (["-p", "1"], "did you mean echolab server -p 1?"),
            (["-o", "f"], "did you mean echolab server -o f?"),
            (["--port", "1"], "did you mean echolab server --port 1?"),
            (["--file", "x"], "did you mean echolab client --file x?"),
            (["localhost:1"], "did you mean echolab client localhost:1?"),
            (["10.0.0.1", "1"], "did you mean echolab client 10.0.0.1 1?"),
            (["SERVER"], "did you mean echolab server?"),
            (["8888", "a\nb"], r"did you mean echolab server 8888 'a\nb'?"),
        ):
            with self.assertRaises(UsageError) as caught:
                CommandOptions().parseOptions(words)
            self.assertIn(meant, str(caught.exception))
        for words in (["toast"], ["--xyz"], ["-x"], ["--help=3"], ["1", "2"]):
            with self.assertRaises(UsageError) as caught:
                CommandOptions().parseOptions(words)
            self.assertNotIn("mean", str(caught.exception))


class WordsTests(SynchronousTestCase):
    """The words that make settings."""

    def test_they_make_the_same_settings(self) -> None:
        for words in (
            [],
            ["--framing", r"delimiter:\0", "--max-message", "9", "--reply", "-x"],
            ["--output", "-", "--output", "json:a:b", "--output", "./raw:c"],
            ["--allow", "192.0.2.0/24", "--allow", "::/0", "--deny", "192.0.2.7"],
            ["--listen", "unix:@lab", "--listen", "tcp:1", "--drain", "0.0000001"],
            ["--behave", "reset:after-bytes=7+close", "--behave", "read-bytewise"],
            ["--port", "0", "--interface", "::1", "--once", "--escape", "never"],
            ["--tls", "--cert", "c", "--key", "k", "--client-ca", "a", "--record", "-"],
        ):
            settings = server(*words)
            self.assertEqual(server(*words_of(settings)), settings)
        for words in (
            ["--port", "9"],
            ["a", "1", "--dot", "--no-edit", "--wait", "0", "--file", "b", "-f", "-"],
            [
                "a",
                "1",
                "--behave",
                "close+read-bytewise",
                "--behave",
                "jitter:seconds=1",
            ],
            ["a", "1", "--no-dot", "--quiet", "--rate", "0.5", "--timeout", "1d"],
            ["a", "1", "--replay", "r", "--speed", "max", "--peer", "2"],
            ["a", "1", "--replay", "r", "--speed", "1.5"],
            ["--connect", "tls:a:1", "--insecure", "--retry", "5"],
            ["a", "1", "--send", "-x", "--expect", "^2", "--send", "", "--send", "^2"],
        ):
            settings_of_client = client(*words)
            made = client(*words_of(settings_of_client))
            self.assertEqual(made, settings_of_client)

    def test_what_is_usual_needs_none(self) -> None:
        self.assertEqual(words_of(ServerSettings()), [])
        self.assertEqual(words_of(ServerSettings(port=1)), ["--port", "1"])

    def test_a_function_has_none(self) -> None:
        with self.assertRaisesRegex(TypeError, "no_reply at .* cannot be said in"):
            words_of(ServerSettings(reply=no_reply))


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

    def test_a_dialogue_has_the_order_of_the_words(self) -> None:
        words = ["--expect", "^2", "--send", "a", "--send", r"b\0", "--expect", "x"]
        dialogue = (Expect("^2"), Send("a"), Send(r"b\0"), Expect("x"))
        self.assertEqual(client(*words[:4], "a", "1", *words[4:]).dialogue, dialogue)
        self.assertEqual(words_of(ClientSettings(dialogue=dialogue)), words)

    def test_too_few_words(self) -> None:
        for words in ([], ["127.0.0.1"], ["a", "1", "2"]):
            with self.assertRaisesRegex(
                UsageError, "^Usage: echolab client <ipaddr> <port>$"
            ):
                client(*words)

    def test_mistakes(self) -> None:
        for words, message in (
            (["::1", "0"], r"connect \[::1\]:0: port must be 1-65535"),
            (["a", "1", "--timeout", "-1"], "--timeout -1: must be a time over"),
            (["a", "1", "--timeout", "x"], "--timeout x: must be a time over"),
            (["", "1"], "connect :1: the host is empty"),
            (["a", ""], "connect a:: port is not a number"),
            (["a", "1", "--connect", "tcp:b:1"], "the server is given twice"),
            (["a", "1", "--dot", "--no-dot"], "--dot and --no-dot contradict"),
            (["a", "1", "--replay", "r", "--dot"], "not with --file, --crlf, --dot"),
            (["a", "1", "--send", "x", "-f", "y"], "not with --file, --replay, --dot"),
            (["a", "1", "--expect", "x", "--rate", "1"], "are all that is sent: not"),
            (["a", "1", "--expect", "x", "--wait", "0"], "--wait 0: what is expected"),
            (["a", "1", "--send", r"\q"], r"--send \\q: has an unknown escape"),
            (["a", "1", "--expect", "("], r"--expect \(: is no regular expression: mi"),
            (["a", "1", "--expect", ""], "--expect: the pattern is empty"),
            (["a", "1", "--expect", "(?!a)"], "would depend on how the stream was"),
            (["a", "1", "--hex", "--format", "flow"], "--hex: not with --format flow"),
        ):
            with self.assertRaisesRegex(UsageError, message):
                client(*words)
