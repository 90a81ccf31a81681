"""Pictures from Discord: their bytes are copied at once, since the links they come with die."""

from __future__ import annotations

import asyncio
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
_SESSION = "_HTTPClient__session"  # discord.py has no public way to it
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
    those among the files), or what its links show, by Discord's own copies."""
    files = [each for each in map(Upload.of, message.attachments) if each.is_picture]
    shown = [Upload(each.url, _name_of(each.url), 0, each.content_type or "") for each in _media(message)]
    copies = [each.image.proxy_url or each.thumbnail.proxy_url for each in message.embeds]
    linked = [Upload(url, say("discord.a_picture"), 0, "image/") for url in copies if url]
    return [*files, *(each for each in shown if each.is_picture), *linked][:AT_ONCE]


def _media(message: discord.Message) -> Iterator[discord.UnfurledMediaItem]:
    for each in render.walk(message.components):
        if isinstance(each, discord.MediaGalleryComponent):
            yield from (item.media for item in each.items)
        elif isinstance(each, discord.ThumbnailComponent):
            yield each.media


def _name_of(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name or say("discord.a_picture")


async def take(
    client: discord.Client, talk: Talk, asker: Asker, uploads: Sequence[Upload]
) -> tuple[Picture, ...]:
    """Copy, check and keep them, in their order. Raises UserError; asked only of somebody who was admitted."""
    for each in uploads:
        if each.size > BYTES_MOST:
            raise _too_big(each)
    return tuple([await _take(client, talk, asker, each) for each in uploads])


async def _take(client: discord.Client, talk: Talk, asker: Asker, upload: Upload) -> Picture:
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            data = await _read(client, upload.url)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UserError("discord.picture_gone", name=upload.name) from error
    if len(data) > BYTES_MOST:
        raise _too_big(upload)
    return await talk.take_picture(asker, data, upload.name)


async def _read(client: discord.Client, url: str) -> bytes:
    """Not much more than BYTES_MOST of it, whatever was said of its size; discord.py itself would read all. Raises
    aiohttp.ClientError."""
    session: aiohttp.ClientSession = getattr(client.http, _SESSION)
    proxy, proxy_auth = client.http.proxy, client.http.proxy_auth
    data = bytearray()
    async with session.get(url, proxy=proxy, proxy_auth=proxy_auth, raise_for_status=True) as response:
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > BYTES_MOST:
                break
    return bytes(data)


def _too_big(upload: Upload) -> UserError:
    return UserError("discord.picture_too_big", name=upload.name, most=BYTES_MOST // 1_000_000)
