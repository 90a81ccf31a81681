"""Large videos on their way into Telegram, against the stand-in in a process of its own: what they add to our memory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import aiohttp
from aiogram import Bot
from aiogram.types import BufferedInputFile

from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.delivery import Delivering
from adapters.telegram.session import make_bot
from bench.house import MODEL, open_with, settings_in
from bench.measure import MEGABYTE, ROOT, Figure, forget_peak, fresh, memory
from bot.app import Core
from bot.domain import Button, ChatRef, Job, JobState, Request, UserRef, Video
from bot.durable import DurableMemory
from bot.ports import Delivery
from bot.studio import Ask, Quoted
from bot.talk import Talk

SIZE = 45 * MEGABYTE
AT_ONCE = 8
HEAD = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"  # enough for the stand-in to call it a video

Send = Callable[[int, Path], Awaitable[None]]


def measure() -> list[Figure]:
    ours, theirs = fresh(streamed), fresh(buffered)
    note = "the whole file is read, then sent"
    return [
        Figure("memory for a 45 MB delivery", ours["one"], "MB", at_most=40, naive=theirs["one"], note=note),
        Figure("memory for eight at once", ours["eight"], "MB", at_most=80, naive=theirs["eight"], note=note),
        Figure("time for a 45 MB delivery", ours["seconds"], "s", naive=theirs["seconds"], note=note),
    ]


async def streamed() -> dict[str, float]:
    """By the real adapter, with a database for its notes."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder))
        async with open_with(settings) as core, stand_in() as bot:
            talk = Talk(studio=core.studio, office=core.office, tell=_tell, notice=_notice)
            notes = DurableMemory(core.store, core.clock)
            delivering = Delivering(
                calls=Calls(bot, core.clock, notes), talk=talk, memory=notes, clock=core.clock
            )

            async def send(user: int, file: Path) -> None:
                await delivering.deliver(delivery_of(await _order(core, user), file))

            return await measured(send, Path(folder))


async def buffered() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with stand_in() as bot:

            async def send(user: int, file: Path) -> None:
                await bot.send_video(user, BufferedInputFile.from_file(file))

            return await measured(send, Path(folder))


async def measured(send: Send, folder: Path) -> dict[str, float]:
    """A small one first, for what is loaded and connected once; then one large one, then eight."""
    small, large = folder / "small.mp4", folder / "large.mp4"
    for file, size in ((small, 10_000), (large, SIZE)):
        file.write_bytes(HEAD)
        os.truncate(file, size)
    await asyncio.gather(*(send(user, small) for user in range(1, AT_ONCE + 1)))
    found = {}
    for name, count in (("one", 1), ("eight", AT_ONCE)):
        forget_peak()
        before, started = memory(), time.perf_counter()
        await asyncio.gather(*(send(user, large) for user in range(1, count + 1)))
        found[name] = memory(what="VmHWM") - before
        if count == 1:
            found["seconds"] = time.perf_counter() - started
    return found


@asynccontextmanager
async def stand_in() -> AsyncIterator[Bot]:
    """A bot whose Bot API server is ours, with people who have started it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.telegram_server", "--drop-uploads"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
    )
    assert process.stdout
    try:
        ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession(ready["url"], raise_for_status=True) as control:
            for user in range(1, AT_ONCE + 1):
                await control.post("/control/user", json={"user": user, "name": f"Member {user}"})
                await control.post("/control/says", json={"user": user, "text": "/start"})
        bot = make_bot(ready["token"], ready["url"])
        try:
            yield bot
        finally:
            await bot.session.close()
    finally:
        process.terminate()
        await process.wait()


async def _order(core: Core, user: int) -> Job:
    who, chat = UserRef("telegram", str(user)), ChatRef("telegram", str(Address(user)))
    ask = Ask(who, chat, f"telegram:{user}:{time.perf_counter_ns()}", Request(MODEL, "a happy dog"))
    quoted = await core.studio.quote(ask)
    assert isinstance(quoted, Quoted)
    return await core.studio.order(who, quoted.draft.id)


def delivery_of(job: Job, file: Path) -> Delivery:
    """As the engine hands it over."""
    video = Video(file.name, file.stat().st_size, 1280, 720, Decimal(10), True)
    return Delivery(replace(job, state=JobState.SETTLED, outcome=video), "chat", 1, file=file, video=video)


async def _tell(who: UserRef, text: str) -> bool:
    return False


async def _notice(kind: str, text: str, buttons: Sequence[Button]) -> None:
    """Nobody operates this one."""
