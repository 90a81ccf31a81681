"""How often KIE is called."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import FakeClock

from bot.errors import RetryLater
from bot.kie.limiter import Pace, SlidingWindow


@given(st.lists(st.floats(0, 5), max_size=80), st.integers(1, 6))
def test_no_stretch_of_time_ever_holds_more_calls_than_allowed(gaps: list[float], limit: int) -> None:
    window, now, calls = SlidingWindow(limit, 3.0), 0.0, []
    for gap in gaps:
        now += gap
        wait = window.book(now)
        assert wait is not None
        calls.append(now + wait)
    assert calls == sorted(calls)
    for first, beyond in zip(calls, calls[limit:], strict=False):
        assert beyond - first >= 3.0 - 1e-9


def test_a_caller_without_patience_is_turned_away_and_takes_no_place() -> None:
    window = SlidingWindow(1, 10.0)
    assert window.book(0.0) == 0.0
    assert window.book(5.0, patience=1.0) is None
    assert window.book(9.5, patience=1.0) == 0.5


async def test_twenty_creations_pass_at_once_and_the_next_is_turned_away() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    for _ in range(20):
        await pace.create(1.0)
    assert clock.monotonic() == 0
    with pytest.raises(RetryLater) as told:
        await pace.create(1.0)
    assert told.value.after == 10.5
    clock.advance(9.9)
    await pace.create(1.0)
    assert clock.monotonic() == 10.5


async def test_looks_wait_their_turn_ten_a_second() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    await asyncio.gather(*(pace.look() for _ in range(100)))
    assert 9 <= clock.monotonic() <= 10
