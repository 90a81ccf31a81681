"""The whole bot as `kiebot run --sandbox` opens it, in this process, with the stand-in in Telegram's place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support.telegram_server import TelegramServer

from bot.app import Bot, open_sandboxed
from bot.domain import UserRef
from bot.masking import Secret
from bot.sandbox.server import Sandbox
from bot.settings import Settings

BOSS = UserRef("telegram", "1")


@dataclass(frozen=True, slots=True)
class TelegramBot:
    bot: Bot
    telegram: TelegramServer
    sandbox: Sandbox


def settings_for(telegram: TelegramServer, folder: Path, **settings: Any) -> Settings:
    """Everybody is let in with 1000 credits and may ask as often as they like; Boss (user 1) is the operator."""
    made = Settings(
        http_port=0,
        new_user_credits=1000,
        commands_per_minute=1000,
        access="open",
        operators=(BOSS,),
        data_dir=folder,
        telegram_bot_token=Secret(telegram.token),
        telegram_api_url=telegram.url,
    )
    return replace(made, **settings)


@contextlib.asynccontextmanager
async def telegram_bot(
    folder: Path,
    telegram: TelegramServer,
    *,
    faults: Mapping[str, str] | None = None,
    speed: float = 10_000.0,
    **settings: Any,
) -> AsyncIterator[TelegramBot]:
    """Running until the end of the block, then stopped as by Ctrl-C. In real time."""
    made = settings_for(telegram, folder, **settings)
    opened = open_sandboxed(made, folder, faults=faults or {}, speed=speed, chats=True)
    async with opened as (bot, sandbox):
        stop = asyncio.Event()
        running = asyncio.create_task(bot.run(stop))
        try:
            yield TelegramBot(bot, telegram, sandbox)
        finally:
            stop.set()
            await running
