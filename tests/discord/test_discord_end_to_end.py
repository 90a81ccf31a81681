"""What members see of delivery: the real discord.py against the stand-in, a whole bot behind it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from support import files
from support.discord_live import MIB, Live, open_live
from support.discord_messages import Message
from support.media_making import make_video

from bot.domain import FailureKind
from bot.media.client import MediaWorker
from bot.ports import Broken

TWENTY_MINUTES = 1200.0


def refused(live: Live) -> None:
    """KIE makes no video of the next job."""
    live.kie.next_looks.append(Broken(FailureKind.POLICY, "KIE does not like cats"))


def link_of(message: Message) -> str:
    return f"https://discord.com/channels/{message.channel.guild.id if message.channel.guild else '@me'}/{message.channel.id}/{message.id}"


# --- while the token lives


async def test_a_quick_video_takes_the_place_of_its_card_and_the_asker_is_told(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        await live.finish(job)
        card, ping = live.posts(live.channel)
        assert [each.name for each in card.attachments] == [f"{job.id}.mp4"]
        assert card.unseen() == []
        assert "Again" in card.buttons()
        assert ping.pings == ["ada"]
        assert ping.reference == card.id
        assert "Your video is ready" in ping.text


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
async def test_a_ping_on_a_connection_that_breaks_comes_once(tmp_path: Path, taken: bool) -> None:
    async with open_live(tmp_path) as live:
        live.server.fault("POST", f"/channels/{live.channel.id}/messages", drop=True, after=taken)
        await live.finish(await live.order())
        assert [each.pings for each in live.posts(live.channel)] == [[], ["ada"]]


async def test_a_video_says_what_it_shows_to_those_who_cannot_see_it(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await live.finish(await live.order())
        assert live.videos()[0].attachments[0].description == "AI-generated video: a cat"


async def test_what_was_asked_stands_above_a_public_video_and_stays_there_when_it_is_edited(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        await live.finish(await live.order(prompt="a *cat*, @everyone"))
        (video,) = live.videos()
        quote = r"> a \*cat\*, \@everyone"
        assert video.texts()[0] == quote
        for button in ("Delete", "No, keep it"):
            await live.press(video, button)
            assert video.texts()[0] == quote
            assert video.unseen() == []


async def test_a_quick_failure_says_why_where_it_was_asked_without_kies_words_in_public(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        refused(live)
        await live.finish(await live.order())
        card, ping = live.posts(live.channel)
        assert "declined by the model" in card.text
        assert "cats" not in card.text
        assert ping.pings == ["ada"]


async def test_in_direct_messages_a_failure_tells_all(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        refused(live)
        await live.finish(await live.order(live.dm))
        assert "KIE does not like cats" in live.posts(live.dm)[0].text


# --- after the token's death


async def test_a_video_of_twenty_minutes_comes_as_a_reply_that_pings_the_asker(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        delivered = await live.finish(job)
        card, video = live.posts(live.channel)
        assert delivered.delivered_to == "channel"
        assert delivered.message_id == str(video.id)
        assert video.reference == card.id
        assert video.pings == ["ada"]
        assert [each.name for each in video.attachments] == [f"{job.id}.mp4"]


async def test_the_card_then_leads_to_the_video(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        await live.finish(await live.order())
        card, video = live.posts(live.channel)
        assert card.buttons() == {"Open the video": link_of(video)}
        assert "Your video is ready" in card.text


async def test_a_late_video_comes_into_the_thread_it_was_asked_in(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        thread = live.guild.thread(live.channel, "cats")
        live.kie.takes = TWENTY_MINUTES
        await live.finish(await live.order(thread))
        assert thread.last.attachments
        assert live.posts(live.channel) == []


async def test_a_late_video_comes_into_direct_messages_where_it_was_asked(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        await live.finish(await live.order(live.dm))
        assert live.dm.last.attachments


async def test_a_late_video_for_a_channel_that_lost_its_rights_comes_to_direct_messages(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        live.channel.deny("attach_files")
        delivered = await live.finish(job)
        assert delivered.delivered_to == "dm"
        assert live.dm.last.attachments
        assert "I may not post in the channel where you asked" in live.dm.last.text
        (card,) = live.posts(live.channel)
        assert "Your video is ready" in card.text
        assert list(card.buttons()) == ["Get my video"]


@pytest.mark.parametrize("made", [True, False], ids=["a video", "a failure"])
async def test_what_a_filter_held_back_comes_to_direct_messages_and_says_so_without_the_words(
    tmp_path: Path, made: bool
) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(prompt="a rude cat")
        if not made:
            refused(live)
        await live.memory.drop(f"discord:token:{job.id}")
        live.server.fault("POST", f"/channels/{live.channel.id}/messages", status=400, code=200000)
        assert (await live.finish(job)).delivered_to == "dm"
        last = live.dm.last
        assert "A filter held my message back" in last.text
        assert bool(last.attachments) == made
        assert "rude" not in last.text + "".join(each.description or "" for each in last.attachments)


async def test_a_video_nobody_would_take_is_kept_and_comes_when_its_owner_is_next_seen(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        live.channel.delete()
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == "kept"
        other = live.guild.text_channel("other")
        asked = live.ada.slash(other, "balance")
        await asked
        await live.quiet()
        (video,) = [each for each in other.messages if each.attachments]
        assert video.ephemeral


async def test_two_commands_at_once_bring_what_was_kept_once(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        live.channel.delete()
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == "kept"
        other = live.guild.text_channel("other")
        asked = [live.ada.slash(other, "balance") for _ in range(2)]
        for each in asked:
            await each.answered()
        await live.quiet()
        assert len([each for each in other.messages if each.attachments]) == 1


# --- what is private


async def test_a_private_video_is_for_its_askers_eyes_only(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await live.finish(await live.order(private=True))
        assert [each.ephemeral for each in live.posts(live.channel)] == [True, True]
        (video,) = live.videos()
        assert "a cat" not in video.text


async def test_a_private_video_is_found_again_when_discord_has_forgotten_its_message(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order(private=True)
        (card,) = live.posts(live.channel)
        assert "/history" in card.text
        await live.finish(job)
        _, ping = live.posts(live.channel)
        await live.press(ping, "Get my video")
        assert [each.ephemeral for each in live.videos()] == [True, True]


async def test_a_late_private_video_comes_to_direct_messages(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        await live.finish(await live.order(private=True))
        assert [each.channel for each in live.videos()] == [live.dm]


@pytest.mark.parametrize("failing", [False, True], ids=["a video", "a failure"])
async def test_what_is_private_leaves_a_bare_line_in_public_where_direct_messages_are_closed(
    failing: bool, tmp_path: Path
) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(private=True)
        live.ada.close_dms()
        if failing:
            await live.house.live(16 * 60, every=30)
            refused(live)
        assert (await live.finish(job)).delivered_to == "notice"
        (line,) = [each for each in live.posts(live.channel) if not each.ephemeral]
        assert line.pings == ["ada"]
        assert not line.attachments
        assert "cat" not in line.text
        assert list(line.buttons()) == ["Why?" if failing else "Get my video"]


async def test_the_button_of_that_line_brings_the_video_to_its_owner_alone(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(private=True)
        live.ada.close_dms()
        await live.finish(job)
        bob = live.guild.member(live.server.world.user("bob"))
        await live.press(live.channel.last, "Get my video", bob)
        assert live.videos() == []
        line = next(each for each in live.posts(live.channel) if not each.ephemeral)
        pressed = await live.press(line, "Get my video")
        (video,) = live.videos()
        assert video.ephemeral
        assert video in pressed.followups
        assert len(pressed.followups) == 1


# --- where the bot is no member


async def test_a_user_install_gets_a_quick_video_where_it_was_asked(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.ada.installed = True
        far = live.server.world.guild("far", bot_in=False).text_channel("lounge")
        job = await live.order(far)
        assert (await live.finish(job)).delivered_to == "token"
        assert [each.channel for each in live.videos()] == [far]


async def test_a_user_install_gets_a_late_video_by_the_button_that_stayed_on_the_card(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.ada.installed = True
        far = live.server.world.guild("far", bot_in=False).text_channel("lounge")
        live.kie.takes = TWENTY_MINUTES
        job = await live.order(far)
        live.ada.close_dms()
        assert (await live.finish(job)).delivered_to == "kept"
        assert live.videos() == []
        await live.press(far.messages[0], "Get my video")
        assert [each.channel for each in live.videos()][:1] == [far]


# --- sizes


async def test_a_video_that_fits_a_boosted_server_is_sent_as_it_is(tmp_path: Path) -> None:
    async with open_live(tmp_path, boost_tier=3) as live:
        live.let_videos_have(60 * MIB)
        live.kie.takes = TWENTY_MINUTES
        await live.finish(await live.order())
        assert live.videos()[0].attachments[0].size == 60 * MIB


async def test_a_real_video_of_60_mb_is_fitted_to_a_channel_of_20_mib(tmp_path: Path) -> None:
    async with open_live(tmp_path, public_url="https://kiebot.example") as live:
        source = await asyncio.to_thread(
            make_video, tmp_path / "s.mp4", size=(1280, 720), rate=24, noisy=True, bit_rate=240_000_000
        )
        assert len(files.read(source)) > 60_000_000
        media = MediaWorker(tmp_path)
        kit = live.house.engine.kit
        live.house.engine.kit = replace(kit, media=media)
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()

        live.kie.source = source
        try:
            await live.finish(job)
        finally:
            await media.close()
        (video,) = live.videos()
        assert 1_000_000 < video.attachments[0].size <= 20 * MIB
        assert "Fitted to this chat from" in video.text
        assert any(each.startswith("https://kiebot.example/v/") for each in video.buttons().values())


async def test_what_cannot_be_fitted_comes_as_a_link(tmp_path: Path) -> None:
    async with open_live(tmp_path, public_url="https://kiebot.example") as live:
        live.let_videos_have(60 * MIB)
        live.house.media.unfittable = True
        await live.finish(await live.order())
        card = live.posts(live.channel)[0]
        assert "https://kiebot.example/v/" in card.text
        assert live.videos() == []


async def test_a_server_that_limits_uploads_gets_the_link(tmp_path: Path) -> None:
    async with open_live(tmp_path, public_url="https://kiebot.example") as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        live.channel.uploads_limited = True
        assert (await live.finish(job)).delivered_to == "channel"
        assert "https://kiebot.example/v/" in live.channel.last.text


# --- crashes


@pytest.mark.parametrize(
    ("takes", "where"), [(60.0, "channel"), (TWENTY_MINUTES, "channel"), (TWENTY_MINUTES, "dm")]
)
async def test_a_video_that_was_sent_before_a_crash_is_found_and_not_sent_again(
    takes: float, where: str, tmp_path: Path
) -> None:
    async with open_live(tmp_path / "x") as first:
        clock, server = first.house.clock, first.server
        first.kie.takes = takes
        place = first.channel if where == "channel" else first.dm
        job = await first.settled(await first.order(place))
        delivery = await first.attempt(job, "token" if takes == 60 else "channel")
        message = await first.delivering._bring(
            delivery
        )  # ... and the process dies before it is written down
        kie = first.kie
        server.advance(400)
        async with open_live(tmp_path / "x", server, clock=clock, kie=kie) as live:
            found = await live.finish(job)
            assert found.message_id == message
            assert len(live.videos()) == 1


async def test_what_did_not_arrive_before_a_crash_is_sent_once(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.settled(await live.order())
        delivery = await live.attempt(job, "channel")
        await live.delivering._notes.sending(delivery)
        await live.finish(job)
        assert len(live.videos()) == 1


async def test_a_lost_answer_is_made_good_by_discord_itself_where_we_may_not_look(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        live.channel.deny("read_message_history")
        fault = live.server.fault("POST", "/channels/*/messages", drop=True, after=True)
        delivered = await live.finish(job)
        assert fault.hits == 1
        assert [str(each.id) for each in live.videos()] == [delivered.message_id]
        posts = live.server.seen("POST", f"/channels/{live.channel.id}/messages")
        assert len({each.json["nonce"] for each in posts}) == 1 < len(posts)
        assert all(each.json["enforce_nonce"] and len(each.json["nonce"]) <= 25 for each in posts)
