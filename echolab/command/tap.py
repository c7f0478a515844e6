"""``twistd echolab``: the server as a twistd plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.command.interrupting import ended_by_interrupt

with ended_by_interrupt():
    # Imported here, since the imports take time.
    from echolab.command.server_assembly import server_service
    from echolab.command.server_options import ServerOptions as Options
    from echolab.command.twistd import host, is_daemon
    from echolab.descriptors import standard_input

if TYPE_CHECKING:
    from twisted.application.service import IService

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> IService:
    """Return the service that twistd runs.

    Raises:
        SystemExit: twistd would make it a daemon, which has no terminal for --talk.
    """
    foreground = not is_daemon(options)
    settings = options.settings
    if settings.talk and not foreground:
        raise SystemExit("--talk reads what you type: start twistd with -n")
    stdin = standard_input()
    return host(
        options,
        lambda reactor, done: server_service(
            reactor, settings, done=done, foreground=foreground, stdin=stdin
        ),
    )
