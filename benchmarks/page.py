#!/usr/bin/env python3
"""The page of a server under load: memory of both, early and late; see README.md here.

Usage: python benchmarks/page.py [--minutes N] [--peers N] [--lines N]

Peers send LINES lines a second in writes of ten, and some of them come and go. If there
is a Chromium, it shows the page; its heap and its frames are measured too.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

from programs import resident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

COMMAND = [
    *(sys.executable, "-m", "echolab", "server", "--interface", "127.0.0.1"),
    *("--port", "0"),
]
TURN_SECONDS = 0.01
LINES_A_WRITE = 10
FRAMES = """
const done = arguments[0], began = performance.now();
let frames = 0;
(function draw(now) {
  frames += 1;
  if (now - began > 1000) done(frames); else requestAnimationFrame(draw);
})(began);
"""


@contextlib.contextmanager
def server(*, page: bool = True) -> Iterator[tuple[subprocess.Popen[bytes], int, str]]:
    """Start a server; yield it, its port and the address of its page, if it has one."""
    command = [*COMMAND, "--web", "0"] if page else COMMAND
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        port, address = 0, ""
        while not port or (page and not address):
            line = process.stderr.readline().decode()
            if found := re.search(r"listening on .*:(\d+)", line):
                port = int(found[1])
            if found := re.search(r"watch at (\S+)", line):
                address = found[1]
        try:
            yield process, port, address
        finally:
            process.terminate()


def send(port: int, peers: int, lines: int, done: threading.Event) -> None:
    """Send lines from many peers, one of which is replaced ten times a second."""
    from programs import connected

    clients = [connected(port) for _ in range(peers)]
    began = time.monotonic()
    sent = turn = 0
    while not done.wait(TURN_SECONDS):
        turn += 1
        while sent < (time.monotonic() - began) * lines and not done.is_set():
            number = sent // LINES_A_WRITE % peers
            clients[number].sendall(b"a line of peer %d\n" % number * LINES_A_WRITE)
            sent += LINES_A_WRITE
        if turn % 10 == 0:
            number = random.randrange(peers)
            clients[number].close()
            clients[number] = connected(port)
    for client in clients:
        client.close()


@contextlib.contextmanager
def chromium(address: str) -> Iterator[Chrome | None]:
    """Open the page in Chromium, if there is one."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("no chromium: only the server is measured")
        yield None
        return
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for argument in (
            *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"),
            *("--disable-gpu", "--disable-background-networking", "--no-first-run"),
            *("--js-flags=--expose-gc", "--window-size=1400,1000"),
            f"--user-data-dir={folder}",
        ):
            options.add_argument(argument)
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options, service)
        try:
            driver.set_script_timeout(60)
            driver.get(address)
            yield driver
        finally:
            driver.quit()


def look(process: subprocess.Popen[bytes], driver: Chrome | None) -> dict[str, float]:
    """Return what is measured, in megabytes and frames a second."""
    figures = {"server MiB": resident(process.pid) / (1 << 20)}
    if driver is not None:
        script: Any = driver.execute_script
        script("window.gc()")
        heap = script("return performance.memory.usedJSHeapSize")
        figures["browser heap MiB"] = heap / (1 << 20)
        figures["frames/s"] = driver.execute_async_script(FRAMES)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--peers", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=20_000)
    options = parser.parse_args()
    seconds = options.minutes * 60
    done = threading.Event()
    with server() as (process, port, address), chromium(address) as driver:
        load = threading.Thread(
            target=send, args=(port, options.peers, options.lines, done)
        )
        load.start()
        began = time.monotonic()
        try:
            while (passed := time.monotonic() - began) < seconds:
                done.wait(min(30.0, seconds / 4))
                figures = look(process, driver)
                text = ", ".join(f"{name} {each:.1f}" for name, each in figures.items())
                print(f"{passed:6.0f} s  {text}", flush=True)
        finally:
            done.set()
            load.join()
        if driver is not None:
            log: Any = driver
            print("console:", log.get_log("browser") or "empty")


if __name__ == "__main__":
    main()
