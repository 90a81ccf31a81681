"""Media work of a running bot, held up in the middle: found from outside, by /proc, and by a file that takes no more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from support.kill_house import KillHouse, Life

T = TypeVar("T")

SECONDS = 20.0
PROC = Path("/proc")


@dataclass(frozen=True)
class HeldWork:
    """The process `pid` has opened `part` to write a thumbnail, and comes no further."""

    pid: int
    part: Path


@asynccontextmanager
async def work_held(house: KillHouse, life: Life) -> AsyncIterator[HeldWork]:
    """Lets the one task that KIE is stuck with end, and holds its video's media work up while the thumbnail is written."""
    (job,) = [job for job in await house.jobs() if job["state"] != "delivered"]
    pid = await _until(lambda: next(media_of(life.pid), None), "a media process")
    part = house.data / "videos" / f"{job['id']}.jpg.{pid}.part"
    with _full_pipe(part):
        house.kie.faults.clear("stuck-generating")
        await _until(lambda: _has_open(pid, part), "media work")
        yield HeldWork(pid, part)


def media_of(parent: int) -> Iterator[int]:
    """The processes doing media work, or ready to do it, for this one."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # after the name in brackets: state, parent (proc(5))
            found = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if found == parent and b"bot.media" in (folder / "cmdline").read_bytes():
                yield int(folder.name)


async def gone(pid: int) -> None:
    """Until a process has ended, whether anybody has asked how or not."""
    await _until(lambda: _state(pid) in ("", "Z"), f"the end of {pid}")


def _state(pid: int) -> str:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@contextmanager
def _full_pipe(path: Path) -> Iterator[None]:
    """A named pipe without room: whoever opens it to write stops at the first byte."""
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(end, bytes(4096))
        yield
    finally:
        os.close(end)


def _has_open(pid: int, path: Path) -> bool:
    try:
        return any(each.readlink() == path for each in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


async def _until(wanted: Callable[[], T | None], what: str) -> T:
    until = time.monotonic() + SECONDS
    while not (found := wanted()):
        assert time.monotonic() < until, f"{what} never came"
        await asyncio.sleep(0.01)
    return found
