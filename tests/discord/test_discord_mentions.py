"""Whoever speaks to the bot hears from it, whatever it may do where they spoke."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.discord_places import Channel

CONFIRM = "✅ Confirm"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


def speak(live: Live, words: str = "a happy dog") -> Message:
    return live.ada.says(live.channel, f"<@{live.server.world.bot.id}> {words}")


async def answer_in(live: Live, channel: Channel) -> Message:
    await live.server.world.until(lambda: live.posts(channel), what="an answer")
    await live.quiet()
    (answer,) = live.posts(channel)
    return answer


async def silence(live: Live, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the log says of an answer that reached nobody."""

    def told() -> list[logging.LogRecord]:
        return [each for each in caplog.records if "did not take an answer" in each.getMessage()]

    await live.server.world.until(told, what="a line in the log")
    await live.quiet()
    return told()


async def test_a_mention_is_answered_beside_it(live: Live) -> None:
    asked = speak(live)
    answer = await answer_in(live, live.channel)
    assert answer.reference == asked.id
    assert CONFIRM in "".join(answer.buttons())


async def test_without_the_history_a_mention_is_answered_by_a_message_of_its_own(live: Live) -> None:
    live.channel.deny("read_message_history")
    speak(live)
    answer = await answer_in(live, live.channel)
    assert answer.reference is None
    await live.press(answer, CONFIRM)
    (job,) = await live.house.office.jobs()
    await live.finish(job)
    assert live.videos()


async def test_a_mention_that_is_deleted_meanwhile_is_answered_nevertheless(live: Live) -> None:
    live.server.fault("POST", "/channels/*/messages", hang=0.3)
    asked = speak(live)
    live.ada.deletes(asked)
    answer = await answer_in(live, live.channel)
    assert answer.reference is None
    assert "a happy dog" in answer.text


async def test_where_the_bot_may_not_speak_a_mention_is_answered_directly_and_says_why(live: Live) -> None:
    live.channel.deny("send_messages")
    speak(live)
    answer = await answer_in(live, live.dm)
    assert "a happy dog" in answer.text
    assert "may not post" in answer.text
    await live.press(answer, CONFIRM)
    (job,) = await live.house.office.jobs()
    await live.finish(job)
    assert [each.channel for each in live.videos()] == [live.dm]


async def test_a_refusal_takes_the_same_way(tmp_path: Path) -> None:
    async with open_live(tmp_path, access="closed") as live:
        live.channel.deny("send_messages")
        speak(live)
        assert "invited" in (await answer_in(live, live.dm)).text


async def test_an_answer_that_no_way_leads_to_is_one_line_in_the_log(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    live.channel.deny("send_messages")
    live.ada.close_dms()
    speak(live)
    (line,) = await silence(live, caplog)
    assert not line.exc_info
    assert not live.posts(live.channel)


async def test_an_answer_that_would_have_to_wait_too_long_is_one_line_in_the_log(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    live.server.fault("POST", "/channels/*/messages", status=429, retry_after=300.0, times=None)
    speak(live)
    (line,) = await silence(live, caplog)
    assert not line.exc_info
    assert "RateLimited" in line.getMessage()
