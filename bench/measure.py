"""What all benches share: figures, processes of their own for their parts, and what the kernel knows of a process."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MEGABYTE = 1_000_000
PART_SECONDS = 300

Part = Callable[..., Awaitable[dict[str, float]]]
Serve = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `naive` is what the naive way took in the same run; `note` says what that way is."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    naive: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None: there is no target."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    def to_json(self) -> dict[str, Any]:
        names = ("name", "value", "unit", "at_least", "at_most", "naive", "note", "met")
        return {name: getattr(self, name) for name in names}


# --- processes ---------------------------------------------------------------------------------------------------


def fresh(part: Part, **given: Any) -> dict[str, float]:
    """Run a module's coroutine function in a new interpreter, so that nobody else's memory is measured with it."""
    ended = subprocess.run(
        _command(part, given), cwd=ROOT, stdout=subprocess.PIPE, timeout=PART_SECONDS, check=True, text=True
    )
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


@contextmanager
def serving(serve: Serve, **given: Any) -> Iterator[str]:
    """A server in a process of its own, whose memory and CPU time are not counted; gives its address."""
    command = _command(serve, given)
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


async def announce(url: str) -> None:
    """Tell `serving` the address, then wait until it is no longer needed."""
    print(url, flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _command(function: Callable[..., Any], given: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "bench.part", function.__module__, function.__name__, json.dumps(given)]


# --- what the kernel knows (Linux) -------------------------------------------------------------------------------


def memory(pid: int | str = "self", what: str = "VmRSS") -> float:
    """Resident memory in MB; `VmHWM` for the most since the start or `forget_peak`."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) * 1024 / MEGABYTE


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def forget_peak() -> None:
    """From here on `VmHWM` counts anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def cpu_seconds() -> float:
    """CPU time of this process so far, without its children."""
    times = os.times()
    return times.user + times.system


# --- numbers -----------------------------------------------------------------------------------------------------


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def median_of(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each value over several runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
