"""How calls of the Bot API stand-in travel: bodies of every form, uploads streamed, answers, cut connections."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import BodyPartReader, web
from support.telegram_media import Files, Stored, TooMuch
from support.telegram_schema import ApiError, bad

_CHUNK = 2**18
_FORM_BYTES = 2**20
_ATTACH = re.compile(r"attach://([\w.-]+)")
_FETCH_SECONDS = 20
BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"


@dataclass(slots=True)
class Body:
    """What a call carries: values as they came, and uploaded parts by name."""

    values: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Stored] = field(default_factory=dict)

    def settle(self, fields: Mapping[str, Any]) -> None:
        """Put parts that are parameters where they belong. Raises ApiError 400 for parts that nothing names."""
        named = set(_ATTACH.findall(json.dumps(self.values)))
        if missing := named - set(self.parts):
            raise bad(f"attach://{min(missing)} names no file that was uploaded")
        for name in set(self.parts) - named:
            if name not in fields:
                raise bad(f"the uploaded file {name} is named nowhere")
            self.values[name] = self.parts[name]


async def read_body(request: web.Request, files: Files, limit: int, pause: float = 0) -> Body:
    """Read the call to its end, files to disk; `pause` seconds after the first chunk. Raises ApiError."""
    body = Body(dict(request.query))
    kind = request.content_type
    if kind.startswith("multipart/"):
        if await _read_parts(request, body, files, limit, pause):
            raise ApiError(413, "Request Entity Too Large")
        return body
    text = (await _read_whole(request)).decode()
    await asyncio.sleep(pause)
    if kind == "application/json" and text:
        try:
            values = json.loads(text)
        except ValueError:
            raise bad("can't parse JSON object") from None
        if not isinstance(values, dict):
            raise bad("object expected as the body")
        body.values |= values
    elif text:
        body.values |= dict(parse_qsl(text, keep_blank_values=True))
    return body


async def _read_whole(request: web.Request) -> bytes:
    data = bytearray()
    async for chunk in request.content.iter_chunked(_CHUNK):
        data += chunk
        if len(data) > _FORM_BYTES:
            raise ApiError(413, "Request Entity Too Large")
    return bytes(data)


async def _read_parts(request: web.Request, body: Body, files: Files, limit: int, pause: float) -> bool:
    """Whether any file was too large; the rest is read all the same, so that the client hears the answer."""
    too_much = False
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise bad("can't parse multipart body")
        if part.filename is None:
            body.values[part.name] = await part.text()
            continue
        mime = part.headers.get("Content-Type")
        try:
            body.parts[part.name] = await files.take(_chunks(part, pause), part.filename, mime, limit)
        except TooMuch:
            too_much = True
    return too_much


async def _chunks(part: BodyPartReader, pause: float) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk
        if pause:
            await asyncio.sleep(pause)
            pause = 0


async def fetch(files: Files, url: str, limit: int) -> Stored:
    """A file from an address, as Telegram fetches it. Raises ApiError 400."""
    timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            answer.raise_for_status()
            chunks = answer.content.iter_chunked(_CHUNK)
            return await files.take(chunks, url.rsplit("/", 1)[-1], answer.content_type, limit)
    except (aiohttp.ClientError, TimeoutError, TooMuch):
        raise bad("failed to get HTTP URL content") from None


def success(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def failure(error: ApiError) -> web.Response:
    """Telegram's answer for what did not work, with its parameters and headers."""
    body: dict[str, Any] = {"ok": False, "error_code": error.code, "description": error.description}
    headers = {}
    if error.parameters:
        body["parameters"] = error.parameters
    if "retry_after" in error.parameters:
        headers["Retry-After"] = str(error.parameters["retry_after"])
    return web.json_response(body, status=error.code, headers=headers)


def bad_gateway() -> web.Response:
    return web.Response(text=BAD_GATEWAY, status=502, content_type="text/html")


def cut(request: web.Request) -> web.Response:
    """Hang up: whatever is returned after this reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()
