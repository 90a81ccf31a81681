"""Callbacks by the thousand for a thousand jobs, some of them wrongly signed: all answered, none trusted, and quickly."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import aiohttp

from bench import running
from bench.house import at_work
from bench.kie import always_generating
from bench.measure import Figure, announce, fresh, percentile, serving
from bot.app import open_bot
from bot.kie.callback import sign
from bot.masking import Secret
from bot.store import jobs

RATE, SECONDS, CALLERS, JOBS = 1_150, 10, 64, 1_000
FORGED = 11  # one in so many has a wrong signature; prime to JOBS, so that each job gets one in turn
ACCEPTED = 1_000
KEY = "the-key-that-signs-callbacks"


def measure() -> list[Figure]:
    with serving(always_generating) as url, tempfile.TemporaryDirectory() as folder:
        fresh(running.populate, folder=folder, url=url, many=JOBS)
        with serving(called, folder=folder, kie=url) as address:
            found = fresh(call, address=address, folder=folder)
    what = f"{RATE:,} callbacks a second for {JOBS:,} jobs, one in {FORGED} wrongly signed, for {SECONDS} s"
    return [
        Figure(f"{what}: accepted", found["accepted"], "/s", at_least=ACCEPTED),
        Figure(f"{what}: refused for their signature", found["refused"], "/s"),
        Figure(f"{what}: p99", found["p99"] * 1000, "ms", at_most=50),
        Figure(f"{what}: p50", found["p50"] * 1000, "ms"),
    ]


async def called(folder: str, kie: str) -> None:
    """A whole bot whose jobs are all at KIE; their callback addresses and tasks lie in `targets` beside its data."""
    # each wrong signature is a line in the log, which costs what it costs, but is nothing to look at here
    logging.basicConfig(filename=os.devnull, level=logging.WARNING)
    settings = replace(running.settings(folder, kie), kie_webhook_key=Secret(KEY))
    async with open_bot(settings, sandbox=True) as bot, at_work(bot):
        found = await bot.core.store.read(jobs.listed)
        targets = [(f"/kie/callback/{job.id}/{job.callback_token}", job.task_id) for job in found]
        await asyncio.to_thread(Path(folder, "targets").write_text, json.dumps(targets), "utf-8")
        assert bot.web
        await announce(bot.web.url)


async def call(address: str, folder: str) -> dict[str, float]:
    """At a steady pace, whether or not earlier ones were answered."""
    targets = json.loads(await asyncio.to_thread(Path(folder, "targets").read_text, "utf-8"))
    assert len(targets) == JOBS
    spans: list[float] = []
    answers: Counter[int] = Counter()
    connector = aiohttp.TCPConnector(limit=CALLERS)
    async with aiohttp.ClientSession(address, connector=connector) as http:

        async def one(n: int) -> None:
            path, task = targets[n % JOBS]
            right = n % FORGED != 0
            now = str(int(time.time()))
            headers = {
                "X-Webhook-Timestamp": now,
                "X-Webhook-Signature": sign(task, now, KEY if right else "another key"),
            }
            body = {"code": 200, "data": {"taskId": task, "state": "generating"}}
            began = time.perf_counter()
            async with http.post(path, json=body, headers=headers) as answer:
                spans.append(time.perf_counter() - began)
                assert answer.status == (200 if right else 401), answer.status
                answers[answer.status] += 1

        began, sent = time.perf_counter(), []
        for n in range(RATE * SECONDS):
            ahead = began + n / RATE - time.perf_counter()
            if ahead > 0.001:
                await asyncio.sleep(ahead)
            sent.append(asyncio.create_task(one(n)))
        await asyncio.gather(*sent)
        took = time.perf_counter() - began
    return {
        "accepted": answers[200] / took,
        "refused": answers[401] / took,
        "p99": percentile(spans, 0.99),
        "p50": percentile(spans, 0.5),
    }
