"""`kiebot jobs`: what was ordered, what became of each job, and what an operator can still do about it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.cli import opening, terminal
from bot.domain import KEPT, Event, Failure, Job, JobState, Video
from bot.texts import in_credits, say

if TYPE_CHECKING:
    from bot.app import Core

SHOWN = 50
_PROMPT_SHOWN = 40
_DETAIL_SHOWN = 160


def jobs(parser: argparse.ArgumentParser) -> None:
    states = [str(state) for state in JobState]
    parser.add_argument("--state", choices=states, help=say("cli.help_jobs_state"))
    parser.add_argument("--user", metavar="USER", help=say("cli.help_user"))
    parser.add_argument("--limit", type=opening.limit, metavar="N", help=say("cli.help_limit"))
    opening.add_json(parser)
    opening.uses_core(parser, _list)
    actions = parser.add_subparsers(metavar=say("cli.action"))

    def action(name: str, line: str, use: opening.Use) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=line, description=line)
        made.add_argument("id", metavar="ID", help=say("cli.help_job"))
        opening.uses_core(made, use)
        return made

    opening.add_json(action("show", say("cli.help_jobs_show"), _show))
    action("resend", say("cli.help_jobs_resend"), _resend)
    action("remove", say("cli.help_jobs_remove"), _remove)
    refund = action("refund", say("cli.help_jobs_refund"), _refund)
    refund.add_argument("--reason", required=True, metavar="R", help=say("cli.help_reason"))


async def _list(core: Core, args: argparse.Namespace) -> None:
    from bot.cli import shapes
    from bot.office import user_of

    state = JobState(args.state) if args.state else None
    user = user_of(args.user) if args.user else None
    if opening.wants_json(args):
        found = await core.office.jobs(state, user, args.limit)
        terminal.document([shapes.job(each, core.settings.videos_dir) for each in found])
        return
    limit = args.limit or SHOWN
    found = await core.office.jobs(state, user, limit)
    heads = ("cli.head_job", "cli.head_time", "cli.head_state", "cli.head_user", "cli.head_model")
    rows = [
        (
            each.id,
            terminal.moment(each.created_at),
            _state(each),
            each.user,
            each.model,
            each.price,
            _words(each),
        )
        for each in found
    ]
    terminal.table([*map(say, heads), say("cli.head_credits"), say("cli.head_prompt")], rows)
    if len(found) == limit and not args.limit:
        terminal.line(say("cli.newest", n=limit))


def _state(job: Job) -> str:
    """`running`, `delivered`, `delivered: policy`, `delivered: kept`."""
    if isinstance(job.outcome, Failure):
        return f"{job.state}: {job.outcome.kind}"
    return f"{job.state}: {job.delivered_to}" if job.delivered_to == KEPT else str(job.state)


def _words(job: Job) -> str:
    from bot.wording import asked

    words = " ".join(asked(job).split())
    return words if len(words) <= _PROMPT_SHOWN else words[: _PROMPT_SHOWN - 1] + "…"


async def _show(core: Core, args: argparse.Namespace) -> None:
    from bot import wording
    from bot.cli import shapes

    job, events = await core.office.job(args.id)
    if opening.wants_json(args):
        terminal.document(shapes.whole_job(job, events, core.settings.videos_dir))
        return
    for line in wording.receipt(job, core.studio.name_of(job.model)):
        terminal.line(line)
    facts = [(say("cli.head_user"), str(job.user)), (say("cli.head_state"), _state(job))]
    if job.task_id:
        facts.append((say("cli.task"), job.task_id))
    if isinstance(job.outcome, Video) and not job.removed:
        facts.append((say("cli.file"), str((core.settings.videos_dir / job.outcome.file).absolute())))
    terminal.line()
    terminal.pairs(facts)
    terminal.line()
    terminal.pairs([(terminal.moment(each.at), _event(each)) for each in events])


def _event(event: Event) -> str:
    return f"{event.kind}  {_details(event.detail)}".rstrip()


def _details(detail: Mapping[str, Any]) -> str:
    words = "  ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in detail.items()
    )
    return words if len(words) <= _DETAIL_SHOWN else words[: _DETAIL_SHOWN - 1] + "…"


async def _resend(core: Core, args: argparse.Namespace) -> None:
    from bot.app import has_owner

    await core.office.resend(args.id)
    running = has_owner(core.settings)
    terminal.line(say("cli.resend_now" if running else "cli.resend_later", job=args.id.upper()))


async def _remove(core: Core, args: argparse.Namespace) -> None:
    await core.office.remove(args.id)
    terminal.line(say("cli.removed", job=args.id.upper()))


async def _refund(core: Core, args: argparse.Namespace) -> None:
    job = await core.office.refund(args.id, args.reason)
    terminal.line(say("cli.refunded", job=job.id, price=in_credits(job.price), who=job.user))
