"""Where a stream ends, and the consumers by which JetStream lets it be read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from echolab.carrying.provision import UnusableError, covers
from echolab.carrying.pulling import NANOSECONDS, AwayError, RefusalError, ask

if TYPE_CHECKING:
    from nats.aio.client import Client

    from echolab.carrying.address import Address
    from echolab.carrying.client import NatsClient

__all__ = ["ACKNOWLEDGE_SECONDS", "consumer", "identity", "last_place"]

ACKNOWLEDGE_SECONDS = 30.0
"""What is not acknowledged by then is delivered again, perhaps to another reader."""
MOST_UNACKNOWLEDGED = 4096
FORGOTTEN_SECONDS = 3600.0
"""After so long without a request, the engine forgets a reader without a name."""
NOT_FOUND = 404


async def last_place(client: NatsClient, address: Address) -> int:
    """Return the place of the last message in a stream; 0 if there was none.

    Raises:
        AwayError: the stream is not there.
        UnusableError: it has other subjects.
        RefusalError: the engine does not tell.
    """
    stream, subject = address.stream, f"{address.subject}.>"
    try:
        info = await ask(client, f"STREAM.INFO.{stream}")
    except RefusalError as why:
        if why.code != NOT_FOUND:
            raise
        raise AwayError(f"there is no stream {stream}") from None
    subjects = info["config"].get("subjects") or []
    if not any(covers(each, subject) for each in subjects):
        others = ", ".join(subjects) or "none"
        raise UnusableError(
            f"the stream {stream} is there without the subjects {subject}; "
            f"it has {others}"
        )
    return int(info["state"]["last_seq"])


async def identity(client: Client, stream: str) -> str:
    """Return what tells a stream from others, by whichever server it is asked for.

    Raises:
        AwayError: the stream is not there.
        RefusalError: the engine does not tell.
    """
    return str((await ask(client, f"STREAM.INFO.{stream}"))["created"])


async def consumer(
    client: NatsClient,
    stream: str,
    subject: str,
    begin: object,
    name: str | None,
) -> str:
    """Return the name of a consumer, which is made unless it is there.

    Args:
        client: the connection.
        stream: the name of the stream.
        subject: which messages it delivers.
        begin: the place or the time of the first message; anything else for all.
        name: its name; None for one that is forgotten some time after its last use.

    Raises:
        AwayError: the engine does not answer.
        UnusableError: there is another consumer of that name.
        RefusalError: the engine makes none.
    """
    config: dict[str, object] = {
        **_start(begin),
        "filter_subject": subject,
        "replay_policy": "instant",
    }
    if name is None:
        config |= {
            "ack_policy": "none",
            "inactive_threshold": int(FORGOTTEN_SECONDS * NANOSECONDS),
            "mem_storage": True,
            "num_replicas": 1,
        }
        what = f"CONSUMER.CREATE.{stream}"
        made = await ask(client, what, stream_name=stream, config=config)
        return str(made["name"])
    try:
        there = await ask(client, f"CONSUMER.INFO.{stream}.{name}")
    except RefusalError as why:
        if why.code != NOT_FOUND:
            raise
    else:
        _check(there["config"], name, subject)
        return name
    config |= {
        "durable_name": name,
        "ack_policy": "explicit",
        "ack_wait": int(ACKNOWLEDGE_SECONDS * NANOSECONDS),
        "max_ack_pending": MOST_UNACKNOWLEDGED,
    }
    what = f"CONSUMER.DURABLE.CREATE.{stream}.{name}"
    await ask(client, what, stream_name=stream, config=config)
    return name


def _start(begin: object) -> dict[str, object]:
    if isinstance(begin, int):
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": begin}
    if isinstance(begin, datetime):
        time = begin.isoformat()
        return {"deliver_policy": "by_start_time", "opt_start_time": time}
    return {"deliver_policy": "all"}


def _check(config: dict[str, Any], name: str, wanted: str) -> None:
    if config.get("deliver_subject") or config.get("ack_policy") != "explicit":
        raise UnusableError(f"{name} is a reader that echolab has not made")
    subject = config.get("filter_subject")
    if subject != wanted:
        raise UnusableError(f"{name} reads the subjects {subject}, not {wanted}")
