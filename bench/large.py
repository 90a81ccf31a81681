"""A database of a million transfers and a restart with ten thousand jobs: checks, backup beside orders, first steps."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from decimal import Decimal
from functools import partial
from pathlib import Path

from bench import running
from bench.house import MODEL, at_work, becomes, open_with, settings_in
from bench.kie import always_generating
from bench.measure import Figure, fresh, serving
from bench.running import JOBS, looks, populate
from bot.app import Core, open_bot, open_core
from bot.domain import ChatRef, Request, UserRef, Video, new_id
from bot.money import ledger
from bot.settings import Settings
from bot.store import Tx, backup, money
from bot.store.plain import video_text
from bot.studio import Ask, Quoted

TRANSFERS = 1_000_000
USERS = 10_000
ENDED = (TRANSFERS - USERS) // 2  # a hold and its settlement each
PIECE = 100_000
CHECKED_TIMES = 5
VIDEO = video_text(Video("7K3M9QX2AB.mp4", 8_000_000, 1280, 720, Decimal(8), True, "7K3M9QX2AB.jpg"))


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, serving(always_generating) as url:
        # in pieces, each with a time limit of its own: this is most of the bench's time
        filled = [fresh(fill, folder=folder, first=first) for first in range(0, ENDED, PIECE)][-1]
        checked, backed = fresh(check, folder=folder), fresh(back_up, folder=folder)
        fresh(populate, folder=f"{folder}/busy", url=url)
        first = fresh(restart, folder=f"{folder}/busy", url=url)
    size, what = f"{backed['size']:.0f} MB", f"{filled['transfers']:,.0f} transfers"
    return [
        Figure(f"checks over {what}, median", checked["seconds"], "s", at_most=2),
        Figure(f"checks over {what}, slowest", checked["worst"], "s"),
        Figure("a balance asked during the checks, slowest", checked["slowest"] * 1000, "ms", at_most=250),
        Figure(f"an order during a backup of {size}, slowest", backed["slowest"] * 1000, "ms", at_most=250),
        Figure(f"backup of {size} beside orders", backed["seconds"], "s"),
        Figure(f"restart with {JOBS:,} running jobs: first step", first["seconds"], "s", at_most=2),
    ]


async def fill(folder: str, first: int) -> dict[str, float]:
    """Many members who were given credits once and had many videos made."""
    async with open_with(_settings(folder)) as core:
        now = core.clock.now()
        if first == 0:
            await core.store.write(partial(_fill_members, now=now))
            await _order(core, -1)
        for begin in range(first, min(first + PIECE, ENDED), 10_000):
            many = min(10_000, ENDED - begin)
            await core.store.write(partial(_fill_jobs, first=begin, many=many, now=now))
        counted: float = await core.store.read(lambda tx: tx.value("SELECT COUNT(*) FROM transfers"))
    return {"transfers": counted}


def _fill_members(tx: Tx, now: int) -> None:
    for user in range(1, USERS + 1):
        tx.run("INSERT INTO users (id, created_at) VALUES (?, ?)", user, now)
        money.post(tx, ledger.welcome(user, 1_000_000), now)


def _fill_jobs(tx: Tx, first: int, many: int, now: int) -> None:
    """Jobs like the one that was ordered, with what an order and its end book; every tenth failed."""
    order = tx.one("SELECT id, price FROM jobs ORDER BY created_at LIMIT 1")
    assert order
    for n in range(first, first + many):
        user, job, failed = n % USERS + 1, new_id(), n % 10 == 0
        account = ledger.user_account(user)
        money.post(tx, ledger.hold(job, account, order["price"]), now)
        money.post(tx, ledger.settle(job, account, order["price"], earned=not failed), now)
        tx.run(
            "INSERT INTO jobs (id, key, user_id, payer, state, task_id, outcome, failure_kind, failure_text, video,"
            " delivered_to, submitted_at, settled_at, ended_at, created_at, due_at, chat, request, model, kie_model,"
            " input, price, kie_credits_micro, callback_token, video_token)"
            " SELECT ?, ?, ?, ?, 'delivered', ?, ?, ?, ?, ?, 'message', created_at, created_at, created_at, created_at,"
            " due_at, chat, request, model, kie_model, input, price, kie_credits_micro, callback_token, video_token"
            " FROM jobs WHERE id = ?",
            job,
            f"ended:{n}",
            user,
            account,
            f"{n:032x}",
            "failure" if failed else "video",
            "provider" if failed else None,
            "it did not work" if failed else None,
            None if failed else VIDEO,
            order["id"],
        )


async def check(folder: str) -> dict[str, float]:
    """The checks again and again, and somebody who only wants to know a balance meanwhile."""
    spans: list[float] = []
    slowest = 0.0
    async with open_core(_settings(folder)) as core:
        for _ in range(CHECKED_TIMES):
            began = time.perf_counter()
            checking = asyncio.create_task(core.office.verify())
            while not checking.done():
                asked = time.perf_counter()
                await core.studio.balance(UserRef("web", "buyer"))
                slowest = max(slowest, time.perf_counter() - asked)
                await asyncio.sleep(0.005)
            assert await checking == {}
            spans.append(time.perf_counter() - began)
    return {"seconds": statistics.median(spans), "worst": max(spans), "slowest": slowest}


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
