"""Ten thousand jobs being made at KIE at the same time: what the bot's own process pays for them."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from bench import naive
from bench.house import MODEL, at_work, open_with, settings_in
from bench.kie import always_generating
from bench.measure import Figure, cpu_seconds, fresh, memory, serving
from bot.app import Core, open_bot, sandboxed
from bot.domain import ChatRef, Request, UserRef
from bot.engine import rules
from bot.settings import Settings
from bot.store import Tx, jobs
from bot.studio import Ask, Quoted

JOBS = 10_000
SETTLE_SECONDS = 5
WATCH_SECONDS = 20


def measure() -> list[Figure]:
    with serving(always_generating) as url, tempfile.TemporaryDirectory() as folder:
        idle = fresh(watch, folder=f"{folder}/idle", url=url)
        fresh(populate, folder=f"{folder}/busy", url=url)
        busy = fresh(watch, folder=f"{folder}/busy", url=url)
        theirs = fresh(polled, url=url)
    what, note = f"{JOBS:,} running jobs", f"a background task per job, polling every {naive.POLL_SECONDS} s"
    extra = busy["memory"] - idle["memory"]
    return [
        Figure(f"{what}: more memory", extra, "MB", at_most=40, naive=theirs["memory"], note=note),
        Figure(f"{what}: of a core", busy["cpu"] * 100, "%", at_most=5, naive=theirs["cpu"] * 100, note=note),
        Figure(
            f"{what}: looks",
            busy["looks"],
            "/s",
            at_most=rules.LOOKS_PER_SECOND,
            naive=theirs["looks"],
            note="KIE allows ten",
        ),
    ]


async def watch(folder: str, url: str) -> dict[str, float]:
    """The whole bot over what is in the database."""
    async with open_bot(settings(folder, url)) as bot, at_work(bot):
        await asyncio.sleep(SETTLE_SECONDS)
        seen, cpu, began = looks(bot.meters.counts), cpu_seconds(), time.monotonic()
        await asyncio.sleep(WATCH_SECONDS)
        span = time.monotonic() - began
        return {
            "memory": memory(),
            "cpu": (cpu_seconds() - cpu) / span,
            "looks": (looks(bot.meters.counts) - seen) / span,
        }


def looks(counts: dict[tuple[str, tuple[tuple[str, str], ...]], int]) -> int:
    return sum(n for (name, labels), n in counts.items() if ("call", "recordInfo") in labels)


def settings(folder: str, url: str) -> Settings:
    return sandboxed(
        settings_in(Path(folder), max_running=JOBS, max_running_per_user=JOBS), url, Path(folder)
    )


async def populate(folder: str, url: str, many: int = JOBS) -> dict[str, float]:
    """Ordinary orders, moved on to RUNNING; their next looks are spread as the engine itself spreads them."""
    async with open_with(settings(folder, url)) as core:

        async def order(n: int) -> None:
            who = UserRef("web", f"member{n % 1000}")
            request = Request(MODEL, "a happy dog running in the garden")
            quoted = await core.studio.quote(Ask(who, ChatRef("web", who.external_id), f"ask:{n}", request))
            assert isinstance(quoted, Quoted)
            await core.studio.order(who, quoted.draft.id)

        for first in range(0, many, 100):
            await asyncio.gather(*(order(n) for n in range(first, first + 100)))
        moved = await core.store.write(lambda tx: _start_all(tx, core))
    return {"jobs": moved}


def _start_all(tx: Tx, core: Core) -> int:
    now = core.clock.now()
    queued = jobs.listed(tx)
    span = rules.poll_interval(0, 0, len(queued)) * 1000
    for n, job in enumerate(queued):
        jobs.submitting(tx, job, now, with_callback=False)
        sent = jobs.get(tx, job.id)
        assert sent
        jobs.running(tx, sent, f"task{n}", None, now + int(span * n / len(queued)))
    return len(queued)


async def polled(url: str) -> dict[str, float]:
    """Each job waits for itself."""
    looks = 0

    def looked() -> None:
        nonlocal looks
        looks += 1

    async with naive.session() as http:
        before = memory()
        tasks = [asyncio.create_task(naive.follow(http, url, f"task{n}", looked)) for n in range(JOBS)]
        await asyncio.sleep(SETTLE_SECONDS + naive.POLL_SECONDS)
        seen, cpu, began = looks, cpu_seconds(), time.monotonic()
        await asyncio.sleep(WATCH_SECONDS)
        span = time.monotonic() - began
        found = {
            "memory": memory() - before,
            "cpu": (cpu_seconds() - cpu) / span,
            "looks": (looks - seen) / span,
        }
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found
