"""The pieces of work: each is done with a shell command, and measured.

All take the command and a scale: 1 is the whole work, less is a part of it. They raise
`EndedError` if the program does not do it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from parts import until
from programs import (
    BLOCK,
    LINE,
    EndedError,
    Program,
    open_files,
    resident,
)
from results import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS = 8
"""How many clients come and go at a time."""


def scaled(count: int, scale: float) -> int:
    return max(1, int(count * scale))


def crowd(program: Program, count: int) -> Iterator[socket.socket]:
    """Connect so often that no accept queue overflows, not even that of ncat."""
    for number in range(count):
        if number % 8 == 7:
            time.sleep(0.001)
        yield program.connect()


def receive(
    command: str, scale: float, *, megabytes: int = 1024, line_bytes: int = len(LINE)
) -> Run:
    """One connection, lines in writes of 1 MiB; until the program ends."""
    line = b"x" * (line_bytes - 1) + b"\n"
    block = line * (len(BLOCK) // line_bytes)
    writes = scaled(megabytes, scale)
    with Program(command) as program, program.connect() as client:
        before = program.spent()
        began = time.monotonic()
        for _ in range(writes):
            client.sendall(block)
        client.shutdown(socket.SHUT_WR)
        processor = program.wait() - before
        seconds = time.monotonic() - began
        return Run(writes * (len(block) // line_bytes), seconds, processor)


def send(command: str, scale: float) -> Run:
    """A pipe into a client, a sink at the other end."""
    megabytes = scaled(1024, scale)
    reading, writing = os.pipe()

    def feed() -> None:
        with pipe, contextlib.suppress(BrokenPipeError):
            for _ in range(megabytes):
                rest = memoryview(BLOCK)
                while rest:
                    rest = rest[pipe.write(rest) :]

    with (
        os.fdopen(writing, "wb", buffering=0) as pipe,
        socket.create_server(("127.0.0.1", 0)) as listener,
        Program(command, listener.getsockname()[1], stdin=reading) as program,
    ):
        os.close(reading)
        feeder = threading.Thread(target=feed)
        with program.accept(listener) as connection:
            before = program.spent()
            began = time.monotonic()
            feeder.start()
            buffer = bytearray(1 << 20)
            while connection.recv_into(buffer):
                pass
            seconds = time.monotonic() - began
        processor = program.wait() - before
        feeder.join()
        return Run(megabytes * len(BLOCK) // len(LINE), seconds, processor)


def churn(command: str, scale: float) -> Run:
    """Connect, send a line, close; 8 at a time."""
    count = scaled(512, scale)

    def come_and_go(_number: int) -> None:
        for _ in range(count):
            with program.connect() as client:
                client.sendall(LINE)
                client.shutdown(socket.SHUT_WR)
                client.recv(1)

    with Program(command) as program:
        program.connect().close()
        program.settle()
        before = program.spent()
        began = time.monotonic()
        with ThreadPoolExecutor(PEERS) as clients:
            list(clients.map(come_and_go, range(PEERS)))
        seconds = time.monotonic() - began
        program.settle()
        program.kill()
        return Run(PEERS * count, seconds, program.wait() - before)


def many(command: str, scale: float) -> Run:
    """200 connections, each writing one line at a time."""
    rounds = scaled(1024, scale)
    with Program(command) as program, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client) for client in crowd(program, 200)]
        program.settle()
        before = program.spent()
        began = time.monotonic()
        for _ in range(rounds):
            for client in clients:
                client.send(LINE)
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        for client in clients:
            client.recv(1)
            client.close()
        seconds = time.monotonic() - began
        return Run(len(clients) * rounds, seconds, program.spent() - before)


def hold(command: str, scale: float, *, connections: int) -> Run:
    """Many open connections; 200,000 lines, each a write, round robin."""
    rounds = scaled(200_000, scale / connections)
    with Program(command) as program, contextlib.ExitStack() as stack:
        clients = []
        for client in crowd(program, connections):
            clients.append(stack.enter_context(client))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(LINE)
        program.settle()
        before = program.spent()
        began = time.monotonic()
        sends = [client.sendall for client in clients]
        for _ in range(rounds):
            for sendall in sends:
                sendall(LINE)
        program.settle()
        seconds = time.monotonic() - began
        return Run(rounds * connections, seconds, program.spent() - before)


def start_up(command: str, _scale: float) -> Run:
    """From the start to the first connection, or to the end."""
    began = time.monotonic()
    with Program(command) as program:
        if "PORT" in command:
            program.connect().close()
            seconds = time.monotonic() - began
            program.kill()
            return Run(1, seconds, program.wait())
        processor = program.wait()
        return Run(1, time.monotonic() - began, processor)


def idle(command: str, scale: float) -> float:
    """10,000 connections that say nothing. Bytes of resident memory each."""
    count = scaled(10_000, scale)
    with Program(command) as program, contextlib.ExitStack() as stack:
        stack.enter_context(program.connect())
        program.settle()
        before, already = resident(program.pid), open_files(program.pid)
        for client in crowd(program, count):
            stack.enter_context(client)
        until(lambda: open_files(program.pid) >= already + count, 60, "all accepted")
        return (resident(program.pid) - before) / count


def unread(command: str, scale: float) -> float:
    """Four fast senders, a stdout nobody reads for 10 s. MiB over idle.

    Afterwards it is read, and every line must be there.
    """
    done = threading.Event()
    sent = dict.fromkeys(range(4), 0)

    def sender(number: int) -> None:
        block = (b"%063d\n" % number) * 1024
        with program.connect() as client:
            while not done.is_set():
                client.sendall(block)
                sent[number] += 1024

    def end_when_sent() -> None:
        for each in senders:
            each.join()
        os.kill(program.pid, signal.SIGTERM)

    with Program(command, stdout=subprocess.PIPE) as program:
        stdout = program.process.stdout
        assert stdout is not None
        with stdout:
            program.connect().close()
            before = resident(program.pid)
            senders = [threading.Thread(target=sender, args=(n,)) for n in sent]
            for each in senders:
                each.start()
            most = 0
            deadline = time.monotonic() + 10 * scale
            while time.monotonic() < deadline:
                most = max(most, resident(program.pid))
                time.sleep(0.05)
            done.set()
            ender = threading.Thread(target=end_when_sent)
            ender.start()
            lines = Counter(stdout)
            ender.join()
        came = {number: lines.pop(b"%063d\n" % number, 0) for number in sent}
        if lines or came != sent:
            others = lines.total()
            raise EndedError(f"{sent} lines were sent, {came} came, {others} others")
        return (most - before) / (1 << 20)
