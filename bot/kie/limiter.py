"""How often KIE may be called: so many calls in any stretch of time, first come, first served."""

from __future__ import annotations

import math
from collections import deque

from bot.errors import RetryLater
from bot.ports import Clock
from bot.texts import say

# Calls sent evenly may arrive bunched; a window a little longer than KIE's keeps them inside its count.
_MARGIN = 1.05


class SlidingWindow:
    """At most `limit` calls in any `span` seconds. Pure: it is told the time."""

    def __init__(self, limit: int, span: float) -> None:
        self._span = span
        self._booked: deque[float] = deque(maxlen=limit)

    def book(self, now: float, patience: float = math.inf) -> float | None:
        """Book the next free moment; returns the seconds until then, or None (nothing booked) beyond `patience`."""
        wait = self.free_in(now)
        if wait > patience:
            return None
        self._booked.append(now + wait)
        return wait

    def free_in(self, now: float) -> float:
        """Seconds until a moment is free."""
        full = len(self._booked) == self._booked.maxlen
        return max(0.0, self._booked[0] + self._span - now) if full else 0.0


class Pace:
    """The limits of one account: 20 creations in 10 s, 10 looks per second (kie-api.md 2, Limits)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._creates = SlidingWindow(20, 10 * _MARGIN)
        self._looks = SlidingWindow(10, 1 * _MARGIN)

    async def create(self, patience: float) -> None:
        """Wait for a turn. Raises RetryLater at once when that would take longer than `patience` seconds."""
        await self._turn(self._creates, patience)

    async def look(self) -> None:
        await self._turn(self._looks, math.inf)

    async def _turn(self, window: SlidingWindow, patience: float) -> None:
        now = self._clock.monotonic()
        wait = window.book(now, patience)
        if wait is None:
            raise RetryLater(say("kie.own_limit"), window.free_in(now))
        if wait:
            await self._clock.sleep(wait)
