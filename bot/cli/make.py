"""`kiebot make`: one request from the terminal: quote, progress, and the video as a file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli import opening, terminal
from bot.domain import KEPT, Failure, Job
from bot.errors import StartError, UserError
from bot.settings import DEMO_IGNORES, Settings
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Bot, Core

SANDBOX_SPEED = 60.0


def make(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("prompt", nargs="?", default="", metavar="PROMPT", help=say("cli.help_prompt"))
    add("--image", action="append", default=[], type=Path, metavar="FILE", help=say("cli.help_image"))
    add("--last-image", type=Path, metavar="FILE", help=say("cli.help_last_image"))
    add("--shot", action="append", default=[], metavar='"7.5|text"', help=say("cli.help_shot"))
    add("--video", metavar="URL", help=say("cli.help_video"))
    add("--model", default="", metavar="ID", help=say("cli.help_model"))
    add("--seconds", type=int, metavar="N", help=say("cli.help_seconds"))
    add("--aspect", metavar="SHAPE", help=say("cli.help_aspect"))
    add("--quality", metavar="NAME", help=say("cli.help_quality"))
    add("--sound", choices=("on", "off"), help=say("cli.help_sound"))
    add("--watermark", choices=("remove", "keep"), help=say("cli.help_watermark"))
    add("--seed", type=int, metavar="N", help=say("cli.help_seed"))
    add("--negative", metavar="TEXT", help=say("cli.help_negative"))
    add("--set", action="append", default=[], type=_setting, metavar="FIELD=VALUE", help=say("cli.help_set"))
    add("-o", "--output", metavar="FILE", help=say("cli.help_output"))
    add("--sandbox", action="store_true", help=say("cli.help_make_sandbox"))
    add("--dry-run", action="store_true", help=say("cli.help_dry_run"))
    add("--yes", action="store_true", help=say("cli.help_yes"))
    opening.add_sandbox_options(parser, SANDBOX_SPEED)
    opening.add_data(parser)
    opening.add_json(parser)
    parser.set_defaults(run=_run)


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise argparse.ArgumentTypeError(say("cli.set_form", got=text))
    return name.strip(), value


def _run(args: argparse.Namespace) -> int:
    # Neither a rehearsal nor a price needs a key, so a wrong one must not stand in their way.
    found = opening.settings_of(args, DEMO_IGNORES if args.sandbox or args.dry_run else ())
    return asyncio.run(_price(args, found) if args.dry_run else _make(args, found))


# --- only the price ----------------------------------------------------------------------------------------------


async def _price(args: argparse.Namespace, found: Settings) -> int:
    """The quote and the exact body, worked out in an empty folder."""
    from bot.app import open_core
    from bot.cli import order

    with tempfile.TemporaryDirectory(prefix="kiebot-") as folder:
        async with open_core(found.with_data_dir(Path(folder))) as core:
            await order.show_price(core, args)
    return 0


# --- the video ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """The database to order in; `bot` does the work, or None while another process does."""

    core: Core
    bot: Bot | None


async def _make(args: argparse.Namespace, found: Settings) -> int:
    from bot.cli import follow, order

    address = output_address(args.output)
    job_id: str | None = None
    while True:
        async with _place(args, found) as place:
            if job_id is None:
                job_id = (await order.order(place.core, args, address, place.bot)).id
            following = follow.until_ended(place.core, job_id, args, beside=place.bot is None)
            job = await (opening.beside(place.bot, following) if place.bot else following)
            if job:
                return _end(place.core, job, args)
        # The bot that did the work has gone: take its place.


def output_address(output: str | None) -> str:
    """Where the video shall be written, absolute; a folder ends in `/`. Raises UserError if nothing can be written."""
    target = Path(output or ".").expanduser().absolute()
    is_folder = target.is_dir() or (output or "").endswith("/")
    folder = target if is_folder else target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Asking for rights is not enough: only writing tells about read-only and full disks.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError("cli.not_writable", file=target, problem=error.strerror) from error
    return f"{target}/" if is_folder else str(target)


@asynccontextmanager
async def _place(args: argparse.Namespace, found: Settings) -> AsyncIterator[Place]:
    """A bot of our own, or the database of the one that is at work."""
    from bot import app

    async with contextlib.AsyncExitStack() as stack:
        own = found.with_data_dir(opening.sandbox_folder(found)) if args.sandbox else found
        app.prepare(own)
        if app.has_owner(own):
            if args.sandbox:
                own = app.sandboxed(found, app.sandbox_url(own.data_dir) or "", own.data_dir)
            yield Place(await stack.enter_async_context(app.open_core(own)), None)
        elif args.sandbox:
            # Its web server is there for the sandbox's callbacks only, on whatever port is free.
            quiet = replace(found, http_host="127.0.0.1", http_port=0, public_url=None)
            opened = app.open_sandboxed(quiet, own.data_dir, faults=dict(args.fault), speed=args.speed)
            bot, _ = await stack.enter_async_context(opened)
            yield Place(bot.core, bot)
        elif not found.kie_api_key:
            raise StartError(say("cli.make_no_key"))
        else:
            bot = await stack.enter_async_context(app.open_bot(found, web=False))
            yield Place(bot.core, bot)


def _end(core: Core, job: Job, args: argparse.Namespace) -> int:
    """Show the receipt and where the file is. Raises UserError when there is no video, or it could not be written."""
    from adapters.terminal import target_of
    from bot import wording
    from bot.cli import follow, shapes

    target = target_of(job)
    saved = target is not None and not isinstance(job.outcome, Failure) and job.delivered_to != KEPT
    if opening.wants_json(args):
        data: dict[str, Any] = shapes.job(job, core.settings.videos_dir)
        terminal.document({**data, "file": str(target) if saved else None})
    if isinstance(job.outcome, Failure):
        quoted = wording.failure_quote(job)
        raise UserError("cli.no_video", why=" ".join(filter(None, (wording.failure_text(job), quoted))))
    if not saved:
        raise UserError("cli.not_saved", file=target, look=follow.look_command(core, args, job.id))
    if not opening.wants_json(args):
        for line in wording.receipt(job, core.studio.name_of(job.model)):
            terminal.line(line)
        terminal.line(say("cli.saved", file=target))
    return 0
