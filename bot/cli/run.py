"""`kiebot run`: the bot, until it is stopped; and `kiebot sandbox`, KIE's stand-in for anyone's client."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot import log as logs
from bot import settings
from bot.cli import opening, terminal
from bot.settings import DEMO_IGNORES, Settings
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Bot

log = logging.getLogger(__name__)

SANDBOX_SPEED = 10.0


def run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sandbox", action="store_true", help=say("cli.help_run_sandbox"))
    opening.add_sandbox_options(parser, SANDBOX_SPEED)
    opening.add_data(parser)
    parser.set_defaults(run=_run)


def sandbox(parser: argparse.ArgumentParser) -> None:
    from bot.sandbox import command

    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _run(args: argparse.Namespace) -> int:
    ignored = [name for name in DEMO_IGNORES if name.startswith("KIE_")] if args.sandbox else ()
    found = opening.settings_of(args, ignored)
    logs.set_up(found.log_level, found.log_format, found.secrets())
    for warning in (*settings.typos(), *_risks(found)):
        log.warning("%s", warning)
    return asyncio.run(_serve(args, found))


def _risks(found: Settings) -> list[str]:
    if found.access == "open" and found.daily_kie_credits is None:
        return [say("cli.open_to_all")]
    return []


async def _serve(args: argparse.Namespace, found: Settings) -> int:
    stop = asyncio.Event()
    async with _bot(args, found) as bot:
        await _greet(bot)
        with opening.stopped_by_signals(stop, lambda text: log.info("%s", text)):
            await opening.beside(bot, _until(bot, stop))
    return 0


async def _until(bot: Bot, stop: asyncio.Event) -> None:
    from bot.app import learn_models

    learning = asyncio.create_task(learn_models(bot), name="learn models")
    try:
        await stop.wait()
    finally:
        learning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await learning


@asynccontextmanager
async def _bot(args: argparse.Namespace, found: Settings) -> AsyncIterator[Bot]:
    from bot.app import open_bot, open_sandboxed

    if not args.sandbox:
        async with open_bot(found, chats=True) as bot:
            yield bot
        return
    folder = opening.sandbox_folder(found)
    opened = open_sandboxed(
        found, folder, faults=dict(args.fault), speed=args.speed, any_port=False, chats=True
    )
    async with opened as (bot, _):
        yield bot


async def _greet(bot: Bot) -> None:
    assert bot.web
    terminal.line(say("cli.page", url=f"{bot.web.url}/chat"))
    for chat in bot.chats:
        link = chat.link or say("cli.chat_unreached")
        terminal.line(say("cli.chat", platform=chat.platform.capitalize(), link=link))
    if not bot.chats:
        terminal.line(say("cli.no_chats"))
    code = await bot.core.office.claim_code()
    if code:
        terminal.line(say("cli.claim", code=code))
