"""What people are told: their own words given back whole, how a late video comes, and why it comes elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.discord_interactions import Interaction
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.simcord_world import PNG

from adapters.discord import answering, posts, presses
from adapters.discord.routes import CHANNEL
from bot.domain import FailureKind, UserRef
from bot.ports import Broken

WORDS = "".join(f"scene {n}: a *cat* _waves_; " for n in range(250))[:5990].strip()
CALLBACK = ("POST", "/interactions/*/*/callback")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


# --- words -------------------------------------------------------------------------------------------------------


async def given_back(asked: Interaction) -> str:
    """What stands in the file that comes after the refusal, for its asker only."""
    await asked.until(lambda each: any(reply.attachments for reply in each.followups))
    (message,) = [each for each in asked.followups if each.attachments]
    assert message.ephemeral
    assert "Here are your words" in message.text
    assert message.unseen() == []
    (file,) = message.attachments
    assert file.name == "words.txt"
    return file.read().decode()


async def test_a_long_prompt_of_a_refused_command_comes_back_whole_as_a_file(live: Live) -> None:
    asked = live.ada.slash(live.channel, "video", prompt=WORDS, model="nonsense")
    assert await given_back(asked) == WORDS
    assert "nonsense" in asked.followups[0].text
    assert "scene 1" not in asked.followups[0].text


async def test_in_direct_messages_too(live: Live) -> None:
    asked = live.ada.slash(live.dm, "video", prompt=WORDS, model="nonsense")
    assert await given_back(asked) == WORDS


async def test_the_words_of_a_refused_form_come_back_whole(live: Live) -> None:
    shown = await live.ada.slash(live.channel, "storyboard")
    scenes = "\n".join(f"1 | *{n}* a kitten wakes up in the sun and looks about" for n in range(70))
    handed_in = live.ada.submit_modal(shown, {"Scenes, one on each line": scenes})
    assert await given_back(handed_in) == scenes


async def test_words_that_a_message_can_hold_stand_in_it(live: Live) -> None:
    asked = live.ada.slash(live.channel, "video", prompt="a cat in the rain", model="nonsense")
    said = await asked.shows("a cat in the rain")
    await live.quiet()
    assert "Here are your words" in said.text
    assert not said.attachments
    assert len(asked.followups) == 1


# --- how a late video comes --------------------------------------------------------------------------------------


async def test_a_private_card_says_that_a_late_video_comes_as_a_direct_message(live: Live) -> None:
    live.kie.takes = 1200.0
    job = await live.order(private=True)
    (card,) = [each for each in live.channel.messages if each.ephemeral]
    assert "longer than 15 minutes comes as a direct message" in card.text
    assert (await live.finish(job)).delivered_to == "dm"


async def test_where_the_bot_is_no_member_a_direct_message_is_promised_before_the_button(live: Live) -> None:
    live.ada.installed = True
    far = live.server.world.guild("far", bot_in=False).text_channel("lounge")
    live.kie.takes = 1200.0
    card = await live.ada.slash(far, "sora", prompt="a cat").answered()
    pressed = await live.press(card, "✅ Confirm")
    (warning,) = pressed.followups
    assert "comes as a direct message, if you take mine; else press “Get my video”" in warning.text
    (job,) = await live.house.office.jobs()
    assert (await live.finish(job)).delivered_to == "dm"


@pytest.mark.parametrize("private", [False, True])
async def test_rights_in_the_channel_are_missed_only_by_what_is_to_come_into_it(
    live: Live, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "SOON_ENOUGH_SECONDS", 0.0)
    live.channel.deny("attach_files")
    card = await live.ada.slash(live.channel, "sora", prompt="a cat", private=private).answered()
    pressed = await live.press(card, "✅ Confirm")
    assert any("I lack rights" in each.text for each in pressed.followups) is not private


async def test_a_video_whose_channel_is_gone_says_why_it_comes_directly(live: Live) -> None:
    live.kie.takes = 1200.0
    job = await live.order()
    live.channel.delete()
    assert (await live.finish(job)).delivered_to == "dm"
    assert "The channel where you asked is gone or closed, so it comes here." in live.dm.last.text


async def test_a_failure_whose_channel_is_gone_says_so_too(live: Live) -> None:
    live.kie.takes = 1200.0
    await live.order()
    await live.house.live(16 * 60, every=30)
    live.kie.next_looks.append(Broken(FailureKind.POLICY, "no cats"))
    live.channel.delete()
    (job,) = await live.house.office.jobs()
    await live.finish(job)
    assert "is gone or closed, so it comes here" in live.dm.last.text


# --- private things ----------------------------------------------------------------------------------------------


async def test_a_private_video_is_described_to_its_asker_and_nobody_else_reads_its_words(live: Live) -> None:
    live.kie.takes = 1200.0
    job = await live.order(private=True, prompt="a secret cat")
    await live.finish(job)
    (video,) = live.videos()
    assert video.channel is live.dm
    assert "a secret cat" in (video.attachments[0].description or "")
    assert "a secret cat" not in video.text
    assert not any("secret" in str(each.json()) for each in live.channel.messages if not each.ephemeral)


async def test_a_private_job_never_has_its_words_where_others_read_whatever_way_it_took(live: Live) -> None:
    delivery = await live.attempt(
        await live.settled(await live.order(private=True, prompt="a secret cat")), CHANNEL
    )
    talk = live.delivering._talk
    seen: Any = posts.end(talk, delivery, "en", in_sight=True)
    assert "secret" not in seen.description
    assert "secret" not in str(seen.view.to_components())
    assert "secret" in posts.end(talk, delivery, "en", in_sight=False).description


async def test_a_card_that_stands_for_good_shows_no_picture_that_is_gone_tomorrow(live: Live) -> None:
    live.kie.takes = 1200.0
    job = await live.order(image=("cat.png", PNG))
    card = live.posts(live.channel)[0]
    assert card.media()
    await live.finish(job)
    assert card.buttons()["Open the video"]
    assert card.media() == []


async def test_a_picture_that_lasts_stays_beside_it(live: Live) -> None:
    live.kie.takes = 1200.0
    live.ada.says(live.channel, f"{live.server.world.bot.mention} it waves", [("cat.png", PNG)])
    card = await live.channel.shows("Your video")
    await live.press(card, "✅ Confirm")
    (job,) = await live.house.office.jobs()
    await live.finish(job)
    live.advance(2 * 86_400)
    assert card.buttons()["Open the video"]
    assert await opens(card) == [True]


async def opens(message: Message) -> list[bool]:
    async with aiohttp.ClientSession() as http:
        found = []
        for url in message.media():
            async with http.get(url) as answer:
                found.append(answer.status == 200)
        return found


# --- connections that break --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [False, True], ids=["lost on the way", "answer lost"])
async def test_a_form_is_shown_though_the_connection_breaks(live: Live, arrived: bool) -> None:
    broken = live.server.fault(*CALLBACK, drop=True, after=arrived)
    shown = live.ada.slash(live.channel, "storyboard")
    await shown.acknowledged()
    await live.quiet()
    assert broken.hits == 1
    assert shown.modal
    scenes = {"Scenes, one on each line": "5 | a kitten wakes up\n5 | it yawns"}
    assert "a kitten wakes up" in (await live.ada.submit_modal(shown, scenes).answered()).text


async def test_a_late_acknowledgement_that_breaks_is_a_line_in_the_log(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a press whose answer takes long, and which is acknowledged meanwhile."""
    await live.finish(await live.order())
    monkeypatch.setattr(presses, "FORM_SECONDS", 0.0)
    live.server.fault(*CALLBACK, drop=True, times=None)
    live.ada.click(live.videos()[0], "Animate on")
    await live.server.world.until(lambda: "Discord did not take an answer" in caplog.text, what="a line")
    await live.quiet()
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


# --- operators ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["allow", "deny"])
async def test_an_operator_who_names_nobody_is_told_how_discord_has_it(live: Live, command: str) -> None:
    code = await live.house.office.claim_code()
    assert code
    await live.house.office.claim(UserRef("discord", str(live.ada.id)), code)
    live.guild.member(live.ada, admin=True)
    told = (await live.ada.slash(live.dm, f"operator {command}").answered()).text
    assert "who:discord:123" in told
    assert "who:discord-server:123" in told
    assert "reply" not in told
    assert "/allow" not in told


async def test_no_command_of_discords_is_said_to_work_by_reply(live: Live) -> None:
    described = str(live.server.world.commands[None])
    assert "Give credits to a user" in described
    assert "by reply" not in described
