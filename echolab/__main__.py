"""``python -m echolab``, and the ``echolab`` command."""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> int:
    """Run the ``echolab`` command; see `echolab.command.cli.main`.

    Twisted takes a moment to be imported. Ctrl-C ends the program meanwhile as it
    ends any other: by the signal, without a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from echolab.command.cli import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
