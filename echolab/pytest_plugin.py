"""The fixtures for pytest; nothing is imported before a test asks for one.

``echolab_process`` and ``echolab_connect`` are for tests of any kind, of clients and of
servers, ``echolab_async`` for those of asyncio (pytest-asyncio, anyio);
``echolab_server`` and ``echolab_client`` are for coroutines under pytest-twisted. The
marker ``echolab`` sets options of the server:
``@pytest.mark.echolab(reply="echo", tls=True)``.
"""

from __future__ import annotations

import inspect
import sys
import unittest
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IStreamClientEndpoint

    from echolab.framing.base import AnyFraming
    from echolab.testing import (
        AsyncLabProcess,
        Behaviour,
        BlockingClient,
        BlockingConnect,
        Connect,
        LabClient,
        LabProcess,
        LabServer,
    )

T = TypeVar("T")

__all__ = [
    "echolab_async",
    "echolab_client",
    "echolab_connect",
    "echolab_process",
    "echolab_server",
]


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

    server = _made(LabProcess, request)
    yield server
    server.stop()


@pytest.fixture
def echolab_async(request: pytest.FixtureRequest) -> Iterator[AsyncLabProcess]:
    """A server in its own process, for tests of asyncio: its waits are coroutines.

    Raises:
        AssertionError: at the end of the test, if the server ended with an error.
    """
    loop = _loop_of(request)
    if loop not in ("", "asyncio"):
        pytest.fail(
            f"echolab_async is for asyncio, and {loop} runs this test: use "
            "echolab_process, whose waits block, in a thread; or, with anyio, let the "
            "fixture anyio_backend return 'asyncio'",
            pytrace=False,
        )
    from echolab.testing import AsyncLabProcess

    with _made(AsyncLabProcess, request) as server:
        yield server


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
    wait = _pytest_twisted(request, "echolab_process", "echolab_async")
    from twisted.internet import reactor

    from echolab.testing.running import Turns
    from echolab.testing.server import listen, stopped

    server = _made(listen, request)
    turns = Turns(cast("Any", reactor))
    yield server
    ran, total = turns.end(), _events(server)
    wait(stopped(server))
    if not ran and _events(server) > total:
        pytest.fail(
            "echolab_server did nothing while this test ran, because the test did not "
            "await: what its clients sent came afterwards. In a test that blocks, use "
            "echolab_process",
            pytrace=False,
        )


@pytest.fixture
def echolab_client(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """A function that connects a client, in the reactor that pytest-twisted runs."""
    wait = _pytest_twisted(request, "echolab_connect")
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


def _events(server: LabServer) -> int:
    return server.total + sum(map(_events, server.others))


def _made(make: Callable[..., T], request: pytest.FixtureRequest) -> T:
    """Make a server; an option that is wrong needs no traceback, but its one line."""
    from twisted.python.usage import UsageError

    try:
        return make(**_options(request))
    except (TypeError, UsageError, RuntimeError, ModuleNotFoundError) as error:
        why = str(error)
    pytest.fail(f"{request.fixturename}: {why}", pytrace=False)


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
        raise TypeError("its parameter is a dict of options by name")
    return options | parameter


def _loop_of(request: pytest.FixtureRequest) -> str:
    """Return what runs a coroutine test: asyncio, trio; "" for pytest and others."""
    node: Any = request.node
    if not inspect.iscoroutinefunction(getattr(node, "obj", None)):
        return ""
    if isinstance(request.instance, unittest.IsolatedAsyncioTestCase):
        return "asyncio"
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        return str(backend if isinstance(backend, str) else backend[0])
    names = (name for name in ("asyncio", "trio") if node.get_closest_marker(name))
    return next(names, "")


def _pytest_twisted(
    request: pytest.FixtureRequest, blocking: str, awaited: str = ""
) -> Callable[[Any], Any]:
    """Return how to wait for a Deferred, where the reactor runs.

    Args:
        request: of a fixture that needs it.
        blocking: the fixture to use in a test that runs no reactor.
        awaited: the fixture to use in a test of asyncio, if there is one.
    """
    if loop := _loop_of(request):
        use = awaited if loop == "asyncio" and awaited else f"{blocking}, in a thread"
        pytest.fail(
            f"{request.fixturename} needs Twisted's reactor, which does not run in a "
            f"test of {loop}: use {use}",
            pytrace=False,
        )
    if not request.config.pluginmanager.hasplugin("twisted"):
        pytest.fail(
            f"{request.fixturename} needs pytest-twisted: pip install pytest-twisted; "
            "echolab_process does without",
            pytrace=False,
        )
    from pytest_twisted import blockon

    wait: Callable[[Any], Any] = blockon
    return wait
