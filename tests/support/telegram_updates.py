"""Updates of the Bot API stand-in: the queue, long polling with its conflicts, expiry (telegram.md 5)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from support.telegram_schema import ApiError, bad

MESSAGE_SECONDS, CALLBACK_SECONDS = 24 * 3600, 150
_LONGEST_POLL = 50.0
_SAME_OFFSET_SECONDS = 0.5
_OFF_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_KINDS = (
    "message edited_message channel_post edited_channel_post business_connection business_message"
    " edited_business_message deleted_business_messages guest_message message_reaction message_reaction_count"
    " inline_query chosen_inline_result callback_query shipping_query pre_checkout_query purchased_paid_media"
    " poll poll_answer my_chat_member chat_member chat_join_request chat_boost removed_chat_boost managed_bot"
    " subscription stopped_message_generation"
)
KINDS = frozenset(_KINDS.split())


@dataclass(frozen=True, slots=True)
class Update:
    """One update that waits; `lane` is its queue: one for each chat, one for the presses of each user."""

    id: int
    kind: str
    body: dict[str, Any]
    lane: str
    expires: int


@dataclass
class Updates:
    """What waits for the bot. `now` tells milliseconds; long polls wait in real time."""

    now: Callable[[], int]
    next_id: int = 871_000_001
    allowed: frozenset[str] | None = None
    webhook: bool = False
    _waiting: deque[Update] = field(default_factory=deque)
    _confirmed: deque[Update] = field(default_factory=lambda: deque(maxlen=100))
    _poller: asyncio.Future[None] | None = None
    _news: set[asyncio.Event] = field(default_factory=set)
    _last_answer: tuple[int, float] = (0, 0.0)

    def add(self, kind: str, content: Any, lane: str, seconds: int = MESSAGE_SECONDS) -> int | None:
        """Queue an update, unless its kind is not asked for; returns its id."""
        is_wanted = kind in self.allowed if self.allowed is not None else kind not in _OFF_BY_DEFAULT
        return self.inject({kind: content}, lane, seconds) if is_wanted else None

    def inject(self, body: dict[str, Any], lane: str = "raw", seconds: int = MESSAGE_SECONDS) -> int:
        """Queue any object as an update, readable or not; `update_id` is added."""
        number, self.next_id = self.next_id, self.next_id + 1
        kind = next(iter(body), "")
        update = Update(number, kind, {"update_id": number, **body}, lane, self.now() + seconds * 1000)
        self._waiting.append(update)
        self._tell()
        return number

    @property
    def waiting(self) -> list[Update]:
        """What has neither been confirmed nor expired."""
        now = self.now()
        if any(each.expires <= now for each in self._waiting):
            self._waiting = deque(each for each in self._waiting if each.expires > now)
        return list(self._waiting)

    @property
    def is_polled(self) -> bool:
        return self._poller is not None and not self._poller.done()

    def repeat(self, count: int) -> None:
        """Put the last confirmed updates in front again, with their own ids: delivery is at least once."""
        again = [self._confirmed.pop() for _ in range(min(count, len(self._confirmed)))]
        self._waiting.extendleft(again)
        self._tell()

    def done(self, gone: Iterable[Update]) -> None:
        """These were taken by the bot."""
        ids = {each.id for each in gone}
        self._confirmed.extend(each for each in self._waiting if each.id in ids)
        self._waiting = deque(each for each in self._waiting if each.id not in ids)

    def drop(self) -> None:
        self._waiting.clear()

    def listen(self, event: asyncio.Event) -> None:
        """Set this event at every change from now on."""
        self._news.add(event)

    def unlisten(self, event: asyncio.Event) -> None:
        self._news.discard(event)

    def end_poll(self, why: str) -> None:
        if self._poller and not self._poller.done():
            self._poller.set_exception(ApiError(409, f"Conflict: {why}"))

    def allow(self, kinds: list[str] | None) -> None:
        """Remember which kinds are wanted; left out it stays, empty means the default."""
        if kinds is not None:
            if unknown := set(kinds) - KINDS:
                raise bad(f"allowed_updates names unknown kinds: {', '.join(sorted(unknown))}")
            self.allowed = frozenset(kinds) or None

    async def poll(
        self, offset: int = 0, limit: int = 100, seconds: float = 0, allowed: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """getUpdates. Raises ApiError 409 while a webhook is set, and when a younger poll takes over."""
        if self.webhook:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete"
                " the webhook first",
            )
        self.end_poll(
            "terminated by other getUpdates request; make sure that only one bot instance is running"
        )
        self.allow(allowed)
        self._confirm(offset)
        limit = self._limit(offset, limit)
        until = time.monotonic() + min(max(seconds, 0), _LONGEST_POLL)
        while not (batch := self.waiting[:limit]) and (left := until - time.monotonic()) > 0:
            self._poller = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self._poller, left)
            except TimeoutError:
                break
        if batch:
            self._last_answer = (offset, time.monotonic())
        return [each.body for each in batch]

    def _confirm(self, offset: int) -> None:
        waiting = self.waiting
        if offset < 0:
            self.done(waiting[:offset])
        else:
            self.done([each for each in waiting if each.id < offset])

    def _limit(self, offset: int, limit: int) -> int:
        """Who asks for the same again at once gets one update: Telegram's guard against crash loops."""
        last, at = self._last_answer
        is_again = bool(at) and last == offset and time.monotonic() - at < _SAME_OFFSET_SECONDS
        return 1 if is_again else limit if 1 <= limit <= 100 else 100

    def _tell(self) -> None:
        if self._poller and not self._poller.done():
            self._poller.set_result(None)
        for event in self._news:
            event.set()
