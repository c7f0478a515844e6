"""The commands of ``echolab`` that have options, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.command.option_making import SettingsOptions

__all__ = ["COMMANDS", "Command"]


class Command(NamedTuple):
    """A command of ``echolab``.

    Attributes:
        about: what it does, in a few words.
        options: makes its options.
    """

    about: str
    options: Callable[[], SettingsOptions]


# Each program is imported when it is needed, since the imports take time.
def _server_options() -> SettingsOptions:
    from echolab.command.server_options import ServerOptions

    return ServerOptions()


def _client_options() -> SettingsOptions:
    from echolab.command.client_options import ClientOptions

    return ClientOptions()


def _draw_options() -> SettingsOptions:
    from echolab.command.draw_options import DrawOptions

    return DrawOptions()


def _export_options() -> SettingsOptions:
    from echolab.command.export_options import ExportOptions

    return ExportOptions()


def _tail_options() -> SettingsOptions:
    from echolab.command.tail_options import TailOptions

    return TailOptions()


COMMANDS = {
    "server": Command("Receive on many connections and print.", _server_options),
    "client": Command("Send lines, show the replies.", _client_options),
    "draw": Command("Draw the connections of recordings.", _draw_options),
    "export": Command("Make a capture for Wireshark.", _export_options),
    "tail": Command("Print what is carried in a stream.", _tail_options),
}
