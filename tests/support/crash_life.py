"""`python -m support.crash_life PLAN`: one life of a whole bot, which orders, works, and perhaps dies by SIGKILL."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from support import dying

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
Moment = dying.Moment | Literal["downloaded", "copied"]


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


def main() -> None:
    given = json.loads(sys.argv[1])
    plan = Plan(**{**given, "prompts": tuple(given["prompts"])})
    if plan.commit is not None:
        dying.after_commit(plan.commit)
    if plan.moment == "downloaded" or plan.moment == "copied":
        dying.with_a_part({"downloaded": "videos", "copied": "delivered"}[plan.moment])
    elif plan.moment is not None:
        dying.at_call("/createTask", plan.moment)
    asyncio.run(live(plan))


if __name__ == "__main__":
    main()
