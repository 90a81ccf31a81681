"""How much is too much: rate, daily and queue limits as pure functions over numbers that `store` counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.errors import Hush, UserError

DAY_MS = 86_400_000


def day_start(now: int) -> int:
    """The first millisecond of the UTC day."""
    return now - now % DAY_MS


def check_queue(queued: int, most: int) -> None:
    """Raises UserError when the user has enough waiting."""
    if queued >= most:
        raise UserError("order.queue_full", most=most)


def check_user_day(spent: int, price: int, most: int | None) -> None:
    """Raises UserError when this order would pass USER_DAILY_CREDITS."""
    if most is not None and spent + price > most:
        raise UserError("order.user_day", most=most, left=max(0, most - spent))


def fits_the_day(spent: Decimal, forecast: Decimal, ceiling: Decimal | None) -> bool:
    """Whether a submission stays within DAILY_KIE_CREDITS."""
    return ceiling is None or spent + forecast <= ceiling


@dataclass(slots=True)
class Pace:
    """So much a minute for each user, in memory: what it forgets at a restart does no harm. `warning` is a sentence's key."""

    most: int
    warning: str = "limits.too_fast"
    _times: dict[str, list[int]] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)

    def check(self, who: str, now: int) -> None:
        """Count one more. Raises UserError once, then Hush until the minute has passed."""
        # a time to come was noted before the clock was set back
        recent = [at for at in self._times.get(who, ()) if 0 <= now - at < 60_000]
        if len(recent) >= self.most:
            self._times[who] = recent
            if who in self._warned:
                raise Hush(self.warning, most=self.most)
            self._warned.add(who)
            raise UserError(self.warning, most=self.most)
        self._warned.discard(who)
        self._times[who] = [*recent, now]
        if len(self._times) > 10_000:
            self._times = {key: times for key, times in self._times.items() if 0 <= now - times[-1] < 60_000}
