"""The people of a simulated life: members who order, press twice, cancel, and wish to be forgotten; an operator who
pauses, refunds, grants, and sends videos again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from support import files
from support.house import House
from support.sim_chat import SimChat
from support.sim_fate import Deed, Fate

from bot.domain import ChatRef, CommunityRef, Job, Request, UserRef, Video
from bot.errors import RetryLater, Stale, UserError
from bot.studio import Ask, Quoted

MEMBERS = 4
MODELS = ("veo-3-1:lite", "kling-3.0/video", "veo-3-1")


def members() -> list[UserRef]:
    return [UserRef("web", f"member{number}") for number in range(MEMBERS)]


async def refused(deed: Deed) -> UserError | None:
    try:
        await deed()
    except UserError as refusal:
        return refusal
    return None


@dataclass
class People:
    """They outlive the bot, and remember what they were told and what they tried."""

    fate: Fate
    chat: SimChat
    forgets: float
    asked: int = 0
    ordered: dict[str, str] = field(default_factory=dict)  # job by the key of the asking message, as told
    open_drafts: list[tuple[UserRef, str, str]] = field(default_factory=list)  # asked for, no answer seen yet
    cancel_tried: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)  # they were told so
    refund_tried: set[str] = field(default_factory=set)
    resend_tried: Counter[str] = field(default_factory=Counter)
    resent: dict[str, int] = field(
        default_factory=dict
    )  # how many messages its job had when one was last promised

    def order(self, house: House) -> Deed:
        self.asked += 1
        return partial(self._try, partial(self._order, house, self.asked))

    def some_deed(self, house: House) -> Deed:
        deeds: list[Callable[[House], Coroutine[Any, Any, None]]] = [
            self._cancel, self._refund, self._pause, self._resume, self._grant, self._press_again,
            self._resend, self._forget,
        ]  # fmt: skip
        return partial(self._try, partial(self.fate.chance.choice(deeds), house))

    async def _try(self, deed: Deed) -> None:
        """Refused is no accident, but it must be explained."""
        with suppress(RetryLater):
            if refusal := await refused(deed):
                text = refusal.text()
                assert len(text) > 10, f"refused without a reason: {refusal.key}"
                assert "{" not in text, text

    # --- members -------------------------------------------------------------------------------------------------

    def _someone(self) -> UserRef:
        return self.fate.chance.choice(members())

    async def _order(self, house: House, number: int) -> None:
        """Ask, perhaps twice, and press, perhaps twice at once."""
        chance, who = self.fate.chance, self._someone()
        key = f"ask:{number}"
        chat = ChatRef("web", who.external_id, CommunityRef("telegram-chat", "-1"), chance.random() < 0.3)
        request = Request(chance.choice(MODELS), f"dog {number} runs")
        if chance.random() < 0.3:
            request = request.change(first=await house.studio.take_picture(who, f"cat {number}".encode()))
        ask = Ask(who, chat, key, request)
        quoted = await house.studio.quote(ask)
        if chance.random() < 0.1:
            quoted = await house.studio.quote(ask)
        if not isinstance(quoted, Quoted):
            if not quoted.offers:
                return
            quoted = quoted.offers[0]
        self.open_drafts.append((who, quoted.draft.id, key))
        presses = [self._press(house, who, quoted.draft.id, key) for _ in range(chance.choice((1, 1, 2)))]
        for problem in await asyncio.gather(*presses, return_exceptions=True):
            if isinstance(problem, BaseException):
                raise problem

    async def _press(self, house: House, who: UserRef, draft: str, key: str) -> None:
        try:
            job = await house.studio.order(who, draft)
        except Stale:
            again = await house.studio.change(who, draft)
            if not isinstance(again, Quoted):
                return
            job = await house.studio.order(who, draft)
        assert self.ordered.setdefault(key, job.id) == job.id, f"two jobs of one asking message, {key}"

    async def _press_again(self, house: House) -> None:
        """Whoever saw no answer presses once more."""
        if self.open_drafts:
            who, draft, key = self.fate.chance.choice(self.open_drafts)
            await self._press(house, who, draft, key)

    async def _cancel(self, house: House) -> None:
        if job := await self._one(house, under_way=True):
            self.cancel_tried.add(job.id)
            if await house.studio.cancel(job.user, job.id):
                self.cancelled.add(job.id)

    async def _forget(self, house: House) -> None:
        """Seldom. What was kept of them is off the disk when they are told so."""
        if self.fate.chance.random() > self.forgets:
            return
        who = self._someone()
        mine = [job.outcome for job in await house.office.jobs() if job.user == who]
        await house.studio.forget(who)
        self.open_drafts = [each for each in self.open_drafts if each[0] != who]
        for video in mine:
            if isinstance(video, Video):
                assert not files.exists(house.settings.videos_dir / video.file), (
                    "forgotten, and their video kept"
                )

    # --- the operator --------------------------------------------------------------------------------------------

    async def _one(self, house: House, *, under_way: bool) -> Job | None:
        """Mostly one that makes sense."""
        found = list(await house.office.jobs())
        sensible = [job for job in found if (job.outcome is None) is under_way]
        if sensible and self.fate.chance.random() < 0.7:
            found = sensible
        return self.fate.chance.choice(found) if found else None

    async def _refund(self, house: House) -> None:
        if job := await self._one(house, under_way=False):
            self.refund_tried.add(job.id)
            await house.office.refund(job.id, "a kindness")

    async def _resend(self, house: House) -> None:
        if job := await self._one(house, under_way=False):
            self.resend_tried[job.id] += 1
            self.fate.clock.advance(0.001)  # no two wishes fall into one millisecond
            before = self.chat.count(job.id)
            await house.office.resend(job.id)
            self.resent[job.id] = before

    async def _pause(self, house: House) -> None:
        if self.fate.chance.random() < 0.5:
            await house.office.pause("tea")

    async def _resume(self, house: House) -> None:
        await house.office.resume()

    async def _grant(self, house: House) -> None:
        who, amount = self._someone(), self.fate.chance.randint(1, 50)
        key = f"grant {self.asked} {self.fate.doors}"
        with suppress(RetryLater):
            await house.office.grant(who, amount, "a gift", key)
