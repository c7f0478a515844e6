"""Real shells on a pseudo-terminal, for tests of completion."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from typing import TYPE_CHECKING

from tests.support import SECONDS

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["FISH", "Shell"]

FISH = "fish", "--no-config", "--features", "qmark-noglob"
"""fish, with the meaning of ``?`` that it has from version 4 on."""

# Control-G prints the edited line, between two NULs.
STARTS = {
    "bash": r"""
source ./script
PS1=
bind 'set bell-style none'
bind -x '"\C-g": printf "\0%s\0" "$READLINE_LINE"'
printf '\0ready\0'
""",
    "zsh": r"""
autoload -Uz compinit && compinit -u -D
source ./script
PROMPT=
setopt no_beep
LISTMAX=0
show() { printf '\0%s\0' "$BUFFER" }
zle -N show
bindkey '^G' show
bindkey '^I' complete-word

# Control-T prints what could be completed.
candidates() {
    compprefuncs=(catch_begin) comppostfuncs=(catch_end)
    zle complete-word
}
catch_begin() { print -n '\0'; functions[compadd]=$functions[catch] }
catch_end() { unfunction compadd; print -n '\0' }
catch() {
    if [[ ${@[1,(i)(-|--)]} == *-[OAD]\ * ]]; then
        builtin compadd "$@"
    else
        local -a found
        builtin compadd -A found "$@"
        print -rl -- $found
    fi
}
zle -N candidates
bindkey '^T' candidates
printf '\0ready\0'
""",
    "fish": r"""
source ./script
set fish_greeting
function fish_prompt; end
function fish_right_prompt; end
bind \cg 'printf "\0%s\0" (commandline)'
printf '\0ready\0'
""",
}

COMMANDS = {
    "bash": ("bash", "--rcfile", "start", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": (*FISH, "-i", "-C", "source ./start"),
}


class Shell:
    """An interactive shell that has read a script; a test types.

    Args:
        name: ``bash``, ``zsh`` or ``fish``.
        script: the script.
        folder: where the shell starts, and its HOME.
    """

    def __init__(self, name: str, script: str, folder: Path) -> None:
        (folder / "script").write_text(script)
        (folder / "start").write_text(STARTS[name])
        self._master, terminal = pty.openpty()

        def own_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            COMMANDS[name],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env={"HOME": str(folder), "PATH": os.environ["PATH"], "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=own_terminal,
        )
        os.close(terminal)
        self._seen = b""
        if name == "zsh":
            self.type("source ./start\r")
        self._said()

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def line_after(self, keys: str) -> str:
        """Return the edited line after these keys, in an empty line."""
        self.type(f"\x15{keys}\x07")
        return self._said()

    def candidates(self, line: str) -> list[str]:
        """Return the words that zsh could complete, which have no spaces."""
        self.type(f"\x15{line}\x14")
        return self._said().split()

    def _said(self) -> str:
        deadline = time.monotonic() + SECONDS
        while self._seen.count(b"\0") < 2:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._master], [], [], left)
            assert ready, self._seen.decode()
            self._seen += os.read(self._master, 65536)
        _, said, self._seen = self._seen.split(b"\0", 2)
        return said.decode()
