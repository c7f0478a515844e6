"""Dialogues for clients with binary protocols: paho-mqtt, pymodbus."""

import pytest
from paho.mqtt.client import CallbackAPIVersion, Client
from pymodbus.client import ModbusTcpClient

from echolab.testing import Close


@pytest.mark.echolab(
    framing="varint:offset=1",  # a message is a whole packet
    answers=[
        (rb"^\x10", b"\x20\x02\0\0"),  # CONNECT, CONNACK
        (rb"(?s)^\x32.{1,4}?\0\x03lab(..)", rb"\x40\x02\1"),  # PUBLISH, PUBACK
        (rb"^\xe0", Close()),  # DISCONNECT
    ],
)
def test_paho_mqtt(echolab_process):
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect(*echolab_process.address)
    client.loop_start()
    told = client.publish("lab", b"x" * 300, qos=1)
    told.wait_for_publish(30)
    assert told.is_published()
    client.disconnect()
    client.loop_stop()
    echolab_process.wait_for_end()
    assert echolab_process.lines()[1].endswith(b"x" * 300)


@pytest.mark.echolab(
    framing="length:offset=4",  # MBAP: a length behind four bytes
    answers=[
        (rb"(?s)^(..)\0\0..(.)\x03", rb"\1\0\0\0\x07\2\x03\x04\0\x0a\0\x0b"),
        (rb"(?s)^(..\0\0..)(.\x06.*)", rb"\1\2"),
    ],
)
def test_pymodbus(echolab_process):
    host, port = echolab_process.address
    client = ModbusTcpClient(host, port=port, timeout=30)
    assert client.connect()
    assert client.read_holding_registers(0, count=2).registers == [10, 11]
    assert not client.write_register(3, 7).isError()
    client.close()
