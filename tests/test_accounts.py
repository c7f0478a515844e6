"""Recordings as ledgers: who belongs to whom, and one time axis."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, Called, Connected, Event, Finished, Peer, Sampled
from echolab.lab.joining import Account, join
from echolab.lab.ledger import Data, End
from echolab.lab.reading import sides_of
from tests.sessions import MONOTONIC, TIME, Pair, hello, older


def accounts(*recordings: list[Event]) -> list[Account]:
    return join([sides_of(events) for events in recordings])


def names(account: Account) -> list[str]:
    """Return the calls of an account in order, a server's in upper case."""
    calls = [
        (getattr(entry.what, "call", ""), entry.end is End.SERVER)
        for entry in account.entries
    ]
    return [name.upper() if server else name for name, server in calls if name]


def moves(account: Account) -> list[Data]:
    """Return what was read and written."""
    return [entry.what for entry in account.entries if isinstance(entry.what, Data)]


class MatchTests(SynchronousTestCase):
    def test_both_ends_of_one_connection_are_one_account(self) -> None:
        pair = hello()
        for order in (pair.at_server, pair.at_client), (pair.at_client, pair.at_server):
            [account] = accounts(*order)
            assert account.client is not None
            assert account.server is not None
            self.assertEqual(account.clocks, "one machine, one clock")
            self.assertEqual(str(account.client_address), "127.0.0.1:60612")
            self.assertEqual(str(account.server_address), "127.0.0.1:8888")

    def test_other_ports_are_other_connections(self) -> None:
        other = hello(Pair(Peer(1, "IPv4", "127.0.0.1", 60613)))
        found = accounts(hello().at_server, other.at_client)
        self.assertEqual([each.client is None for each in found], [True, False])
        self.assertEqual([each.clocks for each in found], ["", ""])

    def test_a_server_has_many_and_a_client_one(self) -> None:
        pairs = [
            hello(Pair(Peer(number, "IPv4", "127.0.0.1", 60000 + number)))
            for number in (1, 2, 3)
        ]
        events = [event for pair in pairs for event in pair.at_server]
        client = hello(Pair(Peer(1, "IPv4", "127.0.0.1", 60002))).at_client
        found = accounts(events, client)
        self.assertEqual([each.number for each in found], [1, 2, 3])
        self.assertEqual([bool(each.client) for each in found], [False, True, False])

    def test_a_port_that_is_used_again(self) -> None:
        late = hello(Pair(Peer(2, "IPv4", "127.0.0.1", 60612)))
        moved = [replace(event, time=event.time + 900) for event in late.at_server]
        first, second = accounts(
            hello().at_server + moved,
            [replace(event, time=event.time + 900) for event in hello().at_client],
        )
        self.assertIsNone(first.client)
        self.assertIsNotNone(second.client)

    def test_unix_sockets_match_by_path_and_process(self) -> None:
        path = Peer(0, "UNIX", path="/tmp/lab.sock")
        for pid, joined in ((7, True), (8, False)):
            pair = hello(Pair(replace(path, number=1, pid=7, uid=0), path))
            client = [
                replace(event, local=Peer(1, "UNIX", pid=pid, uid=0))
                if isinstance(event, Connected)
                else event
                for event in pair.at_client
            ]
            found = accounts(pair.at_server, client)
            self.assertEqual(len(found), 1 if joined else 2)

    def test_both_ends_of_a_unix_socket_have_one_clock(self) -> None:
        path = Peer(0, "UNIX", path="/tmp/lab.sock")
        pair = hello(Pair(replace(path, number=1, pid=7, uid=0), path))
        server = replace(pair.server, pid=6, uid=0)
        # A connect returns long after the accept, and does not know the process.
        client = [
            replace(event, peer=server, local=Peer(1, "UNIX", pid=7, uid=0))
            if isinstance(event, Connected)
            else replace(event, peer=replace(server, number=0, pid=None, uid=None))
            if isinstance(event, Called) and event.call in {"socket", "connect"}
            else replace(event, peer=server)
            for event in pair.at_client
        ]
        client = [
            replace(
                event,
                time=event.time + 3,
                monotonic=None if event.monotonic is None else event.monotonic + 3,
            )
            if isinstance(event, Connected)
            else event
            for event in client
        ]
        [account] = accounts(pair.at_server, client)
        self.assertEqual(account.clocks, "one machine, one clock")
        self.assertIn("connect", names(account))

    def test_a_mapped_address_is_the_same(self) -> None:
        pair = hello(Pair(Peer(1, "IPv6", "::ffff:127.0.0.1", 60612)))
        client = [
            replace(event, local=Peer(1, "IPv4", "127.0.0.1", 60612))
            if isinstance(event, Connected)
            else event
            for event in pair.at_client
        ]
        self.assertEqual(len(accounts(pair.at_server, client)), 1)

    def test_a_client_that_was_never_connected_is_there(self) -> None:
        pair = Pair()
        pair.client_calls(0.0, "socket")
        pair.client_calls(0.1, "connect", "127.0.0.1:8888", -1, "ECONNREFUSED")
        pair.client_calls(0.2, "close")
        [account] = accounts(pair.at_client)
        self.assertEqual(names(account), ["socket", "connect", "close"])

    def test_the_calls_of_the_listening_socket_are_of_each_connection(self) -> None:
        one, two = (
            hello(Pair(Peer(number, "IPv4", "127.0.0.1", 60000 + number)))
            for number in (1, 2)
        )
        two.at_server = [event for event in two.at_server if event.peer.number]
        for account in accounts(one.at_server + two.at_server):
            self.assertEqual(names(account)[:4], ["SOCKET", "BIND", "LISTEN", "ACCEPT"])

    def test_a_server_on_all_addresses_listens_for_each(self) -> None:
        pair = hello(Pair(server=Peer(0, "IPv4", "0.0.0.0", 8888)))
        here = Peer(1, "IPv4", "127.0.0.1", 8888)
        events = [
            replace(event, local=here) if isinstance(event, Accepted) else event
            for event in pair.at_server
        ]
        [account] = accounts(events)
        self.assertEqual(names(account)[:2], ["SOCKET", "BIND"])


class AxisTests(SynchronousTestCase):
    def test_on_one_machine_it_is_the_monotonic_clock(self) -> None:
        pair = hello()
        # Somebody has set the time of day back, between the two programs' starts.
        client = [replace(event, time=event.time - 77) for event in pair.at_client]
        [account] = accounts(pair.at_server, client)
        self.assertEqual(
            [name for name in names(account) if name.lower() in {"send", "recv"}],
            ["send", "RECV", "RECV", "recv"],
        )
        last = account.entries[-1].latest
        self.assertAlmostEqual(last, MONOTONIC + 5.0007, places=5)

    def test_a_clock_that_is_set_forward_makes_no_span(self) -> None:
        peer, step = Peer(1, "IPv4", "127.0.0.1", 60612), 7200.0
        [side] = sides_of(
            [
                Accepted(peer, TIME, peer, MONOTONIC),
                Sampled(peer, TIME + 1, "ESTABLISHED"),
                Sampled(peer, TIME + step + 2, "ESTABLISHED"),
                Called(peer, TIME + step + 3, "recv", monotonic=MONOTONIC + 3),
                Sampled(peer, TIME + step + 4, "ESTABLISHED"),
            ]
        )
        spans = [entry.latest - MONOTONIC for entry in side.entries]
        for span, expected in zip(spans, (0, 1, 2, 3, 4), strict=True):
            self.assertAlmostEqual(span, expected, places=5)

    def test_two_machines_are_put_together_by_the_handshake(self) -> None:
        client = Peer(1, "IPv4", "192.0.2.1", 60612)
        server = Peer(0, "IPv4", "192.0.2.2", 8888)
        pair = Pair(client, server, server_ahead=1234.5)
        pair.listens()
        pair.connects(trip=0.020, accepted=0.031)
        pair.client_sends(0.5, b"hello\n")
        pair.server_receives(0.511, b"hello\n")
        [account] = accounts(pair.at_server, pair.at_client)
        self.assertIn("two clocks, put together by a handshake", account.clocks)
        received = [
            entry.latest
            for entry in account.entries
            if isinstance(entry.what, Data) and entry.what.kind == "read"
        ]
        self.assertAlmostEqual(received[0], MONOTONIC + 0.51, places=3)

    def test_nothing_is_read_before_it_is_written(self) -> None:
        client = Peer(1, "IPv4", "192.0.2.1", 60612)
        server = Peer(0, "IPv4", "192.0.2.2", 8888)
        pair = Pair(client, server, server_ahead=-50.0)
        pair.connects(trip=0.020, accepted=3.0)  # It was busy for long.
        pair.client_sends(0.5, b"hello\n")
        pair.server_receives(3.01, b"hello\n")
        [account] = accounts(pair.at_server, pair.at_client)
        self.assertEqual([each.kind for each in moves(account)], ["write", "read"])

    def test_a_clock_that_cannot_be_shared_is_not_believed(self) -> None:
        pair = hello(Pair(server_ahead=-3.0))  # As of two network namespaces.
        [account] = accounts(pair.at_server, pair.at_client)
        self.assertIn("two clocks", account.clocks)

    def test_calls_that_are_told_late(self) -> None:
        pair = hello()
        own = [event for event in pair.at_server if event.peer.number]
        recv = next(e for e in own if isinstance(e, Called) and e.call == "recv")
        late = [recv, *(event for event in own if event is not recv)]
        [account] = accounts(late, pair.at_client)
        found = [name for name in names(account) if name.lower() in {"send", "recv"}]
        self.assertEqual(found[:2], ["send", "RECV"])

    def test_older_recordings_have_the_time_of_day(self) -> None:
        [account] = accounts(older(hello().at_server))
        self.assertEqual(account.entries[0].latest, TIME + 0.0002)
        self.assertEqual([each.kind for each in moves(account)], ["read"])
        self.assertIsInstance(account.entries[-1].what, Finished)
