"""Dialogues for web clients: treq under pytest-twisted, a websocket handshake."""

import base64
import hashlib
import re

import pytest
import pytest_twisted
import treq
from websockets.sync.client import connect


@pytest.mark.echolab(
    framing=r"delimiter:\r\n\r\n",
    answers=[
        ("^GET /greeting ", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ("", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_treq(echolab_server):
    url = f"http://127.0.0.1:{echolab_server.port}"
    greeting = await treq.get(f"{url}/greeting", persistent=False)
    assert await greeting.text() == "hello"
    assert (await treq.get(f"{url}/nothing", persistent=False)).code == 404


def upgrade(peer, request):
    """Answer the handshake (RFC 6455, 4.2.2), and say hello in a frame."""
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)[1]
    proof = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    yield b"HTTP/1.1 101 Switching Protocols\r\n"
    yield b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    yield b"Sec-WebSocket-Accept: %b\r\n\r\n" % base64.b64encode(proof)
    yield b"\x81\x05hello"


@pytest.mark.echolab(
    framing=r"delimiter:\r\n\r\n", answers=[("^GET ", f"python:{__name__}:upgrade")]
)
def test_a_websocket(echolab_process):
    host, port = echolab_process.address
    with connect(f"ws://{host}:{port}/lab", close_timeout=0.1) as websocket:
        assert websocket.recv(timeout=30) == "hello"
