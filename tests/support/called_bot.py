"""A whole bot that KIE's stand-in calls back, signed, and that anybody else may call as well."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from support.kill_house import free_port
from support.kill_life import HastyClock

from bot.app import Bot, open_bot, sandboxed
from bot.domain import ChatRef, Job, JobState, Request, UserRef, Video
from bot.masking import Secret
from bot.sandbox.callbacks import signature
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox
from bot.sandbox.world import Task
from bot.settings import Settings
from bot.store import checks, jobs, money, people
from bot.studio import Ask, Quoted

KEY = "the-key-that-kie-signs-with"
WHO = UserRef("cli", "ada")
MODEL = "veo-3-1:lite"
CREDITS = 100_000
SECONDS = 20.0  # for anything awaited
HASTE = 10.0
MUCH_LATER = 31 * 60.0  # a submission whose answer was lost is given up by then


class PassingClock(HastyClock):
    """Runs ten times as fast as the machine's, and may be told that time has passed."""

    def __init__(self) -> None:
        super().__init__(HASTE, time.time())
        self._passed = 0.0

    def now(self) -> int:
        return super().now() + round(self._passed * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds


@dataclass
class CalledBot:
    """`url` is where it may be called. Its member's videos go to `folder`."""

    bot: Bot
    kie: Sandbox
    clock: PassingClock
    url: str
    folder: Path
    paid: int = 0
    _answered: dict[str, int] = field(default_factory=dict)

    async def order(self, prompt: str) -> Job:
        """The `callbacks` counted from here on are this job's."""
        self._answered = self._calls()
        studio = self.bot.core.studio
        ask = Ask(WHO, ChatRef("cli", str(self.target(prompt))), f"ask:{prompt}", Request(MODEL, prompt))
        quoted = await studio.quote(ask)
        assert isinstance(quoted, Quoted)
        return await studio.order(WHO, quoted.draft.id)

    def target(self, prompt: str) -> Path:
        return self.folder / "delivered" / f"{prompt}.mp4"

    async def job(self, job: Job) -> Job:
        found = await self.bot.core.store.read(lambda tx: jobs.get(tx, job.id))
        assert found
        return found

    async def until(self, true: Callable[[], object], wanted: str) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    if true():
                        return
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{wanted} never came; callbacks: {self.callbacks}") from None

    async def until_job(self, job: Job, true: Callable[[Job], bool], wanted: str) -> Job:
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    if true(found := await self.job(job)):
                        return found
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{wanted} never came: {await self.job(job)}") from None

    async def until_ended(self, job: Job) -> Job:
        return await self.until_job(job, lambda found: found.state is JobState.DELIVERED, "an end")

    async def until_looked(self, job: Job) -> Job:
        """Until the engine has taken one more step with the job since `job` was read, and rests."""
        await self.until_job(job, lambda found: found.lease > job.lease, "a look")
        await self.until(lambda: not self.bot.engine.steps_under_way, "rest")
        return await self.job(job)

    # --- KIE's side

    def bodies(self, prompt: str) -> list[dict[str, Any]]:
        """Every createTask that KIE took for this prompt."""
        return [body for body in self.kie.created if body["input"]["prompt"] == prompt]

    async def task(self, prompt: str) -> Task:
        """The one that was made for the prompt, as soon as there is one."""
        await self.until(lambda: self.bodies(prompt), "a createTask")
        return next(task for task in self.kie.tasks.values() if task.input["prompt"] == prompt)

    @property
    def callbacks(self) -> dict[str, int]:
        """How the calls since the last order were answered, and how often."""
        return {
            name: count - self._answered.get(name, 0)
            for name, count in self._calls().items()
            if count > self._answered.get(name, 0)
        }

    def _calls(self) -> dict[str, int]:
        counts = self.bot.meters.counts.items()
        return {dict(labels)["answer"]: count for (name, labels), count in counts if name == "callbacks"}

    async def call(self, address: str, body: bytes | Mapping[str, Any], **headers: str) -> int:
        """Somebody calls; returns the status of the answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.post(address, content=content, headers=headers)).status_code

    # --- what must hold in the end

    async def check(self, job: Job, prompt: str) -> None:
        """Asked for once, its file there or its credits back, and the ledger whole."""
        assert len(self.bodies(prompt)) == 1
        video = isinstance(job.outcome, Video)
        self.paid += job.price if video else 0
        assert self.target(prompt).exists() is video
        store = self.bot.core.store
        assert await store.read(checks.broken) == {}
        user = await store.read(lambda tx: people.find_user(tx, WHO))
        assert user
        balance = await store.read(lambda tx: money.balance(tx, user.account))
        assert (balance.available, balance.held) == (CREDITS - self.paid, 0)
        told = await store.read(lambda tx: [event.kind for event in jobs.events(tx, job.id)])
        assert told.count("delivered") == told.count("submitting") == 1


def signed(task_id: str, key: str = KEY, at: float | None = None) -> dict[str, str]:
    """The headers of a call about a task, as whoever holds `key` makes them."""
    timestamp = round(time.time() if at is None else at)
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": signature(key, task_id, timestamp)}


@asynccontextmanager
async def open_called_bot(folder: Path) -> AsyncIterator[CalledBot]:
    """Running until the end of the block. Its KIE knows no waiting, and no limits."""
    options = SandboxOptions(speed=math.inf, rate_limits=False, stock_clip=True, webhook_key=KEY)
    port, clock = free_port(), PassingClock()
    url = f"http://127.0.0.1:{port}"
    async with Sandbox(options) as kie:
        settings = Settings(
            access="open",
            new_user_credits=CREDITS,
            commands_per_minute=1000,
            max_running_per_user=10,
            http_port=port,
            public_url=url,
            kie_webhook_key=Secret(KEY),
        )
        async with open_bot(sandboxed(settings, kie.url, folder), clock=clock) as bot:
            stop = asyncio.Event()
            running = asyncio.create_task(bot.run(stop))
            try:
                yield CalledBot(bot, kie, clock, url, folder)
            finally:
                kie.faults.clear()
                stop.set()
                await running
