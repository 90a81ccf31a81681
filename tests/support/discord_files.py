"""Files in the stand-in: streamed to disk as they come in, served under Discord's signed, expiring addresses."""

from __future__ import annotations

import hashlib
import hmac
import json
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web
from support.discord_errors import invalid

MIB = 1 << 20
DAY = 86_400
SECRET = b"stand-in"
Json = dict[str, Any]


@dataclass
class Upload:
    """A file that somebody sent: its bytes lie at `path` (none are kept there if the server keeps no files)."""

    id: int
    name: str
    size: int
    sha256: str
    path: Path
    description: str | None = None
    ephemeral: bool = False
    gone_at: int | None = None

    @property
    def content_type(self) -> str | None:
        return mimetypes.guess_type(self.name)[0]

    def read(self) -> bytes:
        return self.path.read_bytes()


class Spool:
    """A file on disk that grows by pieces."""

    def __init__(self, path: Path, keep: bool = True) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file = path.open("wb")
        self._keep = keep

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        self._digest.update(piece)
        if self._keep:
            self._file.write(piece)

    def close(self) -> str:
        """The SHA-256 of it all."""
        self._file.close()
        return self._digest.hexdigest()


@dataclass
class Body:
    """What a request carried."""

    json: Any
    files: dict[int, Upload]


class FileStore:
    """Every file of one server."""

    def __init__(self, keep: bool = True) -> None:
        self.folder = Path()
        self._keep = keep
        self._count = 0
        self.uploads: dict[int, Upload] = {}
        self.base_url = ""

    def add(self, name: str, data: bytes | Path, file_id: int, *, ephemeral: bool = False) -> Upload:
        """A file that a person sends."""
        spool = Spool(self._next_path())
        spool.write(data if isinstance(data, bytes) else data.read_bytes())
        return self.register(
            Upload(file_id, name, spool.size, spool.close(), spool.path, ephemeral=ephemeral)
        )

    def register(self, upload: Upload) -> Upload:
        self.uploads[upload.id] = upload
        return upload

    def _next_path(self) -> Path:
        self._count += 1
        return self.folder / str(self._count)

    async def read_body(self, request: web.Request) -> Body:
        """JSON, or `payload_json` and `files[n]`, the files in pieces straight to disk."""
        if not request.can_read_body:
            return Body(None, {})
        if not request.content_type.startswith("multipart/"):
            text = await request.text()
            return Body(json.loads(text) if text else None, {})
        body = Body({}, {})
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise invalid(("", "parts within parts"))
            if part.name == "payload_json":
                body.json = json.loads(await part.text())
            elif found := re.fullmatch(r"files\[(\d+)]", part.name or ""):
                body.files[int(found[1])] = await self._receive(part)
            else:
                raise invalid((part.name or "", "not payload_json and not files[n]"))
        return body

    async def _receive(self, part: BodyPartReader) -> Upload:
        spool = Spool(self._next_path(), self._keep)
        while piece := await part.read_chunk(1 << 18):
            spool.write(piece)
        name = re.sub(r"[^\w.\-]", "_", part.filename or "unknown")
        return Upload(0, name, spool.size, spool.close(), spool.path)

    # --- the CDN

    def address(self, upload: Upload, channel_id: int) -> str:
        """Without a signature: it opens nothing."""
        kind = "ephemeral-attachments" if upload.ephemeral else "attachments"
        return f"{self.base_url}/{kind}/{channel_id}/{upload.id}/{upload.name}"

    def link(self, upload: Upload, channel_id: int, now: int) -> str:
        """A signed address that lives for a day (discord.md 4)."""
        return self.signed(self.address(upload, channel_id), now)

    def signed(self, address: str, now: int) -> str:
        path = address.removeprefix(self.base_url)
        since = now // 1000
        until = since + DAY
        return f"{address}?ex={until:x}&is={since:x}&hm={_sign(path, f'{until:x}', f'{since:x}')}&"

    def serve(self, request: web.Request, now: int) -> web.StreamResponse:
        query = request.query
        signed = _sign(request.path, query.get("ex", ""), query.get("is", ""))
        upload = self.uploads.get(int(request.match_info["upload"]))
        good = hmac.compare_digest(signed, query.get("hm", "")) and int(query["ex"], 16) > now // 1000
        if not good or upload is None or (upload.gone_at is not None and upload.gone_at <= now):
            return web.Response(status=404, text="This content is no longer available.")
        return web.FileResponse(
            upload.path, headers={"Content-Type": upload.content_type or "application/octet-stream"}
        )


def _sign(path: str, until: str, since: str) -> str:
    return hmac.new(SECRET, f"{path}{until}{since}".encode(), hashlib.sha256).hexdigest()
