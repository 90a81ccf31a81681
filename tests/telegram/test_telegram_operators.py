"""Operators' commands in chat, and what the bot tells them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.telegram_house import TelegramHouse, open_telegram

from bot.domain import UserRef


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path, access="closed", new_user_credits=0) as found:
        yield found


async def test_an_operator_lets_a_group_in_by_writing_allow_there(bot: TelegramHouse) -> None:
    cats = bot.world.group("Cats", [bot.ada, bot.boss])
    refused = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    assert f"kiebot allow telegram-chat:{cats.id}" in refused.text
    await bot.ask(cats, bot.boss, f"/allow@{bot.name}")
    assert {"who": f"telegram-chat:{cats.id}", "allowed": True}.items() <= dict(
        (await bot.house.office.access())[0]
    ).items()


async def test_credits_are_granted_by_replying_to_somebodys_message_and_they_are_told(
    bot: TelegramHouse,
) -> None:
    cats = bot.world.group("Cats", [bot.ada, bot.boss])
    asked = await cats.says(bot.ada, "may I have some?")
    await bot.ask(cats, bot.boss, f"/grant@{bot.name} 50", reply_to=asked)
    assert (await bot.house.studio.balance(UserRef("telegram", str(bot.ada.id)))).available == 50
    assert "50 credits" in bot.chat.last.text


async def test_credits_are_granted_by_naming_somebody(bot: TelegramHouse) -> None:
    await bot.ask(bot.world.private(bot.boss), bot.boss, f"/grant telegram:{bot.ada.id} 20 well done")
    assert (await bot.house.studio.balance(UserRef("telegram", str(bot.ada.id)))).available == 20


async def test_a_grant_that_is_heard_twice_is_made_once(bot: TelegramHouse) -> None:
    bot.server.fault("getUpdates", "repeat", skip=1)
    await bot.ask(bot.world.private(bot.boss), bot.boss, f"/grant telegram:{bot.ada.id} 20")
    await bot.quiet()
    assert (await bot.house.studio.balance(UserRef("telegram", str(bot.ada.id)))).available == 20


async def test_a_blocked_person_is_refused_until_unblocked(bot: TelegramHouse) -> None:
    boss = bot.world.private(bot.boss)
    await bot.ask(boss, bot.boss, f"/allow telegram:{bot.ada.id}")
    await bot.ask(boss, bot.boss, f"/block telegram:{bot.ada.id}")
    assert "cannot use this bot" in (await bot.says("/balance")).text
    await bot.ask(boss, bot.boss, f"/unblock telegram:{bot.ada.id}")
    assert "0 credits" in (await bot.says("/balance")).text


async def test_a_person_is_pointed_at_by_forwarding_what_they_wrote(bot: TelegramHouse) -> None:
    boss = bot.world.private(bot.boss)
    origin = {
        "type": "user",
        "date": 1_795_000_000,
        "sender_user": {"id": bot.ada.id, "is_bot": False, "first_name": "Ada"},
    }
    forwarded = await boss.says(bot.boss, "look at this", extra={"forward_origin": origin})
    await bot.quiet()
    await bot.ask(boss, bot.boss, "/allow", reply_to=forwarded)
    assert [each["who"] for each in await bot.house.office.access()] == [f"telegram:{bot.ada.id}"]


async def test_pause_and_resume_and_status_work_in_chat(bot: TelegramHouse) -> None:
    boss = bot.world.private(bot.boss)
    await bot.ask(boss, bot.boss, "/pause the key is being changed")
    assert "the key is being changed" in (await bot.ask(boss, bot.boss, "/status")).text
    await bot.ask(boss, bot.boss, "/resume")
    assert (await bot.house.office.status()).paused is None


async def test_to_everybody_else_operators_commands_do_not_exist(bot: TelegramHouse) -> None:
    await bot.house.office.allow(UserRef("telegram", str(bot.ada.id)))
    assert "no command /grant" in (await bot.says("/grant telegram:1000 500")).text
    assert (await bot.house.studio.balance(UserRef("telegram", str(bot.ada.id)))).available == 0


async def test_with_the_code_of_the_start_somebody_becomes_the_operator(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed", operators=()) as bot:
        code = await bot.house.office.claim_code()
        assert "code" in (await bot.says("/claim WRONG")).text
        await bot.says(f"/claim {code}")
        assert await bot.house.studio.is_operator_now(UserRef("telegram", str(bot.ada.id)))


async def test_what_goes_wrong_in_the_bot_is_said_to_the_sender_and_to_the_operator(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.talk, "command", None)
    assert "went wrong on my side" in (await bot.says("/help")).text
    assert [kind for kind, _, _ in bot.notices] == ["telegram-fault"]
