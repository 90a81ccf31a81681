"""By whose install the bot is there, and what that means for a video that comes late (discord.md 2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.discord_interactions import Interaction
from support.discord_live import Live, open_live
from support.discord_people import User
from support.discord_places import Channel

GET, LATER = "Get my video", "15 minutes"


async def ordered(live: Live, where: Channel, who: User) -> Interaction:
    """The press of Confirm, and all that follows."""
    live.kie.takes = 1200.0
    card = await who.slash(where, "video", prompt="a happy dog").answered()
    return await live.press(card, "✅ Confirm", who)


def is_warned(pressed: Interaction) -> bool:
    return any(LATER in each.text for each in pressed.followups)


async def test_who_has_the_bot_for_themselves_only_can_always_fetch_their_video_in_its_direct_messages(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        carl = live.server.world.user("carl", installed=True)
        dm = live.server.world.dm(carl)
        pressed = await ordered(live, dm, carl)
        assert pressed.response
        assert GET in pressed.response.buttons()
        assert is_warned(pressed)
        (warning,) = pressed.followups
        assert "for yourself only" in warning.text
        carl.leave_common_servers()  # Discord does not let the bot write by itself
        (job,) = await live.house.office.jobs()
        done = await live.finish(job)
        assert (done.delivered_to, live.videos()) == ("kept", [])
        await live.press(pressed.response, GET, carl)
        assert len(live.videos()) == 1


async def test_who_has_the_bot_for_themselves_gets_the_video_by_itself_where_discord_lets_it(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        carl = live.server.world.user("carl", installed=True)
        await ordered(live, live.server.world.dm(carl), carl)
        (job,) = await live.house.office.jobs()
        assert (await live.finish(job)).delivered_to == "channel"
        assert len(live.videos()) == 1


@pytest.mark.parametrize("installed", [False, True])
async def test_who_shares_a_server_with_the_bot_needs_no_button_in_direct_messages(
    tmp_path: Path, installed: bool
) -> None:
    async with open_live(tmp_path) as live:
        live.ada.installed = installed
        pressed = await ordered(live, live.dm, live.ada)
        assert pressed.response
        assert GET not in pressed.response.buttons()
        assert not is_warned(pressed)


async def test_a_server_that_added_the_commands_alone_does_not_have_the_bot(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        world = live.server.world
        half = world.guild("half", commands_only=True)
        pressed = await ordered(live, half.text_channel("talk"), half.member(world.user("eve")))
        assert pressed.response
        assert GET in pressed.response.buttons()
        assert is_warned(pressed)


async def test_nobody_is_warned_for_nothing_before_discord_has_told_of_all_servers(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        world = live.server.world
        late = world.guild("late", commands_only=True)
        eve, channel = late.member(world.user("eve")), late.text_channel("talk")
        live.chat.client._ready.clear()
        assert not is_warned(await ordered(live, channel, eve))
        live.chat.client._ready.set()
        assert is_warned(await ordered(live, channel, eve))
