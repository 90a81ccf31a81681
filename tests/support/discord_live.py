"""A whole bot in Discord: the real adapter and the real discord.py against the loopback stand-in, the real house behind it,
fakes at KIE's door. Time is the house's and Discord's alike: tests let it pass, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import files
from support.clock import FakeClock
from support.discord_interactions import Interaction
from support.discord_messages import Message
from support.discord_people import User
from support.discord_places import Channel, Guild
from support.discord_probe import aimed_at
from support.discord_server import DiscordServer
from support.house import FakeProvider, House, open_house

from adapters.discord.chat import DiscordChat
from adapters.discord.delivery import Delivering
from bot.domain import Button, CommunityRef, Job, JobState, UserRef, Video
from bot.durable import DurableMemory
from bot.engine.deliver import with_video
from bot.masking import Secret
from bot.ports import Delivery
from bot.store import deliveries
from bot.talk import Talk

MIB = 2**20


@dataclass
class Kie(FakeProvider):
    """Makes videos of any size in bytes, or hands over the one at `source`."""

    size: int = 5
    source: Path | None = None

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        if self.source:
            return files.move(self.source, target)
        files.make(target.parent)
        with target.open("wb") as file:
            file.truncate(self.size)
        return self.size


@dataclass
class Live:
    """One server with one channel, Ada in it, and the bot."""

    house: House
    kie: Kie
    server: DiscordServer
    chat: DiscordChat
    memory: DurableMemory
    guild: Guild
    channel: Channel
    ada: User
    running: asyncio.Task[None]

    @property
    def delivering(self) -> Delivering:
        return self.chat._delivering

    @property
    def dm(self) -> Channel:
        return self.server.world.dm(self.ada)

    def advance(self, seconds: float) -> None:
        """For Discord and for the bot alike."""
        self.server.advance(seconds)

    async def order(self, where: Channel | None = None, who: User | None = None, **options: Any) -> Job:
        """A /sora, its card, and Confirm; the job, when all that the bot says to it is said."""
        who, before = who or self.ada, {each.id for each in await self.house.office.jobs()}
        asked = who.slash(where or self.channel, "sora", **{"prompt": "a cat", **options})
        await self.press(await asked.answered(), "✅ Confirm", who)
        (job,) = [each for each in await self.house.office.jobs() if each.id not in before]
        return job

    async def press(self, message: Message, button: str, who: User | None = None) -> Interaction:
        """Pressed, and all that follows."""
        pressed = (who or self.ada).click(message, button)
        await pressed.answered()
        await self.quiet()
        return pressed

    async def quiet(self) -> None:
        """Nothing that was asked is still being answered."""
        await self.chat.client.answering.idle()

    async def finish(self, job: Job, within: float = 200_000.0) -> Job:
        """Until it is delivered."""
        (found,) = await self.house.end(job.id, within=within)
        return found

    async def settled(self, job: Job, within: float = 7200.0) -> Job:
        """Until its outcome is there and nothing of it was delivered."""
        chat = self.house.adapters.pop("discord")
        limit = self.house.clock.now() + int(within * 1000)
        while (found := await self.house.job(job.id)).state is not JobState.SETTLED:
            assert self.house.clock.now() < limit, found.state
            await self.house.step()
            self.advance(20)
        await self.house.engine.idle()
        self.house.adapters["discord"] = chat
        return found

    async def attempt(self, job: Job, route: str) -> Delivery:
        """What the engine hands over for an attempt by this route; its row stands."""
        now = self.house.clock.now()
        fresh = await self.house.job(job.id)
        number = await self.house.store.write(lambda tx: deliveries.begin(tx, fresh, route, now))
        assert number
        delivery = Delivery(fresh, route, number)
        video = job.outcome if isinstance(job.outcome, Video) else None
        return with_video(self.house.engine.kit, delivery, video) if video else delivery

    def let_videos_have(self, size: int) -> None:
        """Those that KIE makes from now on, in bytes; nothing but zeros."""
        self.kie.size = size

    async def notes(self, job: Job) -> list[str]:
        """The names of what is remembered of it."""
        kinds = ("token", "status", "sent")
        return [each for each in kinds if await self.memory.get(f"discord:{each}:{job.id}") is not None]

    def posts(self, channel: Channel) -> list[Message]:
        """What the bot posted there that still stands."""
        return [each for each in channel.messages if each.author.is_bot]

    def videos(self) -> list[Message]:
        """Every message anywhere that holds a file of the bot's."""
        return [each for each in self.server.world.posted() if each.attachments]


@asynccontextmanager
async def open_live(
    folder: Path,
    server: DiscordServer | None = None,
    *,
    boost_tier: int = 0,
    clock: FakeClock | None = None,
    kie: Kie | None = None,
    **settings: Any,
) -> AsyncIterator[Live]:
    """Opened again in the same folder with the same `server`, clock and KIE, it is the same bot after a stop."""
    clock = clock or FakeClock(auto=False)
    kie = kie or Kie(clock)
    async with open_house(folder, clock, kie=kie, **{"commands_per_minute": 1000, **settings}) as house:
        if server is not None:
            async with _talking(house, kie, server, boost_tier) as live:
                yield live
            return
        async with DiscordServer(clock=clock) as own, _talking(house, kie, own, boost_tier) as live:
            yield live


@asynccontextmanager
async def _talking(house: House, kie: Kie, server: DiscordServer, boost_tier: int) -> AsyncIterator[Live]:
    memory = DurableMemory(house.store, house.clock)

    async def tell(who: UserRef, text: str) -> bool:
        return await chat.tell(who.external_id, text)

    async def notice(kind: str, text: str, buttons: Sequence[Button] = ()) -> None:
        pass

    async def is_member(who: UserRef, community: CommunityRef) -> bool:
        return await chat.is_member(who.external_id, community)

    talk = Talk(studio=house.studio, office=house.office, tell=tell, notice=notice, is_member=is_member)
    with aimed_at(server):
        chat = DiscordChat(
            Secret(server.token),
            server.api_url,
            talk=talk,
            studio=house.studio,
            memory=memory,
            clock=house.clock,
        )
        chat.client._connection.guild_ready_timeout = 0.01
        world = server.world
        guild = next(iter(world.guilds.values()), None) or world.guild("studio", boost_tier)
        channel = guild.channels[0] if guild.channels else guild.text_channel("general")
        ada = next((each for each in world.users.values() if each.name == "ada"), None)
        if ada is None:
            ada = guild.member(world.user("ada"))
        house.adapters["discord"] = chat
        await chat.start()
        running = asyncio.create_task(chat.run())
        try:
            await server.gateway.ready()
            await world.registered("sora")
            await chat.register()  # what Discord has heard by now is noted by us too
            await chat.client.wait_until_ready()
            yield Live(house, kie, server, chat, memory, guild, channel, ada, running)
        finally:
            await chat.stop()
            await running
            await chat.close()
