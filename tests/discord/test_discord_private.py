"""What somebody wants for their eyes only stays that, whichever way they ask for it (product.md, P8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.simcord_world import PNG

from bot.domain import FailureKind
from bot.ports import Refused


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


async def wants_privacy(live: Live) -> None:
    """As her settings have it."""
    settings = await live.ada.slash(live.channel, "settings").answered()
    await live.press(settings, "Results in groups")
    await live.press(settings, "only for me")


async def mention(live: Live, words: str, *files: tuple[str, bytes]) -> Message:
    """Ada speaks to the bot in the channel; the answer."""
    before = len(live.posts(live.channel))
    live.ada.says(live.channel, f"<@{live.server.world.bot.id}> {words}", list(files))
    await live.server.world.until(lambda: len(live.posts(live.channel)) > before, what="an answer")
    await live.quiet()
    return live.posts(live.channel)[-1]


async def drafts(live: Live) -> int:
    return len(await live.house.store.read(lambda tx: tx.all("SELECT id FROM drafts")))


# --- presses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("button", ["Again", "Change", "Animate"])
async def test_a_card_asked_for_below_a_public_video_is_for_the_eyes_of_who_wants_it_so(
    live: Live, button: str
) -> None:
    await live.finish(await live.order())
    await wants_privacy(live)
    (video,) = live.videos()
    pressed = await live.press(video, button)
    card = pressed.followups[-1]
    assert card.ephemeral
    await live.press(card, "✅ Confirm")
    *_, job = sorted(await live.house.office.jobs(), key=lambda each: each.created_at)
    assert job.chat.private
    await live.finish(job)
    assert [each for each in live.videos() if not each.ephemeral] == [video]


async def test_other_words_after_a_public_failure_are_for_the_eyes_of_who_wants_it_so(live: Live) -> None:
    live.kie.creates.append(Refused(FailureKind.POLICY, 400, "not this"))
    await live.finish(await live.order())
    await wants_privacy(live)
    failure = next(each for each in live.posts(live.channel) if "Change words" in each.buttons())
    shown = await live.ada.click(failure, "Change words")
    submitted = live.ada.submit_modal(shown, {"Your answer": "a secret cat"})
    card = await submitted.answered()
    await live.quiet()
    assert card.ephemeral
    assert "a secret cat" in card.text
    assert not any("a secret cat" in each.text for each in live.posts(live.channel) if not each.ephemeral)


async def test_without_the_wish_a_card_asked_for_below_a_public_video_is_public(live: Live) -> None:
    await live.finish(await live.order())
    pressed = await live.press(live.videos()[0], "Again")
    assert not pressed.followups[-1].ephemeral


# --- mentions ----------------------------------------------------------------------------------------------------


async def test_a_mention_by_who_wants_privacy_makes_no_card_and_leads_to_the_command(live: Live) -> None:
    await wants_privacy(live)
    told = await mention(live, "a secret dog", ("cat.png", PNG))
    assert "/video" in told.text
    assert "secret" not in told.text
    assert not told.buttons()
    assert not told.media()
    assert not await drafts(live)
    assert not list(live.house.settings.pictures_dir.glob("*"))


async def test_who_wants_privacy_may_still_write_to_the_bot_alone(live: Live) -> None:
    await wants_privacy(live)
    live.ada.says(live.dm, "a secret dog")
    await live.server.world.until(lambda: live.posts(live.dm), what="an answer")
    assert "a secret dog" in live.posts(live.dm)[-1].text


# --- questions ---------------------------------------------------------------------------------------------------


async def test_a_private_question_is_not_answered_by_what_everybody_reads(live: Live) -> None:
    model = "hailuo/2-3-image-to-video-standard"
    asked = live.ada.slash(live.channel, "video", prompt="a secret cat", model=model, private=True)
    assert (await asked.answered()).ephemeral
    await live.quiet()
    await mention(live, "here", ("cat.png", PNG))
    assert not any("a secret cat" in each.text for each in live.posts(live.channel) if not each.ephemeral)


async def test_a_public_question_is_still_answered_by_a_mention(live: Live) -> None:
    model = "hailuo/2-3-image-to-video-standard"
    await live.ada.slash(live.channel, "video", prompt="a happy cat", model=model).answered()
    await live.quiet()
    assert "a happy cat" in (await mention(live, "here", ("cat.png", PNG))).text
