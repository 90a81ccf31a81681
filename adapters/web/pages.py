"""The pages open now, by user: each is woken when something of its user's may have changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class OpenPage:
    """One connection of one browser."""

    def __init__(self) -> None:
        self.closing = False
        self._woken = asyncio.Event()
        self._notices: list[str] = []

    def wake(self, notice: str | None = None) -> None:
        if notice is not None:
            self._notices.append(notice)
        self._woken.set()

    def notices(self) -> list[str]:
        """What was said since the last time."""
        said, self._notices = self._notices, []
        return said

    async def rest(self, seconds: float) -> None:
        """Until woken, and at most this long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()


class OpenPages:
    def __init__(self) -> None:
        self._by_user: dict[str, set[OpenPage]] = {}

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[OpenPage]:
        page = OpenPage()
        self._by_user.setdefault(name, set()).add(page)
        try:
            yield page
        finally:
            pages = self._by_user[name]
            pages.discard(page)
            if not pages:
                del self._by_user[name]

    def wake(self, name: str) -> None:
        for page in self._by_user.get(name, ()):
            page.wake()

    def tell(self, name: str, text: str) -> bool:
        pages = self._by_user.get(name, ())
        for page in pages:
            page.wake(text)
        return bool(pages)

    def close(self) -> None:
        """End all streams; a stopping server need not wait for them."""
        for pages in self._by_user.values():
            for page in pages:
                page.closing = True
                page.wake()
