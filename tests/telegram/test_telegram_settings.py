"""Settings and other commands that make no video, in a private chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_server import TelegramServer

from bot.domain import UserRef


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("/start", "Hello"),
        ("/help", "/storyboard"),
        ("/models", "Veo 3.1"),
        ("/balance", "credits"),
        ("/history", "video"),
        ("/cancel", "nothing to cancel"),
        ("/settings", "Your settings"),
        ("/terms", "rules"),
        ("/privacy", "KIE.ai"),
        ("/forget", "cannot be brought back"),
    ],
)
async def test_every_command_that_tells_something_is_answered(
    bot: TelegramHouse, command: str, says: str
) -> None:
    answer = await bot.says(command)
    assert says.lower() in answer.text.lower(), answer.text
    assert len(answer.text) > 10


async def test_a_mistyped_command_in_a_private_chat_gets_a_hint(bot: TelegramHouse) -> None:
    assert "/models" in (await bot.says("/modles")).text
    assert "/help" in (await bot.says("/xyzzy")).text


async def test_a_command_for_another_bot_is_left_to_it(bot: TelegramHouse) -> None:
    await bot.silence(bot.chat, bot.ada, "/video@OtherBot a happy dog")


async def test_a_command_may_be_written_in_capitals_and_with_the_bots_name(bot: TelegramHouse) -> None:
    assert "Your settings" in (await bot.says(f"/SETTINGS@{bot.name}")).text


async def test_settings_are_chosen_by_buttons_in_the_same_message_and_stay(bot: TelegramHouse) -> None:
    card = await bot.says("/settings")
    await bot.press(card, "Shape")
    await bot.press(card, "ortrait")
    assert len(bot.chat.messages) == 1
    assert "portrait" in (await bot.says("/settings")).text.lower()
    preferred = await bot.house.studio.preferences(UserRef("telegram", str(bot.ada.id)))
    assert preferred["aspect"] == "portrait"


async def test_a_deep_link_leads_to_the_command_it_names(bot: TelegramHouse) -> None:
    assert "Your settings" in (await bot.says("/start settings")).text


async def test_forgetting_everything_is_confirmed_by_a_button(bot: TelegramHouse) -> None:
    await bot.house.studio.prefer(UserRef("telegram", str(bot.ada.id)), aspect="portrait")
    card = await bot.says("/forget")
    await bot.press(card, next(iter(card.buttons)))
    assert await bot.house.studio.preferences(UserRef("telegram", str(bot.ada.id))) == {}
    assert not card.buttons


async def test_someone_who_writes_too_fast_is_told_once_and_then_not_answered(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, commands_per_minute=2) as bot:
        for _ in range(2):
            await bot.says("/balance")
        assert "at most 2" in (await bot.says("/balance")).text
        await bot.silence(bot.chat, bot.ada, "/balance")


async def test_strangers_are_told_how_to_be_let_in_and_can_still_read_what_the_bot_is(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed") as bot:
        assert f"telegram:{bot.ada.id}" in (await bot.says("a happy dog")).text
        assert f"telegram:{bot.ada.id}" in (await bot.says("/balance")).text
        assert "KIE.ai" in (await bot.says("/privacy")).text


async def test_a_message_that_came_while_the_bot_was_away_is_answered_after_the_start(tmp_path: Path) -> None:
    clock = FakeClock()
    async with TelegramServer(clock=clock) as server:
        async with open_telegram(tmp_path, server, {"clock": clock}):
            pass
        ada = server.world.user(1000, "Ada")
        await server.world.private(ada).says(ada, "/settings")
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.quiet()
            assert "Your settings" in bot.chat.last.text
