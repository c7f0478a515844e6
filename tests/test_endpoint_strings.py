"""Endpoint strings are read as Twisted reads them, in any spelling."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from echolab import ConnectError, ListenError
from echolab.client import endpoints as client_endpoints
from echolab.client.endpoints import client_endpoint
from echolab.client.settings import ClientSettings
from echolab.command.client_options import ClientOptions
from echolab.command.server_options import ServerOptions
from echolab.near_misses import is_endpoint
from echolab.server import endpoints
from echolab.server.endpoints import server_endpoints
from echolab.server.settings import ServerSettings
from echolab.sockets.endpoint_strings import joined, mentions_tls, parsed
from echolab.tls import client as client_tls

TLS = (
    "TLS:localhost:1",
    "Tls:localhost:1",
    r"\tls:localhost:1",
    r"T\L\S:localhost:1",
    "SSL:localhost:1",
    r"\SSL:localhost:1",
    "timeout=5:tls:localhost:1",
    "timeout=5:Ssl:localhost:1",
)
"""Spellings that Twisted reads as ``tls:`` or ``ssl:``."""


class PartsTests(SynchronousTestCase):
    def test_what_is_joined_is_parsed_as_it_was(self) -> None:
        for text in (*TLS, r"Tcp:a\:b:c\=d:\\:e=f=g:h\==i", "a=b", ":", "", "x::"):
            parts = parsed(text)
            self.assertEqual(parsed(joined(*parts)), parts, text)

    def test_a_kind_has_no_case_and_any_place(self) -> None:
        self.assertEqual(
            parsed(r"A=B\:C:\Tls:Host=d:E"), ("tls", ["E"], {"A": "B:C", "Host": "d"})
        )

    def test_tls_is_found_within(self) -> None:
        nested = joined("a", [], {"b": joined("c", [r"\tls:d"], {})})
        for text in (*TLS, "a:tls:b", r"a:b=TLS\:c", r"a:\\tls:b", nested):
            self.assertTrue(mentions_tls(text), text)
        for text in ("tcp:tls.example:1", "a:b=c", r"a:b\:c", "xtls:a", ""):
            self.assertFalse(mentions_tls(text), text)


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.patch(client_endpoints, "clientFromString", self.ask)
        self.patch(client_tls, "verified_client", self.verify)

    def ask(self, _reactor: object, text: str) -> None:
        self.asked.append(text)

    def verify(self, _clock: Any, _through: Any, host: str, *_: Any, **__: Any) -> None:
        self.hosts.append(host)

    def connect(self, text: str) -> None:
        client_endpoint(MemoryReactorClock(), ClientSettings(connect=text))

    def test_every_tls_must_prove_its_name(self) -> None:
        for text in TLS:
            self.connect(text)
        self.assertEqual(self.hosts, ["localhost"] * len(TLS))
        self.assertEqual(self.asked, [])

    def test_tls_within_tls_is_refused(self) -> None:
        for inner in (r"TLS\:inner\:1", r"\\ssl\:inner\:1"):
            with self.assertRaisesRegex(ConnectError, "TLS in TLS"):
                self.connect(f"Tls:outer:1:endpoint={inner}")
        self.assertEqual((self.hosts, self.asked), ([], []))

    def test_no_other_endpoint_may_make_it(self) -> None:
        for text in (
            r"retry:TLS\:localhost\:1",
            "wrap:tls:localhost:1",
            r"socks:proxy:1:endpoint=\\SSL\:localhost\:1",
            r"tls:localhost:1:endpoint=wrap\:Tls\:localhost\:1",
        ):
            with self.assertRaisesRegex(ConnectError, "TLS goes outside"):
                self.connect(text)
        self.assertEqual(self.asked, [])

    def test_nor_one_whose_upper_case_is_another(self) -> None:
        for kind in ("\u017f\u017fl", "\xdfl", "\u1e9el", "tl\u017f"):
            with self.assertRaisesRegex(ConnectError, "Unknown endpoint type"):
                self.connect(f"{kind}:localhost:1")
        self.assertEqual(self.asked, [])

    def test_a_host_may_be_called_tls(self) -> None:
        self.connect("TCP:tls:1")
        self.assertEqual(self.asked, ["tcp:tls:1:timeout=30"])

    def test_a_path_in_any_case(self) -> None:
        for text in ("UNIX:@name", r"\unix:@name"):
            self.connect(text)
        self.assertEqual(self.asked, [])

    def test_options_see_the_same(self) -> None:
        for text in TLS:
            ClientOptions().parseOptions(["--connect", text, "--insecure"])
        self.assertTrue(is_endpoint("TLS:localhost:1"))


class ServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[str] = []
        self.patch(endpoints, "serverFromString", self.ask)

    def ask(self, _reactor: object, text: str) -> None:
        self.asked.append(text)

    def why(self, text: str, **settings: Any) -> str:
        with self.assertRaises(ListenError) as caught:
            reactor: Any = MemoryReactorClock()
            server_endpoints(reactor, ServerSettings(listen=(text,), **settings))
        self.assertEqual(self.asked, [])
        reason: str = caught.exception.reason
        return reason

    def test_all_kinds_are_ours(self) -> None:
        needs = "haproxy: needs --proxy-from, the balancer's network"
        for text, why in (
            (r"\Tcp:8_8", "8_8 is not a whole number"),
            ("TCP6:8_8", "8_8 is not a whole number"),
            ("UNIX:/a:mode=999", "mode must be octal, from 0 to 777"),
            ("Ssl:0:privateKey=/none", "/none: No such file or directory"),
            ("backlog=5:TLS:/none:0", "/none: No such folder of certificates"),
            ("Haproxy:tcp:0", needs),
        ):
            self.assertEqual(self.why(text), why)
        self.assertEqual(
            self.why("TLS:/:0", client_ca="/ca.pem"),
            "--client-ca goes with ssl: endpoints only",
        )

    def test_options_see_the_same(self) -> None:
        for listen in ("SSL:0", r"\ssl:0", "interface=a:ssl:0", "Haproxy:SSL:0"):
            words = ["--listen", listen]
            ServerOptions().parseOptions([*words, "--client-ca", "/ca.pem"])
            with self.assertRaisesRegex(usage.UsageError, "TLS ends both sides"):
                ServerOptions().parseOptions([*words, "--behave", "half-close"])
        ServerOptions().parseOptions(
            ["--listen", "HAPROXY:Tcp:0", "--proxy-from", "192.0.2.1"]
        )
