"""Test a protocol with the same bytes, cut in every way: recv returns no messages."""

from __future__ import annotations

import random
from collections import deque
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from typing_extensions import override

from echolab.ends import EndCause
from echolab.events import Accepted, Chunk, Connected, Finished, LeftOut
from echolab.testing.memory import connected
from echolab.testing.transcript import Transcript
from echolab.testing.wording import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

    from echolab.testing.memory import Conversation, Maker
    from echolab.testing.questions import Who
    from echolab.testing.remembering import Remembering

__all__ = ["Replayed", "cut", "cuttings", "recut", "replay_into"]

RANDOM_CUTTINGS = 50


class _FarEnd(Protocol):
    """The peer of the tested protocol."""

    def __init__(self) -> None:
        self.received = b""

    @override
    def dataReceived(self, data: bytes) -> None:
        self.received += data


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The behaviour of a protocol in one run."""

    written: bytes
    ended: bool
    error: str
    observed: object

    def in_words(self) -> str:
        words = [f"wrote {self.written!r}"]
        if self.ended:
            words.append("ended the connection")
        if self.error:
            words.append(f"raised {self.error}")
        if self.observed is not None:
            words.append(f"observed {self.observed!r}")
        return ", ".join(words)

    def is_nothing(self) -> bool:
        return not (self.written or self.ended or self.error)


def recut(
    protocol_factory: Maker,
    data: bytes,
    *,
    observe: Callable[[Any], object] | None = None,
    pieces: Sequence[bytes] | None = None,
    random_cuttings: int = RANDOM_CUTTINGS,
    seed: int | None = None,
) -> None:
    """Check that a protocol behaves the same, however its input is cut.

    A fresh protocol gets ``data`` in one piece. Others get it cut in two at every
    position, byte by byte, and in random pieces. The test compares what each writes,
    whether it ends the connection, what it raises, and what ``observe`` returns. The
    time grows with the square of ``len(data)``: some hundred bytes are enough.

    Args:
        protocol_factory: makes the protocols. A factory with state is shared by all
            of them: to avoid that, give its class, or a function that makes it.
        data: all bytes that each protocol receives; then its peer ends.
        observe: gets the protocol at the end, and returns what else to compare, such
            as the lines it has passed on: a value, not a generator or a lock.
        pieces: try only this cutting (from `cuttings`).
        random_cuttings: how many random cuttings to try.
        seed: repeats the same random cuttings; a failure shows the seed.

    Raises:
        AssertionError: the behaviour differs, or the uncut input raises; the message
            has the smallest cutting found.
        TypeError: ``protocol_factory`` does not make protocols; ``data`` is not bytes;
            or the result of ``observe`` cannot be copied and compared.
        ValueError: there is nothing to compare (the protocol wrote and did nothing,
            and there is no ``observe``); there is no data; or the pieces are not the
            pieces of ``data``.
    """
    __tracebackhide__ = True
    if not isinstance(data, bytes):
        raise TypeError(f"data is bytes, not {data!r}")
    if not data:
        raise ValueError("there is no data to cut")

    def outcome(cuts: Sequence[int]) -> _Outcome:
        return _outcome(protocol_factory, cut(data, cuts), observe)

    whole = outcome(())
    if whole.error:
        raise failure(f"uncut, it raises {whole.error}")
    if observe is None and whole.is_nothing():
        raise ValueError(
            "nothing to compare: the protocol did nothing that its peer can see; "
            "give observe="
        )
    if seed is None:
        seed = random.randrange(1 << 32)
    for cuts in (
        [_cuts_of(data, pieces)]
        if pieces is not None
        else _tries(len(data), random_cuttings, seed)
    ):
        if outcome(cuts) != whole:
            smallest = _shrink(cuts, lambda fewer: outcome(fewer) != whole)
            shown = " | ".join(repr(piece) for piece in cut(data, smallest))
            raise failure(
                f"it behaves differently when cut (seed {seed}):\n"
                f"  cut:   {shown}\n"
                f"         {outcome(smallest).in_words()}\n"
                f"  whole: {data!r}\n"
                f"         {whole.in_words()}"
            )


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    """Cut bytes before each position; ignore positions outside.

    Returns:
        The pieces in order, none of them empty.
    """
    inner = {each for each in positions if 0 < each < len(data)}
    ends = sorted({0, len(data)} | inner)
    return [data[start:end] for start, end in pairwise(ends)]


def cuttings(data: bytes) -> SearchStrategy[list[bytes]]:
    """Return a Hypothesis strategy for ``data`` in pieces; needs the extra ``kit``.

    It shrinks towards fewer pieces.
    """
    from hypothesis import strategies as st

    positions = st.sets(st.integers(1, max(1, len(data) - 1)))
    return positions.map(lambda chosen: cut(data, chosen))


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a recording played to a protocol.

    Attributes:
        protocol: the protocol.
        written: all bytes it has sent.
        ended: whether it ended the connection itself.
        clock: the clock, at the end of the recording.
    """

    protocol: Any
    written: bytes
    ended: bool
    clock: Clock


def replay_into(
    protocol_factory: Maker,
    transcript: Remembering | str | Path,
    peer: Who = None,
    *,
    clock: Clock | None = None,
) -> Replayed:
    """Play a recording to a protocol in memory: the same chunks, the same gaps.

    Args:
        protocol_factory: makes the protocol.
        transcript: the recording, or its path.
        peer: the peer whose connection is played; optional if there is only one.
        clock: the protocol's clock, if it has one.

    Raises:
        ValueError: there are several peers and none is named, or there is no such peer,
            or the recording has not all that it sent.
    """
    clock = clock or Clock()
    if isinstance(transcript, str | Path):
        transcript = Transcript.load(transcript)
    peers = transcript.peers()
    if peer is None and len(peers) > 1:
        raise ValueError(f"{len(peers)} peers in it: say which")
    for event in transcript.of(peer):
        if isinstance(event, LeftOut) and event.received_bytes:
            raise ValueError(f"bytes of peer {event.peer.number} were not kept")
    conversation = connected(protocol_factory, _FarEnd, clock=clock)
    began: float | None = None
    sizes: deque[int] = deque()
    for event in transcript.of(peer):
        if isinstance(event, Accepted | Connected):
            began = event.time - clock.seconds()
        elif isinstance(event, Chunk | Finished):
            began = event.time - clock.seconds() if began is None else began
            clock.advance(max(0.0, event.time - began - clock.seconds()))
            if isinstance(event, Chunk):
                conversation.client.transport.write(event.data)
                sizes.append(len(event.data))
            _deliver(conversation, sizes)
            if isinstance(event, Finished):
                _end(conversation, reset=event.cause is EndCause.RESET)
    if began is None:
        raise ValueError(
            "no connection in it" if peer is None else f"no peer {peer} in it"
        )
    return Replayed(
        conversation.server,
        conversation.client.received,
        conversation.from_server.disconnecting,
        clock,
    )


def _outcome(
    maker: Maker, pieces: Sequence[bytes], observe: Callable[[Any], object] | None
) -> _Outcome:
    conversation = connected(maker, _FarEnd)
    error = ""
    try:
        conversation.client.transport.write(b"".join(pieces))
        _deliver(conversation, deque(map(len, pieces)))
        ended = conversation.from_server.disconnecting
        _end(conversation)
    except Exception as raised:
        error, ended = repr(raised), True
    observed = _copied(observe(conversation.server)) if observe else None
    return _Outcome(conversation.client.received, ended, error, observed)


def _copied(observed: object) -> object:
    """Copy the observed value: it may change if the protocols share state.

    Raises:
        TypeError: it cannot be copied, or does not equal its own copy.
    """
    try:
        copy = deepcopy(observed)
        if copy == observed:
            return copy
        why = "it does not equal its own copy"
    except Exception as error:
        why = str(error)
    raise TypeError(
        f"observe= returned {observed!r}, which cannot be compared ({why}): "
        "return what has a value, as a list of lines"
    )


def _deliver(conversation: Conversation, sizes: deque[int]) -> None:
    """Deliver as many pieces as the protocol reads now, and the answers to each."""
    while sizes and conversation.from_client.deliver(sizes[0]):
        sizes.popleft()
        while conversation.from_server.deliver():
            pass
        conversation.from_server.step()


def _end(conversation: Conversation, *, reset: bool = False) -> None:
    if reset:
        conversation.client.transport.abortConnection()
    else:
        conversation.client.transport.loseConnection()
    conversation.flush()


def _cuts_of(data: bytes, pieces: Sequence[bytes]) -> list[int]:
    if b"".join(pieces) != data:
        raise ValueError("the pieces are not of the data")
    cuts = []
    at = 0
    for piece in pieces[:-1]:
        at += len(piece)
        cuts.append(at)
    return cuts


def _tries(size: int, random_cuttings: int, seed: int) -> Iterator[list[int]]:
    """Yield cuttings, the smallest first."""
    positions = range(1, size)
    yield from ([position] for position in positions)
    yield list(positions)
    choice = random.Random(seed)
    for _ in range(random_cuttings if size > 2 else 0):
        yield sorted(choice.sample(positions, choice.randint(1, size - 1)))


def _shrink(cuts: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> list[int]:
    """Remove cuts, one after the other, while the check still fails."""
    smallest = list(cuts)
    for position in cuts:
        fewer = [other for other in smallest if other != position]
        if fewer and fails(fewer):
            smallest = fewer
    return smallest
