"""The contests: which work, and the commands of echolab and its peers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from programs import LINE, PYTHON
from works import churn, hold, idle, many, receive, send, start_up, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from results import Run

ECHOLAB = f"{PYTHON} -m echolab"
SERVER = f"exec {ECHOLAB} server --once --interface 127.0.0.1 --port PORT"
LASTING = SERVER.replace("--once ", "")
LISTEN = "ncat -l 127.0.0.1 PORT"
SOCAT = "exec socat -u TCP-LISTEN:PORT,bind=127.0.0.1"
MEGABYTES = len(LINE) / 1e6
SPARE_FILES = 1000
"""Of the limit of open files, as many are left for other things than connections."""

CONNECTIONS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 20_000)
SOCATS = 1000
"""socat takes a process for each connection: more would need much memory."""

LINE_BYTES = (8, 32, 128, 512, 2048, 8192, 65536)


@dataclass(frozen=True)
class Contest:
    """One piece of work, echolab and its peers.

    Attributes:
        name: what it is called on the command line.
        work: does it with a shell command; given the scale, too.
        of: what is counted: one line, connection or start.
        programs: shell commands, by name. The first is echolab.
        wanted: the ratios of rates that echolab is to reach, by the peer's name.
        at: the point of a sweep; 0 if it is none.
        unit: of the rate that is shown.
        size: how many of the unit one line, connection or start is.
    """

    name: str
    work: Callable[[str, float], Run]
    of: str
    programs: dict[str, str]
    wanted: dict[str, float] = field(default_factory=dict)
    at: int = 0
    unit: str = "MB/s"
    size: float = MEGABYTES


@dataclass(frozen=True)
class Limit:
    """A figure that has an upper limit.

    Attributes:
        name: what it is called on the command line.
        work: measures it on a shell command; given the scale, too.
        unit: of the figure.
        programs: the shell command that is echolab, by this name.
        most: what the figure may be at most.
        at: as of a contest.
    """

    name: str
    work: Callable[[str, float], float]
    unit: str
    programs: dict[str, str]
    most: float
    at: int = 0


def received(
    name: str,
    echolab: str,
    peers: dict[str, tuple[str, float]],
    *,
    megabytes: int = 1024,
) -> Contest:
    """Make a contest of one connection and many lines.

    Args:
        name: what it is called.
        echolab: its command.
        peers: their commands, and the ratios wanted.
        megabytes: how much is sent: as much as the slowest peer can bear.
    """
    return Contest(
        name,
        partial(receive, megabytes=megabytes),
        "line",
        {"echolab": echolab, **{peer: command for peer, (command, _) in peers.items()}},
        {peer: wanted for peer, (_, wanted) in peers.items()},
    )


def contests(folder: str = "") -> list[Contest | Limit]:
    """Return all contests that are no sweeps.

    Args:
        folder: where recordings go, and where the lecture's server is.
    """
    recording = f"--record {folder}/r"
    return [
        received(
            *("classic", SERVER),
            {
                "C": (f"exec {folder}/server PORT", 1.0),
                "ncat, sed": (f"{LISTEN} | sed 's/^/recv data: /'", 2.0),
            },
        ),
        received(
            *("log", f"{SERVER} --format log", {"ncat, ts": (f"{LISTEN} | ts", 25.0)}),
            megabytes=51,
        ),
        received("raw", f"{SERVER} --format raw", {"ncat": (f"exec {LISTEN}", 0.9)}),
        received(
            *("raw-escaped", f"{SERVER} --format raw --escape always"),
            {"ncat, cat -v": (f"{LISTEN} | cat -v", 1.0)},
        ),
        received(
            *("json", f"{SERVER} --format json"),
            {"ncat, jq": (f"{LISTEN} | jq -Rc '{{message:.}}'", 20.0)},
            megabytes=307,
        ),
        received(
            *("hex", f"{SERVER} --format hex"),
            {"ncat, hexdump": (f"{LISTEN} | hexdump -C", 5.0)},
            megabytes=204,
        ),
        Contest(
            *("send", send, "line"),
            {
                "echolab": f"exec {ECHOLAB} client --no-dot 127.0.0.1 PORT",
                "ncat": "exec ncat --send-only 127.0.0.1 PORT",
            },
            {"ncat": 1.0},
        ),
        Contest(
            *("churn", churn, "connection"),
            {
                "echolab": LASTING,
                "ncat -lk": "exec ncat -lk 127.0.0.1 PORT",
                "socat fork": f"{SOCAT},fork,backlog=1024 -",
            },
            {"ncat -lk": 0.5, "socat fork": 5.0},
            unit="connections/s",
            size=1,
        ),
        Contest(
            *("many", many, "line"),
            {"echolab": LASTING, "ncat -lk": "exec ncat -lk -m 300 127.0.0.1 PORT"},
            {"ncat -lk": 1.0},
            unit="lines/s",
            size=1,
        ),
        received(
            *("record", f"rm -f {folder}/r; {SERVER} {recording}"),
            {
                "without": (SERVER, 0.85),
                "ncat, tee, sed": (
                    f"{LISTEN} | tee {folder}/t | sed 's/^/recv: /'",
                    1.0,
                ),
            },
            megabytes=204,
        ),
        Contest(
            *("record-many", many, "line"),
            {
                "echolab": f"rm -f {folder}/r; {LASTING} {recording}",
                "without": LASTING,
            },
            {"without": 0.85},
            unit="lines/s",
            size=1,
        ),
        Limit("idle", idle, "bytes each", {"echolab": LASTING}, 4096),
        Limit(
            *("unread", unread, "MiB over idle"),
            {"echolab": SERVER.replace("--once", "--format raw")},
            64,
        ),
        Contest(
            *("start", start_up, "start"),
            {
                "echolab": SERVER,
                "import reactor": f"exec {PYTHON} -c 'import twisted.internet.reactor'",
            },
            {"import reactor": 0.5},
            unit="starts/s",
            size=1,
        ),
    ]


def sweeps(open_files: int, *, quick: bool = False) -> Iterator[Contest]:
    """Yield all points of both sweeps, from few to many.

    Args:
        open_files: how many a process may have.
        quick: only the first point and a later one.
    """
    most = open_files - SPARE_FILES
    points = sorted({min(each, most) for each in CONNECTIONS})
    for count in points[:5:4] if quick else points:
        holding = {
            "echolab": LASTING,
            "ncat": f"exec ncat -lk -m {count + 10} 127.0.0.1 PORT",
        }
        if count <= SOCATS:
            holding["socat"] = f"{SOCAT},fork,backlog=1024 -"
        work = partial(hold, connections=count)
        yield Contest("connections", work, "line", holding, at=count)
    lines = {
        "echolab": SERVER,
        "echolab, raw": f"{SERVER} --format raw",
        "ncat, sed": f"{LISTEN} | sed 's/^/recv data: /'",
        "ncat": f"exec {LISTEN}",
        "socat": f"{SOCAT} -",
    }
    for size in LINE_BYTES[::6] if quick else LINE_BYTES:
        work = partial(receive, megabytes=256, line_bytes=size)
        yield Contest("length", work, "line", lines, at=size)
