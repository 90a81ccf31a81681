"""Whether the machine's clock can be trusted just now: it may be set, or stand still while the machine sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from bot.ports import Clock

BACK_MS = 5_000
FORTH_MS = 300_000  # less is no more than a busy machine, and ends nothing too early
STEADY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment; `jump` is by how many ms the wall clock left the other one since the last mark, `since`
    what the new time was at that mark: between then and now either may have been written down."""

    now: int
    monotonic: float
    jump: int
    since: int

    def later(self, clock: Clock) -> int:
        """What the time is by now, unless it was set once more."""
        return self.now + ceil((clock.monotonic() - self.monotonic) * 1000)


@dataclass(slots=True)
class ClockWatch:
    """Compares the clock on the wall with one that only runs. In memory: a new process starts without suspicion."""

    _mark: Reading | None = None
    _jumped_at: float | None = None

    def read(self, clock: Clock) -> Reading:
        now, monotonic = clock.now(), clock.monotonic()
        if self._mark is None:
            self._mark = Reading(now, monotonic, 0, now)
        since = now - round((monotonic - self._mark.monotonic) * 1000)
        away = since - self._mark.now
        return Reading(now, monotonic, away if away < -BACK_MS or away > FORTH_MS else 0, since)

    def mark(self, reading: Reading) -> None:
        """Whatever `reading` found has been seen to; compare with it from now on."""
        self._mark = reading
        if reading.jump:
            self._jumped_at = reading.monotonic

    def jumped(self, clock: Clock) -> bool:
        """It jumped, and what waits by it has not been moved along yet: nothing may be judged by it."""
        return self.read(clock).jump != 0

    def steady(self, clock: Clock) -> bool:
        """It has not jumped for a day of this process: what it calls old may be deleted."""
        reading = self.read(clock)
        return not reading.jump and (
            self._jumped_at is None or reading.monotonic - self._jumped_at >= STEADY_SECONDS
        )
