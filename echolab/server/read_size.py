"""How much of a connection is read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echolab.framing.chunk import ChunkFramer

if TYPE_CHECKING:
    from echolab.connection.terms import Terms
    from echolab.framing import Framer

__all__ = ["FULL_BYTES", "read_much"]

FULL_BYTES = 1 << 16
"""What Twisted reads at once."""
MUCH_BYTES = 1 << 17
FEW = 64


def read_much(transport: Any, framer: Framer, terms: Terms, connections: int) -> None:
    """Read more at once from now on: a fast stream comes, and a read has its price.

    Where reads are shown, as messages, chunks or calls, they stay what they were. A
    full output leaves one read of each connection in memory, so there must be few.

    Args:
        transport: of the connection that has the stream.
        framer: makes its messages.
        terms: say what is shown.
        connections: how many are open.
    """
    shown = terms.report_chunks or terms.report_calls
    if not shown and not isinstance(framer, ChunkFramer) and connections <= FEW:
        transport.bufferSize = MUCH_BYTES
