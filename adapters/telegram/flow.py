"""How fast we may talk: a pace for each chat and one for all, and the pauses that Telegram asks for (telegram.md 4)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from adapters.telegram.errors import Flood
from bot.ports import Clock


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many in any span of so many seconds; none at all means: any number."""

    most: int
    seconds: float

    @property
    def kept_free(self) -> int:
        """Turns that what may be dropped leaves to results and answers."""
        return self.most // 2


PRIVATE = Pace(4, 4.0)
GROUP = Pace(20, 60.0)
EVERYONE = Pace(30, 1.0)
UNPACED = Pace(0, 0.0)

CHATS_UNTIL_ALL = 3  # so many chats refused in a row: it is not them, it is us
LANES_MOST = 2000
_AT_ONCE = 0.001  # seconds


class _Lane:
    """The turns of one chat."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._turns: deque[float] = deque(maxlen=pace.most)
        self.held_until = 0.0

    def wait(self, now: float, *, spare: bool = False) -> float:
        """Seconds until the next turn; a spare one leaves some over."""
        most = self._pace.most - (self._pace.kept_free if spare else 0)
        free = self._turns[-most] + self._pace.seconds if 0 < most <= len(self._turns) else 0.0
        return max(free - now, self.held_until - now, 0.0)

    def take(self, at: float) -> None:
        self._turns.append(at)

    def is_idle(self, now: float) -> bool:
        last = self._turns[-1] + self._pace.seconds if self._turns else 0.0
        return max(last, self.held_until) <= now


class Flow:
    """`key` is a chat's number, or the name of a method that belongs to no chat. Nobody waits for another chat's pause."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._everyone = _Lane(EVERYONE)
        self._lanes: dict[int | str, _Lane] = {}
        self._refused: set[int | str] = set()

    async def turn(self, key: int | str, patience: float) -> None:
        """Wait for a turn, first come, first served. Raises Flood when that would take more than `patience` seconds."""
        deadline = self._clock.monotonic() + patience
        for lane in (self._lane(key), self._everyone):
            is_ours = False
            while not is_ours:
                now = self._clock.monotonic()
                wait = lane.wait(now)
                if wait > _AT_ONCE and now + wait > deadline:
                    raise Flood("there is a queue for this chat", wait)
                lane.take(now + wait)
                if wait > _AT_ONCE:
                    await self._clock.sleep(wait)
                # a pause may have been asked for meanwhile: queue again
                is_ours = lane.held_until - self._clock.monotonic() <= _AT_ONCE

    def take_spare(self, key: int | str) -> bool:
        """A turn without waiting, if those who must not be dropped still have theirs."""
        now = self._clock.monotonic()
        lanes = (self._lane(key), self._everyone)
        if any(lane.wait(now, spare=True) > 0 for lane in lanes):
            return False
        for lane in lanes:
            lane.take(now)
        return True

    def refused(self, key: int | str, seconds: float) -> None:
        """Telegram answered 429. One chat's pause is its own, until several in a row are refused."""
        until = self._clock.monotonic() + seconds
        lane = self._lane(key)
        lane.held_until = max(lane.held_until, until)
        self._refused.add(key)
        if len(self._refused) >= CHATS_UNTIL_ALL:
            self._everyone.held_until = max(self._everyone.held_until, until)
            self._refused.clear()

    def passed(self) -> None:
        """Telegram took something."""
        self._refused.clear()

    def _lane(self, key: int | str) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= LANES_MOST:
                self._drop_idle()
            pace = UNPACED if isinstance(key, str) else GROUP if key < 0 else PRIVATE
            lane = self._lanes[key] = _Lane(pace)
        return lane

    def _drop_idle(self) -> None:
        now = self._clock.monotonic()
        self._lanes = {key: lane for key, lane in self._lanes.items() if not lane.is_idle(now)}
