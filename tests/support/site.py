"""A web server with the real use cases behind it, over plain HTTP, without an engine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from adapters.web import WebChat
from bot.app import Core, open_core
from bot.domain import ChatRef, Job, JobState, Request, UserRef, Video
from bot.kie.callback import read_callback
from bot.meters import Meters
from bot.settings import Settings
from bot.store import jobs
from bot.studio import Ask, Quoted
from bot.web import Snapshot, WebServer

ADA = UserRef("web", "ada")


@dataclass
class Site:
    """A server with the real use cases behind it; `healthy` is what its checks say."""

    core: Core
    server: WebServer
    client: httpx.AsyncClient
    meters: Meters
    healthy: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def order(self) -> Job:
        asked = Ask(ADA, ChatRef("web", "ada"), "web:ada:key", Request("veo-3-1:lite", prompt="Waves"))
        quoted = await self.core.studio.quote(asked)
        assert isinstance(quoted, Quoted)
        return await self.core.studio.order(ADA, quoted.draft.id)

    async def settle(self, job: Job, video: Video) -> None:
        """End the job as the engine would."""
        self.core.settings.videos_dir.joinpath(video.file).write_bytes(bytes(range(256)) * 40)
        if video.thumbnail:
            self.core.settings.videos_dir.joinpath(video.thumbnail).write_bytes(b"a picture")
        held = await self.core.store.write(
            lambda tx: jobs.claim(tx, job.id, JobState.QUEUED, job.created_at, job.created_at + 9_000)
        )
        assert held
        assert await self.core.store.write(lambda tx: jobs.settle(tx, held, video, job.created_at, None))


def public(app: web.Application) -> None:
    """An adapter that mounts a page of its own, not listed as public."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="the operator's page")

    app.router.add_get("/admin", page)


@contextlib.asynccontextmanager
async def site(folder: Path, hmac_key: str | None = None, **settings: Any) -> AsyncIterator[Site]:
    chosen = replace(
        Settings(data_dir=folder, http_port=0, new_user_credits=500, commands_per_minute=1000), **settings
    )
    meters = Meters()
    healthy: dict[str, dict[str, Any]] = {"database": {"ok": True}, "disk": {"ok": True, "free_mb": 9}}

    async def health() -> Mapping[str, Mapping[str, Any]]:
        return healthy

    async def snapshot() -> Snapshot:
        return Snapshot(
            {"queued": 2}, {"video": 3, "policy": 1}, Decimal("99.5"), {"kie": False}, {"a rule": 0}
        )

    async with open_core(chosen) as core:
        server = WebServer(
            settings=chosen,
            studio=core.studio,
            clock=core.clock,
            meters=meters,
            health=health,
            snapshot=snapshot,
            read_callback=read_callback,
            hmac_key=hmac_key,
            mounts=[WebChat(core.studio).mount, public],
        )
        await server.start()
        async with httpx.AsyncClient(base_url=server.url) as client:
            yield Site(core, server, client, meters, healthy)
        await server.stop()
