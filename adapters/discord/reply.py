"""Where an answer goes: the ways of writing back to whoever pressed, commanded or wrote."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import discord

from adapters.discord import render
from adapters.discord.address import Card
from adapters.discord.asking import Interaction, is_hidden
from bot.talk import Screen, Text
from bot.texts import DEFAULT_LANGUAGE, say

log = logging.getLogger(__name__)

# discord.md 11: another process, or another delivery of the same event, was quicker; or we were too slow.
ALREADY, TOO_LATE = 40060, 10062


class Reply(Protocol):
    """One turn of a conversation. `open_to_all` tells that others read what `show` and `add` write; `picture` is the
    address of the small picture beside the words; `keeps` tells that the pressed message stays as it is when something
    is asked."""

    language: str
    open_to_all: bool
    picture: str
    keeps: bool

    async def acknowledge(self) -> bool:
        """Within 3 s. False when this very turn was or can no longer be answered."""

    async def show(self, screen: Screen) -> Card:
        """The answer: in place of what was pressed, or as the answer to a command."""

    async def add(self, screen: Screen) -> Card:
        """A further message."""

    async def whisper(self, screen: Screen) -> None:
        """For the asker's eyes only, as far as Discord lets us."""

    async def refuse(self, screen: Screen) -> None:
        """Nothing came of it: say why, quietly, and leave nothing that looks unfinished."""

    async def vanish(self) -> None:
        """Nothing is to be said."""

    async def delete(self) -> None:
        """Take the pressed message away."""


class InteractionReply:
    """To a command, a press or a form. When it came from a message of ours, the answer stands in that one, unless it is
    to be a message of its own (`anew`)."""

    def __init__(
        self, interaction: Interaction, *, hidden: bool = False, anew: bool = False, keeps: bool = False
    ) -> None:
        self.interaction = interaction
        self.language = DEFAULT_LANGUAGE
        self.keeps = keeps
        self.in_place = interaction.message is not None and not anew
        self.hidden = is_hidden(interaction) if self.in_place else hidden
        self.open_to_all = not self.hidden and not interaction.context.dm_channel
        self.picture = render.picture_of(interaction.message) if self.in_place else ""
        self._clip = render.clip_of(interaction.message) if self.in_place else None
        self._first = asyncio.Lock()

    @property
    def may_ask(self) -> bool:
        """Whether a form can still be the answer: it can only be the very first one, and to a press."""
        press = self.interaction.type is discord.InteractionType.component
        return press and not self.interaction.response.is_done()

    async def acknowledge(self) -> bool:
        response = self.interaction.response
        async with self._first:
            if response.is_done():
                return True
            try:
                if self.in_place:
                    await response.defer()
                else:
                    await response.defer(thinking=True, ephemeral=self.hidden)
            except discord.HTTPException as error:
                if error.code not in (ALREADY, TOO_LATE):
                    raise
                log.warning("interaction %s was not acknowledged: %s", self.interaction.id, error)
                return False
        return True

    async def ask(self, form: discord.ui.Modal) -> bool:
        """Show a form; False when it is too late for one."""
        async with self._first:
            if not self.interaction.response.is_done():
                await self.interaction.response.send_modal(form)
                return True
        return False

    async def show(self, screen: Screen) -> Card:
        view = render.view(screen, picture=self.picture, clip=self._clip)
        message = await self.interaction.edit_original_response(view=view, allowed_mentions=render.only(None))
        return Card(message.channel.id, message.id, self.hidden, self.picture)

    async def add(self, screen: Screen) -> Card:
        message = await self.interaction.followup.send(
            view=render.view(screen), ephemeral=self.hidden, wait=True, allowed_mentions=render.only(None)
        )
        return Card(message.channel.id, message.id, self.hidden)

    async def whisper(self, screen: Screen) -> None:
        view = render.view(screen)
        await self.interaction.followup.send(view=view, ephemeral=True, allowed_mentions=render.only(None))

    async def refuse(self, screen: Screen) -> None:
        if self.in_place or self.open_to_all:
            await self.vanish()
            await self.whisper(screen)
        else:
            await self.show(screen)

    async def vanish(self) -> None:
        """A public "thinking" cannot be made private any more, so it is taken away (discord.md 2)."""
        if not self.in_place:
            await self.delete()

    async def delete(self) -> None:
        await self.interaction.delete_original_response()


class MessageReply:
    """To a message that mentions the bot, or a direct one. What others must not read goes to direct messages."""

    def __init__(self, message: discord.Message) -> None:
        self.message = message
        self.language = DEFAULT_LANGUAGE
        self.open_to_all = message.guild is not None
        self.keeps = False
        self.picture = ""
        self._said = 0

    async def acknowledge(self) -> bool:
        return True

    async def show(self, screen: Screen) -> Card:
        # The nonce is the same when Discord tells us of this message twice: then it takes the answer once.
        nonce = f"{self.message.id}.{self._said}"
        self._said += 1
        view = render.view(screen, picture=self.picture)
        sent = await self.message.reply(view=view, nonce=nonce, allowed_mentions=render.only(None))
        return Card(sent.channel.id, sent.id, False, self.picture)

    async def add(self, screen: Screen) -> Card:
        return await self.show(screen)

    async def whisper(self, screen: Screen) -> None:
        if not self.open_to_all:
            await self.show(screen)
            return
        try:
            await self.message.author.send(view=render.view(screen))
        except discord.Forbidden:
            await self.show(Screen((Text(say("discord.no_whisper", self.language)),)))

    async def refuse(self, screen: Screen) -> None:
        await self.show(screen)

    async def vanish(self) -> None:
        pass

    async def delete(self) -> None:
        pass
