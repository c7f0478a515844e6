"""A dialogue for nats-py, in a test of asyncio."""

import nats
import pytest


@pytest.mark.echolab(
    greet=b'INFO {"server_id": "lab", "max_payload": 1048576}\r\n',
    answers=[
        ("^PING", b"PONG\r\n"),
        (r"^SUB (\S+) *(\d+)", rb"MSG \1 \2 5\r\nhello\r\n"),
        ("", b""),
    ],
)
@pytest.mark.asyncio
async def test_nats(echolab_async):
    host, port = echolab_async.address
    client = await nats.connect(f"nats://{host}:{port}", allow_reconnect=False)
    subscription = await client.subscribe("lab")
    assert (await subscription.next_msg(timeout=30)).data == b"hello"
    await client.publish("lab", b"hi")
    await client.flush()
    await echolab_async.wait_for_line("^hi$")
    await client.close()
