"""From the inbox to the handlers: order within a chat, others not held up, presses past messages, nothing lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from support.clock import FakeClock
from support.media_making import encoded, halves
from support.telegram_chats import Chat
from support.telegram_intake import Desk, Intake, open_intake, polling
from support.telegram_messages import User
from support.telegram_server import TelegramServer

from adapters.telegram.dispatch import TRIES, pause_after
from adapters.telegram.lanes import AT_ONCE, WITH_FILE_AT_ONCE, Lanes
from bot.errors import RetryLater
from bot.ports import Update

PICTURE = encoded(halves(), "JPEG")
GO = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Go", callback_data="go")]])


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


@pytest.fixture
async def intake(telegram: TelegramServer, tmp_path: Path) -> AsyncIterator[Intake]:
    async with polling(tmp_path, telegram) as opened:
        yield opened


async def say(intake: Intake, *texts: str, user: int = 7) -> None:
    person = intake.telegram.world.user(user, f"P{user}")
    for text in texts:
        await intake.telegram.world.private(person).says(person, text)


async def begun(intake: Intake, count: int) -> list[str]:
    await intake.telegram.world.wait_until(lambda: len(intake.desk.begun) >= count)
    return intake.desk.begun


async def press_go(intake: Intake, chat: Chat, user: User) -> None:
    card = chat.message((await intake.bot.send_message(chat.id, "A card", reply_markup=GO)).message_id)
    assert card
    await chat.press(user, card, "Go")


async def troubles(intake: Intake) -> list[str | None]:
    await intake.dispatch.lanes.idle()
    return [row["trouble"] for row in await intake.rows()]


async def test_one_chat_waits_for_its_own_messages_and_for_nobody_elses(intake: Intake) -> None:
    intake.desk.gates["slow"] = asyncio.Event()
    await say(intake, "slow", "after")
    await say(intake, "quick", user=8)
    assert await intake.until_handled(1) == ["quick"]
    intake.desk.gates["slow"].set()
    assert await intake.until_handled(3) == ["quick", "slow", "after"]


async def test_a_press_overtakes_the_messages_of_its_own_chat(intake: Intake) -> None:
    ada = intake.telegram.world.user(7, "Ada")
    chat = intake.telegram.world.private(ada)
    intake.desk.gates["slow"] = asyncio.Event()
    await say(intake, "slow")
    await press_go(intake, chat, ada)
    assert await intake.until_handled(1) == ["go"]
    intake.desk.gates["slow"].set()


async def test_presses_and_words_go_on_when_every_place_for_pictures_is_taken(intake: Intake) -> None:
    for n in range(WITH_FILE_AT_ONCE + 5):
        intake.desk.gates[f"slow {n}"] = asyncio.Event()
        person = intake.telegram.world.user(1000 + n, f"P{n}")
        await intake.telegram.world.private(person).says(person, f"slow {n}", photo=PICTURE)
    await begun(intake, WITH_FILE_AT_ONCE)
    ada = intake.telegram.world.user(1000, "P1000")
    await press_go(intake, intake.telegram.world.private(ada), ada)
    await say(intake, 'only "file_id": words')
    assert sorted(await intake.until_handled(2)) == ["go", 'only "file_id": words']
    assert len(intake.desk.begun) == WITH_FILE_AT_ONCE + 2
    for gate in intake.desk.gates.values():
        gate.set()
    await intake.until_handled(WITH_FILE_AT_ONCE + 7)


async def test_presses_go_on_when_every_place_for_messages_is_taken() -> None:
    done: list[str] = []
    gate = asyncio.Event()

    async def work(updates: Sequence[Update], tries: int) -> None:
        if updates[0].lane.startswith("chat:"):
            await gate.wait()
        done.append(updates[0].lane)

    lanes = Lanes(work, FakeClock())
    lanes.add(Update("telegram", n, f"chat:{n}", "7", "{}") for n in range(AT_ONCE + 1))
    lanes.add([Update("telegram", -1, "press:7", "7", "{}")])
    for _ in range(5):
        await asyncio.sleep(0)
    assert done == ["press:7"]
    gate.set()
    await lanes.idle()
    assert len(done) == AT_ONCE + 2


async def test_all_parts_of_an_album_are_handled_as_one(intake: Intake) -> None:
    ada = intake.telegram.world.user(7, "Ada")
    await intake.telegram.world.private(ada).says(ada, album=[PICTURE] * 3)
    await say(intake, "after")
    assert await intake.until_handled(2) == ["", "after"]
    assert intake.desk.albums == [3]


async def test_what_can_be_done_later_is_tried_again_in_its_lane_while_others_go_on(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    clock = FakeClock()
    async with polling(tmp_path, telegram, clock=clock) as intake:
        intake.desk.faults["dog"] = [RetryLater("busy"), RetryLater("busy", 7), RetryLater("busy")]
        await say(intake, "dog", "next")
        assert await intake.until_handled(2) == ["dog", "next"]
        assert await troubles(intake) == [None, None]
    assert clock.slept[:3] == [1.0, 7, 4.0]
    assert intake.desk.sorry == []


async def test_what_never_works_is_apologised_for_and_set_aside(intake: Intake) -> None:
    intake.desk.faults["dog"] = [RetryLater("busy")] * TRIES
    await say(intake, "dog", "next")
    assert await intake.until_handled(1) == ["next"]
    trouble, _ = await troubles(intake)
    assert trouble == f"tried {TRIES} times: busy"
    assert intake.desk.sorry == ["dog"]


async def test_a_fault_of_ours_is_logged_told_and_apologised_for_and_the_lane_goes_on(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    intake.desk.faults["dog"] = [ZeroDivisionError(f"dividing {intake.telegram.token}")]
    await say(intake, "dog", "next")
    assert await intake.until_handled(1) == ["next"]
    trouble, _ = await troubles(intake)
    assert trouble == "ZeroDivisionError: dividing ***"
    assert intake.desk.sorry == ["dog"]
    assert "ZeroDivisionError" in caplog.text
    assert intake.notices[0][0] == "telegram-fault"


async def test_stopping_lets_running_handlers_end_and_leaves_the_rest_for_the_next_start(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    desk = Desk(gates={"slow": asyncio.Event()})
    async with polling(tmp_path, telegram, clock=FakeClock(auto=False), desk=desk) as intake:
        await say(intake, "slow", "after")
        await begun(intake, 1)
        await telegram.world.wait_until(lambda: not telegram.world.updates.waiting)
        stopping = asyncio.create_task(intake.dispatch.lanes.stop())
        await asyncio.sleep(0)
        desk.gates["slow"].set()
        await stopping
        assert desk.handled == ["slow"]
    async with polling(tmp_path, telegram) as intake:
        assert await intake.until_handled(1) == ["after"]


async def test_a_handler_that_does_not_end_is_cut_off_after_ten_seconds_and_done_at_the_next_start(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    clock, desk = FakeClock(auto=False), Desk(gates={"endless": asyncio.Event()})
    async with polling(tmp_path, telegram, clock=clock, desk=desk) as intake:
        await say(intake, "endless")
        await begun(intake, 1)
        stopping = asyncio.create_task(intake.dispatch.lanes.stop())
        await telegram.world.wait_until(lambda: clock.slept)
        clock.advance(9.9)
        await asyncio.sleep(0)
        assert not stopping.done()
        clock.advance(0.2)
        await stopping
        assert desk.handled == []
    async with polling(tmp_path, telegram) as intake:
        assert await intake.until_handled(1) == ["endless"]


async def test_an_album_that_is_still_coming_when_the_bot_stops_is_handled_whole_at_the_next_start(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    ada = telegram.world.user(7, "Ada")
    async with polling(tmp_path, telegram, clock=FakeClock(auto=False)) as intake:
        await telegram.world.private(ada).says(ada, album=[PICTURE] * 2)
        await telegram.world.wait_until(lambda: not telegram.world.updates.waiting)
        await intake.dispatch.lanes.stop(0)
        assert intake.desk.begun == []
    async with polling(tmp_path, telegram) as intake:
        await intake.until_handled(1)
        assert intake.desk.albums == [2]


async def test_many_lanes_leave_nothing_behind_when_they_are_empty() -> None:
    done: list[int] = []

    async def work(updates: Sequence[Update], tries: int) -> None:
        done.extend(each.id for each in updates)

    lanes = Lanes(work, FakeClock())
    lanes.add(Update("telegram", n, f"chat:{n % 30}", "7", "{}") for n in range(300))
    await lanes.idle()
    assert sorted(done) == list(range(300))
    assert lanes._lanes == {}
    await asyncio.wait_for(lanes.room(), 1)


def test_a_pause_asked_for_is_kept_up_to_a_minute() -> None:
    assert [pause_after(n) for n in range(7)] == [1, 2, 4, 8, 16, 32, 60]
    assert pause_after(0, 9) == 9
    assert pause_after(0, 3600) == 60


async def test_a_busy_database_is_asked_until_the_update_is_marked(
    telegram: TelegramServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    async with open_intake(tmp_path, telegram) as intake:
        handled, busy = intake.inbox.handled, [RetryLater("busy")] * 2

        async def slow(update: Update, trouble: str | None = None) -> None:
            if busy:
                raise busy.pop()
            await handled(update, trouble)

        monkeypatch.setattr(intake.inbox, "handled", slow)
        await say(intake, "dog")
        await intake.take([each.body for each in telegram.world.updates.waiting])
        assert await troubles(intake) == [None]
        (row,) = await intake.rows()
    assert row["handled_at"] is not None
    assert intake.desk.handled == ["dog"]
    assert caplog.text.count("waiting for the database") == 2
