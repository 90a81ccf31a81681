"""Lanes: one update after the other within each, many lanes side by side, presses past the messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from adapters.telegram.reading import PRESS_LANE, album_of, has_file
from bot.ports import Clock, Update

# Under way at a time. Most of them only wait until Telegram lets them answer; those that bring a file hold up to 20 MB.
# Presses have places of their own, so that they overtake.
AT_ONCE, WITH_FILE_AT_ONCE = 500, 16
ROOM = 2000  # updates in memory beyond which none are fetched: Telegram keeps them as well
ALBUM_QUIET = 0.8  # seconds; nothing says how many parts an album has (telegram.md 1)
STOP_SECONDS = 10.0

# Does one update, or all parts of one album, for the n-th time (from 0); returns in how many seconds it must be tried
# again, or None when it is done.
Work = Callable[[Sequence[Update], int], Awaitable[float | None]]


class Lanes:
    """Hands what waits to `work`, which must not raise."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._lanes: dict[str, deque[Update]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._messages = asyncio.Semaphore(AT_ONCE)
        self._files = asyncio.Semaphore(WITH_FILE_AT_ONCE)
        self._presses = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._stopping = False

    def add(self, updates: Iterable[Update]) -> None:
        for update in updates:
            self._count(1)
            if update.lane in self._lanes:
                self._lanes[update.lane].append(update)
                continue
            self._lanes[update.lane] = deque([update])
            worker = asyncio.create_task(self._empty(update.lane), name=_name(update.lane))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def room(self) -> None:
        """Wait until more can be taken in."""
        await self._has_room.wait()

    async def idle(self) -> None:
        """Wait until everything is done."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def emptied(self, lane: str) -> None:
        """Wait until everything in this lane is done."""
        workers = [each for each in self._workers if each.get_name() == _name(lane)]
        if workers:
            await asyncio.wait(workers)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Begin nothing more, and let what runs now end within `seconds`. What is left waits for the next start."""
        self._stopping = True
        deadline = asyncio.create_task(self._clock.sleep(seconds))
        idle = asyncio.create_task(self.idle())
        await asyncio.wait((deadline, idle), return_when=asyncio.FIRST_COMPLETED)
        ending = [deadline, idle, *self._workers]
        for task in ending:
            task.cancel()
        await asyncio.wait(ending)

    # --- one lane ------------------------------------------------------------------------------------------------

    async def _empty(self, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting:
                updates = await self._next(waiting)
                await self._do(updates, self._slots(updates[0]))
                self._count(-len(updates))
        finally:
            del self._lanes[lane]

    async def _next(self, waiting: deque[Update]) -> Sequence[Update]:
        """The first; if it is part of an album, together with the others, once no more of them come."""
        first = waiting.popleft()
        album = album_of(first.payload)
        if not album:
            return (first,)
        seen = -1
        while seen != len(waiting):
            seen = len(waiting)
            await self._clock.sleep(ALBUM_QUIET)
        others = [each for each in waiting if album_of(each.payload) == album]
        for each in others:
            waiting.remove(each)
        return (first, *others)

    def _slots(self, update: Update) -> asyncio.Semaphore:
        if update.lane.startswith(PRESS_LANE):
            return self._presses
        return self._files if has_file(update.payload) else self._messages

    async def _do(self, updates: Sequence[Update], slots: asyncio.Semaphore) -> None:
        pause: float | None = 0.0
        tries = 0
        while pause is not None:
            if tries:
                await self._clock.sleep(pause)
            async with slots:
                if self._stopping:
                    return
                pause = await self._work(updates, tries)
            tries += 1

    def _count(self, change: int) -> None:
        self._waiting += change
        if self._waiting < ROOM:
            self._has_room.set()
        else:
            self._has_room.clear()


def _name(lane: str) -> str:
    return f"telegram {lane}"
