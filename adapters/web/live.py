"""The stream of an open page: the whole state when it connects, afterwards what changed. No event needs to arrive:
the next one, or the next connection, tells the same truth from the database.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from adapters.web import views
from adapters.web.files import language_of
from adapters.web.pages import OpenPage, OpenPages
from bot.domain import Job, UserRef
from bot.studio import Studio

LOOK_EVERY = 2.0  # seconds; grants and the queue's movements come without a wake-up
NEWEST = 20  # jobs


class Live:
    def __init__(self, studio: Studio, pages: OpenPages) -> None:
        self._studio = studio
        self._pages = pages

    async def job(self, job: Job, language: str) -> views.Json:
        """A job as the page shows it."""
        open_ = job.outcome is None
        progress = await self._studio.progress(job) if open_ else None
        video = None if open_ else await self._studio.video(job)
        return views.job(job, self._studio.name_of(job.model), progress, video, language)

    async def events(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        """Server-sent events: `state` once, then `job`, `balance`, `notice` and, to show that we live, `tick`."""
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        known: dict[str, Any] = {}
        with self._pages.open(who.external_id) as page:
            while not page.closing:
                news = await self._news(page, who, language_of(request), known)
                try:
                    for name, data in [*news, ("tick", {})]:
                        await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
                except ConnectionError:
                    break
                await page.rest(LOOK_EVERY)
        return response

    async def _news(
        self, page: OpenPage, who: UserRef, language: str, known: dict[str, Any]
    ) -> list[tuple[str, Any]]:
        """What differs from `known`, which is brought up to date."""
        first = not known
        balance = views.balance(await self._studio.balance(who), language)
        jobs = [await self.job(each, language) for each in await self._studio.history(who, limit=NEWEST)]
        fresh = {"": balance, **{view["id"]: view for view in jobs}}
        changed = {name: view for name, view in fresh.items() if known.get(name) != view}
        for view in changed.values():
            if view.get("video"):
                await self._studio.seen(view["id"])
        known.update(fresh)
        notices: list[tuple[str, Any]] = [("notice", {"text": text}) for text in page.notices()]
        if first:
            return [("state", {"balance": balance, "jobs": jobs}), *notices]
        news = [("job" if name else "balance", view) for name, view in changed.items()]
        return [*news, *notices]
