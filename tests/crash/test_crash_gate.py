"""KIE's account runs dry under a whole bot with thirty jobs waiting, and is filled up again."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.app import Bot, open_bot, sandboxed
from bot.clock import SystemClock
from bot.domain import ChatRef, Job, Request, UserRef, Video
from bot.errors import UserError
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox
from bot.settings import Settings
from bot.studio import Ask, Quoted

JOBS, PAID = 30, 3
PRICE = 30


class JumpingClock(SystemClock):
    """The machine's time, moved on when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> int:
        return super().now() + round(self.ahead * 1000)


async def order(bot: Bot, n: int) -> Job:
    who = UserRef("web", f"member{n}")
    ask = Ask(who, ChatRef("web", who.external_id), f"ask:{n}", Request("veo-3-1:lite", f"dog {n}"))
    quoted = await bot.core.studio.quote(ask)
    assert isinstance(quoted, Quoted)
    return await bot.core.studio.order(who, quoted.draft.id)


async def until_open(bot: Bot, **wanted: int) -> None:
    """Until just these jobs have not ended yet, by state."""
    async with asyncio.timeout(60):
        while True:
            counts = (await bot.core.office.status()).jobs
            if {state: number for state, number in counts.items() if number} == wanted:
                return
            await asyncio.sleep(0.02)


async def test_thirty_jobs_wait_unharmed_while_kies_account_is_empty_and_go_on_by_themselves(
    tmp_path: Path,
) -> None:
    (tmp_path / "kie").mkdir()
    options = SandboxOptions(
        speed=math.inf,
        rate_limits=False,
        stock_clip=True,
        credits=Decimal(PRICE * PAID + 1),
        data=tmp_path / "kie",
    )
    clock, stop = JumpingClock(), asyncio.Event()
    async with Sandbox(options) as kie:
        settings = replace(Settings(http_port=0, new_user_credits=100, access="open"), max_running=10)
        async with open_bot(sandboxed(settings, kie.url, tmp_path), clock=clock, sandbox=True) as bot:
            ordered = [await order(bot, n) for n in range(JOBS)]
            running = asyncio.create_task(bot.run(stop))
            await until_open(bot, queued=JOBS - PAID)
            assert [gate.code for gate in (await bot.core.office.status()).gates] == [402]
            refusal = ""
            try:
                await order(bot, JOBS)
            except UserError as error:
                refusal = error.text()
            assert "KIE account" in refusal
            assert len(kie.created) == PAID
            kie.world.options = replace(options, credits=Decimal(10_000))
            clock.ahead += 3600
            await bot.keeper.try_gates()
            await until_open(bot)
            assert await bot.core.office.verify() == {}
            ended = [(await bot.core.office.job(job.id))[0] for job in ordered]
            stop.set()
            await running
    assert all(isinstance(job.outcome, Video) for job in ended)
    assert len(kie.created) == JOBS
