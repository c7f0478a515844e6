"""Dialogues for clients of stores: redis, pymemcache."""

import pytest
import redis
from pymemcache.client.base import Client


@pytest.mark.echolab(
    framing="resp",
    answers=[
        (rb"(?i)\r\nHELLO\r\n", b"-ERR unknown command\r\n"),
        (rb"(?i)\r\nCLIENT\r\n|\r\nSET\r\n", b"+OK\r\n"),
        (rb"(?i)\r\nPING\r\n", b"+PONG\r\n"),
        (rb"(?i)\r\nGET\r\n\$\d+\r\n(.*)\r\n$", rb"$6\r\nof \1\r\n"),
    ],
)
def test_redis(echolab_process):
    store = redis.Redis(*echolab_process.address, protocol=2, socket_timeout=30)
    assert store.ping()
    assert store.set("key", "\r\n" * 50_000)
    assert store.get("key") == b"of key"
    store.close()
    assert echolab_process.wait_for_line("GET").endswith(b"\r\n$3\r\nkey\r\n")


@pytest.mark.echolab(
    answers=[
        ("^set ", b""),  # Its value follows, and is answered.
        (r"^get (\w+)$", rb"VALUE \1 0 5\r\nhello\r\nEND\r\n"),
        ("^delete ", b"NOT_FOUND\r\n"),
        ("", b"STORED\r\n"),
    ],
)
def test_pymemcache(echolab_process):
    store = Client(echolab_process.address, timeout=30)
    assert store.set("key", "value", noreply=False)
    assert store.get("key") == b"hello"
    assert not store.delete("key", noreply=False)
    store.close()
    echolab_process.assert_lines(["set key 0 0 5", "value", "get key", "delete key"])
