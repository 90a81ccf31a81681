"""The pictures of a request: our own uploads from the disk, others over the network, none that is not a picture."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

import aiohttp
from PIL import Image

from bot.sandbox.world import World

log = logging.getLogger(__name__)

MAX_BYTES = 30_000_000
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_CHUNK = 1 << 16


async def fetch(world: World, session: aiohttp.ClientSession, url: str | None) -> Path | None:
    """The picture at `url` as a file, or None when there is none to be had."""
    if not url:
        return None
    path = world.own_file(url)
    if path is None and url.startswith(("http://", "https://")):
        path = await _download(world, session, url)
    good = path is not None and await asyncio.to_thread(_is_picture, path)
    return path if good else None


async def _download(world: World, session: aiohttp.ClientSession, url: str) -> Path | None:
    target = world.folder / "fetched" / hashlib.sha256(url.encode()).hexdigest()
    await asyncio.to_thread(target.parent.mkdir, exist_ok=True)
    try:
        await save(session, url, target, MAX_BYTES, _TIMEOUT)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        log.info("a picture could not be fetched: %s", type(error).__name__)
        return None
    return target


async def save(
    session: aiohttp.ClientSession, url: str, target: Path, max_bytes: int, limit: aiohttp.ClientTimeout
) -> str:
    """Stream what stands at `url` to `target`; returns its content type.

    Raises aiohttp.ClientError, TimeoutError, OSError, or ValueError when it is larger than `max_bytes`.
    """
    size = 0
    async with session.get(url, timeout=limit) as answer:
        answer.raise_for_status()
        with target.open("wb") as stream:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > max_bytes:
                    raise ValueError("too large")
                stream.write(chunk)
        return answer.content_type


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, Image.DecompressionBombError):
        return False
    return True
