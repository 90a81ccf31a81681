"""The world of the stand-in: everyone and everything there is, and a way to wait for changes."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from support.discord_errors import refusal
from support.discord_files import MIB, FileStore
from support.discord_interactions import Interaction
from support.discord_messages import Message
from support.discord_people import User
from support.discord_places import DM, GROUP_DM, Channel, Guild

from bot.ports import Clock

T = TypeVar("T")
Json = dict[str, Any]
EPOCH = 1_420_070_400_000
LOOK_SECONDS = 0.02


class World:
    """Everything there is. Ids are numbers here and strings on the wire."""

    def __init__(self, clock: Clock, files: FileStore) -> None:
        self.clock = clock
        self.files = files
        self.default_limit = 20 * MIB
        self.nonce_life = 300.0
        self.ephemeral_files_life = 7200.0
        self.ack_deadline = 3.0
        self.token_life = 900.0
        self.lists_shown_files = False  # as before April 2026
        self.emit: Callable[..., None] = lambda *event, **more: None
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.users: dict[int, User] = {}
        self.interactions: list[Interaction] = []
        self.by_token: dict[str, Interaction] = {}
        self.commands: dict[int | None, list[Json]] = {}
        self.registrations: list[tuple[int | None, list[str]]] = []
        self.command_creations = 0
        self.nonces: dict[str, tuple[int, Message]] = {}
        self.bot = User(self, self.next_id(), "kiebot", is_bot=True)
        self.users[self.bot.id] = self.bot
        self.app_id = self.bot.id
        self.application: Json = {}  # what it says of itself otherwise than usual

    def next_id(self, *, shard: tuple[int, int] | None = None) -> int:
        """A new snowflake of now; with `shard` (2, 4) one that belongs to shard 2 of 4."""
        ms = self.clock.now() - EPOCH
        while shard and ms % shard[1] != shard[0]:
            ms += 1
        return (ms << 22) | next(self._order)

    def user(
        self,
        name: str,
        *,
        installed: bool = False,
        locale: str = "en-US",
        upload_limit: int = 0,
    ) -> User:
        """A new person. `installed`: has the app as a user install; `upload_limit`: theirs by Nitro, in bytes."""
        user = User(self, self.next_id(), name, installed=installed, locale=locale, upload_limit=upload_limit)
        self.users[user.id] = user
        return user

    def guild(
        self,
        name: str,
        boost_tier: int = 0,
        *,
        bot_in: bool = True,
        commands_only: bool = False,
        shard: tuple[int, int] | None = None,
        locale: str = "en-US",
    ) -> Guild:
        """A new server; `bot_in=False`: the bot is not a member (user installs work there), `commands_only`: nor is it,
        but everybody there has its commands."""
        bot_in = bot_in and not commands_only
        guild = Guild(
            self, self.next_id(shard=shard), name, boost_tier, bot_in, locale, commands_only=commands_only
        )
        for _ in range(2):  # the ids after it are those of its admin role and its owner
            next(self._order)
        self.guilds[guild.id] = guild
        if bot_in:
            self.emit("GUILD_CREATE", guild.json(), guild.id)
        return guild

    def dm(self, user: User) -> Channel:
        """The one DM channel of the bot with `user`."""
        if user.dm is None:
            user.dm = Channel(self, self.next_id(), DM, f"dm {user.name}", people=[self.bot, user])
            self.channels[user.dm.id] = user.dm
        return user.dm

    def group_dm(self, *people: User, name: str = "group") -> Channel:
        """A private channel without the bot; of two people it is their DM."""
        kind = GROUP_DM if len(people) > 2 else DM
        channel = Channel(self, self.next_id(), kind, name, people=list(people))
        self.channels[channel.id] = channel
        return channel

    def posted(self) -> list[Message]:
        """Every message of the bot that still stands, oldest first."""
        found = [each for channel in self.channels.values() for each in channel.messages]
        return sorted((each for each in found if each.author is self.bot), key=lambda each: each.id)

    def channel(self, channel_id: int) -> Channel:
        found = self.channels.get(channel_id)
        if found is None or found.deleted:
            raise refusal(10003)
        return found

    def new_token(self) -> str:
        return secrets.token_urlsafe(48)

    # --- waiting

    async def registered(self, *names: str) -> None:
        """Wait until commands (these ones) are registered."""

        def there() -> bool:
            known = {each["name"] for scope in self.commands.values() for each in scope}
            return bool(known) and known >= set(names)

        await self.until(there, 10.0, f"commands {names or ''}", lambda: str(self.registrations))

    def ring(self) -> None:
        """Something changed: those who wait look again."""
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    async def until(
        self,
        look: Callable[[], T | None],
        within: float = 5.0,
        what: str = "what was waited for",
        seen: Callable[[], str] = lambda: "nothing",
    ) -> T:
        """Wait until `look()` gives something, and give that; AssertionError after `within` real seconds."""
        end = time.monotonic() + within
        while not (found := look()):
            # Not by a timeout around it all: wait_for may swallow its cancellation (Python 3.11).
            assert time.monotonic() < end, f"waited {within} s in vain for {what}; there is {seen()}"
            with suppress(TimeoutError):  # what is waited for may also happen outside of this world
                await asyncio.wait_for(self._changed.wait(), LOOK_SECONDS)
        return found
