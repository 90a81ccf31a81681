"""What the server answers itself: health, metrics, videos and KIE's callbacks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.errors import RetryLater
from bot.meters import Meters
from bot.ports import Clock
from bot.studio import Studio
from bot.texts import say
from bot.web import metrics, pages
from bot.web.guard import Guard

log = logging.getLogger(__name__)

Health = Callable[[], Awaitable[Mapping[str, Mapping[str, Any]]]]
TakeSnapshot = Callable[[], Awaitable[metrics.Snapshot]]


class Hint(Protocol):
    """What a callback hints at; `signed` is None without a key to check with, False for a wrong signature."""

    @property
    def task_id(self) -> str | None: ...
    @property
    def signed(self) -> bool | None: ...


ReadCallback = Callable[[Mapping[str, str], bytes, str | None, int], Hint]


class Routes:
    """Handlers over the doors handed in by the composition root; `WebServer` tells what each of them is."""

    def __init__(
        self,
        *,
        studio: Studio,
        guard: Guard,
        health: Health,
        snapshot: TakeSnapshot,
        meters: Meters,
        read_callback: ReadCallback,
        hmac_key: str | None,
        clock: Clock,
    ) -> None:
        self._studio = studio
        self._guard = guard
        self._health = health
        self._snapshot = snapshot
        self._meters = meters
        self._read_callback = read_callback
        self._hmac_key = hmac_key
        self._clock = clock

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/", self.home)
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get(r"/v/{job:\w{1,32}}/{token:\w{1,64}}", self.video)
        app.router.add_post(r"/kie/callback/{job:\w{1,32}}/{token:\w{1,64}}", self.callback)

    async def home(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/chat")

    async def alive(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True}, headers={"Cache-Control": "no-store"})

    async def ready(self, request: web.Request) -> web.Response:
        """Ready or not, for everybody; which check fails, for the operator."""
        checks = await self._health()
        ready = all(check["ok"] for check in checks.values())
        body: dict[str, Any] = {"ready": ready}
        if self._guard.is_admin(request):
            body["checks"] = {name: dict(check) for name, check in checks.items()}
        return web.json_response(body, status=200 if ready else 503, headers={"Cache-Control": "no-store"})

    async def metrics(self, _: web.Request) -> web.Response:
        page = metrics.render(self._meters, await self._snapshot())
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def video(self, request: web.Request) -> web.StreamResponse:
        """A video by its token, with Range; `?thumbnail` its first picture, `?download` as a file to keep."""
        job_id = request.match_info["job"]
        video = await self._studio.public_video(job_id, request.match_info["token"])
        name = None if video is None else video.thumbnail if "thumbnail" in request.query else video.file
        file = self._studio.settings.videos_dir / name if name else None
        if file is None or not file.is_file():
            return pages.problem(request, 404, say("web.no_video"))
        headers = {
            "Content-Type": "image/jpeg" if "thumbnail" in request.query else "video/mp4",
            "Cache-Control": "private, max-age=86400",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if "download" in request.query:
            headers["Content-Disposition"] = f'attachment; filename="kiebot-{job_id}.mp4"'
        return web.FileResponse(file, headers=headers)

    async def callback(self, request: web.Request) -> web.Response:
        """KIE says that a task changed: look at it now. Nothing in the body is believed (architecture.md, 5).

        With a key set and a wrong signature the hinted task is ignored, the job still looked at (which harms nothing),
        and the answer is 401, so that a wrong key on either side shows on KIE's side too.
        """
        body = await request.read()
        hint = self._read_callback(request.headers, body, self._hmac_key, self._clock.now())
        unsigned = hint.signed is False
        job_id, token = request.match_info["job"], request.match_info["token"]
        try:
            known = await self._studio.called_back(job_id, token, None if unsigned else hint.task_id)
        except RetryLater:
            return web.json_response({"code": 503, "msg": "later"}, status=503)
        self._meters.count(
            "callbacks", answer="unsigned" if unsigned and known else "known" if known else "unknown"
        )
        if not known:
            return web.json_response({"code": 404, "msg": "unknown"}, status=404)
        if unsigned:
            log.warning(
                "a callback for job %s has a wrong signature: compare KIE_WEBHOOK_KEY with KIE's page", job_id
            )
            return web.json_response({"code": 401, "msg": "wrong signature"}, status=401)
        return web.json_response({"code": 200, "msg": "success"})
