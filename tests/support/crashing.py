"""A store that dies with its process at a chosen write: before it, or after it but before anybody learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bot.errors import RetryLater
from bot.store import Store, Tx
from bot.store.db import _Work

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nothing that runs in it comes any further."""


class InlineStore(Store):
    """Reads and writes in the caller's own thread: for simulations of many lives, where the hops take most time."""

    async def write(self, fn: Callable[[Tx], T]) -> T:
        loop = asyncio.get_running_loop()
        work: _Work[T] = _Work(fn, loop, loop.create_future())
        self._write_whole([work])
        if work.error is not None:
            raise work.error
        result: T = work.result
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return self._read(fn)

    async def read_long(self, fn: Callable[[Tx], T]) -> T:
        return await self.read(fn)


class CrashingStore(InlineStore):
    """Behaves until it is armed; then dies at the n-th write from there, and everything that asks it with it.

    While `busy` is above 0 it refuses that many writes instead.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.dead = False
        self.busy = 0
        self.writes = 0
        self._at = 0
        self._after = False

    def arm(self, write: int, *, after: bool) -> None:
        """Die at this write (1 is the next, 0 never): with `after` it is committed, else it never began."""
        self.writes, self._at, self._after = 0, write, after

    async def write(self, fn: Callable[[Tx], T]) -> T:
        self._check()
        if self.busy:
            self.busy -= 1
            raise RetryLater("another process holds the database")
        self.writes += 1
        last = self.writes == self._at
        if last and not self._after:
            self.dead = True
        self._check()
        result = await super().write(fn)
        if last:
            self.dead = True
        self._check()
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        self._check()
        result = await super().read(fn)
        self._check()
        return result

    def _check(self) -> None:
        if self.dead:
            raise Killed
