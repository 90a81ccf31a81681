"""Videos on their way to Telegram: streamed from disk, how long that may take, and how much it takes (telegram.md 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from aiogram import Bot
from aiogram.types import BufferedInputFile, InputFile, Message

from bot.ports import Delivery, Memory

CLOUD_MOST = 50_000_000  # bytes; whether Telegram's 50 MB are 10**6 or 2**20 based is not said
OWN_SERVER_MOST = 2_000_000_000
THUMBNAIL_MOST = 200_000

CHUNK = 256 * 1024
TAIL = 1024  # bytes held back until it is noted that they leave
AT_LEAST_SECONDS = 60.0
SLOWEST = 500_000  # bytes a second
LIMIT_KEPT_SECONDS = 7 * 86_400.0
FILE_KEPT_SECONDS = 90 * 86_400.0


async def nothing() -> None:
    pass


class Upload(InputFile):
    """A file that is never in memory as a whole, open within `with`. `at_last` is awaited before its last bytes leave:
    until then Telegram cannot have taken it, so `whole` is False; `meanwhile` before each piece."""

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        at_last: Callable[[], Awaitable[None]] = nothing,
        meanwhile: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        super().__init__(name, CHUNK)
        self.size = size_of(path)
        self.whole = False
        self._path = path
        self._at_last = at_last
        self._meanwhile = meanwhile

    def __enter__(self) -> Self:
        self._file = self._path.open("rb")
        return self

    def __exit__(self, *_: object) -> None:
        # not left to the reader: aiohttp forgets one whose request broke off
        self._file.close()

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        self.whole = False
        left = self.size
        self._file.seek(0)
        while piece := await asyncio.to_thread(self._file.read, CHUNK):
            await self._meanwhile()
            left -= len(piece)
            if left <= 0:
                body, piece = piece[:-TAIL], piece[-TAIL:]
                if body:
                    yield body
                await self._at_last()
                self.whole = True
            yield piece


def thumbnail(path: Path | None) -> BufferedInputFile | None:
    """The picture before the video plays, if Telegram would take it: `bot.media` makes it small enough."""
    if path is None or not path.exists() or size_of(path) >= THUMBNAIL_MOST:
        return None
    return BufferedInputFile(path.read_bytes(), "thumbnail.jpg")


def size_of(path: Path) -> int:
    return path.stat().st_size


def seconds_for(size: int) -> float:
    """How long a request with `size` bytes may take: the session's minute would cut off slow lines."""
    return AT_LEAST_SECONDS + size / SLOWEST


class Limit:
    """The most bytes the server takes: a documented number, or less where a 413 taught so. Kept for a week, so that one
    proxy's bad day is forgotten, and for each server."""

    def __init__(self, api_url: str, memory: Memory) -> None:
        host = urlsplit(api_url).netloc
        self._start = CLOUD_MOST if host == "api.telegram.org" else OWN_SERVER_MOST
        self._name = f"telegram:limit:{host}"
        self._memory = memory

    async def get(self) -> int:
        return min(self._start, await self._memory.get(self._name) or self._start)

    async def learn(self, refused: int) -> int:
        """A file of `refused` bytes was too large; returns what will be tried next."""
        limit = CLOUD_MOST if refused > CLOUD_MOST else int(refused * 0.75)
        await self._memory.put(self._name, limit, seconds=LIMIT_KEPT_SECONDS)
        return limit


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that Telegram has. `kind` is `video` or `animation`, and cannot be changed."""

    file_id: str
    kind: str


class KeptFiles:
    """Which videos Telegram has: sent again, they need not be uploaded."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, delivery: Delivery) -> KeptFile | None:
        note = await self._memory.get(_name(delivery))
        return KeptFile(**note) if note else None

    async def keep(self, delivery: Delivery, sent: Message) -> None:
        """What came back for an upload; a silent clip may have become an animation (telegram.md 2)."""
        file = sent.video or sent.animation
        if file:
            note = {"file_id": file.file_id, "kind": "video" if sent.video else "animation"}
            await self._memory.put(_name(delivery), note, seconds=FILE_KEPT_SECONDS, owner=delivery.job.user)

    async def drop(self, delivery: Delivery) -> None:
        await self._memory.drop(_name(delivery))


def _name(delivery: Delivery) -> str:
    shape = "fitted" if delivery.fitted else str(delivery.video.size if delivery.video else "")
    return f"telegram:file:{delivery.job.id}:{shape}"
