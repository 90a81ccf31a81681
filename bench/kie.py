"""KIE as far as a bench needs it: the sandbox, or an answer that is always the same and costs next to nothing."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

from aiohttp import web

from bench.measure import announce
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox

GENERATING = {"code": 200, "msg": "success", "data": {"taskId": "t", "state": "generating", "param": "{}"}}


async def sandbox(faults: dict[str, str]) -> None:
    """Every task ends at once with the same tiny clip."""
    with tempfile.TemporaryDirectory() as folder:
        options = SandboxOptions(
            faults=faults, speed=math.inf, data=Path(folder), rate_limits=False, stock_clip=True
        )
        async with Sandbox(options) as running:
            await announce(running.url)


async def always_generating() -> None:
    """Every task is still being made, whoever asks."""
    answer = json.dumps(GENERATING).encode()

    async def look(_: web.Request) -> web.Response:
        return web.Response(body=answer, content_type="application/json")

    async def credit(_: web.Request) -> web.Response:
        return web.json_response({"code": 200, "msg": "success", "data": 10_000})

    async def create(_: web.Request) -> web.Response:
        return web.json_response({"code": 200, "msg": "success", "data": {"taskId": "t"}})

    app = web.Application()
    app.router.add_post("/api/v1/{create:.*}", create)
    app.add_routes([web.get("/api/v1/jobs/recordInfo", look), web.get("/api/v1/chat/credit", credit)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await announce(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()
