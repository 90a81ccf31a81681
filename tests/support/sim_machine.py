"""The machine of a simulated life: its media, its disk, its threads and its ids, all by the seed and the clock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from support.house import FakeMedia
from support.sim_fate import Fate

from bot.domain import Picture, Video

ROOM, HARDLY_ANY = 100_000_000_000, 50_000_000


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class SimMedia(FakeMedia):
    """With a door before each piece of work; its files are as old as the simulated clock says."""

    def __init__(self, folder: Path, fate: Fate) -> None:
        super().__init__(folder)
        self._fate = fate

    async def picture(self, data: bytes, name: str = "") -> Picture:
        await self._fate.door()
        picture = await super().picture(data, name)
        self._stamp(self._pictures / picture.sha256)
        return picture

    async def video(self, source: Path, target: Path) -> Video:
        await self._fate.door()
        video = await super().video(source, target)
        self._stamp(target)
        return video

    async def fit(self, source: Path, target: Path, max_bytes: int) -> Video:
        await self._fate.door()
        video = await super().fit(source, target, max_bytes)
        self._stamp(target)
        return video

    def _stamp(self, file: Path) -> None:
        now = self._fate.clock.now() / 1000
        os.utime(file, (now, now))


@contextmanager
def machine(fate: Fate, full_disk: float) -> Iterator[None]:
    """Nothing here depends on the real machine: a thread's work is done at once, ids come from the seed."""

    async def at_once(fn: Callable[..., Any], /, *args: Any, **how: Any) -> Any:
        return fn(*args, **how)

    def usage(path: Any) -> Usage:
        free = HARDLY_ANY if fate.strikes(full_disk) else ROOM
        return Usage(2 * ROOM, 2 * ROOM - free, free)

    with ExitStack() as patches:
        patches.enter_context(mock.patch("secrets.choice", fate.chance.choice))
        patches.enter_context(mock.patch("asyncio.to_thread", at_once))
        patches.enter_context(mock.patch.object(shutil, "disk_usage", usage))
        yield
