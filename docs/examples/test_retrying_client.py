"""Testing a Twisted client that tries again: a server that resets it twice.

Coroutines under pytest-twisted.
"""

import pytest
import pytest_twisted
from twisted.internet import endpoints, reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineOnlyReceiver


class CourierProtocol(LineOnlyReceiver):
    """Sends a line, and waits for the receipt."""

    delimiter = b"\n"

    def __init__(self):
        self.receipt = Deferred()

    def lineReceived(self, line):
        self.receipt.callback(line)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        if not self.receipt.called:
            self.receipt.errback(ConnectionLost())


async def deliver(where, line, tries=5):
    """The code under test: deliver a line, however often it takes."""
    endpoint = endpoints.clientFromString(reactor, where)
    while True:
        tries -= 1
        try:
            courier = await endpoint.connect(Factory.forProtocol(CourierProtocol))
            courier.sendLine(line)
            return await courier.receipt
        except (ConnectError, ConnectionLost):
            if not tries:
                raise
            await deferLater(reactor, 0.01)


@pytest.mark.echolab(reply="ok", behave="reset:after-messages=1:first=2")
@pytest_twisted.ensureDeferred
async def test_two_resets_and_then_a_receipt(echolab_server):
    assert await deliver(echolab_server.endpoint, b"parcel") == b"ok"

    echolab_server.assert_lines(["parcel", "parcel", "parcel"])
    ends = [end.detail for end in echolab_server.ends()]
    assert ends[:2] == ["reset:after-messages=1:first=2"] * 2


@pytest.mark.echolab(reply="ok", behave="reset")
@pytest_twisted.ensureDeferred
async def test_it_does_not_try_for_ever(echolab_server):
    with pytest.raises(ConnectionLost):
        await deliver(echolab_server.endpoint, b"parcel", tries=3)

    assert len(await echolab_server.wait_for_peers(3)) == 3


@pytest.mark.echolab(reply="ok", behave="refuse:seconds=0.03")
@pytest_twisted.ensureDeferred
async def test_a_server_that_is_not_there_yet(echolab_server):
    assert await deliver(echolab_server.endpoint, b"parcel", tries=500) == b"ok"
