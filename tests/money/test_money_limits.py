"""Limits as pure functions: the day, the queue, the pace."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Hush, UserError
from bot.money import limits

NOW = 1_795_000_000_000
CREDITS = st.decimals(0, 10_000, places=2)


@given(st.integers(0, 10**13))
def test_a_day_begins_at_midnight_utc(now: int) -> None:
    start = limits.day_start(now)
    assert start % limits.DAY_MS == 0
    assert 0 <= now - start < limits.DAY_MS


@given(CREDITS, CREDITS, CREDITS)
def test_the_daily_ceiling_may_be_reached_but_not_passed(
    spent: Decimal, price: Decimal, top: Decimal
) -> None:
    assert limits.fits_the_day(spent, price, top) is (spent + price <= top)
    assert limits.fits_the_day(spent, price, None)


@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 500))
def test_a_users_day_says_how_much_is_left(spent: int, price: int, most: int) -> None:
    limits.check_user_day(spent, price, None)
    if spent + price <= most:
        limits.check_user_day(spent, price, most)
        return
    with pytest.raises(UserError) as caught:
        limits.check_user_day(spent, price, most)
    assert caught.value.values == {"most": most, "left": max(0, most - spent)}


def test_a_full_queue_is_full() -> None:
    limits.check_queue(4, 5)
    with pytest.raises(UserError, match="already have 5"):
        limits.check_queue(5, 5)


def test_who_is_too_fast_is_told_once_and_then_there_is_silence() -> None:
    pace = limits.Pace(3)
    for n in range(3):
        pace.check("ada", NOW + n)
    with pytest.raises(UserError, match="at most 3 commands a minute") as first:
        pace.check("ada", NOW + 3)
    assert not isinstance(first.value, Hush)
    for n in range(4, 30):
        with pytest.raises(Hush):
            pace.check("ada", NOW + n)
    pace.check("bob", NOW + 30)
    pace.check("ada", NOW + 60_001)
    pace.check("ada", NOW + 60_002)
    pace.check("ada", NOW + 60_003)
    with pytest.raises(UserError) as again:
        pace.check("ada", NOW + 60_004)
    assert not isinstance(again.value, Hush)


@given(st.integers(1, 10), st.lists(st.integers(0, 30_000), max_size=40))
def test_in_no_minute_are_more_commands_let_through_than_allowed(most: int, steps: list[int]) -> None:
    pace, now, let = limits.Pace(most), NOW, []
    for step in steps:
        now += step
        try:
            pace.check("ada", now)
        except UserError:
            continue
        let.append(now)
    assert all(sum(at - 60_000 < each <= at for each in let) <= most for at in let)


def test_the_pace_of_ten_thousand_strangers_is_forgotten_after_a_minute() -> None:
    pace = limits.Pace(5)
    for n in range(10_050):
        pace.check(f"user{n}", NOW)
    pace.check("late", NOW + 61_000)
    assert len(pace._times) == 1
