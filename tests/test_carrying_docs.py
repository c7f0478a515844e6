"""docs/carrying.md: its example is one, and its tables are complete."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, Lines, Peer, Received
from echolab.carrying import address, schema
from tests.support import ROOT

GUIDE = (ROOT / "docs" / "carrying.md").read_text()


class GuideTests(SynchronousTestCase):
    def test_the_example_can_be_decoded(self) -> None:
        [payload] = re.findall(r"```\n(\{.*?)```", GUIDE, re.DOTALL)
        peer = Peer(7, "IPv4", "10.0.0.7", 60612)
        carried = schema.Carried(
            receiver="web1",
            run="3f9a0c1e55d2",
            number=17,
            stored=15,
            events=(
                Accepted(peer, 1764410400.125),
                Received(peer, 1764410400.25, Lines(b"one\ntwo\n")),
            ),
        )
        self.assertEqual(schema.decode(payload.encode()), carried)
        self.assertEqual(schema.encode(carried), payload.encode())
        self.assertIn(f"`{schema.CONTENT_TYPE}`", GUIDE)

    def test_every_member_is_in_the_table(self) -> None:
        table = GUIDE.partition("## A message of events")[2]
        named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        fields = {*schema.Stamp._fields, "client", "events"}
        self.assertEqual({*named}, fields)

    def test_every_parameter_is_in_the_table(self) -> None:
        table = GUIDE.partition("## The address")[2].partition("\n## ")[0]
        named = re.findall(r"^\| `([\w-]+)=", table, re.MULTILINE)
        with self.assertRaises(ValueError) as caught:
            address.parse_address("nats://h/s?none=")
        self.assertIn(f"({', '.join(named)})", str(caught.exception))
