"""Pictures from Discord: their bytes are copied at once, since the links they come with die."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import discord

from adapters.discord import render
from bot.domain import Picture
from bot.errors import UserError
from bot.talk import Asker, Talk
from bot.texts import say

# Members may upload far more than we could post (discord.md 3); what is read is held in memory.
BYTES_MOST = 25_000_000
AT_ONCE = 10  # files in one message, discord.md 4
FETCH_SECONDS = 60
READ_AT_ONCE = 4  # pictures of everybody together: so many lie in memory
# Where Discord keeps files, and its own copies of what stands elsewhere (discord.md 4).
_DISCORDS = re.compile(r"https://(cdn\.discordapp\.com|(media|images-ext-\d+)\.discordapp\.net)/.*")
_ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jfif",
    ".webp",
    ".gif",
    ".heic",
    ".heif",
    ".avif",
    ".bmp",
    ".tif",
    ".tiff",
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file somebody sent, by its address; `size` in bytes and `kind` (a media type) are Discord's word."""

    url: str
    name: str
    size: int
    kind: str = ""

    @classmethod
    def of(cls, attachment: discord.Attachment) -> Self:
        return cls(attachment.url, attachment.filename, attachment.size, attachment.content_type or "")

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """An attachment as it stands in a payload."""
        return cls(data["url"], data["filename"], int(data["size"]), data.get("content_type") or "")

    @property
    def is_picture(self) -> bool:
        """By what Discord says and by its name; the bytes are looked at later."""
        return self.kind.startswith("image/") or self.name.lower().endswith(_ENDINGS)


def pictures_among(attachments: Sequence[discord.Attachment]) -> tuple[Upload, ...]:
    """The pictures of a message; all that it brings when none looks like one, so that its sender is told."""
    uploads = tuple(Upload.of(each) for each in attachments[:AT_ONCE])
    return tuple(each for each in uploads if each.is_picture) or uploads


def shown_by(message: discord.Message) -> list[Upload]:
    """The pictures of a message that somebody pointed at: its files, what its components show (Discord does not list
    those among the files), or what its links show. What stands elsewhere is taken by Discord's own copy: a bot may show
    any address it likes, one within our own network too."""
    files = [each for each in map(Upload.of, message.attachments) if each.is_picture]
    shown = [
        Upload(_source(each), _name_of(each.url), 0, each.content_type or "") for each in _media(message)
    ]
    copies = [each.image.proxy_url or each.thumbnail.proxy_url for each in message.embeds]
    linked = [Upload(url, say("discord.a_picture"), 0, "image/") for url in copies if url]
    return [*files, *(each for each in shown if each.is_picture), *linked][:AT_ONCE]


def _media(message: discord.Message) -> Iterator[discord.UnfurledMediaItem]:
    for each in render.walk(message.components):
        if isinstance(each, discord.MediaGalleryComponent):
            yield from (item.media for item in each.items)
        elif isinstance(each, discord.ThumbnailComponent):
            yield each.media


def _source(media: discord.UnfurledMediaItem) -> str:
    """The file itself where Discord keeps it, since a copy may be a smaller one; "" where there is neither."""
    return media.url if _DISCORDS.fullmatch(media.url) else media.proxy_url or ""


def _name_of(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name or say("discord.a_picture")


class Pictures:
    """One for each client. Reads over connections of its own, opened with the first picture, until `close`; from
    nowhere but Discord, or a stand-in for it at `api_url`."""

    def __init__(self, talk: Talk, api_url: str) -> None:
        self._talk = talk
        api = urlsplit(api_url)
        self._stand_in = f"{api.scheme}://{api.netloc}/"
        self._room = asyncio.Semaphore(READ_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def take(self, asker: Asker, uploads: Sequence[Upload]) -> tuple[Picture, ...]:
        """Copy, check and keep them, in their order. Raises UserError; asked only of somebody who was admitted."""
        for each in uploads:
            if each.size > BYTES_MOST:
                raise _too_big(each)
        taken = []
        for each in uploads:
            async with self._room:
                taken.append(await self._take(asker, each))
        return tuple(taken)

    async def _take(self, asker: Asker, upload: Upload) -> Picture:
        if not (_DISCORDS.fullmatch(upload.url) or upload.url.startswith(self._stand_in)):
            raise UserError("discord.picture_elsewhere", name=upload.name)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                data = await self.read(upload.url)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UserError("discord.picture_gone", name=upload.name) from error
        if len(data) > BYTES_MOST:
            raise _too_big(upload)
        return await self._talk.take_picture(asker, data, upload.name)

    async def read(self, url: str) -> bytes:
        """Not much more than BYTES_MOST of it, whatever was said of its size; discord.py itself would read all. Whoever
        answers leads nowhere else. Raises aiohttp.ClientError."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        data = bytearray()
        async with self._session.get(url, raise_for_status=True, allow_redirects=False) as response:
            if response.status != 200:
                raise aiohttp.ClientError(f"answered {response.status}")
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > BYTES_MOST:
                    break
        return bytes(data)


def _too_big(upload: Upload) -> UserError:
    return UserError("discord.picture_too_big", name=upload.name, most=BYTES_MOST // 1_000_000)
