"""Programs that listen on loopback only, where pages have them listen everywhere."""

from __future__ import annotations

import shlex
import shutil
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

_HEADER = """\
#include <netinet/in.h>
#undef INADDR_ANY
#define INADDR_ANY INADDR_LOOPBACK
"""


def make_programs(folder: Path) -> str:
    """Make programs that stand before others; return their folder.

    They are ``echolab`` and ``twistd``; and ``cc``, if there is one, which makes such
    programs.

    Args:
        folder: a folder, in which theirs is made.
    """
    made = folder / "loopback"
    made.mkdir(exist_ok=True)
    python = Path(sys.executable)
    texts = {
        program: _PROGRAM.format(
            program=shlex.quote(str(python.with_name(program))), name=name, first=first
        )
        for program, name, first in (
            ("echolab", "server", "name=${name:-none}"),
            ("twistd", "echolab", ""),
        )
    }
    if compiler := shutil.which("cc"):
        header = made / "loopback.h"
        header.write_text(_HEADER)
        texts["cc"] = f'#!/bin/sh\nexec {compiler} -include {header} "$@"\n'
    for program, text in texts.items():
        (made / program).write_text(text)
        (made / program).chmod(0o700)
    return str(made)
