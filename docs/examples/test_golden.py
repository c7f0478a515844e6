"""A golden transcript: what a program says on the wire, under version control.

When it is to change, run this file once with ``UPDATE_GOLDEN=1`` and look at the
difference before you commit it.
"""

import os
from http.client import HTTPConnection
from pathlib import Path

import pytest

GOLDEN = Path(__file__).with_name("golden_http.txt")


def ask(host, port, path):
    """The program under test."""
    connection = HTTPConnection(host, port, timeout=5)
    connection.request("GET", path, headers={"Host": "lab.example"})
    status = connection.getresponse().status
    connection.close()
    return status


# The head of a request is a message, and there is an answer to each.
@pytest.mark.echolab(
    framing=r"delimiter:\r\n\r\n", reply=b"HTTP/1.1 204 No Content\r\n\r\n"
)
def test_what_it_says(echolab_process):
    assert ask(echolab_process.host, echolab_process.port, "/status") == 204
    assert ask(echolab_process.host, echolab_process.port, "/caf%C3%A9") == 204
    echolab_process.wait_for_peers(2)
    echolab_process.wait_for_end()

    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(echolab_process.render())
    assert echolab_process.render() == GOLDEN.read_text()
