"""People who order from a bot that keeps being killed: what is the same whatever they chat in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from support.kill_house import KillHouse

AT_ONCE = 50
CONFIRM, CANCEL = "✅ Confirm", "Cancel"
REFUSED = ("No video", "Nothing was charged")
AGAIN_SECONDS = 3.0  # whoever sees no answer for so long presses again
PATIENCE_SECONDS = 600.0  # for a card and for an end; `kill_rounds` ends it sooner


@dataclass
class Counts:
    """What a round came to."""

    jobs: int = 0
    kills: int = 0
    refunds: int = 0
    kept: int = 0
    unsure: int = 0
    ends_twice: int = 0
    cards_twice: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in vars(self).items())


class Crowd(Protocol):
    """`away` holds the prompts of jobs that the bot calls delivered although their askers may have been shown nothing:
    kept, or sent twice without an answer."""

    house: KillHouse
    chance: random.Random
    platform: str
    away: set[str]

    @property
    def orders(self) -> Sequence[Any]:
        """All that was asked for; each has a `prompt` of its own, and tells whether it is to `cancel` and `has_ended`."""

    def new(self) -> Any:
        """Somebody's wish, by chance."""

    async def pursue(self, order: Any) -> None:
        """From the wish to its end, whatever happens to the bot meanwhile. Fails when nothing comes any more."""

    def go_wrong(self) -> None:
        """One thing in the chat, once."""

    async def collect(self, jobs: Sequence[dict[str, Any]]) -> None:
        """Those whose results are kept for them come and ask, while the bot still runs."""

    def check(self, jobs: Sequence[dict[str, Any]], counts: Counts) -> None:
        """Each request one job in the right chat, each job one end, told there. Counts what came twice."""


async def members(crowds: Sequence[Crowd], most: int, at_once: int = AT_ONCE) -> None:
    """They make `most` orders in all, up to `at_once` of them under way at a time, and see each to its end."""
    slots = asyncio.Semaphore(at_once)

    async def one(crowd: Crowd) -> None:
        async with slots:
            await crowd.pursue(crowd.new())

    async with asyncio.TaskGroup() as group:
        for number in range(most):
            group.create_task(one(crowds[number % len(crowds)]))


async def judged(*crowds: Crowd) -> Counts:
    """What must hold at the end, by the commands and by what stands in the chats."""
    house = crowds[0].house
    jobs = await house.check()
    counts = Counts(len(jobs), house.kills)
    for crowd in crowds:
        theirs = [job for job in jobs if job["user"].startswith(f"{crowd.platform}:")]
        assert sorted(job["prompt"] for job in theirs) == sorted(each.prompt for each in crowd.orders)
        regretted = {each.prompt for each in crowd.orders if each.cancel}
        cancelled = {job["prompt"] for job in theirs if job["outcome"].get("reason") == "cancelled"}
        assert cancelled <= regretted, cancelled - regretted
        counts.kept += sum(job["delivered_to"] == "kept" for job in theirs)
        counts.unsure += sum("unsure" in job["delivered_to"] for job in theirs)
        crowd.check(theirs, counts)
    return counts
