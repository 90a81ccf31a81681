"""Uploads taken in and files given out (kie-api.md 5)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import mimetypes
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import BodyPartReader, web

from bot.sandbox.media import save
from bot.sandbox.wire import Refusal, base_of, hang_up, read_object
from bot.sandbox.world import WORLD, World

ACCOUNT_FOLDER = "kieai/12345"
FIELDS_AT_MOST = 2_000
_CHUNK = 1 << 16
_URL_UPLOAD_BYTES = 100_000_000
_URL_UPLOAD_TIME = aiohttp.ClientTimeout(total=30)
_PLAIN = re.compile(r"[^\w.\- ]")
_UNKNOWN = "application/octet-stream"
SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)


async def upload_base64(request: web.Request) -> web.Response:
    _refuse_by_fault(request)
    body = await read_object(request)
    folder = _folder(body.get("uploadPath"))
    text = _required(body.get("base64Data"), "base64Data")
    head, comma, rest = text.partition(",")
    mime = head.removeprefix("data:").partition(";")[0] if comma else _UNKNOWN
    try:
        data = base64.b64decode(rest if comma else text, validate=True)
    except binascii.Error:
        raise Refusal(400, "Base64 decoding failed") from None
    part = _part(request.app[WORLD])
    await asyncio.to_thread(part.write_bytes, data)
    return await _stored(request, part, folder, body.get("fileName"), mime)


async def upload_url(request: web.Request) -> web.Response:
    _refuse_by_fault(request)
    world = request.app[WORLD]
    body = await read_object(request)
    folder = _folder(body.get("uploadPath"))
    url = _required(body.get("fileUrl"), "fileUrl")
    part = _part(world)
    try:
        mime = await save(request.app[SESSION], url, part, _URL_UPLOAD_BYTES, _URL_UPLOAD_TIME)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        part.unlink(missing_ok=True)
        raise Refusal(400, "Failed to download file from URL") from None
    name = body.get("fileName") or PurePosixPath(urlsplit(url).path).name
    return await _stored(request, part, folder, name, mime)


async def upload_stream(request: web.Request) -> web.Response:
    """Multipart, written to the disk as it comes; the fields may stand in any order."""
    _refuse_by_fault(request)
    if not request.content_type.startswith("multipart/"):
        raise Refusal(400, "Content-Type must be multipart/form-data")
    fields: dict[str, str] = {}
    part: Path | None = None
    mime, sent_name = _UNKNOWN, ""
    try:
        reader = await request.multipart()
        async for piece in reader:
            if not isinstance(piece, BodyPartReader):
                continue
            if piece.name == "file":
                part = _part(request.app[WORLD])
                mime, sent_name = piece.headers.get("Content-Type", _UNKNOWN), piece.filename or ""
                await _receive(piece, part)
            elif piece.name:
                fields[piece.name] = (await piece.text())[:FIELDS_AT_MOST]
        folder = _folder(fields.get("uploadPath"))
        if part is None:
            raise Refusal(400, "Missing required parameter: file")
        name = fields.get("fileName")
        if not name and sent_name:
            name = secrets.token_hex(8) + PurePosixPath(sent_name).suffix
        return await _stored(request, part, folder, name, mime)
    finally:
        if part:
            part.unlink(missing_ok=True)


async def _receive(piece: BodyPartReader, target: Path) -> None:
    with target.open("wb") as stream:
        while chunk := await piece.read_chunk(_CHUNK):
            await asyncio.to_thread(stream.write, chunk)


def _refuse_by_fault(request: web.Request) -> None:
    faults = request.app[WORLD].faults
    if faults.strike("upload-code"):
        raise Refusal(int(faults.number("upload-code")))


def _required(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"Missing required parameter: {name}")
    return value


def _folder(value: object) -> str:
    folder = _required(value, "uploadPath")
    if folder.startswith("/") or folder.endswith("/") or ".." in folder.split("/"):
        raise Refusal(400, "uploadPath is not valid")
    return "/".join(_PLAIN.sub("_", step) for step in folder.split("/") if step)


def _part(world: World) -> Path:
    return world.uploads / f"{secrets.token_hex(8)}.part"


async def _stored(request: web.Request, part: Path, folder: str, wanted: object, mime: str) -> web.Response:
    """Put the file in its place; the same name overwrites."""
    world = request.app[WORLD]
    name = _PLAIN.sub("_", PurePosixPath(str(wanted)).name) if wanted else ""
    name = name or secrets.token_hex(8) + (mimetypes.guess_extension(mime) or "")
    path = f"{ACCOUNT_FOLDER}/{folder}/{name}"
    target = world.uploads / path
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(part.replace, target)
    address = "fileUrl" if world.faults.strike("upload-file-url") else "downloadUrl"
    uploaded = datetime.fromtimestamp(world.clock.now() / 1000, UTC)
    data = {
        "success": True,
        "fileName": name,
        "filePath": path,
        address: f"{base_of(request)}/files/{quote(path)}",
        "fileSize": target.stat().st_size,
        "mimeType": mimetypes.guess_type(name)[0] or mime,
        "uploadedAt": uploaded.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return web.json_response(
        {"success": True, "code": 200, "msg": "File uploaded successfully", "data": data}
    )


# --- giving out --------------------------------------------------------------------------------------------------


async def give(request: web.Request) -> web.StreamResponse:
    """An upload or a result, with Range; a result may come in the ways of its faults."""
    world = request.app[WORLD]
    path = request.match_info["path"]
    file = world.file_at(path)
    is_result = path.startswith("results/")
    expires = request.query.get("expires", "")
    if file is None or (expires.isdigit() and int(expires) < world.clock.now()):
        raise web.HTTPNotFound
    if not is_result and world.faults.strike("upload-gone"):
        raise web.HTTPNotFound
    if is_result and "direct" not in request.query:
        odd = await _odd_result(request, world, file)
        if odd is not None:
            return odd
    return web.FileResponse(file)


async def _odd_result(request: web.Request, world: World, file: Path) -> web.StreamResponse | None:
    faults = world.faults
    if faults.strike("result-gone"):
        return web.Response(status=int(faults.number("result-gone")), text="gone")
    if faults.strike("result-redirect"):
        place = faults.value("result-redirect") or f"{base_of(request)}{request.path}?direct=1"
        return web.Response(status=302, headers={"Location": place})
    if faults.strike("result-wrong-type"):
        return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
    if faults.strike("result-truncated"):
        await _trickle(request, file, 0, 0.5)
        hang_up(request)
    if faults.strike("result-slow"):
        return await _trickle(request, file, faults.number("result-slow"), 1.0)
    return None


def _size(file: Path) -> int:
    return file.stat().st_size


async def _trickle(request: web.Request, file: Path, seconds: float, share: float) -> web.StreamResponse:
    """Send `share` of the file evenly over `seconds`, having promised all of it."""
    size = await asyncio.to_thread(_size, file)
    response = web.StreamResponse(headers={"Content-Type": mimetypes.guess_type(file.name)[0] or _UNKNOWN})
    response.content_length = size
    await response.prepare(request)
    chunk = max(1, size // 20)
    left = int(size * share)
    with file.open("rb") as stream:
        while left > 0:
            data = stream.read(min(chunk, left))
            left -= len(data)
            await response.write(data)
            await asyncio.sleep(seconds / 20)
    return response
