"""Commands on Telegram, against the stand-in in a process of its own: how many a second, and how soon one is answered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiogram import Dispatcher
from aiogram.types import Message

from adapters.telegram.session import make_bot
from bench.house import at_work, settings_in
from bench.kie import always_generating
from bench.measure import ROOT, Figure, fresh, median_of, percentile, serving
from bot.app import Bot, open_bot, sandboxed
from bot.masking import Secret

# All at once, and no more than are under way at a time: the cards leave at Telegram's own 30 a second.
COMMANDS = 400
ALONE, PAUSE = 60, 0.05  # one at a time, slower than Telegram's 30 a second
ROUNDS = 3
COMMAND = "/video a happy dog running in the garden"


def measure() -> list[Figure]:
    with serving(always_generating) as kie:
        mine = median_of([fresh(ours, kie=kie) for _ in range(ROUNDS)])
    naive = fresh(bare)
    note = "plain aiogram, which answers one line: nothing is kept or quoted"
    return [
        Figure("Telegram: commands to drafts", mine["rate"], "/s", at_least=100),
        Figure("Telegram: first answer, p50", mine["p50"], "ms", at_most=30, naive=naive["p50"], note=note),
        Figure("Telegram: first answer, p99", mine["p99"], "ms", naive=naive["p99"], note=note),
    ]


async def ours(kie: str) -> dict[str, float]:
    """The whole bot. Each command is from somebody else, who is new to it."""
    with tempfile.TemporaryDirectory() as folder:
        async with telegram() as away:
            settings = replace(
                sandboxed(settings_in(Path(folder)), kie, Path(folder)),
                telegram_bot_token=Secret(away.token),
                telegram_api_url=away.url,
            )
            await asyncio.gather(*(away.says(user) for user in range(COMMANDS)))
            async with open_bot(settings, chats=True) as bot:
                began = time.perf_counter()
                async with at_work(bot):
                    await drafted(bot, COMMANDS)
                    rate = COMMANDS / (time.perf_counter() - began)
                    await away.answered(COMMANDS)
                    return {"rate": rate, **await one_at_a_time(away)}


async def drafted(bot: Bot, many: int) -> None:
    """Until so many quotes are in the database."""
    found = 0
    while found < many:
        await asyncio.sleep(0.005)
        found = await bot.core.store.read(lambda tx: tx.value("SELECT COUNT(*) FROM drafts"))


async def bare() -> dict[str, float]:
    async with telegram() as away:
        bot, dispatcher = make_bot(away.token, away.url), Dispatcher()

        async def answer(message: Message) -> None:
            await message.answer("a happy dog")

        dispatcher.message.register(answer)
        polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False))
        try:
            return await one_at_a_time(away)
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling
            await bot.session.close()


async def one_at_a_time(away: Away) -> dict[str, float]:
    """From the moment somebody begins to send until the bot's words are at Telegram, in ms."""
    taken = []
    for n in range(ALONE):
        before, began = len(await away.answers()), time.time()
        await away.says(10_000 + n)
        answers = await away.answered(before + 1)
        taken.append(answers[-1]["at"] - began * 1000)
        await asyncio.sleep(PAUSE)
    return {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}


# --- Telegram ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Away:
    """Telegram, in its own process."""

    url: str
    token: str
    control: aiohttp.ClientSession

    async def says(self, user: int) -> None:
        """Somebody new begins with a command."""
        await self._do("user", user=user + 1, name=f"Member {user}")
        await self._do("says", user=user + 1, text=COMMAND)

    async def answers(self) -> list[dict[str, Any]]:
        """The bot's messages as they came in."""
        found: list[dict[str, Any]] = await self._do("calls", method="sendMessage")
        return found

    async def answered(self, many: int) -> list[dict[str, Any]]:
        """So many, as soon as they are there."""
        found = await self.answers()
        while len(found) < many:
            await asyncio.sleep(0.002)
            found = await self.answers()
        return found

    async def _do(self, action: str, **arguments: Any) -> Any:
        async with self.control.post(f"/control/{action}", json=arguments) as answer:
            return await answer.json()


@asynccontextmanager
async def telegram() -> AsyncIterator[Away]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.telegram_server", "--drop-uploads"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
    )
    assert process.stdout
    try:
        ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession(ready["url"], raise_for_status=True) as control:
            yield Away(ready["url"], ready["token"], control)
    finally:
        process.terminate()
        await process.wait()
