"""What is said holds where it is said: no purse where others read, nothing promised that Discord does not keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.discord_places import Channel

BALANCE = "Balance after"
NOT_READ = "I do not read along here"
PICTURE_WANTED = "hailuo/2-3-image-to-video-standard"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


def elsewhere(live: Live, friends: int) -> Channel:
    """A conversation of Ada's with this many others, without the bot."""
    live.ada.installed = True
    others = [live.server.world.user(f"friend{n}") for n in range(friends)]
    return live.server.world.group_dm(live.ada, *others)


async def card(live: Live, where: Channel, **options: object) -> Message:
    return await live.ada.slash(where, "sora", prompt="a cat", **options).answered()


@pytest.mark.parametrize("friends", [1, 2])
async def test_no_balance_stands_on_a_card_among_friends(live: Live, friends: int) -> None:
    where = elsewhere(live, friends)
    assert BALANCE not in (await card(live, where)).text
    assert BALANCE in (await card(live, where, private=True)).text


async def test_a_balance_stands_on_a_card_that_only_its_asker_sees(live: Live) -> None:
    assert BALANCE in (await card(live, live.dm)).text
    assert BALANCE in (await card(live, live.channel, private=True)).text
    assert BALANCE not in (await card(live, live.channel)).text


async def test_no_balance_stands_on_the_card_that_answers_a_mention(live: Live) -> None:
    live.ada.says(live.channel, f"<@{live.server.world.bot.id}> a cat")
    answer = await live.channel.shows("Your video")
    assert BALANCE not in answer.text


async def test_credits_that_are_missing_tell_nobody_else_what_is_there(tmp_path: Path) -> None:
    async with open_live(tmp_path, new_user_credits=3) as live:
        said = (await card(live, elsewhere(live, 2))).text
        assert "You need " in said
        assert "You have " not in said


async def test_cancel_with_a_jobs_number_stops_that_very_job(live: Live) -> None:
    first, second = await live.order(), await live.order()
    told = await live.ada.slash(live.channel, "cancel", job=first.id.lower()).answered()
    assert told.ephemeral
    assert "Cancelled. Nothing was charged" in told.text
    assert (await live.house.job(first.id)).outcome is not None
    assert (await live.house.job(second.id)).outcome is None


async def test_a_question_in_a_channel_says_that_only_its_button_is_heard(live: Live) -> None:
    asked = await live.ada.slash(live.channel, "video", prompt="a cat", model=PICTURE_WANTED).answered()
    assert "as a photo" not in asked.text
    assert NOT_READ in asked.text
    alone = await live.ada.slash(live.dm, "video", prompt="a cat", model=PICTURE_WANTED).answered()
    assert NOT_READ not in alone.text


async def test_where_the_bot_is_no_member_nothing_is_promised_to_come_by_itself(live: Live) -> None:
    live.kie.takes = 1200.0
    ordered = await card(live, elsewhere(live, 2))
    await live.press(ordered, "✅ Confirm")
    assert "You can close the chat" in ordered.text
    assert "answer here" not in ordered.text


async def test_settings_in_a_server_do_not_call_it_a_private_chat(live: Live) -> None:
    settings = await live.ada.slash(live.channel, "settings").answered()
    await live.press(settings, "Results in groups")
    assert "Here with me" not in settings.text
    assert "In a chat with me alone they are always yours alone." in settings.text


async def test_a_caption_names_the_model_as_its_card_did(live: Live) -> None:
    job = await live.finish(await live.order())
    (video,) = live.videos()
    assert "Sora 2 · " in video.text
    receipt = await live.press(video, "Receipt")
    assert "Model: Sora 2\n" in receipt.followups[0].text
    assert job.model != "Sora 2"
