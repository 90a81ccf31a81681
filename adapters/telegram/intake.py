"""The line to Telegram and the poll loop on it: raw updates are kept before they are confirmed (telegram.md 5, 10)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.methods import TelegramMethod

from adapters.telegram.dispatch import insist
from adapters.telegram.reading import ALLOWED, Raw, update_id
from adapters.telegram.trouble import Kind, Trouble, kind_of, trouble
from bot.ports import Clock
from bot.talk.base import Notice
from bot.texts import say

log = logging.getLogger(__name__)

# keeps the updates of a batch that are for the bot
Take = Callable[[Sequence[Raw]], Awaitable[None]]

BATCH = 100
POLL_SECONDS = 30  # a quiet connection may be cut by what lies between; Telegram's most is 50
GRACE_SECONDS = 20
# Two programs that poll in turn each get some updates through: that is not peace yet.
PEACE_SECONDS = 600.0


class GetRawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates whose answer stays as it came, so that one unreadable update does not hide the others."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = BATCH
    timeout: int
    allowed_updates: list[str]


class Line:
    """How the line to Telegram is. Says once that it broke and why, and once that it works again."""

    def __init__(self, clock: Clock, notice: Notice) -> None:
        self._clock = clock
        self._notice = notice
        self._kind: Kind | None = None
        self._refusal: str | None = None
        self._tries = 0
        self._failed_at = 0.0

    @property
    def refusal(self) -> str | None:
        """What operators were told, as long as Telegram does not accept the token."""
        return self._refusal

    async def failed(self, error: AiogramError) -> None:
        """Say it if it is new, and wait as long as this trouble deserves."""
        known = kind_of(error) is self._kind
        self._tries = self._tries + 1 if known else 0
        found = trouble(error, self._tries)
        self._kind = found.kind
        refused = found.kind is Kind.REFUSED
        self._refusal = say("telegram_setup.refused", problem=found.text) if refused else None
        self._failed_at = self._clock.monotonic()
        if not known:
            await self._say(found)
        await self._clock.sleep(found.pause)

    def works(self) -> None:
        quiet = self._clock.monotonic() - self._failed_at
        if self._kind is None or (self._kind is Kind.TAKEN and quiet < PEACE_SECONDS):
            return
        self._kind = self._refusal = None
        log.info("Telegram answers again")

    async def _say(self, found: Trouble) -> None:
        if found.kind is Kind.LOST:
            log.warning("Telegram cannot be reached and will be tried until it can: %s", found.text)
        elif found.kind is Kind.FLOOD:
            log.warning("Telegram asks to wait %.0f s", found.pause)
        elif found.kind is Kind.TAKEN:
            log.error("somebody else takes this bot's updates: %s", found.text)
            await self._notice("telegram-taken", say("telegram_setup.taken", problem=found.text), ())
        else:
            log.critical("Telegram does not accept TELEGRAM_BOT_TOKEN any more: %s", found.text)
            await self._notice("telegram-refused", self._refusal or found.text, ())


class Poll:
    """Asks for updates, and confirms them only when `take` has kept those for the bot. `seconds` is how long Telegram
    may wait for one to come."""

    def __init__(
        self,
        *,
        bot: Bot,
        clock: Clock,
        line: Line,
        take: Take,
        room: Callable[[], Awaitable[None]],
        seconds: int = POLL_SECONDS,
    ) -> None:
        self._bot = bot
        self._clock = clock
        self._line = line
        self._take = take
        self._room = room
        self._seconds = seconds

    async def run(self) -> None:
        """Until cancelled."""
        offset: int | None = None
        while True:
            await self._room()
            ask = GetRawUpdates(offset=offset, timeout=self._seconds, allowed_updates=ALLOWED)
            try:
                raws = await self._bot(ask, request_timeout=self._seconds + GRACE_SECONDS)
            except AiogramError as error:
                await self._line.failed(error)
                continue
            self._line.works()
            await insist(partial(self._take, raws), self._clock)
            # Numbers may start anew at a smaller one after a quiet week; nothing waits now, so any may come next.
            offset = _last(raws) + 1 if raws else None


def _last(raws: Sequence[Raw]) -> int:
    return next((number for raw in reversed(raws) if (number := update_id(raw)) is not None), -1)
