"""A database of a million transfers and a restart with ten thousand jobs: checks, backup beside orders, first steps."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from functools import partial
from pathlib import Path

from bench import running
from bench.house import MODEL, at_work, becomes, open_with, settings_in
from bench.kie import always_generating
from bench.measure import Figure, fresh, serving
from bench.running import JOBS, looks, populate
from bot.app import Core, open_bot, open_core
from bot.domain import ChatRef, Request, UserRef
from bot.settings import Settings
from bot.store import Tx, backup
from bot.studio import Ask, Quoted

TRANSFERS = 1_000_000
USERS = 10_000
CHECKED_TIMES = 3


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, serving(always_generating) as url:
        fresh(fill, folder=folder)
        checked, backed = fresh(check, folder=folder), fresh(back_up, folder=folder)
        fresh(populate, folder=f"{folder}/busy", url=url)
        first = fresh(restart, folder=f"{folder}/busy", url=url)
    size = f"{backed['size']:.0f} MB"
    return [
        Figure(f"checks over {TRANSFERS:,} transfers", checked["seconds"], "s", at_most=2),
        Figure(f"an order during a backup of {size}, slowest", backed["slowest"] * 1000, "ms", at_most=250),
        Figure(f"backup of {size} beside orders", backed["seconds"], "s"),
        Figure(f"restart with {JOBS:,} running jobs: first step", first["seconds"], "s", at_most=2),
    ]


async def fill(folder: str) -> dict[str, float]:
    """Many members who were given something many times."""
    async with open_with(_settings(folder)) as core:
        now = core.clock.now()
        for number in range(0, TRANSFERS, 20_000):
            await core.store.write(partial(_fill, first=number, many=20_000, now=now))
    return {"transfers": TRANSFERS}


def _fill(tx: Tx, first: int, many: int, now: int) -> None:
    """Grants of one credit to members in turn: the balance of each is the sum of its own."""
    for n in range(first, first + many):
        user = n % USERS + 1
        if n < USERS:
            tx.run("INSERT INTO users (id, created_at) VALUES (?, ?)", user, now)
            tx.run("INSERT INTO balances (account, available) VALUES (?, 0)", f"user:{user}")
        tx.run(
            "INSERT INTO transfers (at, source, target, amount, reference) VALUES (?, 'issuance', ?, 1, ?)",
            now,
            f"user:{user}",
            f"grant:{n}",
        )
        tx.run("UPDATE balances SET available = available + 1 WHERE account = ?", f"user:{user}")


async def check(folder: str) -> dict[str, float]:
    """The fastest of a few: the first also reads the file."""
    spans = []
    async with open_core(_settings(folder)) as core:
        for _ in range(CHECKED_TIMES):
            began = time.perf_counter()
            assert await core.office.verify() == {}
            spans.append(time.perf_counter() - began)
    return {"seconds": min(spans)}


async def back_up(folder: str) -> dict[str, float]:
    """Orders, one after the other, for as long as the copy takes."""
    async with open_core(_settings(folder)) as core:
        await _order(core, 0)
        began, slowest = time.perf_counter(), 0.0
        copying = asyncio.create_task(
            asyncio.to_thread(backup.backup, core.store.path, Path(folder, "copy.db"))
        )
        for n in itertools.count(1):
            if copying.done():
                break
            asked = time.perf_counter()
            await _order(core, n)
            slowest = max(slowest, time.perf_counter() - asked)
        return {
            "seconds": time.perf_counter() - began,
            "slowest": slowest,
            "size": await copying / 1_000_000,
        }


async def _order(core: Core, n: int) -> None:
    who = UserRef("web", "buyer")
    ask = Ask(who, ChatRef("web", "buyer"), f"ask:{n}", Request(MODEL, "a happy dog"))
    quoted = await core.studio.quote(ask)
    assert isinstance(quoted, Quoted)
    await core.studio.order(who, quoted.draft.id)


async def restart(folder: str, url: str) -> dict[str, float]:
    """From opening the database to the first answer of KIE's."""
    began = time.perf_counter()
    async with open_bot(running.settings(folder, url)) as bot, at_work(bot):
        await becomes(lambda: looks(bot.meters.counts) > 0)
        return {"seconds": time.perf_counter() - began}


def _settings(folder: str) -> Settings:
    return settings_in(Path(folder))
