"""Programs that listen on loopback only, where pages have them listen everywhere."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

__all__ = ["ALL", "LOOPBACK", "make_programs"]

ALL = "0.0.0.0:"
LOOPBACK = "127.0.0.1:"

_PROGRAM = """\
#!/bin/sh
for word; do
    case $word in -i* | --interface* | --listen*) exec {program} "$@" ;; esac
done
name=
for word; do
    shift
    set -- "$@" "$word"
    [ "$name" ] || [ "$word" != {name} ] || {{
        name=$word
        set -- "$@" --interface 127.0.0.1
    }}
    {first}
done
exec {program} "$@"
"""


def make_programs(folder: Path) -> str:
    """Make programs that stand before ``echolab`` and ``twistd``; return their folder.

    Args:
        folder: a folder, in which theirs is made.
    """
    made = folder / "loopback"
    made.mkdir(exist_ok=True)
    for program, name, first in (
        ("echolab", "server", "name=${name:-none}"),
        ("twistd", "echolab", ""),
    ):
        real = shlex.quote(str(Path(sys.executable).with_name(program)))
        path = made / program
        path.write_text(_PROGRAM.format(program=real, name=name, first=first))
        path.chmod(0o700)
    return str(made)
