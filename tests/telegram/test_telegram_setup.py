"""How the bot presents itself: commands and description, told when they changed, and never a reason not to start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiogram.methods import SetMyDescription
from support.clock import FakeClock
from support.telegram_intake import Intake, open_intake
from support.telegram_server import TelegramServer

from adapters.telegram.setup import Introduction
from bot.domain import UserRef
from bot.durable import DurableMemory
from bot.talk.commands import COMMANDS, OPERATOR_COMMANDS
from bot.texts import say

BOSS = UserRef("telegram", "1")
ABROAD = UserRef("discord", "2")
DEFAULT, BOSSES = ("default", ""), ('{"chat_id": 1, "type": "chat"}', "")


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Intake]:
    async with TelegramServer() as telegram, open_intake(tmp_path, telegram) as opened:
        telegram.world.private(telegram.world.user(1, "Boss"))
        yield opened


async def introduce(intake: Intake) -> None:
    memory = DurableMemory(intake.store, FakeClock())
    await Introduction(intake.bot, memory).give([BOSS, ABROAD])


def told(intake: Intake) -> list[str]:
    return [call.method for call in intake.telegram.world.calls if call.method.startswith("set")]


async def test_every_command_is_registered_with_what_it_does(intake: Intake) -> None:
    await introduce(intake)
    found = intake.telegram.world.commands[DEFAULT]
    assert [each["command"] for each in found] == [name for name, _ in COMMANDS]
    assert found[0]["description"] == say(COMMANDS[0][1])


async def test_operators_see_their_own_commands_in_their_private_chats_only(intake: Intake) -> None:
    await introduce(intake)
    assert set(intake.telegram.world.commands) == {DEFAULT, BOSSES}
    theirs = [each["command"] for each in intake.telegram.world.commands[BOSSES]]
    assert theirs == [name for name, _ in (*COMMANDS, *OPERATOR_COMMANDS)]


async def test_what_is_known_already_is_not_told_again(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    await introduce(intake)
    first = told(intake)
    await introduce(intake)
    assert told(intake) == first
    monkeypatch.setattr("adapters.telegram.setup.COMMANDS", COMMANDS[:-1])
    await introduce(intake)
    assert told(intake)[len(first) :] == ["setMyCommands", "setMyCommands"]


async def test_a_bot_without_a_description_gets_one(intake: Intake) -> None:
    await introduce(intake)
    profile = intake.telegram.world.profile
    assert profile["description:"] == say("telegram_setup.description")
    assert profile["short_description:"] == say("telegram_setup.short_description")


async def test_a_description_that_the_operator_wrote_stays(intake: Intake) -> None:
    await intake.bot(SetMyDescription(description="Dogs only."))
    await introduce(intake)
    assert intake.telegram.world.profile["description:"] == "Dogs only."


async def test_a_refusal_is_a_warning_and_tried_again_at_the_next_start(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    intake.telegram.fault("setMyCommands", "bad_request", times=1)
    await introduce(intake)
    assert "Telegram was not told of the bot's commands" in caplog.text
    assert "description:" in intake.telegram.world.profile
    await introduce(intake)
    assert DEFAULT in intake.telegram.world.commands
