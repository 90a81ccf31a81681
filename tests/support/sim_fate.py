"""Chance and death in a simulated life: one seeded source of both, asked at every door."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from support.crashing import InlineStore, Killed

from bot.errors import RetryLater
from bot.store import Tx

T = TypeVar("T")


class Fate:
    """Decides by its seed. Every effect on the outside passes `door` twice, before and after: there others get a turn,
    and there the process may die. `calm` ends all troubles."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.calm = False
        self.dead = False
        self.doors = 0
        self._dies_in = 0

    def arm(self, doors: int) -> None:
        """Begin a life that ends at the so-manieth door from here; 0: it does not."""
        self.dead, self._dies_in = False, doors

    def strikes(self, probability: float) -> bool:
        """Whether a trouble of this probability happens now."""
        return not self.calm and self.chance.random() < probability

    async def door(self) -> None:
        """Raises Killed when the process is dead."""
        if self.dead:
            raise Killed
        self.doors += 1
        if self._dies_in:
            self._dies_in -= 1
            if not self._dies_in:
                self.dead = True
                raise Killed
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            await asyncio.sleep(0)
            if self.dead:
                raise Killed


class SimStore(InlineStore):
    """The real store, in the caller's thread, with a door on either side of each transaction."""

    def __init__(self, path: Path, fate: Fate, busy: float) -> None:
        super().__init__(path)
        self._fate = fate
        self._busy = busy

    async def write(self, fn: Callable[[Tx], T]) -> T:
        await self._fate.door()
        if self._fate.strikes(self._busy):
            raise RetryLater("another process holds the database")
        result = await super().write(fn)
        await self._fate.door()
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        await self._fate.door()
        return await super().read(fn)
