"""A client for tests of servers, in any framework: every call blocks."""

from __future__ import annotations

import os
import select
import threading
import time
from errno import EPIPE
from functools import partial
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from echolab.addresses import host_and_port
from echolab.events import Chunk, Finished
from echolab.framing.names import framed, framing_named
from echolab.patterns import pattern_of
from echolab.testing.blocking import BlockingTranscript
from echolab.testing.connecting import address_of, connected
from echolab.testing.place import Place
from echolab.testing.questions import seconds_of
from echolab.testing.remembering import MAX_BYTES
from echolab.testing.showing import show
from echolab.testing.unread import Unread
from echolab.testing.wire import Wire
from echolab.testing.wording import failure

if TYPE_CHECKING:
    import re
    import ssl
    from types import TracebackType
    from typing import Self

    from echolab.events import Event
    from echolab.framing.base import AnyFraming
    from echolab.patterns import Pattern

__all__ = ["BlockingClient", "BlockingConnect"]

SECONDS = 5.0
"""How long a wait takes at most, by default."""


class BlockingClient(BlockingTranscript):
    """A connection to the server under test, and its transcript.

    A thread reads all that the server sends, so that no server has to wait for the
    test. When the server ends its sending side, the client ends the connection.

    Args:
        where: the host; or a UNIX path (absolute, or a ``pathlib.Path``), a pair of
            host and port, or a server of this kit.
        port: the port; only with a host.
        tls: True for TLS with the system's CAs; or the path of a file with CAs to
            trust (PEM), or a context. A server of this kit says by itself what its TLS
            needs.
        framing: the framing of messages; see ``--framing``; or an `echolab.IFraming`.
        timeout: how long to connect at most, in seconds; then as long for TLS.
        max_bytes: how much memory the transcript may take, and as much for bytes that
            `expect` has not consumed.

    Raises:
        OSError: it cannot connect, such as ConnectionRefusedError; or, if the server
            does not prove its name, ssl.SSLCertVerificationError.
        TypeError: ``where`` is no address.
        ValueError: there is no such framing.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | tuple[str, int] | Place,
        port: int | None = None,
        *,
        tls: bool | str | os.PathLike[str] | ssl.SSLContext = False,
        framing: AnyFraming = "line",
        timeout: float = SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(max_bytes=max_bytes)
        self.framing = framing
        self._framed = partial(framed, name=framing)
        self._made_in = os.getpid()
        self._finished = False
        self._unread = Unread(max_bytes)
        make_framer = framing_named(framing)
        address = address_of(where, port)
        if isinstance(where, Place) and tls is False:
            tls = where.ca or False
        self._wire = Wire(connected(address, tls, timeout), make_framer(), self)
        place = address if isinstance(address, str) else host_and_port(*address)
        self.name = f"a client of {place}"
        show(self)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @override
    def __call__(self, event: Event) -> None:
        """Remember an event; keep received bytes until `expect` consumes them."""
        with self._news:
            if isinstance(event, Chunk):
                self._unread.append(event.data)
            elif isinstance(event, Finished):
                self._unread.end()
                self._over = "the connection has ended"
            super().__call__(event)

    def send(self, data: str | bytes, timeout: float = SECONDS) -> None:
        """Send bytes, or a str as UTF-8. Nothing is added.

        Args:
            data: what to send.
            timeout: how long to wait at most until the kernel has taken all, in
                seconds. It takes no more if the server does not read.

        Raises:
            AssertionError: it has not taken all. The next call sends the rest first.
            BrokenPipeError: `finish` was called, or the connection has ended.
            OSError: the connection has broken.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + seconds_of(timeout)
        with self._news:
            if self._over or self._finished:
                why = self._over or "the sending side is finished"
                raise BrokenPipeError(EPIPE, why)
            self._wire.write(_bytes(data))
        try:
            while left := self._wire.send():
                seconds = deadline - time.monotonic()
                if seconds <= 0:
                    why = f"not within {timeout:g} s: {left} bytes are left"
                    raise self._too_late("send", why)
                self._wire.wait_to_send(seconds)
        except OSError:
            with self._news:
                if self._over:  # The thread has closed it meanwhile.
                    raise BrokenPipeError(EPIPE, self._over) from None
            raise

    def send_message(self, text: str | bytes, timeout: float = SECONDS) -> None:
        """Send a message in the framing: with its newline or its length.

        Raises:
            ValueError: it is too long for the framing.
            OSError: as `send`.
            AssertionError: as `send`.
        """
        __tracebackhide__ = True
        self.send(self._framed(_bytes(text)), timeout)

    def expect(self, pattern: Pattern, timeout: float = SECONDS) -> re.Match[bytes]:
        """Wait for a match of ``pattern`` after the last match; consume up to its end.

        ``^`` is where the last match ended, ``$`` the end of the connection (with
        ``(?m)``, of a line too); a lookbehind does not see what is consumed.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            timeout: how long to wait at most, in seconds.

        Returns:
            The match.

        Raises:
            AssertionError: it did not come; the message shows the transcript.
        """
        __tracebackhide__ = True
        seconds_of(timeout)
        wanted = pattern_of(pattern)
        with self._news:
            try:
                search = self._unread.search(wanted)
            except OverflowError as error:
                raise failure(f"cannot answer: {error}") from None
            try:
                self._news.wait_for(lambda: search.match or self._over, timeout)
            finally:  # An interrupt must leave the bytes to other searches.
                self._unread.forget(search)
            if search.match is None:
                why = self._over or f"not within {timeout:g} s"
                raise self._too_late(
                    f"expect {wanted.pattern!r}", f"{why}; not consumed: {self._unread}"
                )
            return search.match

    def ask(
        self, text: str | bytes, pattern: Pattern, timeout: float = SECONDS
    ) -> re.Match[bytes]:
        """Send a message in the framing, and expect an answer.

        Args:
            text: the message, as for `send_message`.
            pattern: the answer, as for `expect`.
            timeout: how long to wait at most for each of the two, in seconds.

        Returns:
            The match.

        Raises:
            AssertionError: the answer did not come, or the question was not taken.
            OSError: as `send`.
        """
        __tracebackhide__ = True
        self.send_message(text, timeout)
        return self.expect(pattern, timeout)

    def expect_end(self, timeout: float = SECONDS) -> Finished:
        """Wait until the connection has ended.

        Returns:
            The end: ``.cause`` says why.

        Raises:
            AssertionError: it did not end.
        """
        __tracebackhide__ = True
        return self.wait_for_end(1, timeout)

    def finish(self) -> None:
        """Shut down the sending side, and continue to receive.

        Over TLS, which has no half-close, the server is not told.
        """
        with self._news:
            self._finished = True
            self._wire.finish()

    def close(self) -> None:
        """End the connection, if it is open; in a forked child, do nothing."""
        if os.getpid() != self._made_in:
            return
        with self._news:
            if not self._over:
                self._wire.stop()
        self._thread.join()

    def __enter__(self) -> Self:
        """Return the client, which is connected already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def _read(self) -> None:
        """Read until the connection ends; called in a thread."""
        wire = self._wire
        while True:
            data = wire.receive()
            if data is None:
                wire.wait(select.POLLIN)
                continue
            with self._news:
                if not wire.take(data):
                    wire.close()
                    return


def _bytes(data: str | bytes) -> bytes:
    """Return bytes; of a str, its UTF-8."""
    return data.encode() if isinstance(data, str) else bytes(memoryview(data))


class BlockingConnect(Protocol):
    """The type of the fixture ``echolab_connect``: what makes a `BlockingClient`."""

    def __call__(
        self,
        where: str | os.PathLike[str] | tuple[str, int] | Place,
        port: int | None = None,
        *,
        tls: bool | str | os.PathLike[str] | ssl.SSLContext = False,
        framing: AnyFraming = "line",
        timeout: float = SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> BlockingClient:
        """Connect until the end of the test."""
        ...
