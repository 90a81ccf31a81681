"""Discord for the adapter contract: the real adapter and the real discord.py, against the loopback stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.contract_place import PUBLIC_URL, SECRET, Place, Seen
from support.discord_live import MIB, Live, open_live
from support.discord_messages import Message

from bot.domain import Job

LATE = 1200.0  # seconds; by then the token is dead, and the bot speaks for itself


@dataclass
class DiscordPlace(Place):
    live: Live

    def __post_init__(self) -> None:
        super().__post_init__()
        self.house.kie.takes = LATE

    async def ask(self, *, in_public: bool = False, private: bool = False) -> Job:
        where = self.live.channel if in_public else self.live.dm
        if private:
            return await self.live.order(where, prompt=SECRET, private=True)
        return await self.live.order(where, prompt=SECRET)

    def way(self, job: Job) -> str:
        return self.adapter.routes(job)[1]

    async def seen(self) -> Sequence[Seen]:
        return [_seen(each) for each in self.live.server.world.posted() if not each.deleted]

    async def tell_ada(self, text: str) -> bool:
        return await self.adapter.tell(str(self.live.ada.id), text)

    async def shut(self) -> None:
        self.live.ada.close_dms()
        self.live.guild.kick_bot()

    async def be_busy(self) -> None:
        self.live.server.fault("POST", "/channels/*/messages", status=429, retry_after=900)

    async def lose_answer(self) -> None:
        self.live.server.fault("POST", "/channels/*/messages", status=502, after=True, times=5)

    async def take_less(self) -> None:
        self.video = bytes(21 * MIB)


def _seen(message: Message) -> Seen:
    file = message.attachments[0] if message.attachments else None
    links = tuple(each for each in message.buttons().values() if each.startswith("http"))
    public = message.channel.guild is not None and not message.ephemeral
    described = (file.description or "") if file else ""
    return Seen(message.text, file.sha256 if file else None, described, public, links)


@asynccontextmanager
async def discord_place(folder: Path) -> AsyncIterator[Place]:
    async with open_live(folder, public_url=PUBLIC_URL) as live:
        yield DiscordPlace(live.house, live.chat, live)
