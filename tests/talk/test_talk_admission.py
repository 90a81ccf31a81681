"""Who is let in to what, and how often: commands, deep links, buttons, and what waits for somebody."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from support.small_talk import ANN, open_talk

from bot.domain import UserRef
from bot.errors import Hush, RouteClosed, UserError
from bot.studio.base import PRESSES_A_COMMAND
from bot.talk.base import action

ALWAYS = ("ok", "no", "stop")

# --- commands ----------------------------------------------------------------------------------------------------


async def test_a_greeting_counts_as_one_command_and_asked_for_too_often_it_falls_silent(
    tmp_path: Path,
) -> None:
    async with open_talk(tmp_path, commands_per_minute=2) as bot:
        for _ in range(2):
            await bot.talk.admit_to(bot.asker(), "start")
            assert "price first" in await bot.say("start")
        with pytest.raises(UserError, match="at most 2 commands a minute"):
            await bot.talk.admit_to(bot.asker(), "start")
        with pytest.raises(Hush):
            await bot.talk.admit_to(bot.asker(), "start")


@pytest.mark.parametrize("payload", ["get_{job}", "job_{job}", "history", "balance", "settings"])
async def test_a_deep_link_lets_nobody_in_whom_its_command_would_not(tmp_path: Path, payload: str) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        link = payload.format(job=job.id)
        await bot.talk.admit_to(bot.asker(), "start", link)
        await bot.house.office.block(ANN)
        with pytest.raises(UserError, match="You cannot use this bot"):
            await bot.talk.admit_to(bot.asker(), "start", link)
        for open_to_all in ("", "help", "privacy"):
            await bot.talk.admit_to(bot.asker(), "start", open_to_all)


# --- buttons -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb", ["rcpt", "pref", "hist", "model", "get", "again", "ask", "dlg", "rprt", "del"]
)
async def test_a_button_is_hammered_only_so_often_and_more_often_than_commands_are_sent(
    tmp_path: Path, verb: str
) -> None:
    async with open_talk(tmp_path, commands_per_minute=2) as bot:
        for _ in range(2 * PRESSES_A_COMMAND):
            bot.talk.admit_press(ANN, action(verb, "X"))
        with pytest.raises(UserError, match=f"at most {2 * PRESSES_A_COMMAND} presses a minute"):
            bot.talk.admit_press(ANN, action(verb, "X"))
        with pytest.raises(Hush):
            bot.talk.admit_press(ANN, action(verb, "X"))
        bot.talk.admit_press(UserRef("telegram", "3"), action(verb, "X"))
        await bot.talk.admit(bot.asker())
        bot.house.clock.advance(61)
        bot.talk.admit_press(ANN, action(verb, "X"))


async def test_confirm_and_cancel_are_never_too_much(tmp_path: Path) -> None:
    async with open_talk(tmp_path, commands_per_minute=1) as bot:
        for _ in range(PRESSES_A_COMMAND + 2):
            with suppress(UserError):
                bot.talk.admit_press(ANN, action("rcpt", "X"))
        with pytest.raises(Hush):
            bot.talk.admit_press(ANN, action("rcpt", "X"))
        for verb in ALWAYS:
            bot.talk.admit_press(ANN, action(verb, "X"))
        bot.talk.admit_press(ANN, action("dlg", "cancel"))


# --- what waits --------------------------------------------------------------------------------------------------


async def test_what_is_kept_waits_for_its_owner_and_is_not_brought_to_who_is_shut_out(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        bot.house.chat.faults = [RouteClosed("nobody is there")] * 3
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        assert [each.id for each in await bot.talk.kept(ANN)] == [job.id]
        for turn_away in (
            bot.house.office.block,
            lambda who, away=True: bot.house.office.allow(who, not away),
        ):
            await turn_away(ANN)
            assert await bot.talk.kept(ANN) == []
            await turn_away(ANN, False)
            assert [each.id for each in await bot.talk.kept(ANN)] == [job.id]
