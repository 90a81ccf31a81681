"""Messages that speak to the bot: direct ones, and those that name it. Discord gives their words away without any
privileged intent (discord.md 7).
"""

from __future__ import annotations

import re
from functools import partial

import discord

from adapters.discord.answering import Answering
from adapters.discord.asking import Askers
from adapters.discord.pictures import Pictures, pictures_among
from adapters.discord.reply import MessageReply
from bot.errors import UserError
from bot.talk import Answer, Asker, Talk
from bot.talk.commands import COMMANDS

ORDERS = ("video", "sora", "storyboard", "unwatermark")
_COMMAND = re.compile(r"([/!]?)(\w+)\s*(.*)", re.DOTALL)
_SPOKEN = (discord.MessageType.default, discord.MessageType.reply)


def meant_for(message: discord.Message, me: int) -> bool:
    """A person's direct message, or one that names the bot; answering a message of ours does not name it."""
    if message.author.bot or message.webhook_id or message.type not in _SPOKEN:
        return False
    return message.guild is None or bool(re.search(rf"<@!?{me}>", message.content))


def command_in(text: str) -> tuple[str, str]:
    """The command and its text: `/sora …`, `!help`, a lone `help`; without one, video and all of it."""
    match = _COMMAND.fullmatch(text)
    if match:
        sign, name, rest = match[1], match[2].lower(), match[3].strip()
        if sign or (not rest and name in dict(COMMANDS) and name not in ORDERS):
            return name, rest
    return "", text


class Mentions:
    """One for each client."""

    def __init__(self, talk: Talk, askers: Askers, answering: Answering, pictures: Pictures) -> None:
        self._talk = talk
        self._askers = askers
        self._answering = answering
        self._pictures = pictures

    async def heard(self, client: discord.Client, message: discord.Message) -> None:
        me = client.user.id if client.user else 0
        if not meant_for(message, me):
            return
        text = re.sub(rf"<@!?{me}>", "", message.content).strip()
        uploads = pictures_among(message.attachments)
        reply = MessageReply(message)
        reply.picture = next((each.url for each in uploads if each.is_picture), "")

        async def work(asker: Asker) -> Answer:
            return await self._answer(message, text, asker)

        await self._answering.give(reply, partial(self._askers.of_message, message), work)

    async def _answer(self, message: discord.Message, text: str, asker: Asker) -> Answer:
        command, rest = command_in(text)
        uploads = pictures_among(message.attachments)
        if not text and not uploads:
            command = "start"
        if command and command not in ORDERS:
            await self._talk.admit_to(asker, command, rest)
            return await self._talk.command(asker, command, rest)
        asked = None
        if not command:
            asked = await self._answering.questions.of_writer(message.channel.id, message.author.id)
        if asked:
            asker = await self._talk.admit_to_answer(asker, asked.question)
        else:
            await self._talk.admit(asker)
        if message.guild and (await self._talk.studio.preferences(asker.who)).get("private"):
            # nothing that answers a message can be for one pair of eyes only; a command's answer can
            raise UserError("discord.only_for_you")
        taken = await self._pictures.take(asker, uploads)
        if asked:
            await self._answering.questions.answered(message.channel.id, message.author.id)
            return await self._talk.answer(asker, asked.question, text=text, pictures=taken)
        wish = self._talk.read(command, rest)
        return await self._talk.ask(asker, wish.change(pictures=taken))
