"""What is done to a cluster while lines are sent through it, and what came of it."""

from __future__ import annotations

import contextlib
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from cluster import STREAM, Cluster
from parts import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.js import JetStreamContext

AWAY = 4.0
"""How long a part that is killed or stalled stays so, in seconds."""


class NotHereError(Exception):
    """The fault cannot be tried on this machine; the text says why."""


def nothing(_cluster: Cluster) -> None:
    """Nothing, to compare with."""
    time.sleep(AWAY)


def leader_killed(cluster: Cluster) -> None:
    """SIGKILL for the node that leads the stream; back after 4 s."""
    leader = cluster.leader()
    leader.end()
    time.sleep(AWAY)
    leader.start()
    until(lambda: cluster.healthy(leader), 60, "the node is back")


def nodes_in_turn(cluster: Cluster) -> None:
    """SIGKILL for each node, 4 s, and the next when it has caught up."""
    for node in cluster.nodes:
        node.end()
        time.sleep(AWAY)
        node.start()
        until(partial(cluster.healthy, node), 60, "the node is back")


def all_nodes_killed(cluster: Cluster) -> None:
    """SIGKILL for all nodes at once; back after 4 s."""
    for node in cluster.nodes:
        node.send_signal(signal.SIGKILL)
    for node in cluster.nodes:
        node.end()
    time.sleep(AWAY)
    for node in cluster.nodes:
        node.start()
    cluster.leader()


def receiver_killed(cluster: Cluster) -> None:
    """SIGKILL for a receiver; back after 4 s; then for the other one."""
    for receiver in cluster.receivers:
        receiver.end()
        time.sleep(AWAY)
        receiver.start()
        receiver.wait_until_ready()
        time.sleep(AWAY)


def receiver_restarted(cluster: Cluster) -> None:
    """SIGTERM for each receiver in turn, and a start at once."""
    for receiver in cluster.receivers:
        receiver.end(signal.SIGTERM)
        receiver.start()
        receiver.wait_until_ready()
        time.sleep(AWAY)


def balancer_killed(cluster: Cluster) -> None:
    """SIGKILL for HAProxy; back after 4 s."""
    if cluster.balancer is None:
        raise NotHereError("haproxy is not installed")
    cluster.balancer.end()
    time.sleep(AWAY)
    cluster.balancer.start()


def leader_stalled(cluster: Cluster) -> None:
    """SIGSTOP for the node that leads the stream, SIGCONT after 12 s."""
    leader = cluster.leader()
    leader.send_signal(signal.SIGSTOP)
    time.sleep(3 * AWAY)
    leader.send_signal(signal.SIGCONT)
    until(lambda: cluster.healthy(leader), 60, "the node is back")


def all_nodes_stalled(cluster: Cluster) -> None:
    """SIGSTOP for all nodes, SIGCONT after 12 s: the network is away."""
    for node in cluster.nodes:
        node.send_signal(signal.SIGSTOP)
    time.sleep(3 * AWAY)
    for node in cluster.nodes:
        node.send_signal(signal.SIGCONT)
    cluster.leader()


def receiver_stalled(cluster: Cluster) -> None:
    """SIGSTOP for a receiver, SIGCONT after 12 s."""
    cluster.receivers[0].send_signal(signal.SIGSTOP)
    time.sleep(3 * AWAY)
    cluster.receivers[0].send_signal(signal.SIGCONT)


def stream_full(cluster: Cluster) -> None:
    """The stream holds what it has and no more; room is made after 4 s."""

    async def hold(js: JetStreamContext) -> None:
        info = await js.stream_info(STREAM)
        await js.update_stream(info.config, max_bytes=info.state.bytes + 1)

    async def release(js: JetStreamContext) -> None:
        info = await js.stream_info(STREAM)
        await js.update_stream(info.config, max_bytes=1 << 30)

    cluster.ask(hold)
    time.sleep(AWAY)
    cluster.ask(release)


def clock_set_back(cluster: Cluster) -> None:
    """The clock of the receivers goes back by an hour.

    nats-server is linked statically, and libfaketime cannot reach it: the clocks of
    the nodes stay as they are.
    """
    (cluster.folder / "clock").write_text("-3600s\n")
    time.sleep(AWAY)


def disk_full(cluster: Cluster) -> None:
    """The disk under the nodes is full for 4 s; then all nodes are started again.

    nats-server stops its JetStream when it cannot write, until it is started again.
    """
    ballast = cluster.folder / "disk" / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    time.sleep(AWAY)
    ballast.unlink()
    # All at once: one alone would wait for the others, which do nothing.
    for node in cluster.nodes:
        node.end()
    for node in cluster.nodes:
        node.start()
    for node in cluster.nodes:
        until(partial(cluster.healthy, node), 60, f"{node.name} is back")
    cluster.leader()


FAULTS: dict[str, Callable[[Cluster], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        nothing,
        leader_killed,
        nodes_in_turn,
        all_nodes_killed,
        receiver_killed,
        receiver_restarted,
        balancer_killed,
        leader_stalled,
        all_nodes_stalled,
        receiver_stalled,
        stream_full,
        clock_set_back,
        disk_full,
    )
}
