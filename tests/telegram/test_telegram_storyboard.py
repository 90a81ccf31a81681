"""Several scenes in one film: one to a line, or step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_media import tiny_picture
from support.telegram_server import TelegramServer


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


async def test_scenes_are_one_to_a_line_with_seconds_in_any_manner(bot: TelegramHouse) -> None:
    card = await bot.says("/storyboard\n7.5 | a kitten wakes up\n4,5s it sees a ball\n- it jumps")
    for line in ("1. 7.5 s: a kitten wakes up", "2. 4.5 s: it sees a ball", "it jumps", "Confirm"):
        assert line in f"{card.text} {card.buttons}"


async def test_step_by_step_each_answer_shows_what_stands_and_what_is_left(bot: TelegramHouse) -> None:
    first = await bot.says("/storyboard")
    assert "first scene" in first.text
    second = await bot.says("4 | a kitten wakes up")
    assert "a kitten wakes up" in second.text
    assert "6 s left of 10 s" in second.text
    third = await bot.says("6 | it sees a ball")
    await bot.press(third, "Done")
    assert "Confirm" in str(third.buttons)
    assert "it sees a ball" in third.text


async def test_the_buttons_of_earlier_steps_are_taken_away(bot: TelegramHouse) -> None:
    first = await bot.says("/storyboard")
    await bot.says("4 | a kitten wakes up")
    assert not first.buttons


async def test_undo_takes_the_last_scene_back_and_the_next_answer_goes_on(bot: TelegramHouse) -> None:
    await bot.says("/storyboard")
    await bot.says("4 | a kitten wakes up")
    step = await bot.says("6 | it sees a dog")
    await bot.press(step, "Undo")
    assert "it sees a dog" not in step.text
    step = await bot.says("6 | it sees a ball")
    assert "2. 6 s: it sees a ball" in step.text


async def test_a_picture_may_be_added_in_between(bot: TelegramHouse) -> None:
    await bot.says("/storyboard")
    step = await bot.says("4 | a kitten wakes up")
    await bot.press(step, "Add a picture")
    step = await bot.says(photo=tiny_picture())
    assert "your picture at the start" in step.text
    assert "a kitten wakes up" in step.text
    step = await bot.says("6 | it sees a ball")
    await bot.press(step, "Done")
    assert "starts from your picture" in step.text


async def test_done_works_although_a_picture_was_asked_for_and_none_came(bot: TelegramHouse) -> None:
    await bot.says("/storyboard")
    step = await bot.says("10 | a kitten wakes up")
    await bot.press(step, "Add a picture")
    await bot.press(step, "Done")
    assert "Confirm" in str(step.buttons)


async def test_cancel_ends_it_and_the_next_words_are_a_request_of_their_own(bot: TelegramHouse) -> None:
    step = await bot.says("/storyboard")
    await bot.press(step, "Cancel")
    assert "Nothing was ordered" in step.text
    assert "Veo 3.1 Lite" in (await bot.says("a happy dog")).text


async def test_a_storyboard_goes_on_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with TelegramServer(clock=clock) as server:
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.says("/storyboard")
            await bot.says("4 | a kitten wakes up")
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            step = await bot.says("6 | it sees a ball")
            assert "1. 4 s: a kitten wakes up" in step.text
            await bot.press(step, "Done")
            assert "Confirm" in str(step.buttons)


async def test_a_scene_that_is_handled_again_after_a_crash_is_not_added_twice(tmp_path: Path) -> None:
    clock = FakeClock()
    async with TelegramServer(clock=clock) as server:
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.says("/storyboard")
            await bot.says("4 | a kitten wakes up")
            # the process dies before it could mark the last one as handled
            await bot.house.store.write(
                lambda tx: tx.run("UPDATE inbox SET handled_at = NULL WHERE id = (SELECT MAX(id) FROM inbox)")
            )
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.quiet()
            step = await bot.says("6 | it sees a ball")
            assert step.text.count("a kitten wakes up") == 1
            assert "2. 6 s: it sees a ball" in step.text


async def test_in_a_group_each_scene_is_a_reply_to_the_bots_question(bot: TelegramHouse) -> None:
    cats = bot.world.group("Cats", [bot.ada, bot.boss])
    question = await bot.ask(cats, bot.ada, f"/storyboard@{bot.name}")
    assert question.asks_for_reply
    question = await bot.ask(cats, bot.ada, "10 | a kitten wakes up", reply_to=question)
    step = cats.messages[-2]
    assert "a kitten wakes up" in step.text
    await bot.silence(cats, bot.boss, "6 | a dog barks", reply_to=question)
    await bot.press(step, "Done", bot.ada)
    assert "Confirm" in str(step.buttons)
