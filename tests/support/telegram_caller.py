"""The Bot API stand-in with a real aiogram bot that calls it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Update
from support.telegram_chats import Chat
from support.telegram_messages import User
from support.telegram_server import TelegramServer
from support.telegram_world import Now, World


class QuickSession(AiohttpSession):
    """aiogram waits a quarter of a second at the end, for the sake of TLS, which is not spoken here."""

    async def close(self) -> None:
        if self._session:
            await self._session.close()


@dataclass
class Scene:
    """A server, a bot, and Ada, who has started it."""

    server: TelegramServer
    bot: Bot
    ada: User
    chat: Chat
    offset: int = 0

    @property
    def world(self) -> World:
        return self.server.world

    async def updates(self, seconds: int = 0) -> list[Update]:
        """What has come since the last time."""
        found = await self.bot.get_updates(offset=self.offset or None, timeout=seconds)
        if found:
            self.offset = found[-1].update_id + 1
        return found

    async def texts(self) -> list[str | None]:
        """The words of all messages that have come."""
        return [each.message.text for each in await self.updates() if each.message]


@contextlib.asynccontextmanager
async def scene(clock: Now | None = None, **options: Any) -> AsyncIterator[Scene]:
    async with TelegramServer(clock, **options) as server:
        api = TelegramAPIServer.from_base(server.url)
        ada = server.world.user(1001, "Ada")
        chat = server.world.private(ada)
        chat.started = True
        async with Bot(server.token, session=QuickSession(api=api)) as bot:
            yield Scene(server, bot, ada, chat)


def buttons(**data: str) -> InlineKeyboardMarkup:
    """An inline keyboard: label = data."""
    row = [InlineKeyboardButton(text=label, callback_data=value) for label, value in data.items()]
    return InlineKeyboardMarkup(inline_keyboard=[row])
