"""The address of a stream, as users write it."""

from __future__ import annotations

import socket

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab.carrying.address import (
    Address,
    parse_address,
    token,
    without_secrets,
)
from echolab.command.server_options import ServerOptions
from echolab.server.option_values import is_stream, output_value


class AddressTests(SynchronousTestCase):
    def test_the_least(self) -> None:
        self.assertEqual(
            parse_address("nats://127.0.0.1/lab.lines"),
            Address(
                servers=(("127.0.0.1", 4222),),
                subject="lab.lines",
                stream="LAB_LINES",
                receiver=token(socket.gethostname()),
            ),
        )

    def test_all_of_it(self) -> None:
        text = (
            "nats+tls://al%40ce:p%2Fw@a.example,[::1]:4223,b:1/lab?credentials=/a%26b"
            "&ca=ca.pem&stream=S-1&replicas=3&max-bytes=10G&max-age=7d&duplicates=10m"
            "&receiver=web1.example"
        )
        self.assertEqual(
            parse_address(text),
            Address(
                servers=(("a.example", 4222), ("::1", 4223), ("b", 1)),
                subject="lab",
                tls=True,
                user="al@ce",
                password="p/w",
                credentials="/a&b",
                ca="ca.pem",
                stream="S-1",
                replicas=3,
                max_bytes=10 << 30,
                max_age_seconds=7 * 86400.0,
                duplicates_seconds=600.0,
                receiver="web1_example",
            ),
        )

    def test_a_token(self) -> None:
        address = parse_address("tls://s3cret@h/lab")
        self.assertEqual((address.token, address.user), ("s3cret", None))
        self.assertTrue(address.tls)

    def test_secrets_are_not_shown(self) -> None:
        for text in ("nats://user:s3cret@h:1/lab?replicas=3", "nats://s3cret@h:1/lab"):
            address = parse_address(text)
            self.assertEqual(str(address), "nats://h:1/lab")
            self.assertNotIn("s3cret", repr(address))
            self.assertNotIn("s3cret", without_secrets(text))

    def test_nor_those_of_what_is_nearly_an_address(self) -> None:
        for text, shown in (
            ("nats:/u:s3cret@h/lab", "nats:/h/lab"),
            ("nats//u:s3cret@h/lab", "nats//h/lab"),
            ("u:s3cret@h:1/lab", "h:1/lab"),
            ("natz://s3cret@h/lab", "natz://h/lab"),
        ):
            self.assertEqual(without_secrets(text), shown)
        for text in "nats:/u:s3cret@h/lab", "json:natz://u:s3cret@h/lab":
            options = ServerOptions()
            with self.assertRaises(UsageError) as caught:
                options.parseOptions(["--output", text])
            self.assertIn("begins with nats://", str(caught.exception))
            self.assertNotIn("s3cret", str(caught.exception))
        for file in "json:/var/lab:7/a@b", "dir/a:b@c", "log:a@b":
            ServerOptions().parseOptions(["--output", file])

    def test_the_window_of_a_short_stream_is_short(self) -> None:
        address = parse_address("nats://h/lab?max-age=30")
        self.assertEqual(address.duplicates_seconds, 30.0)

    def test_what_is_an_address(self) -> None:
        for text in ("nats://h/s", "TLS://h/s", "Nats+TLS://h/s", "json:nats://h/s"):
            self.assertTrue(is_stream(output_value(text)), text)
        for text in ("nats", "./nats://h/s", "json:./nats://h/s", "/tls://"):
            self.assertFalse(is_stream(output_value(text)), text)

    def test_wrong_ones(self) -> None:
        for text, why in (
            ("http://h/s", "begins with nats://"),
            ("nats://h", "the subject"),
            ("nats://h/", "the subject"),
            ("nats:///s", "a server is"),
            ("nats://h,/s", "a server is"),
            ("nats://h:x/s", "a server is"),
            ("nats://h:0/s", "port must be"),
            ("nats://h:65536/s", "port must be"),
            ("nats://h/a.>", "a subject has"),
            ("nats://h/a.*", "a subject has"),
            ("nats://h/a b", "a subject has"),
            ("nats://h/a..b", "a subject has"),
            ("nats://h/a/b", "a subject has"),
            ("nats://@h/s", "before the @"),
            ("nats://:s3cret@h/s", "before the @"),
            ("nats://u:@h/s", "before the @"),
            ("nats://u:s3/cret@h/s", "%2F"),
            ("nats://s3cret@h:x/s", "a server is"),
            ("nats://h/s?replica=3", "did you mean replicas?"),
            ("nats://h/s?replicas=3&replicas=3", "twice"),
            ("nats://h/s?replicas=0", "replicas must be from 1 to 5"),
            ("nats://h/s?replicas=x", "replicas must be"),
            ("nats://h/s?replicas", "replicas must be"),
            ("nats://h/s?max-bytes=0", "max-bytes must be"),
            ("nats://h/s?max-age=-1", "max-age must be"),
            ("nats://h/s?max-age=1y", "max-age must be"),
            ("nats://h/s?duplicates=0", "duplicates must be"),
            ("nats://h/s?max-age=60&duplicates=61", "duplicates must not be over"),
            ("nats://h/s?stream=a.b", "stream must have"),
            ("nats://h/s?receiver=", "receiver has no name"),
            ("nats://h/s?ca=", "ca has no file"),
        ):
            with self.assertRaises(ValueError) as caught:
                parse_address(text)
            self.assertIn(why, str(caught.exception), text)
            self.assertNotIn("cret", str(caught.exception))
            self.assertNotIn("cret", without_secrets(text))
