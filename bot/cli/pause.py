"""`kiebot pause` and `kiebot resume`: whether new videos are submitted."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bot.cli import opening, terminal
from bot.texts import in_credits, say

if TYPE_CHECKING:
    from bot.app import Core


def pause(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="R", help=say("cli.help_pause_reason"))
    opening.uses_core(parser, _pause)


def resume(parser: argparse.ArgumentParser) -> None:
    opening.uses_core(parser, _resume)


async def _pause(core: Core, args: argparse.Namespace) -> None:
    await core.office.pause(args.reason)
    terminal.line(say("cli.paused"))


async def _resume(core: Core, _: argparse.Namespace) -> None:
    """After a restore also: which jobs were refunded, since they may have been sent after the backup was made."""
    lost = await core.office.resume()
    terminal.line(say("cli.resumed"))
    if lost:
        terminal.line(say("cli.written_off", n=len(lost)))
        for job in lost:
            terminal.line(f"  {job.id}  {job.user}  {in_credits(job.price)}")
