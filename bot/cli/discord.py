"""`kiebot discord sync`: registers the slash commands whether they changed or not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.cli import opening, terminal
from bot.domain import Button, UserRef
from bot.errors import StartError
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Core


def discord(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar=say("cli.action"), required=True)
    line = say("discord.help_sync")
    opening.uses_core(actions.add_parser("sync", help=line, description=line), _sync)


async def _sync(core: Core, _: argparse.Namespace) -> None:
    token = core.settings.discord_bot_token
    if token is None:
        raise StartError(say("discord.no_token"))
    from adapters.discord.chat import DiscordChat
    from bot.durable import DurableMemory
    from bot.talk import Talk

    chat = DiscordChat(
        token,
        core.settings.discord_api_url,
        talk=Talk(studio=core.studio, office=core.office, tell=_told, notice=_noticed),
        studio=core.studio,
        memory=DurableMemory(core.store, core.clock),
        clock=core.clock,
    )
    try:
        count = await chat.register(force=True)
    finally:
        await chat.close()
    terminal.line(say("discord.registered", n=count))


async def _told(who: UserRef, text: str) -> bool:
    return False


async def _noticed(kind: str, text: str, buttons: Sequence[Button] = ()) -> None:
    return None
