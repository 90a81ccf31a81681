"""`kiebot check`: every finding with its remedy."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from bot.cli import opening, terminal
from bot.errors import StartError, UserError
from bot.texts import say

if TYPE_CHECKING:
    from bot.check.finding import Finding


def check(parser: argparse.ArgumentParser) -> None:
    opening.add_data(parser)
    opening.add_json(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    findings = asyncio.run(_findings(args))
    if opening.wants_json(args):
        terminal.document([asdict(each) for each in findings])
    else:
        for each in findings:
            _tell(each)
    bad = [each.name for each in findings if not each.ok]
    if bad:
        raise UserError("check.some_bad", n=len(bad), names=", ".join(bad))
    return 0


def _tell(finding: Finding) -> None:
    mark = (
        "check.mark_bad" if not finding.ok else "check.mark_advice" if finding.remedy else "check.mark_good"
    )
    terminal.line(f"{say(mark).ljust(6)}  {finding.text}")
    if finding.remedy:
        terminal.line(f"{' ' * 6}  {finding.remedy}")


async def _findings(args: argparse.Namespace) -> list[Finding]:
    from bot import check
    from bot.check.finding import Finding
    from bot.clock import SystemClock

    try:
        found = opening.settings_of(args)
    except StartError as error:
        return [Finding("settings", False, say("check.settings_bad"), str(error))]
    settings = Finding("settings", True, say("check.settings"))
    return [settings, *check.typos(), *await check.examine(found, SystemClock())]
