"""``twistd echolab``: the server as a twistd plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.command.interrupting import ended_by_interrupt

with ended_by_interrupt():
    # Imported here, since the imports take time.
    from echolab.command.server_assembly import server_service
    from echolab.command.server_options import ServerOptions as Options
    from echolab.command.twistd import host, is_daemon

if TYPE_CHECKING:
    from twisted.application.service import IService

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> IService:
    """Return the service that twistd runs."""
    foreground = not is_daemon(options)
    return host(
        options,
        lambda reactor, done: server_service(
            reactor, options.settings, done=done, foreground=foreground
        ),
    )
