"""Buttons: pressed once or often, by the right or the wrong person, in time or long after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.clock import FakeClock
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_messages import Message
from support.telegram_server import TelegramServer

from adapters.telegram import presses
from bot.domain import JobState
from bot.errors import RetryLater


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


async def made(bot: TelegramHouse, words: str = "a happy dog") -> Message:
    """A finished video in Ada's chat."""
    card = await bot.says(words)
    await bot.press(card, "Confirm")
    await bot.deliver()
    return bot.chat.messages[-1]


async def test_confirm_pressed_twice_at_once_is_one_job(bot: TelegramHouse) -> None:
    card = await bot.says("a happy dog")
    both = [await bot.chat.press(bot.ada, card, "Confirm") for _ in range(2)]
    await asyncio.gather(*(each.answer() for each in both))
    await bot.quiet()
    assert len(await bot.house.office.jobs()) == 1


async def test_every_press_is_answered_exactly_once(bot: TelegramHouse) -> None:
    card = await bot.says("a happy dog")
    await bot.press(card, "Length")
    await bot.press(card, "Back")
    assert [each.status for each in bot.world.calls_of("answerCallbackQuery")] == [200, 200]


async def test_an_option_changes_the_price_in_the_same_message(bot: TelegramHouse) -> None:
    card = await bot.says("/sora a happy dog")
    await bot.press(card, "Length")
    await bot.press(card, "15 s")
    assert "15 s" in card.text
    assert "Confirm · 45 credits" in str(card.buttons)
    assert len(bot.chat.messages) == 1


async def test_only_the_asker_may_press(bot: TelegramHouse) -> None:
    tom = bot.person("Tom")
    cats = bot.world.group("Cats", [bot.ada, tom])
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    press = await bot.press(card, "Confirm", tom)
    assert press.alert
    assert "Only the person who asked" in str(press.text)
    assert not await bot.house.office.jobs()
    await bot.press(card, "Confirm", bot.ada)
    assert len(await bot.house.office.jobs()) == 1


async def test_old_buttons_still_answer_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with TelegramServer(clock=clock) as server:
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            card = await bot.says("a happy dog")
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.press(card, "Confirm")
            assert len(await bot.house.office.jobs()) == 1


@pytest.mark.parametrize("data", ["0:ok:ABC", "1:nothing:ABC", "hello", "1:dlg:done"])
async def test_a_button_of_another_version_is_answered_with_what_to_do(bot: TelegramHouse, data: str) -> None:
    card = await bot.says("a happy dog")
    bot.world.inject(
        {
            "callback_query": {
                "id": f"old-{data}",
                "from": bot.ada.json(),
                "chat_instance": "1",
                "message": card.json(),
                "data": data,
            }
        }
    )
    await bot.quiet()
    last = bot.world.calls_of("answerCallbackQuery")[-1]
    assert "again" in last.params["text"]


async def test_a_press_on_a_message_that_can_no_longer_be_edited_gets_a_new_one(bot: TelegramHouse) -> None:
    card = await bot.says("a happy dog")
    press = await bot.chat.press(bot.ada, card, "Confirm", inaccessible=True)
    await press.answer()
    await bot.quiet()
    status = bot.chat.messages[-1]
    assert status is not card
    assert "close the chat" in status.text
    await bot.deliver()
    assert status.deleted


async def test_a_quote_that_has_grown_old_is_shown_anew_before_anything_is_spent(bot: TelegramHouse) -> None:
    card = await bot.says("a happy dog")
    bot.house.clock.advance(16 * 60)
    await bot.press(card, "Confirm")
    assert not await bot.house.office.jobs()
    assert "no longer fresh" in card.text
    await bot.press(card, "Confirm")
    assert len(await bot.house.office.jobs()) == 1


async def test_who_has_too_few_credits_is_told_what_is_missing(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, new_user_credits=20, support_contact="@ann") as bot:
        card = await bot.says("/video veo a happy dog")
        assert "You have 20 credits and need 40 credits more." in card.text
        assert "@ann" in card.text


async def test_cancel_while_it_waits_gives_everything_back(bot: TelegramHouse) -> None:
    card = await bot.says("a happy dog")
    await bot.press(card, "Confirm")
    await bot.press(card, "Cancel")
    assert "Cancelled" in card.text
    (job,) = await bot.house.office.jobs()
    assert job.state in (JobState.SETTLED, JobState.DELIVERED)
    assert (await bot.says("/balance")).text.count("1,000") >= 1


async def test_again_makes_a_card_that_costs_nothing_before_confirm(bot: TelegramHouse) -> None:
    video = await made(bot)
    await bot.press(video, "Again")
    card = bot.chat.messages[-1]
    assert "a happy dog" in card.text
    assert len(await bot.house.office.jobs()) == 1
    await bot.press(card, "Confirm")
    assert len(await bot.house.office.jobs()) == 2


async def test_a_video_is_deleted_after_a_question_in_its_own_message(bot: TelegramHouse) -> None:
    video = await made(bot)
    await bot.press(video, "Delete")
    assert "cannot be brought back" in video.text
    await bot.press(video, "No, keep it")
    assert "AI-generated" in video.text
    await bot.press(video, "Delete")
    await bot.press(video, "Yes, delete")
    assert video.deleted


async def test_a_video_that_is_too_old_to_be_deleted_says_so(bot: TelegramHouse) -> None:
    video = await made(bot)
    bot.house.clock.advance(49 * 3600)
    await bot.press(video, "Delete")
    await bot.press(video, "Yes, delete")
    assert "too old" in bot.chat.messages[-1].text


async def test_a_report_reaches_the_operator_with_remove_and_block(bot: TelegramHouse) -> None:
    video = await made(bot)
    await bot.press(video, "Report")
    await bot.press(bot.chat.messages[-1], "Report it")
    notice = bot.world.private(bot.boss).messages[-1]
    assert len(notice.buttons) == 2
    await bot.press(notice, next(iter(notice.buttons)), bot.boss)
    (job,) = await bot.house.office.jobs()
    assert job.removed


async def test_a_video_that_is_gone_from_the_disk_is_not_promised_again(bot: TelegramHouse) -> None:
    video = await made(bot)
    await bot.press(video, "Receipt")
    receipt = bot.chat.messages[-1]
    await bot.press(receipt, "Send it again")
    assert bot.chat.messages[-1].media
    (job,) = await bot.house.office.jobs()
    await bot.house.office.remove(job.id)
    press = await bot.press(receipt, "Send it again")
    assert press.alert
    assert "no longer kept" in str(press.text)


async def test_a_slow_press_is_acknowledged_at_once_and_done_after(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await bot.says("a happy dog")
    monkeypatch.setattr(presses, "PATIENCE_SECONDS", 0.01)
    follow, go_on = bot.talk.press, asyncio.Event()

    async def slowly(*args: Any) -> Any:
        await go_on.wait()
        return await follow(*args)

    monkeypatch.setattr(bot.talk, "press", slowly)
    press = await bot.chat.press(bot.ada, card, "Length")
    assert "moment" in str((await press.answer()).text)
    go_on.set()
    await bot.quiet()
    assert "Choose" in card.text


async def test_a_busy_database_turns_a_press_away_with_a_sentence(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await bot.says("a happy dog")

    async def busy(*_: Any) -> Any:
        raise RetryLater("the database is busy")

    monkeypatch.setattr(bot.talk, "press", busy)
    press = await bot.press(card, "Length")
    assert press.alert
    assert "press again" in str(press.text)


async def test_what_breaks_behind_a_press_is_said_to_the_presser(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await bot.says("a happy dog")
    monkeypatch.setattr(bot.talk, "press", None)
    press = await bot.press(card, "Length")
    assert press.alert
    assert "went wrong" in str(press.text)
