"""The pace of what we say: turns of each chat, turns of all, and the pauses Telegram asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from support.clock import FakeClock

from adapters.telegram import flow as module
from adapters.telegram.errors import Flood
from adapters.telegram.flow import Flow
from bot.clock import SystemClock

ADA, BOB, GROUP = 5, 6, -100
LONG = 10_000.0
STEP = 0.02


async def times(flow: Flow, clock: FakeClock, keys: Sequence[int]) -> list[float]:
    """When each of them, all asking at once, had its turn."""
    found: list[float] = []

    async def one(key: int) -> None:
        await flow.turn(key, LONG)
        found.append(clock.monotonic())

    work = [asyncio.create_task(one(key)) for key in keys]
    while len(found) < len(work):
        for _ in range(3):
            await asyncio.sleep(0)
        clock.advance(STEP)
    return found


def near(*moments: float) -> object:
    return pytest.approx(list(moments), abs=2 * STEP)


def most_within(moments: Sequence[float], seconds: float) -> int:
    return max(sum(start <= each < start + seconds for each in moments) for start in moments)


async def test_a_group_never_hears_more_than_twenty_messages_in_a_minute() -> None:
    clock = FakeClock(auto=False)
    moments = await times(Flow(clock), clock, [GROUP] * 100)
    assert most_within(moments, 60 - 2 * STEP) <= 20
    assert moments[:20] == near(*[0] * 20)
    assert moments[-1] <= 4 * 60 + STEP


async def test_a_private_chat_hears_one_message_a_second_in_short_bursts() -> None:
    clock = FakeClock(auto=False)
    moments = await times(Flow(clock), clock, [ADA] * 10)
    assert moments == near(0, 0, 0, 0, 4, 4, 4, 4, 8, 8)


async def test_all_chats_together_stay_under_thirty_a_second() -> None:
    clock = FakeClock(auto=False)
    moments = await times(Flow(clock), clock, range(1, 201))
    assert most_within(moments, 1 - 2 * STEP) <= 30
    assert moments[-1] <= 200 / 30 + STEP


async def test_turns_are_taken_in_the_order_they_were_asked_for() -> None:
    order: list[int] = []
    flow = Flow(FakeClock())

    async def one(number: int) -> None:
        await flow.turn(ADA, LONG)
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert order == list(range(20))


async def test_who_will_not_wait_that_long_takes_no_turn_from_the_others() -> None:
    clock = FakeClock(auto=False)
    flow = Flow(clock)
    await times(flow, clock, [ADA] * 4)
    for _ in range(50):
        with pytest.raises(Flood) as refused:
            await flow.turn(ADA, 0.5)
        assert refused.value.after == pytest.approx(4, abs=3 * STEP)
    assert await times(flow, clock, [ADA]) == near(4)


async def test_a_pause_that_is_asked_for_meanwhile_holds_those_who_wait_already() -> None:
    clock = FakeClock(auto=False)
    flow = Flow(clock)
    for _ in range(4):
        await flow.turn(ADA, LONG)
    waiting = asyncio.create_task(flow.turn(ADA, LONG))
    await asyncio.sleep(0)
    flow.refused(ADA, 20)
    clock.advance(19)
    await asyncio.sleep(0)
    assert not waiting.done()
    for _ in range(3):
        clock.advance(2)
        await asyncio.sleep(0)
    await waiting
    assert clock.monotonic() >= 20


async def test_refusals_of_one_chat_pause_nobody_else_but_those_of_three_in_a_row_do() -> None:
    clock = FakeClock(auto=False)
    flow = Flow(clock)
    for _ in range(5):
        flow.refused(ADA, 30)
    flow.refused(GROUP, 30)
    assert await times(flow, clock, [BOB]) == near(0)
    flow.passed()
    for chat in (11, 12, 13):
        flow.refused(chat, 30)
    assert await times(flow, clock, [BOB]) == near(30)


async def test_what_may_be_dropped_leaves_room_for_what_may_not() -> None:
    clock = FakeClock(auto=False)
    flow = Flow(clock)
    taken = [flow.take_spare(GROUP) for _ in range(30)]
    assert sum(taken) == 10
    assert await times(flow, clock, [GROUP] * 10) == near(*[0] * 10)


async def test_chats_that_fell_silent_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LANES_MOST", 10)
    clock = FakeClock(auto=False)
    flow = Flow(clock)
    flow.refused(ADA, 1000)
    for chat in range(100, 150):
        await flow.turn(chat, LONG)
        clock.advance(5)
    assert len(flow._lanes) <= 10
    with pytest.raises(Flood):
        await flow.turn(ADA, 1)


async def test_by_a_real_clock_who_has_no_patience_at_all_still_takes_a_free_turn() -> None:
    flow = Flow(SystemClock())
    for _ in range(4):
        await flow.turn(ADA, -0.001)
    with pytest.raises(Flood):
        await flow.turn(ADA, -0.001)
