"""What leaves for Telegram, against the stand-in: a whole bot whose jobs belong to Telegram chats."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiogram
from support import files
from support.clock import FakeClock
from support.house import FakeMedia, FakeProvider, House
from support.small_talk import open_talk
from support.telegram_chats import Chat
from support.telegram_media import tiny_mp4, tiny_picture
from support.telegram_messages import Message, User
from support.telegram_server import TelegramServer
from support.telegram_world import World

from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.delivery import Delivering
from adapters.telegram.messages import community_ref
from adapters.telegram.session import make_bot
from bot.domain import ChatRef, Failure, FailureKind, Job, JobState, Outcome, Request, UserRef, Video
from bot.durable import DurableMemory
from bot.ports import Delivery
from bot.studio import Ask, Quoted
from bot.talk import Talk

SECRET = "a cat that nobody else may hear of"
KEYS = itertools.count(1)


class Kie(FakeProvider):
    """Its videos look like some to the stand-in. `size` is in bytes."""

    size = 4000

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        await super().download(url, target, max_bytes)
        files.put(target, tiny_mp4(self.size))
        return self.size


class Media(FakeMedia):
    """Its thumbnails are real pictures; what it fits has `fits` bytes."""

    fits = 3000

    async def video(self, source: Path, target: Path) -> Video:
        video = await super().video(source, target)
        thumbnail = target.with_suffix(".jpg")
        files.put(thumbnail, tiny_picture(320, 180))
        return replace(video, thumbnail=thumbnail.name)

    async def fit(self, source: Path, target: Path, max_bytes: int) -> Video:
        video = await super().fit(source, target, max_bytes)
        files.put(target, tiny_mp4(self.fits))
        return replace(video, size=self.fits)


@dataclass
class Desk:
    """Ada has started the bot; the group is hers. `calls` and `delivering` can be made anew, as after a restart."""

    house: House
    talk: Talk
    server: TelegramServer
    bot: aiogram.Bot
    ada: User
    private: Chat
    group: Chat
    calls: Calls = field(init=False)
    delivering: Delivering = field(init=False)

    def __post_init__(self) -> None:
        self.memory = DurableMemory(self.house.store, self.clock)
        self.restart()

    @property
    def clock(self) -> FakeClock:
        return self.house.clock

    @property
    def world(self) -> World:
        return self.server.world

    @property
    def media(self) -> Media:
        assert isinstance(self.house.engine.kit.media, Media)
        return self.house.engine.kit.media

    def restart(self) -> None:
        """Only what is in Memory is left."""
        self.calls = Calls(self.bot, self.clock, self.memory)
        self.delivering = Delivering(
            calls=self.calls, talk=self.talk, memory=self.memory, clock=self.clock, fit=self.media.fit
        )
        self.house.adapters["telegram"] = self.delivering

    @property
    def videos(self) -> list[Message]:
        """All videos that can be seen, whatever chat they are in."""
        chats = self.world.chats.values()
        return [each for chat in chats for each in chat.messages if each.media and not each.deleted]

    # --- jobs

    async def asks(self, chat: Chat, text: str = "/video a cat", topic: int | None = None) -> Message:
        return await chat.says(self.ada, text, topic=topic)

    def ref(self, asked: Message, *, private: bool = False) -> ChatRef:
        address = Address(asked.chat.id, asked.topic, asked.id)
        community = None if asked.chat.is_private else community_ref(asked.chat.id)
        return ChatRef("telegram", str(address), community, private)

    async def order(self, asked: Message, *, private: bool = False) -> Job:
        """What Ada asked there, confirmed."""
        request = Request(model="veo-3-1:lite", prompt=SECRET)
        who, chat = UserRef("telegram", str(self.ada.id)), self.ref(asked, private=private)
        quoted = await self.house.studio.quote(Ask(who, chat, f"telegram:{next(KEYS)}", request))
        assert isinstance(quoted, Quoted)
        return await self.house.studio.order(who, quoted.draft.id)

    async def video_of(self, job: Job, size: int = 4000) -> Delivery:
        """Its finished video, ready for one attempt."""
        folder = self.house.settings.videos_dir
        files.make(folder)
        files.put(folder / f"{job.id}.mp4", tiny_mp4(size))
        files.put(folder / f"{job.id}.jpg", tiny_picture(320, 180))
        video = Video(f"{job.id}.mp4", size, 1280, 720, Decimal("7.6"), True, f"{job.id}.jpg")
        return self.end_of(job, video)

    def end_of(self, job: Job, outcome: Outcome, number: int = 1) -> Delivery:
        """As the engine would hand it over, by the first route."""
        ended = replace(job, state=JobState.SETTLED, outcome=outcome)
        delivery = Delivery(ended, self.delivering.routes(ended)[0], number)
        if isinstance(outcome, Failure):
            return delivery
        folder = self.house.settings.videos_dir
        return replace(
            delivery,
            file=folder / outcome.file,
            thumbnail=folder / (outcome.thumbnail or ""),
            video=outcome,
            link=self.house.studio.link(ended),
        )

    def failure_of(self, job: Job, kind: FailureKind = FailureKind.POLICY) -> Delivery:
        return self.end_of(job, Failure(kind, "Blocked by the safety filter"))

    async def delivered(self, chat: Chat, **kind: Any) -> Message:
        """What is in the chat after a video was asked for there and delivered."""
        delivery = await self.video_of(await self.order(await self.asks(chat), **kind))
        await self.delivering.deliver(delivery)
        return chat.messages[-1]


@asynccontextmanager
async def open_desk(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    async with open_talk(folder, **settings) as spoken:
        house = spoken.house
        house.use(Kie(house.clock))
        kit = replace(house.engine.kit, media=Media(folder))
        house.engine.kit = house.keeper.kit = kit
        async with TelegramServer(house.clock) as server:
            ada = server.world.user(5, "Ada")
            private = server.world.private(ada)
            private.started = True
            group = server.world.group("Cats", [ada], supergroup=True, forum=True, privacy_mode=False)
            bot = make_bot(server.token, server.url)
            try:
                yield Desk(house, spoken.talk, server, bot, ada, private, group)
            finally:
                await bot.session.close()
