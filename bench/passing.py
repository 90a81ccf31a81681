"""A 60 MB video on its way through: from KIE to our disk, checked, and on to where it was asked for."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench import naive
from bench.house import at_work, order_one, settings_in, until
from bench.kie import sandbox
from bench.measure import MEGABYTE, Figure, forget_peak, fresh, memory, serving
from bot.app import open_bot, sandboxed
from bot.domain import JobState, Video

SIZE = 60
SETTLE_SECONDS = 1.5


def measure() -> list[Figure]:
    with serving(sandbox, faults={"result-size": str(SIZE)}) as url:
        ours, theirs = fresh(through_the_bot, url=url), fresh(whole, url=url)
    return [
        Figure(
            f"a video of {SIZE} MB: more memory at the peak",
            ours["peak"],
            "MB",
            at_most=40,
            naive=theirs["peak"],
            note="the whole file in memory",
        )
    ]


async def through_the_bot(url: str) -> dict[str, float]:
    """The whole bot, delivering to a file as to a chat."""
    with tempfile.TemporaryDirectory() as folder:
        settings = sandboxed(settings_in(Path(folder)), url, Path(folder))
        async with open_bot(settings, sandbox=True) as bot, at_work(bot):
            await asyncio.sleep(SETTLE_SECONDS)
            forget_peak()
            before = memory()
            job = await order_one(bot.core, Path(folder, "big.mp4"))
            done = await until(bot.core, job, JobState.DELIVERED)
            peak = memory(what="VmHWM") - before
    assert isinstance(done.outcome, Video)
    assert done.outcome.size >= SIZE * MEGABYTE
    return {"peak": peak}


async def whole(url: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with naive.session() as http:
            task = await naive.create(http, url)
            record = await naive.follow(http, url, task)
            forget_peak()
            before = memory()
            await naive.pass_on(http, record, Path(folder, "big.mp4"))
            return {"peak": memory(what="VmHWM") - before}
