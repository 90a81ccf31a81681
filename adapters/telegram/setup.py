"""How the bot presents itself in Telegram: its commands and its description, told only when they changed."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.methods import (
    GetMyDescription,
    GetMyShortDescription,
    SetMyCommands,
    SetMyDescription,
    SetMyShortDescription,
    TelegramMethod,
)
from aiogram.types import BotCommand, BotCommandScopeChat

from bot.domain import UserRef
from bot.errors import KiebotError
from bot.ports import Memory
from bot.talk.commands import COMMANDS, OPERATOR_COMMANDS
from bot.texts import DEFAULT_LANGUAGE, languages, say

log = logging.getLogger(__name__)

# Typed in a group, only their sender and the bot see these and what is answered (telegram.md 6).
EPHEMERAL = frozenset({"balance", "history", "settings"})


class Introduction:
    """What was told last stands in Memory as a digest. Nothing here stops a start: a failure is a warning."""

    def __init__(self, bot: Bot, memory: Memory) -> None:
        self._bot = bot
        self._memory = memory

    async def give(self, operators: Sequence[UserRef]) -> None:
        """The commands in every language there is, those of operators in their private chats, the description."""
        for language in languages():
            code = None if language == DEFAULT_LANGUAGE else language
            members = _commands(COMMANDS, language)
            await self._tell(f"commands:{language}", SetMyCommands(commands=members, language_code=code))
            await self._describe(language, code)
        everything = _commands((*COMMANDS, *OPERATOR_COMMANDS), DEFAULT_LANGUAGE)
        for who in operators:
            if who.platform == "telegram":
                scope = BotCommandScopeChat(chat_id=int(who.external_id))
                await self._tell(f"commands:{who}", SetMyCommands(commands=everything, scope=scope))

    async def _describe(self, language: str, code: str | None) -> None:
        """Unless the operator has written one at @BotFather."""
        description = SetMyDescription(
            description=say("telegram_setup.description", language), language_code=code
        )
        short = SetMyShortDescription(
            short_description=say("telegram_setup.short_description", language), language_code=code
        )
        await self._tell(f"description:{language}", description, unless=GetMyDescription(language_code=code))
        await self._tell(f"short:{language}", short, unless=GetMyShortDescription(language_code=code))

    async def _tell(
        self,
        what: str,
        method: TelegramMethod[bool],
        unless: TelegramMethod[Any] | None = None,
    ) -> None:
        note, digest = f"telegram:setup:{self._bot.id}:{what}", _digest(method)
        try:
            if await self._memory.get(note) == digest:
                return
            if unless is None or not any((await self._bot(unless)).model_dump().values()):
                await self._bot(method)
            await self._memory.put(note, digest)
        except (AiogramError, KiebotError) as error:
            # an operator who has not started the bot yet is told at a later start
            level = logging.INFO if "chat not found" in str(error) else logging.WARNING
            log.log(level, "Telegram was not told of the bot's %s: %s", what, error)


def _commands(named: Sequence[tuple[str, str]], language: str) -> list[BotCommand]:
    return [
        BotCommand(command=name, description=say(key, language), is_ephemeral=name in EPHEMERAL or None)
        for name, key in named
    ]


def _digest(method: TelegramMethod[bool]) -> str:
    told = json.dumps(method.model_dump(exclude_none=True), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
