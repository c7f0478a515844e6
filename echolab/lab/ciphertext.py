"""The events of a connection over TLS as the kernel saw them: its encrypted bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.ends import EndCause
from echolab.events import Called, Chunk, Finished, HalfClosed, Received, Sent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event

__all__ = ["encrypted"]


def encrypted(event: Event) -> Iterator[Event]:
    """Yield what an event is below TLS, where encrypted bytes are read and sent."""
    match event:
        case Chunk() | Received() | Sent() | HalfClosed():
            pass
        case Called(call="recv" | "recvmsg", data=bytes() as data) if data:
            yield replace(event, result=len(data))
            yield Chunk(event.peer, event.time, data)
        case Called(call="send", data=bytes() as data) if data:
            yield Sent(event.peer, event.time, data, 0)
            yield replace(event, result=len(data))
        case Called(call="recv" | "recvmsg" | "send") if event.result > 0:
            pass  # Its bytes are unknown.
        case Finished(cause=EndCause.EOF):
            # The peer's close_notify; calls and the kernel tell of its FIN.
            yield replace(event, cause=EndCause.STOPPED)
        case _:
            yield event
