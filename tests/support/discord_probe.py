"""A bare discord.py client pointed at the stand-in, whose answers each test writes itself."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from support.discord_people import User
from support.discord_places import Channel, Guild
from support.discord_server import DiscordServer

Event = discord.Interaction[Any]
Answer = Callable[[Event], Awaitable[object]]


@contextmanager
def aimed_at(server: DiscordServer) -> Iterator[None]:
    """discord.py talks to the stand-in (discord.md 10)."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api_url, yarl.URL(server.gateway.url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


class Probe(discord.AutoShardedClient):
    """Answers components and modals by `on_component` and `on_modal`; remembers messages and errors."""

    def __init__(self, shards: int = 1, intents: discord.Intents | None = None) -> None:
        super().__init__(
            intents=intents or discord.Intents.default(),
            shard_count=shards,
            guild_ready_timeout=0.05,
            max_messages=None,
        )
        self.tree = app_commands.CommandTree(self)
        self.on_component: Answer | None = None
        self.on_modal: Answer | None = None
        self.heard: list[discord.Message] = []
        self.errors: list[BaseException] = []
        self.tree.error(self._failed)

    async def _failed(self, interaction: Event, error: app_commands.AppCommandError) -> None:
        self.errors.append(getattr(error, "original", error))

    async def setup_hook(self) -> None:
        if self.tree.get_commands() or any(
            self.tree.get_commands(type=kind) for kind in discord.AppCommandType
        ):
            await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """No pause between shards."""

    async def on_interaction(self, interaction: Event) -> None:
        answer = {
            discord.InteractionType.component: self.on_component,
            discord.InteractionType.modal_submit: self.on_modal,
        }.get(interaction.type)
        if answer is not None:
            try:
                await answer(interaction)
            except discord.HTTPException as error:
                self.errors.append(error)

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)


@asynccontextmanager
async def running(bot: Probe, server: DiscordServer, token: str | None = None) -> AsyncIterator[Probe]:
    """The client connected, all its shards ready."""
    with aimed_at(server):
        task = asyncio.create_task(bot.start(token or server.token))
        connected = asyncio.create_task(server.gateway.ready(bot.shard_count or 1))
        try:
            await asyncio.wait({task, connected}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task  # it says why it ended
            await bot.wait_until_ready()
            yield bot
        finally:
            connected.cancel()
            await bot.close()
            await asyncio.wait({task})


@dataclass
class Scene:
    """A server with one channel and one member, and a bot not yet started."""

    server: DiscordServer
    guild: Guild
    channel: Channel
    ada: User
    bot: Probe


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    async with DiscordServer() as server:
        guild = server.world.guild("studio")
        channel = guild.text_channel("general")
        ada = guild.member(server.world.user("ada"))
        yield Scene(server, guild, channel, ada, Probe())


def video(size: int, name: str = "video.mp4") -> discord.File:
    return discord.File(io.BytesIO(b"\0" * size), name)
