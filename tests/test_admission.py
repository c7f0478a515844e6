"""Which connections are admitted, and how often rejections are reported."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from echolab import Admission
from echolab.server.admission import contains, network
from echolab.throttle import Throttle


class AdmissionTests(SynchronousTestCase):
    def test_everybody(self) -> None:
        self.assertIsNone(Admission().enter("192.0.2.1"))
        self.assertIsNone(Admission().enter(None))

    def test_deny_is_over_allow(self) -> None:
        admission = Admission(
            allow=[network("192.0.2.0/24"), network("2001:db8::/32")],
            deny=[network("192.0.2.7")],
        )
        for host, why in (
            ("192.0.2.1", None),
            ("::ffff:192.0.2.1", None),
            ("2001:db8::1", None),
            ("fe80::1%lo", "not allowed"),
            ("192.0.3.1", "not allowed"),
            ("192.0.2.7", "denied"),
            ("::ffff:192.0.2.7", "denied"),
            (None, None),
        ):
            self.assertEqual(admission.enter(host), why, host)
        self.assertEqual(admission.refused, 4)

    def test_limits_count_those_that_are_open(self) -> None:
        admission = Admission(max_connections=3, max_per_host=2)
        for host, why in (
            *(("192.0.2.1", None), ("192.0.2.1", None)),
            ("192.0.2.1", "max-per-host is 2"),
            *((None, None), ("192.0.2.2", "max-connections is 3")),
        ):
            self.assertEqual(admission.enter(host), why)
        admission.leave("192.0.2.1")
        self.assertIsNone(admission.enter("192.0.2.1"))

    def test_an_ipv4_address_and_its_mapped_form_are_one_host(self) -> None:
        admission = Admission(max_per_host=1)
        for host, why in (
            ("192.0.2.1", None),
            ("::ffff:192.0.2.1", "max-per-host is 1"),
            ("::ffff:c000:201", "max-per-host is 1"),
            ("::ffff:192.0.2.2", None),
            ("192.0.2.2", "max-per-host is 1"),
            ("::192.0.2.1", None),  # IPv4-compatible: another host
        ):
            self.assertEqual(admission.enter(host), why, host)
        admission.leave("::ffff:192.0.2.1")
        self.assertIsNone(admission.enter("192.0.2.1"))

    def test_so_are_their_networks(self) -> None:
        for text, inside, outside in (
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.0.0.0/8", "10.9.9.9", "11.0.0.1"),
            ("::ffff:0:0/96", "0.0.0.0", "::fffe:0:1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("0.0.0.0/0", "10.0.0.1", "2001:db8::1"),
        ):
            networks = [network(text)]
            for host, found in (inside, True), (outside, False):
                mapped = [] if ":" in host else [f"::ffff:{host}"]
                for form in [host, *mapped]:
                    self.assertEqual(contains(networks, form), found, (text, form))


class ThrottleTests(SynchronousTestCase):
    def test_so_many_a_second_and_the_others_are_counted(self) -> None:
        throttle = Throttle(most=2)
        asked = [throttle(7.9) for _ in range(5)]
        self.assertEqual(asked, [0, 0, None, None, None])
        self.assertEqual([throttle(8.0), throttle(8.1)], [3, 0])
