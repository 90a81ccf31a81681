"""The sandbox as one server: KIE's API host and upload host on the same port."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from bot.catalog import load
from bot.clock import SystemClock
from bot.ports import Clock
from bot.sandbox import files, legacy, lists, look
from bot.sandbox.create import create_task
from bot.sandbox.faults import Faults
from bot.sandbox.life import LIVES, Lives
from bot.sandbox.options import SandboxOptions
from bot.sandbox.wire import gatekeeper
from bot.sandbox.world import WORLD, Task, World

_BODY_BYTES = 200_000_000
_SHUTDOWN_SECONDS = 0.5


class Sandbox:
    """KIE's API for any client. `async with Sandbox(options) as sandbox:` serves at `sandbox.url`.

    While it runs, `faults` may be changed, and `tasks`, `created` and `requests` tell what came in.
    """

    def __init__(self, options: SandboxOptions | None = None, clock: Clock | None = None) -> None:
        """Raises UserError for a fault that does not exist."""
        self.options = options or SandboxOptions()
        self.faults = Faults(self.options.faults)
        self._clock = clock or SystemClock()
        self._world: World | None = None
        self._stack = contextlib.AsyncExitStack()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; returns the base address, for KIE_API_URL and KIE_UPLOAD_URL both. Raises OSError."""
        async with contextlib.AsyncExitStack() as stack:
            folder = self.options.data or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))
            )
            world = World(self.options, load(), self._clock, folder.resolve(), self.faults)
            world.prepare()
            runner = web.AppRunner(_app(world), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, host, port).start()
            world.url = f"http://{_reachable(host)}:{runner.addresses[0][1]}"
            runner.app[LIVES].start()
            self._world = world
            self._stack = stack.pop_all()
        return world.url

    async def stop(self) -> None:
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def world(self) -> World:
        """Everything it knows. Raises RuntimeError before `start`."""
        if self._world is None:
            raise RuntimeError("the sandbox has not been started")
        return self._world

    @property
    def url(self) -> str:
        return self.world.url

    @property
    def created(self) -> list[dict[str, Any]]:
        """The bodies of all accepted creations, in order."""
        return self.world.created

    @property
    def tasks(self) -> dict[str, Task]:
        return self.world.tasks

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of the latest requests, oldest first."""
        return list(self.world.requests)


def _app(world: World) -> web.Application:
    app = web.Application(middlewares=[gatekeeper], client_max_size=_BODY_BYTES)
    app[WORLD] = world
    app.cleanup_ctx.append(_living)
    app.add_routes(
        [
            web.post("/api/v1/jobs/createTask", create_task),
            web.get("/api/v1/jobs/recordInfo", look.record_info),
            web.get("/api/v1/chat/credit", look.credit),
            web.post("/api/v1/common/download-url", look.download_url),
            web.post("/api/file-base64-upload", files.upload_base64),
            web.post("/api/file-stream-upload", files.upload_stream),
            web.post("/api/file-url-upload", files.upload_url),
            web.get("/api/v1/models", lists.models),
            web.get("/api/v1/models/{model:.+}/schema", lists.schema),
            web.get("/api/v1/models/{model:.+}/price", lists.price_of),
            web.get("/api/v1/models/{model:.+}/success-rate", lists.success_rate),
            web.post("/client/v1/model-pricing/page", lists.price_page),
            web.get("/client/v1/model-pricing/count", lists.price_count),
            web.post("/api/v1/veo/generate", legacy.veo_generate),
            web.get("/api/v1/veo/record-info", legacy.veo_record),
            web.post("/api/v1/runway/generate", legacy.runway_generate),
            web.get("/api/v1/runway/record-detail", legacy.runway_detail),
            web.get("/files/{path:.+}", files.give),
        ]
    )
    return app


async def _living(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session:
        app[files.SESSION] = session
        app[LIVES] = Lives(app[WORLD], session)
        yield
        await app[LIVES].stop()


def _reachable(host: str) -> str:
    """An address to call for one to listen on."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
