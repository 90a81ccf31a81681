"""The `kiebot` command in tests: here in the process, or as a process of its own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import av
from support.sources import ROOT


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.splitlines()
        return line


class Kiebot(Protocol):
    """`kiebot("jobs", "--json", HTTP_PORT="0")`: words, and settings for this once."""

    def __call__(self, *words: object, **settings: str) -> Ended: ...


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **settings}


def begin(*words: object, **settings: str) -> subprocess.Popen[str]:
    """Start a command in the current folder."""
    command = [sys.executable, "-m", "bot", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=_environment(settings), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )


def run_apart(*words: object, **settings: str) -> Ended:
    """Run a command as a process of its own."""
    with begin(*words, **settings) as process:
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


@contextmanager
def running(*words: object, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until the end of the block, then is asked to stop."""
    with begin(*words, **settings) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The next line of stdout that holds `words`."""
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return line.strip()
    raise AssertionError(f"it never said {words!r}: {process.stderr.read() if process.stderr else ''}")


# The first terminal that a session's leader opens is the one whose keys interrupt it.
_TAKE_TERMINAL = """
import os, sys
os.open(os.ttyname(0), os.O_RDWR)
os.execv(sys.executable, [sys.executable, "-m", "bot", *sys.argv[1:]])
"""


class Person:
    """Somebody at a terminal who answers each question once it is asked."""

    def __init__(self, *words: object, **settings: str) -> None:
        self.seen = ""
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *map(str, words)],
            env=_environment({"TERM": "xterm", "COLUMNS": "120", **settings}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def answers(self, question: str, answer: str) -> None:
        for text in self._reading():
            if question in text:
                os.write(self._terminal, answer.encode())
                return
        raise AssertionError(f"never asked {question!r}: {self.seen}")

    def ends(self) -> int:
        """The exit status."""
        for _ in self._reading():
            pass
        os.close(self._terminal)
        return self._process.wait(timeout=30)

    def _reading(self) -> Iterator[str]:
        while True:
            try:
                more = os.read(self._terminal, 1 << 16)
            except OSError:  # what Linux answers once the other side has gone
                return
            self.seen += more.decode(errors="replace")
            yield self.seen


def wait_for(file: Path, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < end, f"{file} never came"
        time.sleep(0.05)


@dataclass(frozen=True)
class Clip:
    width: int
    height: int
    seconds: float
    sound: bool


def clip(file: Path) -> Clip:
    """What a player finds in an MP4, all of whose pictures can be decoded."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        pictures = sum(1 for _ in container.decode(stream))
        rate = stream.average_rate
        assert rate
        sound = bool(container.streams.audio)
        return Clip(stream.width, stream.height, round(float(pictures / rate), 1), sound)
