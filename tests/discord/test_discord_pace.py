"""Nobody keeps the bot busy, whichever way they ask; and whoever is blocked gets nothing any more (product.md, P7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.results import to_discord_message
from support.discord_live import open_live
from support.simcord_world import World, open_world, text_of

from bot.domain import KEPT, CommunityRef, UserRef
from bot.studio.base import PRESSES_A_COMMAND

MOST = 3


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, commands_per_minute=MOST) as opened:
        yield opened


def said(result: Any) -> str:
    return "".join(text_of(each) for each in [result.response, *result.followups] if each)


@pytest.mark.parametrize("name", ["help", "balance", "operator status"])
async def test_a_command_that_only_tells_is_paced_warned_about_once_and_then_met_with_silence(
    world: World, name: str
) -> None:
    role = world.guild.create_role("admin", permissions=discord.Permissions(administrator=True))
    olga = world.guild.add_member(world.env.create_user("olga"), roles=[role])
    told = [said(await olga.slash(world.channel, name)) for _ in range(MOST + 3)]
    assert ["Easy" in each for each in told] == [False] * MOST + [True, False, False]
    assert all(told[:MOST])
    assert told[MOST + 1 :] == ["", ""]


@pytest.mark.parametrize("words", ["help", "/models", "/nonsense"])
async def test_a_mention_with_a_command_is_paced_too(world: World, words: str) -> None:
    assert world.client.user
    for _ in range(MOST + 3):
        await world.ada.send(world.channel, f"<@{world.client.user.id}> {words}")
    everything = world.env.backend.messages[world.channel.id].values()
    said_there = [to_discord_message(world.env, each) for each in everything]
    answers = [each for each in said_there if each.author.bot]
    assert len(answers) == MOST + 1
    assert "Easy" in text_of(answers[-1])


async def test_a_stranger_hears_what_anybody_may_and_is_otherwise_told_how_to_come_in(tmp_path: Path) -> None:
    async with open_world(tmp_path, access="closed") as world:
        for name in ("help", "terms", "privacy", "forget"):
            assert "invited" not in said(await world.ada.slash(world.channel, name))
        for name in ("models", "balance", "history"):
            assert "invited" in said(await world.ada.slash(world.channel, name))


async def test_a_video_is_not_fetched_more_often_than_the_pace_nor_by_who_is_blocked(tmp_path: Path) -> None:
    async with open_live(tmp_path, commands_per_minute=MOST) as live:
        await live.finish(await live.order(private=True))
        _, card = live.posts(live.channel)
        live.advance(61)
        before = len(live.videos())
        for _ in range(MOST + 3):
            await live.ada.click(card, "Get my video").acknowledged()
            await live.quiet()
        assert len(live.videos()) == before + MOST
        live.advance(61)
        await live.house.office.block(UserRef("discord", str(live.ada.id)))
        pressed = await live.press(card, "Get my video")
        assert "cannot use this bot" in pressed.followups[-1].text
        assert len(live.videos()) == before + MOST


async def test_who_was_let_in_by_a_server_sees_what_is_theirs_in_direct_messages_too(tmp_path: Path) -> None:
    async with open_live(tmp_path, access="closed") as live:
        await live.house.office.allow(CommunityRef("discord-server", str(live.guild.id)))
        await live.finish(await live.order())
        for name, words in (("history", "Your videos"), ("balance", "credits")):
            assert words in (await live.ada.slash(live.dm, name).answered()).text
        assert "invited" in (await live.ada.slash(live.dm, "models").answered()).text


# --- buttons -----------------------------------------------------------------------------------------------------


async def test_a_hammered_button_is_answered_so_often_then_warned_about_once_and_always_acknowledged(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path, commands_per_minute=MOST) as live:
        await live.finish(await live.order())
        (video,) = live.videos()
        pressed = [await live.press(video, "Receipt") for _ in range(MOST * PRESSES_A_COMMAND)]
        assert all("Receipt for job" in each.followups[-1].text for each in pressed)
        over = []
        for _ in range(3):
            over.append(await live.ada.click(video, "Receipt").acknowledged())
            await live.quiet()
        assert all(each.acked for each in over)
        assert ["Easy" in "".join(told.text for told in each.followups) for each in over] == [
            True,
            False,
            False,
        ]
        assert all(told.ephemeral for told in over[0].followups)
        live.advance(61)
        assert (await live.press(video, "Receipt")).followups


async def test_confirm_and_cancel_are_followed_however_often_other_buttons_were_pressed(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path, commands_per_minute=MOST) as live:
        first, second = [
            await live.ada.slash(live.channel, "sora", prompt="a cat").answered() for _ in range(2)
        ]
        for _ in range(MOST * PRESSES_A_COMMAND + 2):
            await live.ada.click(first, "Length").acknowledged()
            await live.quiet()
            if "Back" not in first.buttons():
                break
            await live.ada.click(first, "Back").acknowledged()
            await live.quiet()
        await live.press(second, "✅ Confirm")
        (job,) = await live.house.office.jobs()
        await live.press(second, "Cancel")
        assert (await live.house.job(job.id)).outcome is not None


async def test_the_button_below_a_question_is_paced_like_any_other(tmp_path: Path) -> None:
    async with open_live(tmp_path, commands_per_minute=1) as live:
        model = "hailuo/2-3-image-to-video-standard"
        asked = await live.ada.slash(live.channel, "video", prompt="a cat", model=model).answered()
        forms = []
        for _ in range(PRESSES_A_COMMAND + 2):
            forms.append(await live.ada.click(asked, "Answer").acknowledged())
            await live.quiet()
        assert [bool(each.modal) for each in forms] == [True] * PRESSES_A_COMMAND + [False, False]
        assert "Easy" in forms[-2].followups[-1].text


# --- who is blocked ----------------------------------------------------------------------------------------------


async def test_what_is_kept_is_not_brought_to_who_is_blocked_and_stays_unseen_for_its_refund(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path, public_url="https://bot.example.org") as live:
        live.kie.takes = 1200.0
        job = await live.order()
        live.guild.kick_bot()
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == KEPT
        await live.house.office.block(UserRef("discord", str(live.ada.id)))
        assert (await live.ada.slash(live.dm, "help").answered()).text
        await live.quiet()
        assert live.videos() == []
        await live.house.office.block(UserRef("discord", str(live.ada.id)), False)
        await live.ada.slash(live.dm, "help").answered()
        await live.quiet()
        assert len(live.videos()) == 1
