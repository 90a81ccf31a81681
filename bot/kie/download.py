"""Bringing a result to our disk: without the key, in chunks, no larger than allowed, from checked addresses only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from bot.errors import ProviderError, RetryLater
from bot.kie.address import Resolve, check, origin, read_url
from bot.kie.wire import PAUSES
from bot.ports import Clock

_CHUNK = 256 * 1024
_REDIRECTS = 3
_LONGEST = (
    900  # seconds for one file: KIE sends these in a few, a server that drips would hold a worker for ever
)
_TIMEOUT = httpx.Timeout(30, connect=10)
_PLAIN = {"Accept-Encoding": "identity"}


class Downloader:
    """Fetches results. `own` are the addresses (KIE_API_URL, KIE_UPLOAD_URL) whose origins need no check.

    `http` must keep no connections: one to an IP would be used again for another name that shares it, unverified.
    """

    def __init__(self, http: httpx.AsyncClient, clock: Clock, own: tuple[str, ...], resolve: Resolve) -> None:
        self._http = http
        self._clock = clock
        self._own = frozenset(origin(httpx.URL(url)) for url in own)
        self._resolve = resolve

    async def fetch(self, url: str, target: Path, max_bytes: int) -> int:
        """Stream `url` to `target`, fsynced; returns its size in bytes. What fails leaves no file.

        Raises ProviderError when it cannot be had: gone, too large, a forbidden address; else RetryLater.
        """
        pauses = iter(PAUSES)
        while True:
            try:
                return await self._fetch(read_url(url), target, max_bytes)
            except httpx.HTTPError as error:
                trouble = RetryLater(f"download: {type(error).__name__}")
            except RetryLater as error:
                trouble = error
            pause = next(pauses, None)
            if pause is None:
                raise trouble
            await self._clock.sleep(pause)

    async def _fetch(self, url: httpx.URL, target: Path, max_bytes: int) -> int:
        for _ in range(_REDIRECTS + 1):
            async with self._get(url) as response:
                if response.has_redirect_location:
                    url = read_url(str(url.join(response.headers["Location"])))
                    continue
                _check_status(response)
                return await self._save(response, target, max_bytes)
        raise ProviderError(0, "the result's address leads on too often")

    @asynccontextmanager
    async def _get(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        at = await check(url, self._own, self._resolve)
        headers = {**_PLAIN, **at.headers}
        async with self._http.stream(
            "GET", at.url, headers=headers, extensions=at.extensions, timeout=_TIMEOUT, follow_redirects=False
        ) as response:
            yield response

    async def _save(self, response: httpx.Response, target: Path, max_bytes: int) -> int:
        if int(response.headers.get("Content-Length", 0)) > max_bytes:
            raise ProviderError(413, f"the result is larger than {max_bytes} bytes")
        size = 0
        deadline = self._clock.monotonic() + _LONGEST
        with _written(target) as file:
            async for chunk in response.aiter_bytes(_CHUNK):
                if size == 0 and chunk.lstrip()[:1] in (b"<", b"{"):
                    raise RetryLater("download: a page of text came in place of the file")
                size += len(chunk)
                if size > max_bytes:
                    raise ProviderError(413, f"the result is larger than {max_bytes} bytes")
                if self._clock.monotonic() > deadline:
                    raise RetryLater("download: too slow")
                await asyncio.to_thread(file.write, chunk)
            if not size:
                raise RetryLater("download: the file is empty")
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return size


@contextmanager
def _written(target: Path) -> Iterator[BinaryIO]:
    """The file to write, removed again when that fails."""
    try:
        with target.open("wb") as file:
            yield file
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RetryLater(f"download: cannot write: {error.strerror}") from error
        raise


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    # 401 and 403 also come from a CDN in a bad mood; 404 and 410 say that the file's time is over.
    if 400 <= status < 500 and status not in (401, 403, 408, 425, 429):
        raise ProviderError(status, "the result is no longer there")
    raise RetryLater(f"download: HTTP {status}")
