"""Brings the bytes of people's pictures here; their address at Telegram holds the token and goes nowhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from aiogram import Bot
from aiogram.methods import GetFile

from adapters.telegram.calls import Calls
from adapters.telegram.errors import Oversize, Refused
from adapters.telegram.pictures import DOWNLOAD_MOST, Sent
from adapters.telegram.session import DownloadFailed
from adapters.telegram.spots import Spot
from bot.domain import Picture
from bot.errors import UserError
from bot.talk import Talk

log = logging.getLogger(__name__)

DOWNLOAD_SECONDS = 60
READ_AT_ONCE = 4  # pictures of everybody together: so many lie in memory
# A file's address runs out; asking again gives another (telegram.md 1).
TRIES = 2


class Fetching:
    """Pictures that were sent, checked and kept."""

    def __init__(self, *, bot: Bot, calls: Calls, talk: Talk) -> None:
        self._bot = bot
        self._calls = calls
        self._talk = talk
        self._room = asyncio.Semaphore(READ_AT_ONCE)

    async def take(self, spot: Spot, sent: Sequence[Sent]) -> tuple[Picture, ...]:
        """In their order. Raises UserError for the first that cannot be used, RetryLater."""
        taken = []
        for each in sent:
            async with self._room:
                taken.append(await self._take(spot, each))
        return tuple(taken)

    async def _take(self, spot: Spot, sent: Sent) -> Picture:
        return await self._talk.take_picture(spot.asker, await self._bytes(sent), sent.name)

    async def _bytes(self, sent: Sent) -> bytes:
        for _ in range(TRIES):
            try:
                file = await self._calls(GetFile(file_id=sent.file_id))
                if file.file_path and file.file_path.startswith("/"):
                    return await asyncio.to_thread(_on_this_disk, Path(file.file_path))
                if file.file_path:
                    data = BytesIO()
                    await self._bot.download_file(file.file_path, data, timeout=DOWNLOAD_SECONDS)
                    return data.getvalue()
            except Oversize:
                raise UserError("telegram.too_big", most=DOWNLOAD_MOST // 1024**2) from None
            except (Refused, DownloadFailed) as error:
                log.warning("a picture could not be fetched: %s", error)
        raise UserError("telegram.not_fetched")


def _on_this_disk(file: Path) -> bytes:
    """A Bot API server of one's own in local mode names a file beside it (telegram.md 1, 2). Raises UserError."""
    try:
        return file.read_bytes()
    except OSError as error:
        log.warning("the Bot API server's file %s cannot be read here: %s", file, error.strerror)
        raise UserError("telegram.not_fetched") from None
