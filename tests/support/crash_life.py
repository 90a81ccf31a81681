"""`python -m support.crash_life PLAN`: one life of a whole bot, which orders, works, and perhaps dies by SIGKILL."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sqlite3
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from bot.app import Bot, Core, open_bot, sandboxed
from bot.clock import SystemClock
from bot.domain import ChatRef, Job, JobState, Request, UserRef
from bot.errors import Stale
from bot.settings import Settings
from bot.store import jobs
from bot.studio import Ask, Quoted

WHO = UserRef("cli", "ada")
CREDITS = 1000
MODEL = "veo-3-1:lite"
Moment = Literal["before", "sent", "answered", "downloaded", "copied"]


@dataclass(frozen=True)
class Plan:
    """A life in `folder` with KIE at `url`, `later` milliseconds after now.

    `prompts` are one job each, made from `picture`. `port` 0 is any. It dies right after its `commit`-th COMMIT, or at a
    `moment`: of its createTask before the first byte, with all bytes sent, or with the answer come; with a file
    downloaded, or copied to where it was asked for, that has not got its final name yet.
    """

    folder: str
    url: str
    picture: str
    prompts: tuple[str, ...]
    later: int = 0
    commit: int | None = None
    moment: Moment | None = None
    port: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def target(self, prompt: str) -> Path:
        """Where the video of a prompt is to lie."""
        return Path(self.folder, "delivered", f"{prompt}.mp4")

    @property
    def settings(self) -> Settings:
        given = Settings(new_user_credits=CREDITS, http_port=self.port, max_running_per_user=10)
        return sandboxed(given, self.url, Path(self.folder))


class LaterClock(SystemClock):
    """The machine's time, moved on: a bot that is started again half an hour after it died."""

    def __init__(self, milliseconds: int) -> None:
        self._later = milliseconds

    def now(self) -> int:
        return super().now() + self._later


async def live(plan: Plan) -> None:
    """Order what is not ordered yet, and work until every job has ended."""
    clock, stop = LaterClock(plan.later), asyncio.Event()
    async with (
        open_bot(plan.settings, clock=clock, sandbox=True) as bot,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(bot.run(stop))
        for job in [await order(bot.core, plan, prompt) for prompt in plan.prompts]:
            await until_ended(bot, job)
        stop.set()


async def order(core: Core, plan: Plan, prompt: str) -> Job:
    """As a member does who saw no answer and asks the same again."""
    picture = await core.studio.take_picture(WHO, Path(plan.picture).read_bytes())  # noqa: ASYNC240
    request = Request(MODEL, prompt, first=picture)
    chat = ChatRef("cli", str(plan.target(prompt)))
    quoted = await core.studio.quote(Ask(WHO, chat, f"ask:{prompt}", request))
    assert isinstance(quoted, Quoted)
    try:
        return await core.studio.order(WHO, quoted.draft.id)
    except Stale:
        await core.studio.change(WHO, quoted.draft.id)
        return await core.studio.order(WHO, quoted.draft.id)


async def until_ended(bot: Bot, job: Job) -> None:
    while True:
        found = await bot.core.store.read(lambda tx: jobs.get(tx, job.id))
        if found and found.state is JobState.DELIVERED:
            return
        await asyncio.sleep(0.01)


# --- dying -------------------------------------------------------------------------------------------------------


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_commit(number: int) -> None:
    """Whoever opens the database, the number-th COMMIT that succeeds is the last thing this process does."""
    left = number

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            nonlocal left
            done = super().execute(sql, *values)
            if sql == "COMMIT":
                left -= 1
                if not left:
                    die()
            return done

    sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]


def die_at_create(moment: Moment) -> None:
    """At a moment of the request that KIE charges for."""
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def sent(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            die()

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/createTask"):
            return await send(self, request)
        if moment == "before":
            die()
        if moment == "sent":
            request.extensions["trace"] = sent
        response = await send(self, request)
        die()
        return response

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]


def die_with_a_part(moment: Moment) -> None:
    """With all bytes of a file written, and its name still that of a part."""
    sync = os.fsync
    folder = {"downloaded": "videos", "copied": "delivered"}[moment]

    def fsync(descriptor: int) -> None:
        file = Path(f"/proc/self/fd/{descriptor}").resolve()
        sync(descriptor)
        if file.suffix == ".part" and file.parent.name == folder:
            die()

    os.fsync = fsync  # type: ignore[assignment]


def main() -> None:
    given = json.loads(sys.argv[1])
    plan = Plan(**{**given, "prompts": tuple(given["prompts"])})
    if plan.commit is not None:
        die_after_commit(plan.commit)
    if plan.moment in ("downloaded", "copied"):
        die_with_a_part(plan.moment)
    elif plan.moment is not None:
        die_at_create(plan.moment)
    asyncio.run(live(plan))


if __name__ == "__main__":
    main()
