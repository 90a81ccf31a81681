"""From KIE's callback to the delivered video, when the file comes from this very machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import aiohttp

from bench import naive
from bench.house import at_work, order_one, settings_in, until
from bench.kie import sandbox
from bench.measure import Figure, children, fresh, memory, percentile, serving
from bot.app import Bot, open_bot, sandboxed
from bot.domain import JobState
from bot.engine import rules

TIMES = 20
WARM_SECONDS = 0.7  # a real video takes minutes, so its media process has long been ready


def measure() -> list[Figure]:
    # the sandbox makes no calls here: the bench does, so that it knows when
    with serving(sandbox, faults={"callback-none": ""}) as url:
        ours, theirs = fresh(called, url=url), fresh(polled, url=url)
    note = f"polling every {naive.POLL_SECONDS} s"
    return [
        Figure("callback to delivered, p50", ours["p50"], "ms", at_most=150, naive=theirs["p50"], note=note),
        Figure("callback to delivered, p95", ours["p95"], "ms", naive=theirs["p95"], note=note),
        Figure("the media process kept ready for it", ours["spare"], "MB"),
    ]


async def called(url: str) -> dict[str, float]:
    """The task has ended at KIE, then the callback comes."""
    with tempfile.TemporaryDirectory() as folder:
        settings = sandboxed(settings_in(Path(folder)), url, Path(folder))
        async with (
            open_bot(settings, sandbox=True) as bot,
            at_work(bot),
            aiohttp.ClientSession() as kie,
        ):
            spans = [await one_callback(bot, kie, Path(folder, f"{n}.mp4")) for n in range(TIMES)]
            await asyncio.sleep(WARM_SECONDS)
            spare = sum(memory(pid) for pid in children(os.getpid()))
    return {**percentiles(spans), "spare": spare}


async def one_callback(bot: Bot, kie: aiohttp.ClientSession, target: Path) -> float:
    assert bot.web
    job = await until(bot.core, await order_one(bot.core, target), JobState.RUNNING)
    await asyncio.sleep(WARM_SECONDS)
    address = bot.web.url + rules.callback_path(job.id, job.callback_token)
    started = time.perf_counter()
    async with kie.post(address, json={"data": {"taskId": job.task_id}}) as answer:
        assert answer.status == 200
    await until(bot.core, job, JobState.DELIVERED)
    return time.perf_counter() - started


async def polled(url: str) -> dict[str, float]:
    """Videos that are ready at any moment between two looks."""

    async def one(http: aiohttp.ClientSession, target: Path, ready_in: float) -> float:
        task = await naive.create(http, url)
        ready = time.perf_counter() + ready_in
        await naive.pass_on(http, await naive.follow(http, url, task, ready=ready), target)
        return time.perf_counter() - ready

    with tempfile.TemporaryDirectory() as folder:
        async with naive.session() as http:
            moments = (naive.POLL_SECONDS * n / TIMES for n in range(TIMES))
            spans = await asyncio.gather(
                *(one(http, Path(folder, f"{n}.mp4"), ready) for n, ready in enumerate(moments))
            )
    return percentiles(spans)


def percentiles(spans: list[float]) -> dict[str, float]:
    """In milliseconds."""
    return {name: percentile(spans, share) * 1000 for name, share in (("p50", 0.5), ("p95", 0.95))}
