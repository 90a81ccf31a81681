"""A follow-up has no nonce: Discord takes as many as it is sent, so each is sent once, whatever Discord answers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from support.discord_live import Live, open_live

FOLLOW_UPS = ("POST", "/webhooks/*")
TAKEN_ALL_THE_SAME: dict[str, Any] = {"status": 502, "after": True}


def said(live: Live, words: str) -> int:
    """How many messages of the bot, anywhere, say so."""
    return sum(words in each.text for each in live.server.world.posted())


async def test_a_video_is_announced_once_though_discord_answers_with_an_error(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order(private=True)
        failed = live.server.fault(*FOLLOW_UPS, **TAKEN_ALL_THE_SAME)
        await live.finish(job)
        assert failed.hits == 1
        assert said(live, "Your video is ready") == 1
        assert len(live.videos()) == 1


async def test_again_makes_one_card_though_discord_answers_with_an_error(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await live.finish(await live.order())
        failed = live.server.fault(*FOLLOW_UPS, **TAKEN_ALL_THE_SAME)
        await live.press(live.videos()[0], "Again")
        assert failed.hits == 1
        cards = [each for each in live.posts(live.channel) if "✅ Confirm" in " ".join(each.buttons())]
        assert len(cards) == 1


async def test_one_line_stands_where_a_video_was_to_come_and_its_asker_may_try_again(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await live.finish(await live.order(private=True))
        _, ping = live.posts(live.channel)
        before = len(live.posts(live.channel))
        live.server.fault(*FOLLOW_UPS, **TAKEN_ALL_THE_SAME)
        pressed = live.ada.click(ping, "Get my video")
        await pressed.shows("Please try again")
        await live.quiet()
        assert len(live.posts(live.channel)) == before + 2
        await live.press(ping, "Get my video")
        assert len(live.videos()) == 2


async def test_a_press_that_comes_twice_is_refused_once(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        card = await live.ada.slash(live.channel, "sora", prompt="a cat").answered()
        bob = live.guild.member(live.server.world.user("bob"))
        pressed = bob.click(card, "Change words")
        pressed.redeliver()
        await pressed.shows("Only the person who asked")
        await live.quiet()
        await asyncio.sleep(0.05)
        assert len(pressed.followups) == 1


async def test_a_refusal_is_whispered_once_though_discord_answers_with_an_error(tmp_path: Path) -> None:
    async with open_live(tmp_path, access="closed") as live:
        failed = live.server.fault(*FOLLOW_UPS, **TAKEN_ALL_THE_SAME)
        asked = live.ada.slash(live.channel, "video", prompt="a dog")
        await asked.shows("invited people")
        await live.quiet()
        assert (failed.hits, len(asked.followups)) == (1, 1)


@pytest.mark.parametrize("limit", [{"retry_after": 0.01}, {"retry_after": 0.01, "is_global": True}], ids=str)
async def test_a_follow_up_waits_for_a_rate_limit_and_comes(tmp_path: Path, limit: dict[str, Any]) -> None:
    async with open_live(tmp_path, access="closed") as live:
        live.server.fault(*FOLLOW_UPS, status=429, **limit)
        asked = live.ada.slash(live.channel, "video", prompt="a dog")
        await asked.shows("invited people")
        assert len(asked.followups) == 1


async def test_a_wait_longer_than_anybodys_patience_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_live(tmp_path, access="closed") as live:
        live.server.fault(*FOLLOW_UPS, status=429, retry_after=600.0)
        asked = live.ada.slash(live.channel, "video", prompt="a dog")
        await asked.acknowledged()
        await live.server.world.until(lambda: "Discord did not take an answer" in caplog.text)
        await live.quiet()
        assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert (await live.ada.slash(live.channel, "help").answered()).text
