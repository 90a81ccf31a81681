"""Pictures from Discord: their bytes are copied at once, since the links they come with die."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import discord

from bot.domain import Picture
from bot.errors import UserError
from bot.talk import Asker, Talk
from bot.texts import say

# Members may upload far more than we could post (discord.md 3); what is read is held in memory.
BYTES_MOST = 25_000_000
AT_ONCE = 10  # files in one message, discord.md 4
FETCH_SECONDS = 60
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
    """The pictures of a message that somebody pointed at: its files, or what its links show, by Discord's own copies."""
    files = [each for each in map(Upload.of, message.attachments) if each.is_picture]
    copies = [each.image.proxy_url or each.thumbnail.proxy_url for each in message.embeds]
    return [*files, *(Upload(url, say("discord.a_picture"), 0, "image/") for url in copies if url)][:AT_ONCE]


async def take(
    client: discord.Client, talk: Talk, asker: Asker, uploads: Sequence[Upload]
) -> tuple[Picture, ...]:
    """Copy, check and keep them, in their order. Raises UserError; asked only of somebody who was admitted."""
    for each in uploads:
        if each.size > BYTES_MOST:
            raise UserError("discord.picture_too_big", name=each.name, most=BYTES_MOST // 1_000_000)
    return tuple([await _take(client, talk, asker, each) for each in uploads])


async def _take(client: discord.Client, talk: Talk, asker: Asker, upload: Upload) -> Picture:
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            data = await client.http.get_from_cdn(upload.url)
    except (discord.HTTPException, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UserError("discord.picture_gone", name=upload.name) from error
    return await talk.take_picture(asker, data, upload.name)
