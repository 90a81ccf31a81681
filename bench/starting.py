"""Starting: how soon the command answers and the page stands, and what an idle bot keeps in memory."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import ROOT, Figure, children, memory

BOT = (sys.executable, "-m", "bot")
TIMES = 3
IDLE_SECONDS = 5.0
GIVE_UP_SECONDS = 60.0


def measure() -> list[Figure]:
    help_seconds = statistics.median(_help() for _ in range(TIMES))
    demo = statistics.median(_demo() for _ in range(TIMES))
    started, idle, beside = _run()
    note = f"{beside or 'no'} other process beside it"
    return [
        Figure("kiebot --help", help_seconds, "s", at_most=0.5),
        Figure("kiebot demo: first answer of the page", demo, "s", at_most=3),
        Figure("kiebot run --sandbox: first answer", started, "s", at_most=3),
        Figure("idle bot with the sandbox, without chat libraries", idle, "MB", at_most=120, note=note),
    ]


def _help() -> float:
    began = time.perf_counter()
    subprocess.run([*BOT, "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _demo() -> float:
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        began = time.perf_counter()
        with _started(folder, "demo", "--port", str(port)) as process:
            _first_answer(f"http://127.0.0.1:{port}/chat", process)
            return time.perf_counter() - began


def _run() -> tuple[float, float, int]:
    """Seconds to the first answer, MB when idle, and how many processes stand beside it."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        began = time.perf_counter()
        with _started(folder, "run", "--sandbox", HTTP_PORT=str(port)) as process:
            _first_answer(f"http://127.0.0.1:{port}/healthz", process)
            started = time.perf_counter() - began
            time.sleep(IDLE_SECONDS)
            return started, memory(process.pid), len(children(process.pid))


@contextmanager
def _started(folder: str, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A bot without any settings of this machine's own."""
    environment = {"PATH": os.defpath, "DATA_DIR": folder, **settings}
    command = [*BOT, *arguments]
    with (
        Path(folder, "log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def _first_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=GIVE_UP_SECONDS) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.005)
    raise RuntimeError(f"{url} did not answer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
