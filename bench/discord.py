"""A busy Discord: /sora after /sora to a durable draft and its card, acknowledged in time; and one large video back."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from bench.house import MODEL, open_with, settings_in
from bench.measure import MEGABYTE, ROOT, Figure, announce, forget_peak, fresh, memory, percentile, serving
from bot.app import Core
from bot.domain import JobState, Request, UserRef, Video
from bot.durable import DurableMemory
from bot.masking import Secret
from bot.ports import Delivery
from bot.studio import Ask, Quoted
from bot.talk import Talk

if TYPE_CHECKING:
    from support.discord_places import Channel
    from support.discord_server import DiscordServer

TOKEN = "bench"
RATE, STEADY_SECONDS = 50, 8
BURST = 400
VIDEO_MB = 60
PEOPLE = 100


def measure() -> list[Figure]:
    with serving(stand_in) as url:
        busy = fresh(orders, url=url)
    with serving(stand_in) as url:
        large = fresh(delivery, url=url)
    return [
        Figure("Discord: /sora to a durable draft", busy["rate"], "/s", at_least=RATE),
        Figure(f"Discord: acknowledged at {RATE} /sora a second, p50", busy["p50"], "ms", at_most=20),
        Figure(f"Discord: acknowledged at {RATE} /sora a second, p99", busy["p99"], "ms", at_most=300),
        Figure(f"Discord: a video of {VIDEO_MB} MB: more memory", large["memory"], "MB", at_most=40),
        Figure(f"Discord: a video of {VIDEO_MB} MB", large["seconds"], "s"),
    ]


# --- Discord, in a process of its own ----------------------------------------------------------------------------


async def stand_in() -> None:
    """The tests' own, with one boosted server; `/orders` lets its members ask, at `rate` a second or all at once."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.discord_server import DiscordServer

    async with DiscordServer(token=TOKEN, keep_files=False) as server:
        server.world.lists_shown_files = True  # the size of what arrived is read from there
        guild = server.world.guild("studio", 3)
        channel = guild.text_channel("general")
        people = [guild.member(server.world.user(f"member{n}")) for n in range(PEOPLE)]

        async def ask(n: int) -> float:
            asked = people[n % PEOPLE].slash(channel, "sora", prompt="a happy dog in the garden")
            await asked.answered(60)
            assert asked.acked_after is not None
            assert "Confirm" in str(asked.response and asked.response.buttons()), asked
            return asked.acked_after * 1000

        async def orders(request: web.Request) -> web.Response:
            return web.json_response(
                await _asked(ask, int(request.query["many"]), float(request.query["rate"]))
            )

        app = web.Application()
        app.router.add_post("/orders", orders)
        app.router.add_get("/place", _place(server, channel))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await announce(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await runner.cleanup()


async def _asked(ask: Callable[[int], Awaitable[float]], many: int, rate: float) -> dict[str, float]:
    """`rate` 0: all at once. Acknowledgements in ms."""
    began = time.perf_counter()
    acts = []
    for n in range(many):
        acts.append(asyncio.ensure_future(ask(n)))
        due = n / rate if rate else 0.0
        await asyncio.sleep(max(0.0, due - (time.perf_counter() - began)))
    spans = await asyncio.gather(*acts)
    return {
        "seconds": time.perf_counter() - began,
        "p50": percentile(spans, 0.5),
        "p99": percentile(spans, 0.99),
    }


def _place(server: DiscordServer, channel: Channel) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def place(request: web.Request) -> web.StreamResponse:
        assert channel.guild
        return web.json_response({"api": server.api_url, "guild": channel.guild.id, "channel": channel.id})

    return place


# --- the bot -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[Any, Core, aiohttp.ClientSession, dict[str, Any]]]:
    """The real adapter over a new database, its commands registered."""
    from adapters.discord.chat import DiscordChat

    async with aiohttp.ClientSession(base_url=url) as http:
        async with http.get("/place") as answer:
            place = await answer.json()
        with tempfile.TemporaryDirectory() as folder:
            settings = replace(settings_in(Path(folder)), commands_per_minute=1_000_000)
            async with open_with(settings) as core:
                talk = Talk(studio=core.studio, office=core.office, tell=_nobody, notice=_silence)
                chat = DiscordChat(
                    Secret(TOKEN),
                    place["api"],
                    talk=talk,
                    studio=core.studio,
                    memory=DurableMemory(core.store, core.clock),
                    clock=core.clock,
                )
                await chat.start()
                running = asyncio.create_task(chat.run())
                await chat.client.wait_until_ready()
                yield chat, core, http, place
                await chat.stop()
                await running
                await chat.close()


async def _nobody(who: UserRef, text: str) -> bool:
    return False


async def _silence(*_: object) -> None:
    pass


async def orders(url: str) -> dict[str, float]:
    """First at the rate that is promised, then as many as go."""
    async with connected(url) as (_, core, http, _):
        await _ask(http, RATE, 0)  # everything is imported and warm
        steady = await _ask(http, RATE * STEADY_SECONDS, RATE)
        burst = await _ask(http, BURST, 0)
        drafts = await core.store.read(lambda tx: tx.value("SELECT COUNT(*) FROM drafts"))
        assert drafts == RATE + RATE * STEADY_SECONDS + BURST, drafts
    return {"rate": BURST / burst["seconds"], "p50": steady["p50"], "p99": steady["p99"]}


async def _ask(http: aiohttp.ClientSession, many: int, rate: float) -> dict[str, float]:
    async with http.post("/orders", params={"many": many, "rate": rate}) as answer:
        found: dict[str, float] = await answer.json()
        return found


async def delivery(url: str) -> dict[str, float]:
    """By the bot itself into a boosted server; a small one first, so that only the size counts."""
    from adapters.discord.address import Address

    async with connected(url) as (chat, core, _, place):
        who = UserRef("discord", "1")
        address = Address(user=1, channel=place["channel"], guild=place["guild"], boost=3)
        spans = []
        for n, size in enumerate((MEGABYTE, VIDEO_MB * MEGABYTE)):
            ask = Ask(who, address.chat(), f"ask:{n}", Request(MODEL, "a happy dog"))
            quoted = await core.studio.quote(ask)
            assert isinstance(quoted, Quoted)
            job = await core.studio.order(who, quoted.draft.id)
            file = core.settings.videos_dir / f"{job.id}.mp4"
            await asyncio.to_thread(_write, file, size)
            video = Video(file.name, size, 1920, 1080, Decimal(8), True)
            before, began = memory(), time.perf_counter()
            forget_peak()
            settled = replace(job, state=JobState.SETTLED, outcome=video)
            message = await chat.deliver(Delivery(settled, "channel", 1, file=file, video=video))
            spans.append((memory(what="VmHWM") - before, time.perf_counter() - began))
            sent = await chat.client.http.get_message(place["channel"], int(message))
            assert [each["size"] for each in sent["attachments"]] == [size], sent
    return {"memory": spans[-1][0], "seconds": spans[-1][1]}


def _write(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for _ in range(size // MEGABYTE):
            out.write(bytes(MEGABYTE))
