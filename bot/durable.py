"""The doors Inbox and Memory over the database: what a chat must not forget when the process dies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain import UserRef
from bot.ports import Clock, Update
from bot.store import Store, Tx, inbox, memory


class DurableInbox:
    """`ports.Inbox`. Every method may raise RetryLater (nothing was written) or StoreBroken."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def put(self, updates: Sequence[Update]) -> Sequence[Update]:
        now = self._clock.now()
        return await self._store.write(lambda tx: [each for each in updates if inbox.put(tx, each, now)])

    async def waiting(self, platform: str) -> Sequence[Update]:
        return await self._store.read(lambda tx: inbox.waiting(tx, platform))

    async def count(self, updates: Sequence[Update]) -> None:
        def write(tx: Tx) -> None:
            for each in updates:
                inbox.count(tx, each)

        await self._store.write(write)

    async def clear(self, update: Update) -> None:
        await self._store.write(lambda tx: inbox.clear(tx, update))

    async def handled(self, update: Update, trouble: str | None = None) -> None:
        now = self._clock.now()
        await self._store.write(lambda tx: inbox.handled(tx, update.platform, update.id, now, trouble))


class DurableMemory:
    """`ports.Memory`. Every method may raise RetryLater (nothing was written) or StoreBroken."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, name: str) -> Any:
        now = self._clock.now()
        return await self._store.read(lambda tx: memory.get(tx, name, now))

    async def put(
        self, name: str, value: Any, *, seconds: float | None = None, owner: UserRef | None = None
    ) -> None:
        expires = self._expires(seconds)
        await self._store.write(lambda tx: memory.put(tx, name, value, owner, expires))

    async def put_first(self, name: str, value: Any, *, seconds: float | None = None) -> bool:
        now, expires = self._clock.now(), self._expires(seconds)

        def write(tx: Tx) -> bool:
            if memory.get(tx, name, now) is not None:
                return False
            memory.put(tx, name, value, None, expires)
            return True

        return await self._store.write(write)

    async def drop(self, name: str) -> None:
        await self._store.write(lambda tx: memory.drop(tx, name))

    def _expires(self, seconds: float | None) -> int | None:
        return None if seconds is None else self._clock.now() + int(seconds * 1000)
