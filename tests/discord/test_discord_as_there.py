"""A closed bot: whoever their server lets in goes on from their direct messages, as long as they are in that server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.discord_interactions import Interaction
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.simcord_world import PNG

from bot.domain import CommunityRef, FailureKind
from bot.ports import Broken

MEMBERS = "/guilds/*/members/*"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    """Closed, but for Ada's server."""
    async with open_live(tmp_path, access="closed") as opened:
        await opened.house.office.allow(server_of(opened))
        yield opened


def server_of(live: Live) -> CommunityRef:
    return CommunityRef("discord-server", str(live.guild.id))


async def brought(live: Live, *, fails: bool = False, **options: Any) -> Message:
    """The end of a job of Ada's server, in her direct messages."""
    live.kie.takes = 1200.0
    job = await live.order(**options)
    if fails:
        await live.house.live(16 * 60, every=30)
        live.kie.next_looks.append(Broken(FailureKind.POLICY, "not this"))
    live.channel.deny("send_messages")
    done = await live.finish(job)
    assert done.delivered_to == "dm"
    return live.dm.last


def kick(live: Live) -> None:
    del live.guild.members[live.ada.id]


def said(pressed: Interaction) -> str:
    return "\n".join(each.text for each in pressed.followups)


@pytest.mark.parametrize("button", ["Again", "Change", "Animate on"])
async def test_what_stands_below_a_video_in_direct_messages_leads_to_the_next_one(
    live: Live, button: str
) -> None:
    pressed = await live.press(await brought(live), button)
    await live.press(pressed.followups[-1], "✅ Confirm")
    *_, job = sorted(await live.house.office.jobs(), key=lambda each: each.created_at)
    assert len(await live.house.office.jobs()) == 2
    assert (await live.finish(job)).delivered_to in ("token", "channel")
    assert len([each for each in live.videos() if each.channel is live.dm]) == 2


async def test_discord_is_asked_once_between_a_press_and_its_confirm(live: Live) -> None:
    pressed = await live.press(await brought(live), "Again")
    await live.press(pressed.followups[-1], "✅ Confirm")
    assert len(live.server.seen("GET", MEMBERS)) == 1


@pytest.mark.parametrize("button", ["Again", "Change", "Animate on"])
async def test_who_was_kicked_out_orders_nothing_more(live: Live, button: str) -> None:
    video = await brought(live)
    kick(live)
    assert "Members may use this bot there" in said(await live.press(video, button))
    assert len(await live.house.office.jobs()) == 1


async def test_who_is_kicked_out_before_confirm_orders_nothing(live: Live) -> None:
    card = (await live.press(await brought(live), "Again")).followups[-1]
    kick(live)
    live.advance(61)
    assert "Members may use this bot there" in said(await live.press(card, "✅ Confirm"))
    assert len(await live.house.office.jobs()) == 1


async def test_a_server_that_the_bot_left_lets_nobody_in(live: Live) -> None:
    video = await brought(live)
    live.guild.kick_bot()
    assert "Members may use this bot there" in said(await live.press(video, "Again"))


async def test_while_discord_does_not_tell_they_are_asked_to_come_back(live: Live) -> None:
    video = await brought(live)
    live.server.fault("GET", MEMBERS, status=429, retry_after=600, via=True)
    assert "try again in a minute" in said(await live.press(video, "Again"))
    assert "Confirm" in str((await live.press(video, "Again")).followups[-1].buttons())


async def test_other_words_are_taken_by_a_form_in_direct_messages(live: Live) -> None:
    failure = await brought(live, fails=True)
    shown = await live.ada.click(failure, "Change words")
    card = await live.ada.submit_modal(shown, {"Your answer": "a sad cat"}).answered()
    await live.quiet()
    assert "a sad cat" in card.text
    await live.press(card, "✅ Confirm")
    assert len(await live.house.office.jobs()) == 2


async def test_a_picture_that_is_asked_for_again_is_taken_by_writing(live: Live) -> None:
    video = await brought(live, image=("sea.png", PNG))
    for each in live.house.settings.pictures_dir.iterdir():
        each.unlink()
    asked = await live.press(video, "Again")
    assert "Answer" in asked.followups[-1].buttons()
    live.ada.says(live.dm, "here", [("sea.png", PNG)])
    card = await live.dm.shows("Your video")
    await live.quiet()
    await live.press(card, "✅ Confirm")
    assert len(await live.house.office.jobs()) == 2


async def test_a_new_request_in_direct_messages_is_refused_and_leads_to_the_server(live: Live) -> None:
    await brought(live)
    refused = await live.ada.slash(live.dm, "video", prompt="a sad cat").answered()
    assert "If a server or group of yours was let in, use it there" in refused.text
    assert f"discord:{live.ada.id}" in refused.text


async def test_where_the_bot_is_no_member_nobody_is_told_to_let_the_whole_server_in(tmp_path: Path) -> None:
    async with open_live(tmp_path, access="closed") as live:
        live.ada.installed = True
        far = live.server.world.guild("far", bot_in=False)
        refused = live.ada.slash(far.text_channel("lounge"), "video", prompt="a cat")
        await refused.until(lambda each: each.followups)
        assert f"discord:{live.ada.id}" in said(refused)
        assert str(far.id) not in said(refused)
        at_home = live.ada.slash(live.channel, "video", prompt="a cat")
        await at_home.until(lambda each: each.followups)
        assert str(server_of(live)) in said(at_home)
