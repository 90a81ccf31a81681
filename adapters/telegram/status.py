"""The one status message of each job: edited while the job lives, taken away when its end is there."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from aiogram.methods import DeleteMessage, EditMessageText

from adapters.telegram import render
from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.errors import Refused
from adapters.telegram.sending import NO_PREVIEW, message
from bot.domain import Job
from bot.errors import KiebotError, RetryLater
from bot.ports import Clock, Memory
from bot.talk import Screen

log = logging.getLogger(__name__)

PRIVATE_SECONDS, GROUP_SECONDS = 4.0, 15.0  # between two edits of one message (telegram.md 4)
NEWEST, OLDEST = 10.0, 600.0  # seconds of a job's age in which a missing status message is made
KEPT_SECONDS = 30 * 86_400.0
TIDY_PATIENCE = 5.0
REMEMBERED = 1000


@dataclass(slots=True)
class _Shown:
    """What a message says since when, by the monotonic clock; at infinity: leave it alone."""

    screen: Screen | None = None
    at: float = -math.inf


class StatusBoard:
    """Which message shows which job stands in Memory as `telegram:status:<job>`: `{"chat": ..., "message": ...}`."""

    def __init__(self, calls: Calls, memory: Memory, clock: Clock) -> None:
        self._calls = calls
        self._memory = memory
        self._clock = clock
        self._shown: dict[str, _Shown] = {}

    async def adopt(self, job: Job, chat: int, message_id: int) -> None:
        """This message shows the job from now on."""
        note = {"chat": chat, "message": message_id}
        await self._memory.put(_name(job), note, seconds=KEPT_SECONDS, owner=job.user)

    def is_due(self, job: Job) -> bool:
        """Whether its message may be edited again."""
        pause = GROUP_SECONDS if Address.parse(job.chat.address).in_group else PRIVATE_SECONDS
        return self._clock.monotonic() - self._of(job).at >= pause

    async def show(self, job: Job, screen: Screen) -> None:
        """Bring the message up to date, if that may be done now; else it is dropped. Raises KiebotError."""
        shown = self._of(job)
        if shown.screen == screen:
            return
        at = await self._where(job)
        try:
            done = await (self._calls.try_edit(_edit(at, screen)) if at else self._make(job, screen))
        except RetryLater:
            return
        except KiebotError:
            shown.at = math.inf  # deleted, or the chat is closed: no second one
            raise
        if done and shown.at < math.inf:
            shown.screen, shown.at = screen, self._clock.monotonic()

    async def turn_into(self, job: Job, screen: Screen) -> int | None:
        """Let the message tell the end itself; returns its id, None when there is no such message.

        Raises RetryLater, RouteClosed.
        """
        self._of(job).at = math.inf
        at = await self._where(job)
        if at is None:
            return None
        try:
            await self._calls(_edit(at, screen))
        except Refused:
            return None
        await self._memory.drop(_name(job))
        return at.message

    async def take_away(self, job: Job, instead: Screen | None = None) -> None:
        """The end is told elsewhere. What can no longer be deleted says `instead`. Never raises KiebotError."""
        self._of(job).at = math.inf
        try:
            at = await self._where(job)
            if at is None:
                return
            delete = DeleteMessage(chat_id=at.chat, message_id=at.message or 0)
            try:
                await self._calls(delete, urgent=True, patience=TIDY_PATIENCE)
            except Refused:
                if instead:
                    await self._calls(_edit(at, instead), patience=TIDY_PATIENCE)
            await self._memory.drop(_name(job))
        except KiebotError as error:
            log.info("the status message of job %s stays: %s", job.id, error)

    async def _make(self, job: Job, screen: Screen) -> bool:
        """There is none: the chat may be about to make one, or it was lost long ago. In between it is made here."""
        age = (self._clock.now() - job.created_at) / 1000
        if not NEWEST <= age <= OLDEST:
            return False
        at = Address.parse(job.chat.address)
        sent = await self._calls(message(at, screen, silent=True), patience=0)
        await self.adopt(job, await self._calls.home(at.chat), sent.message_id)
        return True

    async def _where(self, job: Job) -> Address | None:
        note = await self._memory.get(_name(job))
        return Address(note["chat"], message=note["message"]) if note else None

    def _of(self, job: Job) -> _Shown:
        shown = self._shown.pop(job.id, None) or _Shown()
        self._shown[job.id] = shown  # the youngest last
        if len(self._shown) > REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return shown


def _edit(at: Address, screen: Screen) -> EditMessageText:
    return EditMessageText(
        chat_id=at.chat,
        message_id=at.message,
        text=render.html(screen),
        reply_markup=render.keyboard(screen.rows),
        parse_mode="HTML",
        link_preview_options=NO_PREVIEW,
    )


def _name(job: Job) -> str:
    return f"telegram:status:{job.id}"
