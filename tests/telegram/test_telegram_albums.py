"""Albums: several updates that are one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_media import Given, tiny_picture
from support.telegram_server import TelegramServer

PICTURES = [tiny_picture(64, 36, colour) for colour in ("red", "green", "blue")]


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


async def test_an_album_of_two_is_the_first_and_the_last_frame(bot: TelegramHouse) -> None:
    card = await bot.says(caption="day becomes night", album=PICTURES[:2])
    assert "your first and last picture" in card.text


async def test_an_album_makes_one_draft_and_one_answer(bot: TelegramHouse) -> None:
    await bot.says(caption="day becomes night", album=PICTURES[:2])
    assert await bot.house.value("SELECT COUNT(*) FROM drafts") == 1
    assert len(bot.chat.messages) == 1


async def test_too_many_pictures_are_asked_about_by_number(bot: TelegramHouse) -> None:
    question = await bot.says(caption="/sora it moves", album=PICTURES)
    assert "Which should I use?" in question.text
    assert question.asks_for_reply
    again = await bot.says("7")
    assert "from 1 to 3" in again.text
    card = await bot.says("2")
    assert "starts from your picture" in card.text
    assert "it moves" in card.text


async def test_an_album_of_files_keeps_their_bytes_and_the_words_of_any_part(bot: TelegramHouse) -> None:
    files = [Given(each, f"{n}.png", "image/png") for n, each in enumerate(PICTURES[:2])]
    card = await bot.says(caption="day becomes night", album=files)
    assert "day becomes night" in card.text
    assert "your first and last picture" in card.text


async def test_an_album_that_was_half_there_when_the_bot_stopped_is_one_request_after_the_start(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with TelegramServer(clock=clock) as server:
        ada = server.world.user(1000, "Ada")
        chat = server.world.private(ada)
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            # kept, and not handled: as if the process had died in the quiet period
            await chat.says(ada, caption="day becomes night", album=PICTURES[:2])
            await bot.telegram.stop()
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.quiet()
            cards = [each for each in chat.messages if "Confirm" in str(each.buttons)]
            assert len(cards) == 1
            assert "your first and last picture" in cards[0].text
