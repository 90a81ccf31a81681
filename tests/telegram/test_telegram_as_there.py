"""A closed bot: whoever their group lets in goes on from their private chat, as long as they are in that group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.telegram_chats import Chat
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_messages import Message

from bot.domain import CommunityRef, FailureKind
from bot.ports import Broken

LEFT = "Members may use this bot there"


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    """Closed, but for one group."""
    async with open_telegram(tmp_path, access="closed") as found:
        yield found


@pytest.fixture
async def cats(bot: TelegramHouse) -> Chat:
    made = bot.world.group("Cats", [bot.ada, bot.boss])
    await bot.house.office.allow(CommunityRef("telegram-chat", str(made.id)))
    return made


async def brought(bot: TelegramHouse, cats: Chat) -> Message:
    """The video of a request in the group, in Ada's own chat."""
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Confirm")
    cats.forbid("videos")
    await bot.deliver()
    cats.allow("videos")
    assert bot.chat.last.media
    return bot.chat.last


@pytest.mark.parametrize("button", ["Again", "Change", "Animate on"])
async def test_what_stands_below_a_video_in_private_leads_to_the_next_one(
    bot: TelegramHouse, cats: Chat, button: str
) -> None:
    await bot.press(await brought(bot, cats), button)
    await bot.press(bot.chat.last, "Confirm")
    assert len(await bot.house.office.jobs()) == 2
    seen = len(cats.messages)
    await bot.deliver()
    assert len([each for each in bot.chat.messages if each.media]) == 2
    assert len(cats.messages) == seen


@pytest.mark.parametrize("button", ["Again", "Change", "Animate on"])
async def test_who_left_or_was_removed_orders_nothing_more(
    bot: TelegramHouse, cats: Chat, button: str
) -> None:
    video = await brought(bot, cats)
    await cats.leaves(bot.ada)
    press = await bot.press(video, button)
    assert LEFT in (press.text or "")
    assert str(press.text).endswith(f"telegram:{bot.ada.id}")
    assert len(await bot.house.office.jobs()) == 1


async def test_who_leaves_before_confirm_orders_nothing(bot: TelegramHouse, cats: Chat) -> None:
    await bot.press(await brought(bot, cats), "Again")
    card = bot.chat.last
    await cats.leaves(bot.ada)
    press = await bot.press(card, "Confirm")
    assert LEFT in (press.text or "")
    assert len(await bot.house.office.jobs()) == 1


async def test_a_group_that_the_bot_left_lets_nobody_in(bot: TelegramHouse, cats: Chat) -> None:
    video = await brought(bot, cats)
    await cats.remove_bot(bot.boss)
    press = await bot.press(video, "Again")
    assert LEFT in (press.text or "")


async def test_a_failure_of_what_was_ordered_in_private_is_told_in_full_there_and_once(
    bot: TelegramHouse, cats: Chat
) -> None:
    await bot.press(await brought(bot, cats), "Again")
    await bot.press(bot.chat.last, "Confirm")
    bot.house.kie.next_looks.append(Broken(FailureKind.POLICY, "KIE does not like dogs"))
    before = len(cats.messages)
    await bot.deliver()
    (told,) = [each.text for each in bot.chat.messages if "No video" in each.text]
    assert "KIE does not like dogs" in told
    assert len(cats.messages) == before


async def test_other_words_are_taken_in_private(bot: TelegramHouse, cats: Chat) -> None:
    await bot.press(await brought(bot, cats), "Again")
    await bot.press(bot.chat.last, "Change words")
    card = await bot.says("a sad cat")
    assert "a sad cat" in card.text
    await bot.press(card, "Confirm")
    assert len(await bot.house.office.jobs()) == 2


async def test_a_new_request_in_private_is_refused_and_leads_to_the_group(
    bot: TelegramHouse, cats: Chat
) -> None:
    await brought(bot, cats)
    refused = await bot.says("a sad cat")
    assert "If a server or group of yours was let in, use it there" in refused.text
    assert f"telegram:{bot.ada.id}" in refused.text
