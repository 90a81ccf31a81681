"""Telegram for the adapter contract: the real adapter and its handlers, against the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.contract_place import PUBLIC_URL, SECRET, Place, Seen
from support.telegram_chats import Chat
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_messages import Message

from bot.domain import Job, UserRef


@dataclass
class TelegramPlace(Place):
    live: TelegramHouse
    group: Chat

    async def ask(self, *, in_public: bool = False, private: bool = False) -> Job:
        before = {each.id for each in await self.house.office.jobs()}
        chat, ada = self.group if in_public else self.live.chat, self.live.ada
        if private:
            await self.house.studio.prefer(UserRef("telegram", str(ada.id)), private=True)
        card = await self.live.ask(chat, ada, f"/video@{self.live.name} {SECRET}")
        await self.live.press(card, "✅ Confirm")
        (job,) = [each for each in await self.house.office.jobs() if each.id not in before]
        return job

    async def seen(self) -> Sequence[Seen]:
        return [
            _seen(each) for chat in (self.live.chat, self.group) for each in chat.messages if not each.deleted
        ]

    async def tell_ada(self, text: str) -> bool:
        return await self.adapter.tell(str(self.live.ada.id), text)

    async def shut(self) -> None:
        await self.live.chat.block_bot(self.live.ada)
        await self.group.remove_bot(self.live.ada)

    async def be_busy(self) -> None:
        self.live.server.fault("sendVideo", "flood", retry_after=30)

    async def lose_answer(self) -> None:
        self.live.server.fault("sendVideo", "drop_after")

    async def take_less(self) -> None:
        self.live.server.upload_limit = 1000


def _seen(message: Message) -> Seen:
    links = tuple(each for each in message.buttons.values() if each.startswith("http"))
    # Telegram has no place for a description of a video
    video = message.media.sha256 if message.media else None
    return Seen(message.text, video, "", not message.chat.is_private, links)


@asynccontextmanager
async def telegram_place(folder: Path) -> AsyncIterator[Place]:
    async with open_telegram(folder, public_url=PUBLIC_URL) as live:
        group = live.world.group("Cats", [live.ada], supergroup=True)
        yield TelegramPlace(live.house, live.telegram, live, group)
