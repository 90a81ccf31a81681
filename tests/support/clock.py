"""A clock for tests: virtual time, so that nobody waits for real."""

from __future__ import annotations

import asyncio
import heapq
import itertools

START = 1_795_000_000_000


class FakeClock:
    """Implements `bot.ports.Clock`. Asleep, time jumps: `sleep(3600)` takes one turn of the loop.

    Sleepers wake in the order of their deadlines, and those who sleep at the same time overlap, as with a real clock.
    With `auto=False` they wait until `advance` reaches them. `slept` lists what was asked for, in seconds.
    """

    def __init__(self, now: int = START, *, auto: bool = True) -> None:
        self._start = now
        self._elapsed = 0.0
        self._auto = auto
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> int:
        return self._start + round(self._elapsed * 1000)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        loop = asyncio.get_running_loop()
        waker: asyncio.Future[None] = loop.create_future()
        deadline = self._elapsed + max(0.0, seconds)
        heapq.heappush(self._sleepers, (deadline, next(self._order), waker))
        if self._auto or seconds <= 0:
            loop.call_soon(self._wake_first)
        await waker

    def advance(self, seconds: float) -> None:
        """Let time pass and wake those whose deadline came; they run at the next turn of the loop."""
        target = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            self._wake_first()
        self._elapsed = max(self._elapsed, target)

    def set(self, seconds: float) -> None:
        """Somebody sets the clock forward, or with a negative number back; the time that passes is not touched."""
        self._start += round(seconds * 1000)

    def _wake_first(self) -> None:
        while self._sleepers:
            deadline, _, waker = heapq.heappop(self._sleepers)
            if not waker.done():
                self._elapsed = max(self._elapsed, deadline)
                waker.set_result(None)
                return
