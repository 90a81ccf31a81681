"""The bots that are measured: settings, all models on offer, jobs of any number already running."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.app import Bot, Core, open_core
from bot.domain import ChatRef, Job, JobState, ModelState, ModelStatus, Request, UserRef
from bot.settings import Settings
from bot.store import Tx, jobs, provider
from bot.studio import Ask, Quoted

MODEL = "veo-3-1:lite"


def settings_in(folder: Path, **more: Any) -> Settings:
    """Open to anyone, with credits and room for as many orders as a bench makes; the web server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Settings(
        data_dir=folder,
        access="open",
        new_user_credits=1_000_000,
        max_queued_per_user=1_000_000,
        http_port=port,
        **more,
    )


@asynccontextmanager
async def open_with(settings: Settings) -> AsyncIterator[Core]:
    """The use cases over a new database; every model is on offer, as in the sandbox."""
    async with open_core(settings) as core:
        await core.store.write(lambda tx: _offer_all(tx, core))
        yield core


def _offer_all(tx: Tx, core: Core) -> None:
    for model in core.studio.catalog:
        if model.status.state is not ModelState.ACTIVE:
            provider.set_model_state(tx, core.settings.kie_api_url, model.id, ModelStatus(), core.clock.now())


@asynccontextmanager
async def at_work(bot: Bot) -> AsyncIterator[None]:
    """The bot runs meanwhile; should it die, so does the bench."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(bot.run(stop))
        yield
        stop.set()


async def order_one(core: Core, target: Path) -> Job:
    """An order from a terminal, whose video is to lie at `target`."""
    who = UserRef("cli", "bench")
    request = Request(MODEL, "a happy dog running in the garden")
    quoted = await core.studio.quote(Ask(who, ChatRef("cli", str(target)), f"ask:{target}", request))
    assert isinstance(quoted, Quoted)
    return await core.studio.order(who, quoted.draft.id)


async def until(core: Core, job: Job, state: JobState) -> Job:
    """The job once it is in that state."""
    while True:
        found = await core.store.read(lambda tx: jobs.get(tx, job.id))
        assert found
        if found.state is state:
            return found
        await asyncio.sleep(0.002)


async def becomes(true: Callable[[], bool]) -> None:
    """Look again and again until it is."""
    while True:
        if true():
            return
        await asyncio.sleep(0.001)
