"""From the durable inbox to the handlers: an update is kept first, then parsed alone, handled, and marked as done."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import aiogram
from aiogram.types import Update as Parsed

from adapters.telegram.lanes import Lanes
from adapters.telegram.reading import PLATFORM
from bot.errors import RetryLater, StoreBroken
from bot.masking import mask
from bot.ports import Clock, Inbox, Update
from bot.talk.base import Notice
from bot.texts import say

log = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 8
LONGEST_PAUSE = 60.0  # seconds
# Processes that ended while it was under way, beside others: then each such update is tried alone, and is innocent once
# it is done, or the process has outlived it for a while. Ended while it was alone, so many times in all: it is to blame.
SUSPICIOUS, POISONOUS = 3, 9
TRIAL_SECONDS = 1.0
EXCERPT = 500  # characters


class Handles(Protocol):
    """What becomes of an update. After a crash it is handled again, which must do no harm."""

    async def handle(self, update: Parsed, *others: Parsed) -> None:
        """One update, or with `others` a whole album. Raises RetryLater to be asked again, or whatever went wrong."""

    async def apologise(self, update: Parsed) -> None:
        """Tell its sender that it went wrong on our side."""


def pause_after(tries: int, asked: float | None = None) -> float:
    """Seconds until try number `tries` + 2: what the other side asked for, else 1, 2, 4 ...; at most a minute."""
    return min(LONGEST_PAUSE, 2.0 ** min(tries, 10) if asked is None else asked)


async def insist(call: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """Ask the database until it answers: without that nothing may go on."""
    tries = 0
    while True:
        try:
            return await call()
        except RetryLater as error:
            log.error("waiting for the database: %s", error)
            await clock.sleep(pause_after(tries))
            tries += 1


class Dispatch:
    """Keeps updates and sees to it that each is handled once."""

    def __init__(
        self, *, bot: aiogram.Bot, inbox: Inbox, clock: Clock, handling: Handles, notice: Notice
    ) -> None:
        self._bot = bot
        self._inbox = inbox
        self._clock = clock
        self._handling = handling
        self._notice = notice
        self.lanes = Lanes(self._work, clock)

    async def resume(self) -> None:
        """At start: what an earlier process did not finish. Handling it may be what ended that one."""
        waiting = await insist(lambda: self._inbox.waiting(PLATFORM), self._clock)
        for update in waiting:
            if update.attempts >= POISONOUS:
                await self._set_aside(update)
            elif update.attempts >= SUSPICIOUS:
                await self._try_alone(update)
        others = [each for each in waiting if each.attempts < SUSPICIOUS]
        await insist(lambda: self._inbox.count(others), self._clock)
        self.lanes.add(others)

    async def _try_alone(self, update: Update) -> None:
        await insist(lambda: self._inbox.count([update]), self._clock)
        self.lanes.add([update])
        done = asyncio.create_task(self.lanes.emptied(update.lane))
        patience = asyncio.create_task(self._clock.sleep(TRIAL_SECONDS))
        try:
            await asyncio.wait((done, patience), return_when=asyncio.FIRST_COMPLETED)
        finally:
            done.cancel()
            patience.cancel()
        await insist(lambda: self._inbox.clear(update), self._clock)

    async def _set_aside(self, update: Update) -> None:
        log.error("update %d ended the process %d times and is set aside", update.id, update.attempts)
        await self._notice("telegram-poison", say("telegram_setup.poison", n=update.attempts), ())
        parsed = await self._parse(update)
        await self._done(update, f"ended the process {update.attempts} times")
        if parsed:
            await self._apologise(parsed)

    async def take(self, updates: Sequence[Update]) -> None:
        """They are kept when this returns. Raises RetryLater: then none is."""
        if updates:
            self.lanes.add(await self._inbox.put(updates))

    async def _work(self, updates: Sequence[Update], tries: int) -> float | None:
        trouble = ""
        parsed: list[Parsed] = []
        try:
            parsed = [each for update in updates if (each := await self._parse(update))]
            if parsed:
                await self._handling.handle(*parsed)
        except RetryLater as error:
            if tries + 1 < TRIES:
                log.info("update %d is tried again: %s", updates[0].id, error)
                return pause_after(tries, error.after)
            log.warning("update %d was tried %d times: %s", updates[0].id, TRIES, error)
            trouble = f"tried {TRIES} times: {error}"
        except StoreBroken:
            return None  # the process ends, and the next one finds it unhandled
        except Exception as error:
            log.exception("update %d could not be handled", updates[0].id)
            problem = type(error).__name__
            trouble = f"{problem}: {error}"
            await self._notice("telegram-fault", say("telegram_setup.fault", problem=problem), ())
        if trouble and parsed:
            await self._apologise(parsed[0])
        for update in updates:
            await self._done(update, trouble)
        return None

    async def _apologise(self, parsed: Parsed) -> None:
        """Whatever broke the handling may break this too, and then the others in its lane must still have their turn."""
        try:
            await self._handling.apologise(parsed)
        except Exception:
            log.exception("the sender of update %d could not be told that it went wrong", parsed.update_id)

    async def _parse(self, update: Update) -> Parsed | None:
        """None for one that this version cannot read: it is set aside, and the others go on (telegram.md 10)."""
        try:
            return Parsed.model_validate(json.loads(update.payload), context={"bot": self._bot})
        except ValueError as error:
            why = _why(error)
        log.error("update %d cannot be read and is set aside: %s", update.id, why)
        await self._done(update, f"unreadable: {why}")
        field = why.partition(": ")[0]
        await self._notice("telegram-unreadable", say("telegram_setup.unreadable", problem=field), ())
        return None

    async def _done(self, update: Update, trouble: str) -> None:
        """One that is not marked would be handled again at the next start."""
        note = mask(trouble)[:EXCERPT] or None
        await insist(lambda: self._inbox.handled(update, note), self._clock)


def _why(error: ValueError) -> str:
    """Which fields are wrong and how, without what stands in them: those are somebody's words."""
    # pydantic's, which is aiogram's own affair
    tell = getattr(error, "errors", None)
    if tell is None:
        return type(error).__name__
    found = tell(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found[:3])
