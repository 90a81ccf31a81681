"""Taking updates in by polling: kept before they are confirmed, each handled once, whatever goes wrong on the line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiogram.exceptions import TelegramNetworkError, TelegramUnauthorizedError
from aiogram.methods import GetMe
from support.clock import FakeClock
from support.telegram_intake import Desk, open_intake, polling
from support.telegram_server import TelegramServer

from adapters.telegram.intake import GetRawUpdates
from adapters.telegram.reading import ALLOWED
from adapters.telegram.trouble import Kind, Trouble, trouble
from bot.errors import RetryLater
from bot.ports import Update


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


async def begun(telegram: TelegramServer, desk: Desk) -> None:
    await telegram.world.wait_until(lambda: desk.begun)


# --- kept, confirmed, handled ------------------------------------------------------------------------------------


async def test_what_is_said_is_handled_in_its_order_and_then_marked(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    ada = telegram.world.user(7, "Ada")
    chat = telegram.world.private(ada)
    async with polling(tmp_path, telegram) as intake:
        for n in range(5):
            await chat.says(ada, f"dog {n}")
        assert await intake.until_handled(5) == [f"dog {n}" for n in range(5)]
        await intake.dispatch.lanes.idle()
        rows = await intake.rows()
    assert [row["handled_at"] is not None for row in rows] == [True] * 5
    assert {(row["platform"], row["lane"], row["sender"]) for row in rows} == {("telegram", "chat:7", "7")}


async def test_nothing_is_confirmed_before_it_is_kept(
    telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = telegram.world.user(7, "Ada")
    async with polling(tmp_path, telegram) as intake:
        put, busy = intake.inbox.put, [RetryLater("the database is busy")] * 3
        waiting_when_put: list[int] = []

        async def slow(updates: Sequence[Update]) -> Sequence[Update]:
            waiting_when_put.append(len(telegram.world.updates.waiting))
            if busy:
                raise busy.pop()
            return await put(updates)

        monkeypatch.setattr(intake.inbox, "put", slow)
        await telegram.world.private(ada).says(ada, "a happy dog")
        await intake.until_handled(1)
        await telegram.world.wait_until(lambda: not telegram.world.updates.waiting)
    assert waiting_when_put == [1, 1, 1, 1]


async def test_an_update_that_comes_twice_is_handled_once(telegram: TelegramServer, tmp_path: Path) -> None:
    ada = telegram.world.user(7, "Ada")
    async with polling(tmp_path, telegram) as intake:
        await telegram.world.private(ada).says(ada, "one dog")
        await intake.until_handled(1)
        await telegram.world.wait_until(lambda: not telegram.world.updates.waiting)
        telegram.world.updates.repeat(1)
        await telegram.world.private(ada).says(ada, "two dogs")
        assert await intake.until_handled(2) == ["one dog", "two dogs"]
        assert len(await intake.rows()) == 2


async def test_what_a_killed_process_did_not_finish_is_handled_by_the_next(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    ada, desk = telegram.world.user(7, "Ada"), Desk()
    desk.gates["a slow dog"] = asyncio.Event()
    async with polling(tmp_path, telegram, desk=desk):
        await telegram.world.private(ada).says(ada, "a slow dog")
        await telegram.world.private(ada).says(ada, "the next dog")
        await telegram.world.wait_until(lambda: desk.begun and not telegram.world.updates.waiting)
    assert desk.handled == []
    async with polling(tmp_path, telegram) as intake:
        assert await intake.until_handled(2) == ["a slow dog", "the next dog"]


async def test_an_update_that_ends_every_process_is_set_aside_and_told(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    await kept(telegram, tmp_path, "poison")
    begun = [await killed_at_work(telegram, tmp_path, "poison") for _ in range(9)]
    assert begun == [["poison"]] * 9
    async with open_intake(tmp_path, telegram) as intake:
        await intake.dispatch.resume()
        await intake.dispatch.lanes.idle()
        (row,) = await intake.rows()
    assert "9 times" in row["trouble"]
    assert (intake.desk.begun, intake.desk.sorry) == ([], ["poison"])
    assert intake.notices[0][0] == "telegram-poison"


async def test_what_was_only_there_when_the_process_died_again_and_again_is_not_to_blame(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    said = [f"dog {n}" for n in range(5)]
    await kept(telegram, tmp_path, *said)
    begun = [await killed_at_work(telegram, tmp_path, *said) for _ in range(4)]
    assert [len(each) for each in begun] == [5, 5, 5, 1]
    async with polling(tmp_path, telegram) as intake:
        assert sorted(await intake.until_handled(5)) == said
        assert intake.notices == []


async def test_what_takes_long_is_not_to_blame_either(telegram: TelegramServer, tmp_path: Path) -> None:
    await kept(telegram, tmp_path, "a slow dog")
    for _ in range(9):
        async with open_intake(
            tmp_path, telegram, desk=Desk(gates={"a slow dog": asyncio.Event()})
        ) as intake:
            await intake.dispatch.resume()
    async with polling(tmp_path, telegram) as intake:
        assert await intake.until_handled(1) == ["a slow dog"]


async def kept(telegram: TelegramServer, folder: Path, *texts: str) -> None:
    """Several people say something each, and the process dies before it has begun with any of it."""
    for number, text in enumerate(texts):
        user = telegram.world.user(7 + number, f"Member {number}")
        await telegram.world.private(user).says(user, text)
    async with open_intake(folder, telegram) as intake:
        raws = await intake.bot(GetRawUpdates(timeout=0, allowed_updates=ALLOWED))
        await intake.inbox.put(intake.reader.read(raws))


async def killed_at_work(telegram: TelegramServer, folder: Path, *texts: str) -> list[str]:
    """A process that dies while it handles those of them that it has begun with, which are returned."""
    desk = Desk(gates={text: asyncio.Event() for text in texts})
    async with open_intake(folder, telegram, clock=FakeClock(auto=False), desk=desk) as intake:
        resuming = asyncio.create_task(intake.dispatch.resume())
        await telegram.world.wait_until(lambda: desk.begun)
        await asyncio.sleep(0.02)
        resuming.cancel()
        await asyncio.wait([resuming])
    return desk.begun


async def test_an_update_nobody_can_read_is_set_aside_and_the_others_go_on(
    telegram: TelegramServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ada = telegram.world.user(7, "Ada")
    telegram.world.future_update(ada)
    telegram.world.nonsense_update()
    await telegram.world.private(ada).says(ada, "a happy dog")
    async with polling(tmp_path, telegram) as intake:
        assert await intake.until_handled(1) == ["a happy dog"]
        await intake.dispatch.lanes.idle()
        rows = await intake.rows()
    assert [row["trouble"] is not None for row in rows] == [True, True, False]
    assert "forward_origin" in rows[0]["trouble"]
    assert [kind for kind, _ in intake.notices] == ["telegram-unreadable"] * 2
    assert "(message.forward_origin)" in intake.notices[0][1]
    assert "cannot be read" in caplog.text
    assert "hello" not in caplog.text


async def test_an_apology_that_breaks_too_does_not_keep_the_next_message_waiting(
    telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise ZeroDivisionError

    desk = Desk()
    desk.faults["a happy dog"] = [ZeroDivisionError()]
    monkeypatch.setattr(desk, "apologise", broken)
    ada = telegram.world.user(7, "Ada")
    for said in ("a happy dog", "a sad cat"):
        await telegram.world.private(ada).says(ada, said)
    async with polling(tmp_path, telegram, desk=desk) as intake:
        await intake.until_handled(1)
        await intake.dispatch.lanes.idle()
        rows = await intake.rows()
    assert desk.handled == ["a sad cat"]
    assert [row["trouble"] is not None for row in rows] == [True, False]


async def test_only_the_kinds_of_updates_that_are_read_are_asked_for(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with polling(tmp_path, telegram):
        await telegram.world.wait_until(lambda: telegram.world.calls_of("getUpdates"))
    (ask, *_) = telegram.world.calls_of("getUpdates")
    assert ask.params["allowed_updates"] == ALLOWED
    assert telegram.world.updates.allowed == frozenset(ALLOWED)


async def test_numbers_that_start_anew_after_a_quiet_week_are_not_taken_for_confirmed_ones(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    ada = telegram.world.user(7, "Ada")
    async with polling(tmp_path, telegram, seconds=0) as intake:
        await telegram.world.private(ada).says(ada, "before")
        await intake.until_handled(1)
        asked = len(telegram.world.calls_of("getUpdates"))
        await telegram.world.wait_until(lambda: len(telegram.world.calls_of("getUpdates")) > asked + 2)
        telegram.world.updates.next_id = 1000
        await telegram.world.private(ada).says(ada, "after")
        assert await intake.until_handled(2) == ["before", "after"]
    offsets = [each.params.get("offset") for each in telegram.world.calls_of("getUpdates")]
    assert set(offsets) == {None, 871_000_002, 1001}


# --- trouble on the line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["bad_gateway", "drop_before", "drop_after", "error"])
async def test_a_lost_line_is_told_once_when_it_breaks_and_once_when_it_is_back(
    telegram: TelegramServer, tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ada, clock = telegram.world.user(7, "Ada"), FakeClock()
    telegram.fault("getUpdates", fault, times=4)
    await telegram.world.private(ada).says(ada, "a happy dog")
    async with polling(tmp_path, telegram, clock=clock) as intake:
        await intake.until_handled(1)
    told = [each.getMessage() for each in caplog.records if each.name.endswith("intake")]
    assert len(told) == 2, told
    assert "cannot be reached" in told[0]
    assert "answers again" in told[1]
    assert clock.slept[:4] == [1.0, 2.0, 4.0, 8.0]
    assert telegram.token not in caplog.text


async def test_another_program_that_polls_is_named_to_the_operators_and_outwaited(
    telegram: TelegramServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ada, clock = telegram.world.user(7, "Ada"), FakeClock()
    telegram.fault("getUpdates", "conflict", times=6)
    await telegram.world.private(ada).says(ada, "a happy dog")
    async with polling(tmp_path, telegram, clock=clock) as intake:
        await intake.until_handled(1)
    assert [kind for kind, _ in intake.notices] == ["telegram-taken"]
    assert "only one bot instance" in intake.notices[0][1]
    assert caplog.text.count("somebody else takes this bot's updates") == 1
    assert clock.slept[:6] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


async def test_a_token_revoked_while_running_is_critical_once_and_tried_every_five_minutes(
    telegram: TelegramServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ada, clock = telegram.world.user(7, "Ada"), FakeClock()
    telegram.fault("getUpdates", "unauthorized", times=3)
    await telegram.world.private(ada).says(ada, "a happy dog")
    async with polling(tmp_path, telegram, clock=clock) as intake:
        await intake.until_handled(1)
    assert [each.levelname for each in caplog.records].count("CRITICAL") == 1
    assert clock.slept[:3] == [300.0] * 3
    assert "@BotFather" in intake.notices[0][1]


async def test_the_line_tells_that_the_token_is_refused_until_telegram_answers_again(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with open_intake(tmp_path, telegram) as intake:
        refusals = [intake.line.refusal]
        await intake.line.failed(TelegramUnauthorizedError(GetMe(), "Unauthorized"))
        refusals.append(intake.line.refusal)
        intake.line.works()
        refusals.append(intake.line.refusal)
    assert refusals == [None, intake.notices[0][1], None]


async def test_a_forbidden_token_is_known_by_its_status(telegram: TelegramServer, tmp_path: Path) -> None:
    telegram.fault("getUpdates", "error", code=421, description="Token is forbidden")
    async with polling(tmp_path, telegram) as intake:
        await telegram.world.wait_until(lambda: intake.notices)
    assert intake.notices[0][0] == "telegram-refused"


async def test_telegrams_wish_to_be_asked_later_is_obeyed(telegram: TelegramServer, tmp_path: Path) -> None:
    ada, clock = telegram.world.user(7, "Ada"), FakeClock()
    telegram.fault("getUpdates", "flood", retry_after=17)
    await telegram.world.private(ada).says(ada, "a happy dog")
    async with polling(tmp_path, telegram, clock=clock) as intake:
        await intake.until_handled(1)
    assert clock.slept[0] == 17.0


async def test_a_bot_that_floods_itself_stops_fetching_until_there_is_room(
    telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.telegram.lanes.ROOM", 10)
    ada, desk = telegram.world.user(7, "Ada"), Desk(gates={"dog 0": asyncio.Event()})
    for n in range(250):
        await telegram.world.private(ada).says(ada, f"dog {n}")
    async with polling(tmp_path, telegram, desk=desk) as intake:
        await begun(telegram, desk)
        await asyncio.sleep(0.05)
        assert len(await intake.rows()) == 100
        desk.gates["dog 0"].set()
        assert len(await intake.until_handled(250)) == 250


async def test_five_hundred_commands_that_come_at_once_are_all_handled(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    people = [telegram.world.user(100 + n, f"P{n}") for n in range(20)]
    for n in range(500):
        await telegram.world.private(people[n % 20]).says(people[n % 20], f"/video dog {n}")
    async with polling(tmp_path, telegram) as intake:
        assert len(await intake.until_handled(500)) == 500
        await intake.dispatch.lanes.idle()


def test_every_pause_grows_to_its_limit_and_no_further() -> None:
    lost = TelegramNetworkError(GetMe(), "no route")
    assert [trouble(lost, n).pause for n in (0, 1, 5, 6, 500)] == [1.0, 2.0, 32.0, 60.0, 60.0]
    assert trouble(lost) == Trouble(Kind.LOST, 1.0, "no route")
