"""Errors read as users' messages."""

from __future__ import annotations

import errno

from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from echolab import EcholabError, ListenError
from echolab.errors import reason_of


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
            (ValueError("two\nlines"), "two lines"),
            (ValueError(), "ValueError"),
        ):
            self.assertEqual(reason_of(exception), reason)
