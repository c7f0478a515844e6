"""Testing code that logs over a socket: plain pytest, no Twisted in sight.

`logging.handlers.SocketHandler` sends each record as a pickle, behind its length in
four bytes: echolab's framing ``int32``.
"""

import logging
import pickle
from logging.handlers import SocketHandler

import pytest


@pytest.fixture
def log(echolab_process):
    """A logger that sends to the server."""
    handler = SocketHandler(echolab_process.host, echolab_process.port)
    log = logging.getLogger("app")
    log.addHandler(handler)
    yield log
    log.removeHandler(handler)
    handler.close()


@pytest.mark.echolab(framing="int32")
def test_a_record_arrives(log, echolab_process):
    log.error("disk %s is full", "sda")

    line = echolab_process.wait_for_line("is full")
    record = logging.makeLogRecord(pickle.loads(line))
    assert record.getMessage() == "disk sda is full"
    assert record.levelno == logging.ERROR


@pytest.mark.echolab(framing="int32")
def test_one_connection_carries_them_all(log, echolab_process):
    for number in range(3):
        log.warning("number %d", number)
    log.handlers[0].close()

    echolab_process.wait_for_end()
    assert len(echolab_process.lines()) == 3
    assert len(echolab_process.peers()) == 1


@pytest.mark.echolab(framing="int32", behave="close:after-messages=1:first=1")
def test_a_server_that_goes_away_is_connected_to_again(log, echolab_process):
    log.error("first")
    echolab_process.wait_for_end()
    log.error("lost: nobody knew yet")
    log.error("this finds out")
    log.handlers[0].retryTime = None  # Not to wait for its second of patience.
    log.error("second")

    echolab_process.wait_for_line("second", peer=2)
