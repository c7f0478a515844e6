"""The stream itself: made if it is not there, compared if it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from echolab.quantities import plain

if TYPE_CHECKING:
    from nats.aio.client import Client

    from echolab.carrying.address import Address

__all__ = ["UnusableError", "covers", "differences", "provide"]

ANSWER_SECONDS = 5.0
SMALLEST_MESSAGE = 1 << 20
"""The longest message that the engine must take; it is the default of NATS."""

NOT_FOUND = 10059
NAME_IN_USE = 10058
FOR_EVER = {
    10039: "JetStream is not enabled for this account",
    10052: "the stream cannot be made",
    10065: "its subjects are those of another stream",
    10074: "several replicas need several servers in a cluster",
}
"""Errors of JetStream that waiting does not mend."""


class UnusableError(Exception):
    """The engine is there, and cannot be used as the address says."""


async def provide(client: Client, address: Address) -> list[str]:
    """Make the stream of an address, unless it is there.

    Returns:
        How the stream differs from what the address says; nothing of it is changed.

    Raises:
        UnusableError: it can never be used, as long as nobody changes something.
        nats.errors.Error: it cannot be used now.
    """
    if client.max_payload < SMALLEST_MESSAGE:
        raise UnusableError(
            f"its max_payload is {client.max_payload} bytes; "
            f"at least {SMALLEST_MESSAGE} are needed"
        )
    manager = client.jsm(timeout=ANSWER_SECONDS)
    wanted = _config(address)
    try:
        info = await manager.stream_info(address.stream)
    except NotFoundError as error:
        if error.err_code != NOT_FOUND:
            raise
        try:
            info = await manager.add_stream(wanted)
        except APIError as why:
            if why.err_code in FOR_EVER:
                meaning = FOR_EVER[why.err_code]
                raise UnusableError(f"{meaning} ({why.description})") from None
            if why.err_code != NAME_IN_USE:
                raise
            # Another receiver was faster.
            info = await manager.stream_info(address.stream)
    subjects = info.config.subjects or []
    if not any(covers(subject, f"{address.subject}.>") for subject in subjects):
        raise UnusableError(
            f"the stream {address.stream} is there without the subjects "
            f"{address.subject}.>; it has {', '.join(subjects) or 'none'}"
        )
    return differences(info.config, wanted)


def _config(address: Address) -> StreamConfig:
    return StreamConfig(
        name=address.stream,
        subjects=[f"{address.subject}.>"],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        num_replicas=address.replicas,
        max_bytes=address.max_bytes,
        max_age=address.max_age_seconds,
        duplicate_window=address.duplicates_seconds,
    )


def covers(pattern: str, subjects: str) -> bool:
    """Whether a pattern of a stream matches all that ``subjects`` does: ``lab.>``."""
    ours = subjects.split(".")
    theirs = pattern.split(".")
    for index, each in enumerate(theirs):
        if each == ">":
            return index < len(ours)
        if index >= len(ours) or ours[index] == ">" or each not in ("*", ours[index]):
            return False
    return len(theirs) == len(ours)


def differences(there: StreamConfig, wanted: StreamConfig) -> list[str]:
    """Return how a stream differs from the wanted one: ``max_age is 60, not 0``."""
    found = []
    for name in (
        *("storage", "retention", "discard", "num_replicas"),
        *("max_bytes", "max_age", "duplicate_window"),
    ):
        is_now, is_wanted = _text(getattr(there, name)), _text(getattr(wanted, name))
        if is_now != is_wanted:
            found.append(f"{name} is {is_now}, not {is_wanted}")
    if (there.max_msgs or -1) > 0:
        found.append(f"max_msgs is {there.max_msgs}, not unlimited")
    if 0 < (there.max_msg_size or -1) < SMALLEST_MESSAGE:
        found.append(f"max_msg_size is {there.max_msg_size}, not unlimited")
    return found


def _text(value: Any) -> str:
    if isinstance(value, int | float):
        return plain(value)
    return str(getattr(value, "value", value))
