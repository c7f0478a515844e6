"""The fixtures for pytest; nothing is imported before a test asks for one.

``echolab_process`` and ``echolab_connect`` are for tests of any kind, of clients and of
servers; ``echolab_server`` and
``echolab_client`` are for coroutines under pytest-twisted. The marker ``echolab``
sets options of the server: ``@pytest.mark.echolab(reply="echo", tls=True)``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IStreamClientEndpoint

    from echolab.framing.base import AnyFraming
    from echolab.testing import (
        Behaviour,
        BlockingClient,
        BlockingConnect,
        Connect,
        LabClient,
        LabProcess,
        LabServer,
    )

__all__ = ["echolab_client", "echolab_connect", "echolab_process", "echolab_server"]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "echolab(**options): options of echolab's server for this test"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Separate the events of this test from those of earlier ones."""
    if showing := sys.modules.get("echolab.testing.showing"):
        showing.begin_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the transcripts in the report of a failed test."""
    report = yield
    showing = sys.modules.get("echolab.testing.showing")
    if report.failed and showing:
        fixtures = getattr(item, "funcargs", {}).values()
        error = call.excinfo.value if call.excinfo else None
        report.sections += showing.sections(fixtures, error)
    return report


@pytest.fixture
def echolab_process(request: pytest.FixtureRequest) -> Iterator[LabProcess]:
    """A server in its own process, for tests of any kind.

    Raises:
        AssertionError: at the end of the test, if the server ended with an error.
    """
    from echolab.testing import LabProcess

    server = LabProcess(**_options(request))
    yield server
    server.stop()


@pytest.fixture
def echolab_connect() -> Iterator[BlockingConnect]:
    """A function that connects a client to the server under test, until the test ends.

    For tests of any kind.
    """
    from echolab.testing import BlockingClient

    clients: list[BlockingClient] = []

    def connect_and_remember(*where: Any, **keywords: Any) -> BlockingClient:
        clients.append(BlockingClient(*where, **keywords))
        return clients[-1]

    yield connect_and_remember
    for client in clients:
        client.close()


@pytest.fixture
def echolab_server(request: pytest.FixtureRequest) -> Iterator[LabServer]:
    """A server in the reactor that pytest-twisted runs."""
    wait = _pytest_twisted(request)
    from echolab.testing.server import listen, stopped

    server = listen(**_options(request))
    yield server
    wait(stopped(server))


@pytest.fixture
def echolab_client(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """A function that connects a client, in the reactor that pytest-twisted runs."""
    wait = _pytest_twisted(request)
    from echolab.testing import connect

    clients: list[LabClient] = []

    def remember(client: LabClient) -> LabClient:
        clients.append(client)
        return client

    def connect_and_remember(
        where: tuple[str, int] | str | IStreamClientEndpoint,
        *,
        framing: AnyFraming = "line",
        behave: Behaviour | str = "",
    ) -> Deferred[LabClient]:
        connecting = connect(where, framing=framing, behave=behave)
        return connecting.addCallback(remember)

    yield connect_and_remember
    for client in clients:
        wait(client.stop())
    for client in clients:
        client.assert_awaited()


def _options(request: pytest.FixtureRequest) -> Any:
    """Return the options of the markers (the nearest wins) and of the parameter."""
    options: dict[str, object] = {}
    for node in request.node.listchain():
        for marker in node.own_markers:
            if marker.name == "echolab":
                if marker.args:
                    word = marker.args[0]
                    raise TypeError(f"the marker echolab takes no {word!r}: name it")
                options |= marker.kwargs
    parameter = getattr(request, "param", {})
    if not isinstance(parameter, dict):
        raise TypeError(f"{request.fixturename} takes options by name, in a dict")
    return options | parameter


def _pytest_twisted(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    if not request.config.pluginmanager.hasplugin("twisted"):
        pytest.fail(
            f"{request.fixturename} needs pytest-twisted: pip install pytest-twisted; "
            "echolab_process does without",
            pytrace=False,
        )
    from pytest_twisted import blockon

    wait: Callable[[Any], Any] = blockon
    return wait
