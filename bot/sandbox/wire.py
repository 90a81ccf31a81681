"""The envelope of every reply, the codes with KIE's own words, and who may ask how often (kie-api.md 1 and 2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from bot.sandbox.world import WORLD, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MESSAGES: Mapping[int, str] = {
    400: "Bad request",
    401: "You do not have access permissions",
    402: "The current credits are insufficient. Please top up.",
    403: "Forbidden",
    404: "Not found",
    405: "Request method is not supported",
    408: "Upstream is currently experiencing service issues, request timed out",
    422: "Validation error",
    429: "Your call frequency is too high. Please try again later.",
    433: "The usage of this sub-key exceeds the limit",
    455: "Service is currently undergoing maintenance",
    500: "Server exception, please try again later or contact customer service",
    501: "Generation failed",
    505: "Feature disabled",
}
_OPEN_PATHS = ("/files/", "/client/")
_UPLOADS = "/api/file-"
CDN_BLOCK = "error code: 1010"
_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>Bad gateway</body></html>"


class Refusal(Exception):
    """A body code other than 200; HTTP 200 all the same, unless `status` says otherwise."""

    def __init__(self, code: int, message: str | None = None, status: int = 200) -> None:
        super().__init__(message or MESSAGES.get(code, "Error"))
        self.code = code
        self.status = status


def good(data: Any) -> web.Response:
    """Code 200 with `data`."""
    return web.json_response({"code": 200, "msg": "success", "data": data})


def refused(refusal: Refusal, upload: bool = False) -> web.Response:
    body: dict[str, Any] = {"code": refusal.code, "msg": str(refusal), "data": None}
    if upload:
        body["success"] = False
    return web.json_response(body, status=refusal.status)


def plain_number(amount: Decimal) -> int | float:
    """An amount as KIE writes it: whole when it is whole."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


async def read_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object. Raises Refusal 422."""
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(422, "The request body is not a JSON object")
    return body


def base_of(request: web.Request) -> str:
    """This server's address as the asker wrote it, so that links work from where they stand."""
    return f"{request.scheme}://{request.host}"


def hang_up(request: web.Request) -> None:
    """Break the connection without a reply."""
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


def key_of(request: web.Request) -> str:
    """The key of an `Authorization: Bearer` header, "" without one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def limited(world: World) -> bool:
    return world.options.rate_limits and not world.faults.on("no-rate-limit")


def too_often(world: World) -> Refusal:
    return Refusal(429, status=429 if world.faults.on("rate-limit-http") else 200)


@web.middleware
async def gatekeeper(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Notes the request, plays the CDN, checks the key, and writes refusals into their envelope."""
    world = request.app[WORLD]
    world.requests.append((request.method, request.path))
    upload = request.path.startswith(_UPLOADS)
    try:
        if not request.path.startswith("/files/"):
            if world.faults.strike("http-403"):
                return web.Response(status=403, text=CDN_BLOCK)
            if world.faults.strike("http-502"):
                return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")
        if not request.path.startswith(_OPEN_PATHS):
            _check_key(world, key_of(request), upload)
        return await handler(request)
    except Refusal as refusal:
        return refused(refusal, upload)
    except web.HTTPNotFound:
        return refused(Refusal(404, status=404))
    except web.HTTPMethodNotAllowed:
        return refused(Refusal(405, status=405), upload)


def _check_key(world: World, key: str, upload: bool) -> None:
    keys = world.options.keys
    if key and (keys is None or key in keys):
        return
    raise Refusal(401, "Authentication failed: Invalid API Key" if upload else None)
