"""A dialogue for stomp.py, whose frames end with a zero byte."""

import pytest
import stomp


class Listener(stomp.ConnectionListener):
    def __init__(self):
        self.bodies = []

    def on_message(self, frame):
        self.bodies.append(frame.body)


@pytest.mark.echolab(
    framing=r"delimiter:\0",
    answers=[
        (r"^\s*(?:CONNECT|STOMP)\n", "CONNECTED\nversion:1.1\n\n"),
        (
            r"^\s*SUBSCRIBE\n(?s:.*)id:(\S+)",
            "MESSAGE\nsubscription:\\1\nmessage-id:1\ndestination:/lab\n\nhello",
        ),
        (r"^\s*DISCONNECT\n(?s:.*)receipt:(\S+)", "RECEIPT\nreceipt-id:\\1\n\n"),
        (r"^\s*SEND\n", b""),
    ],
)
def test_stomp(echolab_process):
    connection = stomp.Connection11([echolab_process.address])
    listener = Listener()
    connection.set_listener("", listener)
    connection.connect(wait=True)
    connection.send("/lab", "hi")
    connection.subscribe("/lab", id="7")
    connection.disconnect()
    echolab_process.wait_for_end()
    assert echolab_process.lines()[1].endswith(b"\n\nhi")
    assert listener.bodies == ["hello"]
