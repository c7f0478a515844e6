"""Open a stream as an output."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from echolab.carrying.carrier import Carrier
from echolab.errors import EcholabError, OutputError, missing_extra, reason_of

if TYPE_CHECKING:
    from echolab.carrying.address import Address
    from echolab.carrying.engine import NatsEngine
    from echolab.carrying.packing import Packer
    from echolab.interfaces import Done, IReactor

__all__ = ["open_stream"]


def open_stream(
    reactor: IReactor, address: Address, packer: Packer, done: Done
) -> tuple[Carrier, NatsEngine]:
    """Return a sink that carries events into a stream, and its engine.

    Args:
        reactor: runs the engine, which connects when it has started.
        address: where the stream is.
        packer: makes the messages.
        done: called with the reason if the engine cannot be used at all.

    Raises:
        EcholabError: something is missing: nats-py, the reactor that it needs, a file
            that the address names.
    """
    name = str(address)
    try:
        from echolab.carrying.engine import NatsEngine
    except ImportError:
        raise OutputError("open", name, missing_extra("nats://", "nats")) from None
    if not _runs_asyncio(reactor):
        raise OutputError("open", name, "it needs twistd --reactor asyncio")
    try:
        engine = NatsEngine(address, clock=reactor)
    except EcholabError:
        raise
    except OSError as error:  # also an SSLError: the file has no certificate
        raise OutputError("open", address.ca or name, reason_of(error)) from None
    carrier = Carrier(
        engine,
        packer,
        name=name,
        subject=address.subject,
        receiver=address.receiver,
        run=secrets.token_hex(6),
        clock=reactor,
        failed=lambda reason: done(OutputError("write", name, reason)),
    )
    return carrier, engine


def _runs_asyncio(reactor: object) -> bool:
    """Whether a reactor runs asyncio's event loop, without loading another one."""
    module = sys.modules.get("twisted.internet.asyncioreactor")
    return module is not None and isinstance(reactor, module.AsyncioSelectorReactor)
