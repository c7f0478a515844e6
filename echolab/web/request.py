"""A request of a browser."""

from __future__ import annotations

from typing import Any

from twisted.web.http import Request
from typing_extensions import override

__all__ = ["PageRequest"]


class PageRequest(Request):
    """A request, which the factory of its connection answers.

    Attributes:
        has_body: whether bytes were to follow its headers.
    """

    channel: Any = None
    has_body = False

    @override
    def process(self) -> None:
        self.channel.factory.answer(self)

    def abort(self) -> None:
        """End the connection at once."""
        if self.channel is not None:
            self.channel.abort()
