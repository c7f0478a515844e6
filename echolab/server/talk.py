"""What a person types to the peers of a server: lines and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.errors import EcholabError
from echolab.near_misses import is_number
from echolab.server.addressing import ALL, NOBODY
from echolab.server.conversation import Conversation
from echolab.server.typed import NamedFile
from echolab.terminal.commands import COMMANDS, bytes_of, read_line
from echolab.terminal.named_file import open_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echolab.server.addressing import Addressing
    from echolab.terminal.commands import TypedCommand

__all__ = ["Talk"]

MOST_LISTED = 50
"""How many peers are listed."""
MOST_NAMED = 5
"""How many peers a message names."""


class Talk:
    """Takes what a person types to the peers of a server: lines and commands.

    Args:
        addressing: decides to whom a line goes, and shows messages.
        frame: turns a line into bytes to send. It raises a ValueError if it cannot.
    """

    def __init__(self, addressing: Addressing, frame: Callable[[bytes], bytes]) -> None:
        self._addressing = addressing
        self._say = addressing.say
        self._frame = frame
        self._begun = b""

    def received(self, chunk: bytes) -> None:
        """Take a line, or a part of one: a terminal ends a read at Ctrl-D too."""
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        for line in lines:
            self._read(line)

    def input_failed(self, why: EcholabError) -> None:
        """Take an error of reading what is typed."""
        self._say(str(why))

    def ended(self) -> None:
        """Take the end of what is typed; the server goes on."""
        begun, self._begun = self._begun, b""
        if begun:
            self._read(begun)
        self._say("nothing more is sent by hand; Ctrl-C ends the server")

    def _read(self, line: bytes) -> None:
        try:
            what = read_line(line)
            if isinstance(what, bytes):
                self._send_line(what)
            else:
                self._obey(what)
        except (ValueError, EcholabError) as why:
            self._say(str(why))

    def _obey(self, command: TypedCommand) -> None:
        name, argument = command
        if name == "send":
            self._send(bytes_of(argument))
            return
        argument = argument.strip()
        match name:
            case "file":
                self._send_file(argument)
            case "to":
                chosen = self._named(name, argument) if argument else None
                if chosen and not chosen.is_open:
                    raise ValueError(f"/to: {chosen.name}: {chosen.refusal()}")
                self._addressing.choose(chosen)
            case "close":
                for each in self._named_or_targets(name, argument):
                    self._close(each)
            case "reset":
                for each in self._named_or_targets(name, argument):
                    each.reset()
            case _ if argument:
                raise ValueError(f"/{name}: nothing may follow it")
            case "all":
                self._addressing.choose(ALL)
            case _:
                self._list()

    def _close(self, each: Conversation) -> None:
        if not each.is_open:
            self._say(f"/close: {each.name}: {each.refusal()}")
            return
        if waiting := each.waiting:
            self._say(f"{each.name} ends when it has taken {waiting}")
        each.close()

    def _named(self, command: str, argument: str) -> Conversation:
        if not is_number(argument):
            usage = COMMANDS[command]
            raise ValueError(f"/{command} {argument}: no number ({usage})")
        named = self._addressing.numbered(int(argument))
        if named is None:
            raise ValueError(f"/{command} {argument}: no peer has this number")
        return named

    def _named_or_targets(self, command: str, argument: str) -> Sequence[Conversation]:
        if argument:
            return [self._named(command, argument)]
        return self._targets(f"/{command}")

    def _targets(self, undone: str) -> Sequence[Conversation]:
        try:
            return self._addressing.targets()
        except ValueError as why:
            raise ValueError(f"{undone}: {why}") from None

    def _send_line(self, line: bytes) -> None:
        target = self._addressing.target
        if not line and isinstance(target, Conversation) and target.has_left:
            return  # The user only wants the next prompt.
        try:
            data = self._frame(line)
        except ValueError as why:
            raise ValueError(f"not sent: {why}") from None
        self._send(data)

    def _send(self, data: bytes) -> None:
        for each in self._willing():
            each.send_text(data)

    def _send_file(self, path: str) -> None:
        self._targets("not sent")  # Nobody would read the file.
        fd = open_named(path)
        willing = self._willing()
        file = NamedFile(fd, len(willing) + 1)
        for each in willing:
            each.send(file.read, 0, self._when_sent(path, each, file))
        file.leave()

    def _when_sent(
        self, path: str, to: Conversation, file: NamedFile
    ) -> Callable[[int, str], None]:
        def sent(sent_bytes: int, why: str) -> None:
            file.leave()
            said = f"of {path} to {to.name}"
            if why:
                size = f"{sent_bytes} of {count(file.size, 'byte')}"
                self._say(f"sent {size} {said}, not more: {why}")
            else:
                self._say(f"sent {count(sent_bytes, 'byte')} {said}")

        return sent

    def _willing(self) -> list[Conversation]:
        """Return the addressees that can be sent something; say why others cannot."""
        willing: list[Conversation] = []
        refusals: dict[str, list[str]] = {}
        for each in self._targets("not sent"):
            if why := each.refusal():
                refusals.setdefault(why, []).append(each.name)
            else:
                willing.append(each)
        for why, names in refusals.items():
            if more := names[MOST_NAMED:]:
                names[MOST_NAMED:] = [f"and {count(len(more), 'other')}"]
            self._say(f"not sent to {', '.join(names)}: {why}")
        return willing

    def _list(self) -> None:
        """List the peers; of many, those that spoke last."""
        peers = self._addressing.by_speech()
        listed = sorted(peers[:MOST_LISTED], key=lambda each: each.number)
        for each in listed:
            sign = ">" if self._addressing.target in (each, ALL) else " "
            self._say(f"{sign} {each.name}: {each.totals}")
        if more := len(peers) - len(listed):
            self._say(f"  and {count(more, 'other')}")
        if not peers:
            self._say(NOBODY)
