"""Where an answer goes: the ways of writing back to whoever pressed, commanded or wrote."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Protocol, TypeVar

import aiohttp
import discord

from adapters.discord import render
from adapters.discord.address import Card
from adapters.discord.asking import Interaction, is_hidden
from adapters.discord.sending import Json, Post, follow_up
from bot.talk import Screen, Small, Text
from bot.texts import DEFAULT_LANGUAGE, say

log = logging.getLogger(__name__)

T = TypeVar("T")

# discord.md 11: another process, or a try of ours whose answer was lost, was quicker; or we were too slow.
ALREADY, TOO_LATE = 40060, 10062
WORDS_FILE = "words.txt"
NO_REPLIES = 160002  # without the right to read the history, a message of its own may pass
REPEATED_SECONDS = 1.0  # what took so long was tried more than once, by the library itself (discord.md 10)
# A wait longer than the client's patience is as good as a broken connection to who stands before their screen.
BROKEN = (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited)


class NotSaid(Exception):
    """The connection broke, so nobody knows whether Discord took an answer; or no way leads to who is to hear it."""


async def once(call: Callable[[], Awaitable[T]]) -> T:
    """Raises NotSaid, discord.HTTPException."""
    try:
        return await call()
    except BROKEN as error:
        raise NotSaid(f"{type(error).__name__}: {error}") from error


async def steadily(call: Callable[[], Awaitable[T]]) -> T:
    """For what may be done twice: at once again when the connection broke, as an old one does."""
    try:
        return await once(call)
    except NotSaid as error:
        log.info("an answer is sent again: %s", error)
    return await once(call)


class Reply(Protocol):
    """One turn of a conversation. `open_to_all` tells that others read what `show` and `add` write; `picture` is the
    address of the small picture beside the words; `keeps` tells that the pressed message stays as it is when something
    is asked."""

    language: str
    open_to_all: bool
    picture: str
    keeps: bool

    @property
    def standing(self) -> Card | None:
        """What `show` writes to, where that stands already."""

    async def acknowledge(self) -> bool:
        """Within 3 s. False when this very turn was or can no longer be answered."""

    async def show(self, screen: Screen) -> Card:
        """The answer: in place of what was pressed, or as the answer to a command."""

    async def add(self, screen: Screen) -> Card:
        """A further message."""

    async def whisper(self, screen: Screen) -> bool:
        """For the asker's eyes only. False where Discord lets us in nowhere, and they are told so instead."""

    async def refuse(self, screen: Screen) -> None:
        """Nothing came of it: say why, quietly, and leave nothing that looks unfinished."""

    async def hand_back(self, words: str) -> None:
        """What they typed and what is too long for a message: as a file, for the asker's eyes only."""

    async def vanish(self) -> None:
        """Nothing is to be said."""

    async def delete(self) -> None:
        """Take the pressed message away."""


class InteractionReply:
    """To a command, a press or a form. When it came from a message of ours, the answer stands in that one, unless it is
    to be a message of its own (`anew`). `hidden`: for the asker's eyes only; `adds_hidden`: what `add` writes is."""

    def __init__(
        self, interaction: Interaction, *, hidden: bool = False, anew: bool = False, keeps: bool = False
    ) -> None:
        self.interaction = interaction
        self.language = DEFAULT_LANGUAGE
        self.keeps = keeps
        self.in_place = interaction.message is not None and not anew
        self.hidden = is_hidden(interaction) if self.in_place else hidden
        self.adds_hidden = self.hidden
        self.open_to_all = not self.hidden and not interaction.context.dm_channel
        self.picture = render.picture_of(interaction.message) if self.in_place else ""
        self._clip = render.clip_of(interaction.message) if self.in_place else None
        self._first = asyncio.Lock()
        self._acknowledged: bool | None = None

    @property
    def may_ask(self) -> bool:
        """Whether a form can still be the answer: it can only be the very first one, and to a press."""
        press = self.interaction.type is discord.InteractionType.component
        return press and self._acknowledged is None

    @property
    def standing(self) -> Card | None:
        message = self.interaction.message if self.in_place else None
        return Card(message.channel.id, message.id, self.hidden, self.picture) if message else None

    async def acknowledge(self) -> bool:
        async with self._first:
            if self._acknowledged is None:
                is_ours = self.interaction.client.turns.take(self.interaction.id)
                self._acknowledged = is_ours and await self._respond(self._defer)
            return self._acknowledged

    async def _respond(self, call: Callable[[], Awaitable[object]]) -> bool:
        """The very first answer, which Discord takes once: at once again when the connection broke. False when it came
        too late, or when somebody else was quicker."""
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        repeated = False
        try:
            try:
                await once(call)
            except NotSaid as error:
                log.info("interaction %s is answered again: %s", self.interaction.id, error)
                repeated = True
                await once(call)
        except discord.HTTPException as error:
            if error.code not in (ALREADY, TOO_LATE):
                raise
            if error.code == ALREADY and (repeated or loop.time() - began >= REPEATED_SECONDS):
                return True  # by the try before, whose answer was lost
            late = self.interaction.client.turns.age_ms(self.interaction.id)
            log.warning(
                "interaction %s was not acknowledged %d ms after it began: %s",
                self.interaction.id,
                late,
                error,
            )
            return False
        return True

    async def _defer(self) -> None:
        if self.in_place:
            await self.interaction.response.defer()
        else:
            await self.interaction.response.defer(thinking=True, ephemeral=self.hidden)

    async def ask(self, form: discord.ui.Modal) -> bool:
        """Show a form; False when it is too late for one."""
        async with self._first:
            if self._acknowledged is not None or not self.interaction.client.turns.take(self.interaction.id):
                return False
            self._acknowledged = await self._respond(lambda: self.interaction.response.send_modal(form))
            return self._acknowledged

    async def show(self, screen: Screen) -> Card:
        view = render.view(screen, picture=self.picture, clip=self._clip)
        message = await steadily(
            lambda: self.interaction.edit_original_response(view=view, allowed_mentions=render.only(None))
        )
        return Card(message.channel.id, message.id, self.hidden, self.picture)

    async def add(self, screen: Screen) -> Card:
        message = await self._follow_up(screen, hidden=self.adds_hidden)
        return Card(int(message["channel_id"]), int(message["id"]), self.adds_hidden)

    async def whisper(self, screen: Screen) -> bool:
        await self._follow_up(screen, hidden=True)
        return True

    async def _follow_up(self, screen: Screen, *, hidden: bool) -> Json:
        by, post = self.interaction, Post(render.view(screen), hidden=hidden)
        return await once(lambda: follow_up(by.client.http, by.application_id, by.token, post))

    async def refuse(self, screen: Screen) -> None:
        if self.in_place or self.open_to_all:
            await self.vanish()
            await self.whisper(screen)
        else:
            await self.show(screen)

    async def hand_back(self, words: str) -> None:
        by = self.interaction
        file = discord.File(BytesIO(words.encode()), WORDS_FILE)
        post = Post(render.with_file(say("discord.your_words", self.language), WORDS_FILE), hidden=True)
        await once(lambda: follow_up(by.client.http, by.application_id, by.token, post, file))

    async def vanish(self) -> None:
        """A public "thinking" cannot be made private any more, so it is taken away (discord.md 2)."""
        if not self.in_place:
            await self.delete()

    async def delete(self) -> None:
        with suppress(discord.NotFound):
            await steadily(self.interaction.delete_original_response)


class MessageReply:
    """To a message that mentions the bot, or a direct one. What others must not read goes to direct messages."""

    def __init__(self, message: discord.Message) -> None:
        self.message = message
        self.language = DEFAULT_LANGUAGE
        self.open_to_all = message.guild is not None
        self.keeps = False
        self.picture = ""
        self.standing: Card | None = None
        self._said = 0

    async def acknowledge(self) -> bool:
        return True

    async def show(self, screen: Screen) -> Card:
        # The nonce is the same when Discord tells us of this message twice: then it takes the answer once.
        nonce = f"{self.message.id}.{self._said}"
        self._said += 1
        try:
            return await self._reply(screen, nonce)
        except discord.Forbidden as error:
            if not self.open_to_all:
                raise NotSaid(f"{error}") from None
            why = Small(say("discord.moved_rights", self.language))
            return await self._direct(replace(screen, parts=(*screen.parts, why)), nonce)

    async def _reply(self, screen: Screen, nonce: str) -> Card:
        """Beside what it answers, else simply there. Raises NotSaid, HTTPException."""
        channel = self.message.channel
        asked = self.message.to_reference(fail_if_not_exists=False)  # their message may be gone by now
        view = render.view(screen, picture=self.picture)
        send = partial(channel.send, view=view, nonce=nonce, allowed_mentions=render.only(None))
        try:
            sent = await steadily(lambda: send(reference=asked))
        except discord.Forbidden as error:
            if error.code != NO_REPLIES:
                raise
            sent = await steadily(send)
        return Card(sent.channel.id, sent.id, False, self.picture)

    async def _direct(self, screen: Screen, nonce: str) -> Card:
        """In their direct messages. Raises NotSaid."""
        view = render.view(screen, picture=self.picture)
        try:
            sent = await steadily(lambda: self.message.author.send(view=view, nonce=f"{nonce}d"))
        except discord.HTTPException as error:
            raise NotSaid(f"neither where they wrote nor directly: {error}") from None
        return Card(sent.channel.id, sent.id, False, self.picture)

    async def add(self, screen: Screen) -> Card:
        return await self.show(screen)

    async def whisper(self, screen: Screen) -> bool:
        if not self.open_to_all:
            await self.show(screen)
            return True
        try:
            await once(lambda: self.message.author.send(view=render.view(screen)))
        except discord.Forbidden:
            await self.show(Screen((Text(say("discord.no_whisper", self.language)),)))
            return False
        return True

    async def refuse(self, screen: Screen) -> None:
        self.picture = ""  # nothing came of it
        await self.show(screen)

    async def hand_back(self, words: str) -> None:
        """It stands in the message they wrote."""

    async def vanish(self) -> None:
        pass

    async def delete(self) -> None:
        pass
