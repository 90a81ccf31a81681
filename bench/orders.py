"""Orders: from the press of Confirm to a durable job, alone and with 100 callers at once."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from bench.house import MODEL, open_with, settings_in
from bench.measure import Figure, fresh, median_of, percentile
from bot.app import Core
from bot.domain import ChatRef, Request, UserRef
from bot.store import Store, Tx
from bot.studio import Ask, Quoted, Studio

CALLERS = 100
EACH = 20
ALONE = 500
ROUNDS = 3

T = TypeVar("T")
Statement = tuple[str, tuple[Any, ...]]


def measure() -> list[Figure]:
    rounds = [(fresh(ours), fresh(bare)) for _ in range(ROUNDS)]
    mine, naive = median_of([each for each, _ in rounds]), median_of([each for _, each in rounds])
    note = "the same writes bare through aiosqlite, a transaction per hop"
    return [
        Figure(
            f"orders, {CALLERS} callers",
            mine["rate"],
            "/s",
            at_least=max(1000, 0.6 * naive["rate"]),
            naive=naive["rate"],
            note=note,
        ),
        Figure("order, one caller, p50", mine["p50"], "ms", at_most=3, naive=naive["p50"], note=note),
        Figure("order, one caller, p99", mine["p99"], "ms", naive=naive["p99"], note=note),
    ]


async def ours() -> dict[str, float]:
    """Drafts prepared beforehand, then `studio.order`."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_with(settings_in(Path(folder))) as core:
            drafts = await prepare(core)

            async def order(n: int) -> None:
                await core.studio.order(*drafts[n])

            return await time_all(order)


async def bare() -> dict[str, float]:
    """The statements of those very orders, recorded and rolled back, then run without anything of ours."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder))
        async with open_with(settings) as core:
            works = await record(core, await prepare(core))
        async with aiosqlite.connect(settings.database_path, isolation_level=None) as connection:
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute("PRAGMA synchronous = FULL")
            await connection.execute("PRAGMA foreign_keys = ON")

            in_its_thread: Callable[..., Awaitable[None]] = connection._execute

            async def order(n: int) -> None:
                await in_its_thread(transact, connection._conn, works[n])

            return await time_all(order)


def transact(connection: sqlite3.Connection, work: Sequence[Statement]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for sql, values in work:
        connection.execute(sql, values)
    connection.execute("COMMIT")


async def time_all(order: Callable[[int], Awaitable[None]]) -> dict[str, float]:
    """One caller first, then all of them at once."""
    alone = []
    for n in range(ALONE):
        started = time.perf_counter()
        await order(n)
        alone.append((time.perf_counter() - started) * 1000)

    async def call(caller: int) -> None:
        for n in range(EACH):
            await order(ALONE + caller * EACH + n)

    started = time.perf_counter()
    await asyncio.gather(*map(call, range(CALLERS)))
    rate = CALLERS * EACH / (time.perf_counter() - started)
    return {"rate": rate, "p50": percentile(alone, 0.5), "p99": percentile(alone, 0.99)}


async def prepare(core: Core) -> list[tuple[UserRef, str]]:
    """A quoted draft for every order: who asked, and its id."""
    drafts = []
    for n in range(ALONE + CALLERS * EACH):
        who = UserRef("web", f"member{n // EACH}")
        request = Request(MODEL, "a happy dog running in the garden", aspect="landscape")
        quoted = await core.studio.quote(Ask(who, ChatRef("web", who.external_id), f"ask:{n}", request))
        assert isinstance(quoted, Quoted)
        drafts.append((who, quoted.draft.id))
    return drafts


# --- the same statements -----------------------------------------------------------------------------------------


class Recorder(Tx):
    """Notes every statement that changes something."""

    __slots__ = ("statements",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.statements: list[Statement] = []

    def run(self, sql: str, *values: Any) -> int:
        self.statements.append((sql, values))
        return super().run(sql, *values)


class RecordingStore(Store):
    """Runs each write, notes its statements, and takes it back."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.works: list[list[Statement]] = []

    async def write(self, fn: Callable[[Tx], T]) -> T:
        recorder = Recorder(self._writer)
        self._writer.execute("BEGIN")
        try:
            result = fn(recorder)
        finally:
            self._writer.execute("ROLLBACK")
        self.works.append(recorder.statements)
        return result


async def record(core: Core, drafts: Sequence[tuple[UserRef, str]]) -> list[list[Statement]]:
    async with RecordingStore(core.settings.database_path) as store:
        studio = Studio(
            store=store,
            models=core.studio.catalog,
            media=core.media,
            clock=core.clock,
            settings=core.settings,
            content_rules=(),
        )
        for who, draft_id in drafts:
            await studio.order(who, draft_id)
        return store.works
