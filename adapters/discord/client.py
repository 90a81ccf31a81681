"""The connection to Discord: what it listens to, and who handles what it hears."""

from __future__ import annotations

import logging
import sys
from typing import Any, TypeAlias

import discord
from discord import app_commands

from adapters.discord.again import Fit
from adapters.discord.answering import Answering
from adapters.discord.asking import Askers
from adapters.discord.commands import Counter, commands
from adapters.discord.delivery import Delivering
from adapters.discord.desk import Desk
from adapters.discord.items import ITEMS
from adapters.discord.mentions import Mentions
from adapters.discord.menus import menus
from adapters.discord.operators import Operator
from adapters.discord.pictures import Pictures
from adapters.discord.pointed import Pointed
from adapters.discord.presses import Presses
from adapters.discord.privacy import Privacy
from adapters.discord.reply import InteractionReply
from adapters.discord.shelf import Shelf
from adapters.discord.turns import Turns
from bot.errors import UserError
from bot.ports import Clock, Memory
from bot.studio import Studio
from bot.talk import Talk

log = logging.getLogger(__name__)

Entry: TypeAlias = "app_commands.Command[Any, ..., Any] | app_commands.ContextMenu | app_commands.Group"

# Longer waits for a rate limit are the engine's affair: it comes back later.
WAIT_MOST_SECONDS = 60.0


def intents() -> discord.Intents:
    """Servers, to know where the bot is a member; messages, whose words Discord sends only where they mention the bot or
    come to it directly. Nothing privileged (discord.md 7)."""
    return discord.Intents(guilds=True, guild_messages=True, dm_messages=True)


class Tree(app_commands.CommandTree["DiscordClient"]):
    """The commands, everywhere the bot can be: servers, its direct messages, other people's."""

    async def on_error(
        self, interaction: discord.Interaction[DiscordClient], error: app_commands.AppCommandError, /
    ) -> None:
        """What Discord's own view of our commands no longer fits, and what nobody expected."""
        stale = isinstance(
            error,
            app_commands.CommandNotFound
            | app_commands.CommandSignatureMismatch
            | app_commands.TransformerError,
        )
        if not stale:
            log.error("command %s failed", interaction.id, exc_info=error)
        if interaction.type is discord.InteractionType.autocomplete:
            return
        reply = InteractionReply(interaction, hidden=True)

        async def refuse() -> None:
            raise UserError("discord.old_command" if stale else "discord.broken")

        await interaction.client.answering.guard(reply, refuse)


class DiscordClient(Counter):
    """Keeps nothing of what it hears: no messages, no members."""

    def __init__(
        self,
        *,
        talk: Talk,
        studio: Studio,
        memory: Memory,
        clock: Clock,
        api_url: str,
        fit: Fit | None = None,
        **options: Any,
    ) -> None:
        # nobody is going to speak
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            intents=intents(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=WAIT_MOST_SECONDS,
            **options,
        )
        self.pictures = pictures = Pictures(talk, api_url)
        askers, privacy, pointed = Askers(talk, clock), Privacy(studio), Pointed(talk, memory, pictures)
        self.turns = Turns(clock)
        self.delivering = Delivering(self, talk=talk, studio=studio, memory=memory, clock=clock, fit=fit)
        self.answering = Answering(talk, studio, memory, self.delivering)
        self.presses = Presses(talk, privacy, askers, self.answering, pointed, pictures)
        self.desk = Desk(talk, privacy, askers, self.answering, pointed, pictures)
        self.mentions = Mentions(talk, askers, self.answering, pictures)
        self.shelf = Shelf(studio)
        self.tree = Tree(
            self,
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )
        entries: list[Entry] = [*commands(), *menus(), Operator()]
        for each in entries:
            self.tree.add_command(each)
        self.add_dynamic_items(*ITEMS)

    async def close(self) -> None:
        await self.pictures.close()
        await super().close()

    async def on_ready(self) -> None:
        log.info("connected to Discord as %s, in %d servers", self.user, len(self.guilds))

    async def on_interaction(self, interaction: discord.Interaction[DiscordClient]) -> None:
        await self.presses.any(interaction)

    async def on_message(self, message: discord.Message) -> None:
        await self.mentions.heard(self, message)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.error("%s failed", event_method, exc_info=sys.exception())
