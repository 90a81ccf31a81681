"""Answers that meet a broken connection, by the real discord.py against the stand-in: said once more, never twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.discord_live import Live, open_live

CALLBACK, ORIGINAL = "/interactions/*/callback", "/webhooks/*/messages/*"
SORRY = "went wrong"


def said(live: Live) -> str:
    return "\n".join(each.text for each in live.posts(live.channel))


@pytest.mark.parametrize(
    "fault",
    [{"drop": True}, {"drop": True, "after": True}, {"status": 502}, {"status": 502, "after": True}],
    ids=["broken before", "broken after", "refused", "refused though it was taken"],
)
@pytest.mark.parametrize("path", [CALLBACK, ORIGINAL], ids=["the acknowledgement", "the card"])
async def test_a_connection_that_breaks_while_a_command_is_answered_leaves_one_card(
    tmp_path: Path, path: str, fault: dict[str, Any]
) -> None:
    async with open_live(tmp_path) as live:
        broken = live.server.fault("POST" if path == CALLBACK else "PATCH", path, **fault)
        asked = live.ada.slash(live.channel, "sora", prompt="a happy dog")
        card = await asked.answered()
        await live.quiet()
        assert broken.hits == 1
        assert "✅ Confirm" in " ".join(card.buttons())
        assert live.posts(live.channel) == [card]


async def test_a_network_that_stays_away_is_no_fault_of_the_bots_and_the_next_press_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_live(tmp_path) as live:
        card = await live.ada.slash(live.channel, "sora", prompt="a happy dog").answered()
        broken = live.server.fault("PATCH", ORIGINAL, drop=True, times=None)
        await live.ada.click(card, "✅ Confirm").acknowledged()
        await live.quiet()
        assert "did not take an answer" in caplog.text
        broken.times = broken.hits
        await live.press(card, "✅ Confirm")
        assert len(await live.house.office.jobs()) == 1
        assert "✅ Confirm" not in " ".join(card.buttons())
        assert SORRY not in said(live)


async def test_an_order_whose_card_could_not_be_edited_is_still_told_on_it_later(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = 1200.0
        card = await live.ada.slash(live.channel, "sora", prompt="a happy dog").answered()
        broken = live.server.fault("PATCH", ORIGINAL, drop=True, times=2)
        await live.ada.click(card, "✅ Confirm").acknowledged()
        await live.quiet()
        assert broken.hits == 2
        (job,) = await live.house.office.jobs()
        await live.finish(job)
        (video,) = live.videos()
        assert video.reference == card.id
        assert "Open the video" in card.buttons()


async def test_what_is_acknowledged_too_late_is_logged_with_how_late_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_live(tmp_path) as live:
        asked = live.ada.slash(live.channel, "help")
        live.advance(3.25)
        await live.server.world.until(lambda: "not acknowledged" in caplog.text)
        await live.quiet()
        assert asked.failed
        assert re.search(rf"{asked.id} was not acknowledged 3250 ms after it began: .*10062", caplog.text)


async def test_a_press_that_comes_twice_is_answered_once_however_slow_discord_is(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        card = await live.ada.slash(live.channel, "sora", prompt="a happy dog").answered()
        live.server.fault("POST", CALLBACK, hang=1.2)
        pressed = live.ada.click(card, "Length")
        pressed.redeliver()
        await pressed.answered()
        await live.quiet()
        assert len(live.server.seen("PATCH", ORIGINAL)) == 2  # the card, and what there is to choose
