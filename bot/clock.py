"""The real clock; tests hand in their own."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's time, as `bot.ports.Clock`."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
