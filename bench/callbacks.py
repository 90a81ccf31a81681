"""Callbacks by the thousand: all answered, none trusted, and quickly."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import aiohttp

from bench.house import at_work, order_one, settings_in, until
from bench.kie import always_generating
from bench.measure import Figure, announce, fresh, percentile, serving
from bot.app import open_bot, sandboxed
from bot.domain import JobState

RATE, SECONDS, CALLERS = 1_000, 10, 64


def measure() -> list[Figure]:
    with serving(always_generating) as url, serving(called, kie=url) as address:
        found = fresh(call, address=address)
    what = f"{RATE:,} callbacks a second for {SECONDS} s"
    return [
        Figure(f"{what}: accepted", found["accepted"], "/s", at_least=RATE * 0.99),
        Figure(f"{what}: p99", found["p99"] * 1000, "ms", at_most=50),
        Figure(f"{what}: p50", found["p50"] * 1000, "ms"),
    ]


async def called(kie: str) -> None:
    """A whole bot with one job at KIE; its callback address on stdout."""
    with tempfile.TemporaryDirectory() as folder:
        settings = sandboxed(settings_in(Path(folder)), kie, Path(folder))
        async with open_bot(settings, sandbox=True) as bot, at_work(bot):
            job = await order_one(bot.core, Path(folder, "video.mp4"))
            job = await until(bot.core, job, JobState.RUNNING)
            assert bot.web
            await announce(f"{bot.web.url}/kie/callback/{job.id}/{job.callback_token}")


async def call(address: str) -> dict[str, float]:
    """At a steady pace, whether or not earlier ones were answered."""
    spans: list[float] = []
    body = {"code": 200, "data": {"taskId": "t", "state": "generating"}}
    connector = aiohttp.TCPConnector(limit=CALLERS)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def one() -> None:
            began = time.perf_counter()
            async with http.post(address, json=body) as answer:
                if answer.status == 200:
                    spans.append(time.perf_counter() - began)

        began, sent = time.perf_counter(), []
        for n in range(RATE * SECONDS):
            ahead = began + n / RATE - time.perf_counter()
            if ahead > 0.001:
                await asyncio.sleep(ahead)
            sent.append(asyncio.create_task(one()))
        await asyncio.gather(*sent)
        took = time.perf_counter() - began
    return {
        "accepted": len(spans) / took,
        "p99": percentile(spans, 0.99),
        "p50": percentile(spans, 0.5),
    }
