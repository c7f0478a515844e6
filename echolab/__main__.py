"""``python -m echolab``: the ``echolab`` command."""

from echolab.cli import main

raise SystemExit(main())
