"""The whole bot with its page, the sandbox in KIE's place, running in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.app import Bot, open_bot, sandboxed
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class WebBot:
    """`url` is the page server's address."""

    bot: Bot
    url: str


@contextlib.asynccontextmanager
async def web_bot(
    folder: Path,
    *,
    faults: Mapping[str, str] | None = None,
    speed: float = 10_000.0,
    stock_clip: bool = False,
    **settings: Any,
) -> AsyncIterator[WebBot]:
    """A running bot on a free port; everybody begins with 1000 credits and may ask as often as they like.

    With `stock_clip` every video is the same tiny one, so that tests which only need some video are quick.
    """
    chosen = replace(Settings(http_port=0, new_user_credits=1000, commands_per_minute=1000), **settings)
    options = SandboxOptions(faults=faults or {}, speed=speed, stock_clip=stock_clip, data=folder / "kie")
    (folder / "kie").mkdir()
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(options))
        made = sandboxed(chosen, sandbox.url, folder)
        bot = await stack.enter_async_context(open_bot(made, sandbox=True))
        await bot.core.office.refresh_models(bot.kie)
        assert bot.web
        stop = asyncio.Event()
        running = asyncio.create_task(bot.run(stop))
        try:
            yield WebBot(bot, bot.web.url)
        finally:
            stop.set()
            await running
