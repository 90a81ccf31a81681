"""Following one job to its end in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from typing import TYPE_CHECKING

from bot import wording
from bot.cli import opening, terminal
from bot.domain import Job, JobState, Progress, UserRef
from bot.errors import UserError
from bot.studio import TERMINAL_OPERATOR
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Core

LOOK_SECONDS = 0.2
OWNER_LOOKS = 10  # asking for the owner takes its lock for a moment, so not at every look
MAINTENANCE = 455
# Events after which a step is taken again.
TRIED_AGAIN = ("refused", "later", "not fetched", "fetch later", "delivery later")


async def until_ended(core: Core, job_id: str, args: argparse.Namespace, *, beside: bool) -> Job | None:
    """The job once delivered. `beside` another bot that does the work: None when that bot has gone.

    Raises UserError when KIE's account takes nothing and somebody has to mend that first; the job is cancelled then.
    """
    quiet = opening.wants_json(args)
    try:
        with terminal.progress(sys.stderr if quiet else sys.stdout, quiet) as show:
            return await _follow(core, TERMINAL_OPERATOR, job_id, show, beside=beside)
    except asyncio.CancelledError:
        again = say("cli.goes_on_beside" if beside else "cli.goes_on", again=again_command(args))
        terminal.complain(f"{again} {say('cli.look', command=look_command(core, args, job_id))}")
        raise


def again_command(args: argparse.Namespace) -> str:
    """What to type to have the jobs of this command's folder ended."""
    folder = getattr(args, "data", None)
    words = ["kiebot", "run", "--sandbox"] if args.sandbox else ["kiebot", "run"]
    return shlex.join([*words, "--data", str(folder)] if folder else words)


def look_command(core: Core, args: argparse.Namespace, job_id: str) -> str:
    """What to type to look at a job of this command's folder."""
    elsewhere = args.sandbox or getattr(args, "data", None)
    words = ["kiebot", "jobs", "show", job_id]
    return shlex.join([*words, "--data", str(core.settings.data_dir)] if elsewhere else words)


async def _follow(core: Core, who: UserRef, job_id: str, show: terminal.Show, *, beside: bool) -> Job | None:
    from bot.app import has_owner

    looks = 0
    while True:
        job = await core.studio.job(who, job_id)
        if job.state is JobState.DELIVERED:
            return job
        progress = await core.studio.progress(job)
        trouble = await _trouble(core, job)
        show(_words(progress) + trouble, wording.progress_line(progress) + trouble)
        if beside:
            looks += 1
            if looks % OWNER_LOOKS == 0 and not has_owner(core.settings):
                return None
        elif job.state is JobState.QUEUED:
            await _give_up_at_a_closed_gate(core, job)
        await core.clock.sleep(LOOK_SECONDS)


async def delivered(core: Core, who: UserRef, job_id: str, show: terminal.Show) -> Job:
    """The job once delivered by the bot of this process."""
    job = await _follow(core, who, job_id, show, beside=False)
    assert job
    return job


def _words(progress: Progress) -> str:
    return wording.waiting_words(progress) or wording.state_words(progress)


async def _trouble(core: Core, job: Job) -> str:
    """Why the last step has to be taken again, if it has: members are spared this, whoever runs the bot is not."""
    _, events = await core.office.job(job.id)
    last = events[-1]
    reason = last.detail.get("text") or last.detail.get("reason")
    return say("cli.trying_again", reason=reason) if last.kind in TRIED_AGAIN and reason else ""


async def _give_up_at_a_closed_gate(core: Core, job: Job) -> None:
    """Nobody comes to mend the account while this command waits; maintenance passes by itself."""
    from bot.engine.gate import remedy

    now = core.clock.now()
    closed = (await core.office.status()).gates
    gates = [gate for gate in closed if gate.shut(now) and gate.code != MAINTENANCE]
    if gates and await core.studio.cancel(job.user, job.id):
        code = gates[0].code
        raise UserError("cli.gate_closed", code=code, text=gates[0].text, remedy=say(remedy(code).key))
