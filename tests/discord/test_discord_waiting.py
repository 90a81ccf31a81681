"""What waits for its member: told once, brought once, and never called told when nobody heard it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.discord_live import open_live

from bot.domain import FailureKind
from bot.ports import Broken

TWENTY_MINUTES = 1200.0


async def test_a_failure_that_nobody_could_be_told_waits_until_somebody_has_heard_it(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        await live.house.live(16 * 60, every=30)
        live.kie.next_looks.append(Broken(FailureKind.POLICY, "KIE does not like cats"))
        live.channel.delete()
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == "kept"
        other = live.guild.text_channel("other")
        live.ada.says(other, f"{live.server.world.bot.mention} /help")
        await other.shows("for your eyes only")
        await live.quiet()
        assert "does not like cats" not in "".join(each.text for each in other.messages)
        assert [each.id for each in await live.house.studio.kept(job.user)] == [job.id]
        await live.ada.slash(other, "balance")
        await live.quiet()
        assert "does not like cats" in "".join(each.text for each in other.messages)
        assert await live.house.studio.kept(job.user) == []


async def test_a_private_video_of_which_a_bare_line_told_comes_when_its_owner_is_next_seen(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(private=True)
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == "notice"
        other = live.guild.text_channel("other")
        for _ in range(2):
            await live.ada.slash(other, "balance")
            await live.quiet()
        assert [(each.channel, each.ephemeral) for each in live.videos()] == [(other, True)]


async def test_a_press_of_that_line_beside_another_command_brings_the_video_once(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(private=True)
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == "notice"
        line = live.posts(live.channel)[-1]
        other = live.guild.text_channel("other")
        pressed, asked = live.ada.click(line, "Get my video"), live.ada.slash(other, "balance")
        await asyncio.gather(pressed.acknowledged(), asked.answered())
        await live.quiet()
        assert len(live.videos()) == 1
        assert await live.house.studio.kept(job.user) == []


async def test_a_card_that_could_not_be_told_of_the_end_says_so_once_it_is_pressed(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.ada.installed = True
        far = live.server.world.guild("far", bot_in=False).text_channel("lounge")
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(far)
        assert (await live.finish(job)).delivered_to == "dm"
        card = far.messages[0]
        assert "making the video" in card.text
        await live.press(card, "Get my video")
        assert "Your video is ready" in card.text
        assert list(card.buttons()) == ["Get my video"]
