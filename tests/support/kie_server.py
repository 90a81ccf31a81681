"""A small web server that plays back scripted answers in KIE's manner, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class KieServer:
    """`answers[path]` are given one after the other, the last one for ever."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    def script(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def creates(self, *answers: Answer) -> None:
        self.script("/api/v1/jobs/createTask", *answers)

    def looks(self, *answers: Answer) -> None:
        self.script("/api/v1/jobs/recordInfo", *answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path, request.query, request.headers, body))
        queue = self.answers.get(request.path)
        if not queue:
            return web.Response(status=404, text="no such page")
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        return await answer(request)


@asynccontextmanager
async def kie_server() -> AsyncIterator[KieServer]:
    server = KieServer()
    application = web.Application(client_max_size=1 << 28)
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def envelope(code: int, msg: str = "success", data: Any = None, *, status: int = 200) -> Answer:
    """KIE's usual answer."""
    return plain(
        json.dumps({"code": code, "msg": msg, "data": data}), status, "application/json;charset=UTF-8"
    )


def plain(
    text: str | bytes,
    status: int = 200,
    content_type: str = "text/plain",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Any body at all."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = text.encode() if isinstance(text, str) else text
        return web.Response(
            body=body, status=status, headers={"Content-Type": content_type, **(headers or {})}
        )

    return answer


async def drop(request: web.Request) -> web.StreamResponse:
    """Take the request, then close the connection without a word."""
    assert request.transport
    request.transport.close()
    await asyncio.sleep(0.05)
    return web.Response()


def cut(body: bytes, promised: int) -> Answer:
    """Promise `promised` bytes, send fewer, close."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(promised)})
        await response.prepare(request)
        await response.write(body)
        assert request.transport
        request.transport.close()
        return response

    return answer


def moved(location: str) -> Answer:
    return plain("", 302, headers={"Location": location})
