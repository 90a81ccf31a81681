"""A whole bot in Telegram: the real adapter against the stand-in over HTTP, the real house behind it, fakes at KIE's
door. Time is the house's: tests let it pass, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.house import House, open_house
from support.telegram_chats import Chat
from support.telegram_messages import Message, Press, User
from support.telegram_server import TelegramServer
from support.telegram_world import World

from adapters.telegram.chat import TelegramChat
from bot.domain import Button, CommunityRef, UserRef
from bot.durable import DurableInbox, DurableMemory
from bot.masking import Secret
from bot.talk import Talk

BOSS_ID = 1
BOSS = UserRef("telegram", str(BOSS_ID))
QUIET_SECONDS = 10
NUMBERS = itertools.count(1001)


@dataclass
class TelegramHouse:
    """`boss` is the operator, `ada` somebody who has started the bot; each talks to it in `chat_of`."""

    house: House
    server: TelegramServer
    talk: Talk
    memory: DurableMemory
    telegram: TelegramChat
    ada: User
    boss: User
    running: asyncio.Task[None]
    notices: list[tuple[str, str, tuple[Button, ...]]] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.server.world

    @property
    def chat(self) -> Chat:
        """Ada's own."""
        return self.world.private(self.ada)

    @property
    def name(self) -> str:
        return str(self.world.bot.username)

    def person(self, name: str, *, started: bool = True, language: str = "en") -> User:
        user = self.world.user(next(NUMBERS), name, language_code=language)
        self.world.private(user).started = started
        return user

    async def ask(self, chat: Chat, user: User, text: str = "", **how: Any) -> Message:
        """Somebody says something; what the bot says to it, when it has said all."""
        before = len(chat.messages)
        await chat.says(user, text, **how)
        await self.quiet()
        assert len(chat.messages) > before, f"no answer to {text!r}"
        return chat.messages[-1]

    async def says(self, text: str = "", **how: Any) -> Message:
        """Ada, in her own chat."""
        return await self.ask(self.chat, self.ada, text, **how)

    async def press(self, message: Message, button: str, user: User | None = None) -> Press:
        """Pressed, answered, and everything shown that follows."""
        press = await message.chat.press(user or self.ada, message, button)
        await press.answer()
        await self.quiet()
        return press

    async def quiet(self) -> None:
        """Nothing is waiting any more, and nothing is being done."""
        async with asyncio.timeout(QUIET_SECONDS):
            await self.world.wait_until(lambda: not self.world.updates.waiting)
            while await self.house.value("SELECT COUNT(*) FROM inbox WHERE handled_at IS NULL"):
                assert not self.running.done(), self.running
                await asyncio.sleep(0.005)

    async def silence(self, chat: Chat, user: User, text: str = "", **how: Any) -> None:
        """Somebody says something, and the bot nothing."""
        before = len(chat.messages)
        await chat.says(user, text, **how)
        await self.quiet()
        assert chat.messages[before:] == []

    async def deliver(self, job_id: str = "") -> None:
        """Let everything that is under way come to its end."""
        ids = [job_id] if job_id else [each.id for each in await self.house.office.jobs()]
        await self.house.end(*ids)
        await self.quiet()


@asynccontextmanager
async def open_telegram(
    folder: Path, server: TelegramServer | None = None, house_options: Any = None, **settings: Any
) -> AsyncIterator[TelegramHouse]:
    """Opened again in the same folder with the same `server` and the clock in `house_options`, it is the same bot
    after a stop."""
    made = {"operators": (BOSS,), "commands_per_minute": 1000, **settings}
    async with open_house(folder, **(house_options or {}), **made) as house:
        if server is None:
            async with TelegramServer(clock=house.clock) as own, _talking(house, own) as found:
                yield found
        else:
            async with _talking(house, server) as found:
                yield found


@asynccontextmanager
async def _talking(house: House, server: TelegramServer) -> AsyncIterator[TelegramHouse]:
    notices: list[tuple[str, str, tuple[Button, ...]]] = []
    memory = DurableMemory(house.store, house.clock)

    async def tell(who: UserRef, text: str) -> bool:
        return await telegram.tell(who.external_id, text)

    async def notice(kind: str, text: str, buttons: Sequence[Button] = ()) -> None:
        notices.append((kind, text, tuple(buttons)))
        await telegram.tell(BOSS.external_id, text, buttons)

    async def operators() -> Sequence[UserRef]:
        return [BOSS]

    async def is_member(who: UserRef, community: CommunityRef) -> bool:
        return await telegram.is_member(who.external_id, community)

    talk = Talk(studio=house.studio, office=house.office, tell=tell, notice=notice, is_member=is_member)
    telegram = TelegramChat(
        token=Secret(server.token),
        api_url=server.url,
        public_url=None,
        clock=house.clock,
        inbox=DurableInbox(house.store, house.clock),
        memory=memory,
        talk=talk,
        notice=notice,
        operators=operators,
        fit=house.media.fit,
    )
    house.adapters["telegram"] = telegram
    ada, boss = server.world.user(1000, "Ada"), server.world.user(BOSS_ID, "Boss")
    for each in (ada, boss):
        server.world.private(each).started = True
    await telegram.start()
    running = asyncio.create_task(telegram.run())
    try:
        yield TelegramHouse(house, server, talk, memory, telegram, ada, boss, running, notices)
    finally:
        await telegram.stop()
        running.cancel()
        await asyncio.wait([running])
        await telegram.close()
    if not running.cancelled():
        running.result()
