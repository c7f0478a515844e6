"""Figures of sessions, as text, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.reading import sides_of
from echolab.lab.text import draw_text

if TYPE_CHECKING:
    from echolab import Event


def drawn(
    *recordings: list[Event],
    figure: str = "both",
    width: int = 80,
    encoding: str = "utf-8",
    unfolded: bool = False,
    between: tuple[float, float] | None = None,
) -> str:
    """Return the figure of the only connection."""
    [account] = join([sides_of(events) for events in recordings])
    made = figure_of(account, figure, unfolded=unfolded, between=between)
    return draw_text(made, width, encoding)


def rows(text: str) -> list[str]:
    """Return the rows of a figure: between the names of the lanes and the legend."""
    return text.split("\n\n")[1].splitlines()[1:]


BOTH = """\
connection 1: 6 bytes to the server, 0 bytes to the client
two recordings: one machine, one clock
the client ended first

                client 127.0.0.1:60612             server 127.0.0.1:8888
                               │                          │ socket()
                               │                          │ bind(127.0.0.1:8888)
                               │                          │ listen(1024)
0.000 000  socket()            │                          │
0.000 000  connect(            │──── SYN, MSS 65495 ─────▶│
             127.0.0.1:8888)   │                          │
             = -1 EINPROGRESS  │                          │
0.000 100  connect(            │◀······· SYN, ACK ········│
             127.0.0.1:8888)   │                          │
             = 0               │                          │
0.000 200                      │·········· ACK ··········▶│ accept() =
                               │                          │   127.0.0.1:60612
                               ┊    … 812 ms nothing …    ┊
0.812 300  send(6) = 6         │─── 6 bytes "hello\\n" ───▶│ recv(65536) = 6
                               │                          │   300 µs later
                               │◀·········· ACK ··········│
                               ┊    … 4.2 s nothing …     ┊
4.999 990  shutdown(SHUT_WR)   │─ ─ ─ ─ ─  FIN ─ ─ ─ ─ ─ ▶│ recv(65536) = 0
                               │                          │   110 µs later
5.000 190                      │◀─ ─ ─ ─ FIN, ACK ─ ─ ─ ─ │ shutdown(SHUT_RDWR)
                               │      1 or 2 packets      │
                               │·········· ACK ··········▶│
5.000 290                      │                          │ close()
5.000 500  recv(65536) = 0     │                          │
5.000 590  close()             │                          │
5.000 700  TIME_WAIT 60 s      │                          │

──── seen   ─ ─  between two looks   ···· deduced
"""
