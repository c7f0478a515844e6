"""Errors read as users' messages."""

from __future__ import annotations

import errno
import re

from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from echolab import EcholabError, ListenError
from echolab.errors import missing_extra, reason_of
from tests.support import ROOT


class ErrorTests(SynchronousTestCase):
    def test_names_call_address_and_reason(self) -> None:
        why = ListenError("bind", "0.0.0.0:8888", "Address already in use")
        self.assertEqual(str(why), "bind 0.0.0.0:8888: Address already in use")
        self.assertIsInstance(why, EcholabError)
        self.assertEqual(
            (why.call, why.address, why.reason),
            ("bind", "0.0.0.0:8888", "Address already in use"),
        )

    def test_reasons(self) -> None:
        in_use = OSError(errno.EADDRINUSE, "Address already in use")
        for exception, reason in (
            (in_use, "Address already in use"),
            (error.CannotListenError("", 1, in_use), "Address already in use"),
            (error.CannotListenError(None, b"/s", "locked"), "locked"),
            (error.ConnectError(errno.ECONNREFUSED, "x"), "Connection refused"),
            (error.ConnectBindError(-2, "getaddrinfo's"), "no such host"),
            (ValueError("two\nlines"), "two lines"),
            (ValueError(), "ValueError"),
        ):
            self.assertEqual(reason_of(exception), reason)


class MissingExtraTests(SynchronousTestCase):
    def test_nothing_names_the_distribution_that_is_somebody_elses(self) -> None:
        said = missing_extra("TLS", "tls")
        self.assertIn("txecholab", said)
        pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
        for path in [*pages, *ROOT.glob("echolab/**/*.py")]:
            wrong = re.search(r"pip install [^&\n]*\becholab\b", path.read_text())
            self.assertIsNone(wrong, path)
