"""The one status message of each job: edited now and then while the job lives, and left pointing at its end."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from adapters.discord import render
from adapters.discord.address import Address, Card, Ticket
from adapters.discord.errors import Refused, TokenDead
from adapters.discord.routes import Notes
from adapters.discord.sending import Post, Rest
from bot.domain import Job
from bot.errors import DeliveryUnknown, KiebotError, RetryLater
from bot.ports import Clock
from bot.talk import Screen

log = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
# Many edits of a message older than an hour end in error 30046 (discord.md 2).
OLD_SECONDS, OLD_PAUSE_SECONDS = 3600.0, 300.0
# Of the five edits in 5 s that a channel allows, and the 50 requests in 1 s of a bot (discord.md 6), progress leaves
# some to what matters.
EDITS_MOST, EDITS_SECONDS = 4, 5.0
ALL_MOST, ALL_SECONDS = 25, 1.0
WAIT_SECONDS = 5.0
REMEMBERED = 2000


@dataclass(slots=True)
class _Shown:
    """What a card says since when, by the monotonic clock; at infinity: leave it alone. `edit` is one under way, `turn`
    is held by the answer to a press that writes the card. `closed`: the end is on its way; `end` is what the card then
    says of one that stands elsewhere."""

    screen: Screen | None = None
    at: float = -math.inf
    edit: asyncio.Task[None] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    closed: bool = False
    end: Screen | None = None

    @property
    def is_busy(self) -> bool:
        return self.edit is not None and not self.edit.done()


@dataclass(slots=True)
class Window:
    """At most `most` in any `seconds`; what is more is refused, never queued."""

    most: int
    seconds: float
    taken: deque[float] = field(default_factory=deque)

    def is_open(self, now: float) -> bool:
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        return len(self.taken) < self.most


class Board:
    """The cards of all jobs."""

    def __init__(self, rest: Rest, notes: Notes, clock: Clock) -> None:
        self._rest = rest
        self._notes = notes
        self._clock = clock
        self._shown: dict[str, _Shown] = {}
        self._channels: dict[int, Window] = {}
        self._all = Window(ALL_MOST, ALL_SECONDS)

    def is_due(self, job: Job) -> bool:
        """Whether its card may be edited again."""
        shown = self._of(job)
        old = self._clock.now() - job.created_at > OLD_SECONDS * 1000
        return not shown.is_busy and self._clock.monotonic() - shown.at >= (
            OLD_PAUSE_SECONDS if old else PAUSE_SECONDS
        )

    async def show(self, job: Job, address: Address, screen: Screen) -> None:
        """Bring the card up to date, if that may be done now; else it is dropped. Raises RetryLater."""
        shown = self._of(job)
        if shown.is_busy or shown.screen == screen:
            return
        card, ticket = await self._notes.card(job), await self._notes.ticket(job)
        if card is None or not (ticket or _is_open(card, address)) or not self._take_turn(card.channel):
            return
        shown.screen, shown.at = screen, self._clock.monotonic()
        shown.edit = asyncio.create_task(self._edit(job, address, shown, card, ticket, screen))
        # A rate limit may hold it up, which is the library's affair; the job has other things to do.
        await asyncio.wait({shown.edit}, timeout=WAIT_SECONDS)

    async def close(self, job: Job) -> None:
        """The end is about to be sent: no edit may come after it."""
        shown = self._of(job)
        async with shown.turn:
            shown.at, shown.closed = math.inf, True
        if shown.edit:
            await asyncio.wait({shown.edit})

    async def point(self, job: Job, address: Address, screen: Screen) -> bool:
        """The end stands elsewhere; the card says so. False where no way leads to it now. Raises KiebotError."""
        shown = self._of(job)
        async with shown.turn:
            shown.at, shown.closed, shown.end = math.inf, True, screen
            card, ticket = await self._notes.card(job), await self._notes.ticket(job)
            if card is None:
                return True
            if not (ticket or _is_open(card, address)):
                return False
            if not render.lasts(card.picture):
                card = replace(card, picture="")
            try:
                await self._write(card, address, ticket, screen)
            except (DeliveryUnknown, RetryLater):
                # a connection that broke; an edit may be repeated, and nothing comes after this one
                await self._write(card, address, ticket, screen)
            return True

    @asynccontextmanager
    async def pressed(self, job: Job, screen: Screen) -> AsyncIterator[Screen | None]:
        """While the answer to Confirm writes the card, no end may come to it. Gives what the card is to say: `screen`,
        what became of the job meanwhile, or None where the end stands, or is about to stand, in the card itself."""
        shown = self._of(job)
        async with shown.turn:
            yield shown.end if shown.closed else screen
            if not shown.closed:
                shown.screen, shown.at = screen, -math.inf

    async def _edit(
        self, job: Job, address: Address, shown: _Shown, card: Card, ticket: Ticket | None, screen: Screen
    ) -> None:
        try:
            await self._write(card, address, ticket, screen)
        except Refused as error:
            shown.at = math.inf  # deleted, closed, or edited too often
            log.info("the card of job %s is left alone: %s", job.id, error)
        except KiebotError as error:
            log.info("the card of job %s is not up to date: %s", job.id, error)

    async def _write(self, card: Card, address: Address, ticket: Ticket | None, screen: Screen) -> None:
        post = Post(render.view(screen, picture=card.picture))
        if ticket:
            try:
                await self._rest.edit_by_token(ticket, post)
                return
            except TokenDead:  # before its time, as some report (discord.md 2)
                if not _is_open(card, address):
                    raise
        await self._rest.edit(card.channel, card.message, post)

    def _take_turn(self, channel: int) -> bool:
        now = self._clock.monotonic()
        window = self._channels.setdefault(channel, Window(EDITS_MOST, EDITS_SECONDS))
        if not (window.is_open(now) and self._all.is_open(now)):
            return False
        window.taken.append(now)
        self._all.taken.append(now)
        if len(self._channels) > REMEMBERED:
            self._channels = {each: one for each, one in self._channels.items() if not _is_idle(one, now)}
        return True

    def _of(self, job: Job) -> _Shown:
        shown = self._shown.pop(job.id, None) or _Shown()
        self._shown[job.id] = shown  # the youngest last
        if len(self._shown) > REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return shown


def _is_open(card: Card, address: Address) -> bool:
    """Whether the bot itself can write to it, without a token."""
    return address.member and not card.hidden


def _is_idle(window: Window, now: float) -> bool:
    return window.is_open(now) and not window.taken
