"""`kiebot demo`: the whole product without any key: a sandbox, the bot, its page, and one video made at once."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from bot import wording
from bot.cli import opening, terminal
from bot.domain import ChatRef, Failure, Job, Request, UserRef, Video, new_id
from bot.errors import UserError
from bot.settings import DEMO_IGNORES, Settings
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Bot, Core

PORT = 8080
SPEED = 20.0
PURSE = 500
VISITOR = UserRef("web", "ada")  # whom the page shows first


def demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=opening.port, default=PORT, help=say("cli.help_demo_port", usual=PORT))
    parser.add_argument("--once", action="store_true", help=say("cli.help_once"))
    parser.add_argument("--data", type=Path, metavar="DIR", help=say("cli.help_demo_data"))
    opening.add_sandbox_options(parser, SPEED)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    folder, args.data = args.data, None
    found = opening.settings_of(args, DEMO_IGNORES)
    return asyncio.run(
        _demo(args, _open_house(found, args.port), (folder or found.data_dir / "demo").absolute())
    )


def _open_house(found: Settings, port: int) -> Settings:
    """Nothing of the operator's real bot: its limits, its prices, its address."""
    usual = Settings(http_host=found.http_host, admin_token=found.admin_token, log_level=found.log_level)
    return replace(usual, http_port=port, access="open", new_user_credits=PURSE)


async def _demo(args: argparse.Namespace, found: Settings, folder: Path) -> int:
    from bot.app import open_sandboxed

    async with open_sandboxed(found, folder, faults=dict(args.fault), speed=args.speed) as (bot, _):
        assert bot.web
        if not args.once:
            terminal.line(say("cli.demo_page", url=f"{bot.web.url}/chat"))
        stop = asyncio.Event()
        with opening.stopped_by_signals(stop, terminal.complain):
            await opening.beside(bot, _show(bot, args, stop))
    return 0


async def _show(bot: Bot, args: argparse.Namespace, stop: asyncio.Event) -> None:
    """The video, the ledger, then the page until stopped. With `--once` what went wrong is raised."""
    making = asyncio.create_task(_first_video(bot.core), name="first video")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait((making, stopping), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return
        if args.once:
            making.result()
            return
        try:
            making.result()
        except UserError as error:
            terminal.complain(str(error))
        assert bot.web
        terminal.line(say("cli.demo_serving", url=f"{bot.web.url}/chat"))
        await stopping
    finally:
        making.cancel()
        stopping.cancel()
        await asyncio.gather(making, stopping, return_exceptions=True)


async def _first_video(core: Core) -> None:
    """Order a video from the picture, show its progress, tell where it is, verify the ledger. Raises UserError."""
    from bot.cli import follow

    job = await _order(core)
    with terminal.progress(sys.stdout) as show:
        job = await follow.delivered(core, VISITOR, job.id, show)
    if isinstance(job.outcome, Failure):
        quoted = wording.failure_quote(job)
        raise UserError("cli.no_video", why=" ".join(filter(None, (wording.failure_text(job), quoted))))
    assert isinstance(job.outcome, Video)
    for line in wording.receipt(job, core.studio.name_of(job.model)):
        terminal.line(f"  {line}")
    terminal.line(say("cli.demo_file", file=(core.settings.videos_dir / job.outcome.file).absolute()))
    broken = await core.office.verify()
    if broken:
        raise UserError("cli.ledger_broken", rules="; ".join(broken))
    terminal.line(say("cli.verified"))


async def _order(core: Core) -> Job:
    from bot.studio import Ask, Unavailable

    data = files("bot").joinpath("demo.jpg").read_bytes()
    picture = await core.studio.take_picture(VISITOR, data, "demo.jpg")
    request = Request(model="veo-3-1:lite", prompt=say("cli.demo_prompt"), first=picture, sound=True)
    chat = ChatRef(VISITOR.platform, VISITOR.external_id, private=True)
    quoted = await core.studio.quote(Ask(VISITOR, chat, f"{VISITOR}:{new_id(16)}", request))
    if isinstance(quoted, Unavailable):
        raise UserError(
            "cli.is_paused", model=quoted.name, since=quoted.status.since, reason=quoted.status.reason
        )
    terminal.line(say("cli.demo_orders", prompt=request.prompt))
    for label, value in wording.describe(quoted.draft.quote, core.studio.name_of(quoted.draft.quote.model)):
        terminal.line(f"  {label}: {value}")
    if quoted.after < 0:
        # Shown many times, the visitor's purse would run dry.
        await core.office.grant(VISITOR, PURSE, say("cli.demo_grant"))
    return await core.studio.order(VISITOR, quoted.draft.id)
