"""The card of a job under way: when it is edited, by which way, and when it is left alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from support.discord_live import Live, open_live
from support.discord_messages import Message

from bot.domain import Job, JobState, Progress

BY_TOKEN = "/webhooks/*/messages/@original"


async def show(live: Live, job: Job, elapsed: float, **more: Any) -> None:
    await live.delivering.show(job, Progress(JobState.RUNNING, elapsed, **more))


def card(live: Live) -> Message:
    return live.posts(live.channel)[0]


async def test_a_card_is_edited_every_ten_seconds_at_most_and_only_for_something_new(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        before = len(card(live).edits)
        for elapsed in range(0, 60, 2):
            await show(live, job, elapsed)
            live.advance(2)
        assert 5 <= len(card(live).edits) - before <= 6
        edits = len(card(live).edits)
        for elapsed in (70, 70, 70):
            live.advance(60)
            await show(live, job, elapsed)
        assert len(card(live).edits) == edits + 1


async def test_after_the_tokens_death_the_bot_edits_the_card_itself(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        live.advance(890)
        tokens = len(live.server.seen("PATCH", BY_TOKEN))
        await show(live, job, 890)
        assert "15 min so far" in card(live).text
        assert len(live.server.seen("PATCH", BY_TOKEN)) == tokens
        assert live.server.seen("PATCH", f"/channels/{live.channel.id}/messages/{card(live).id}")


async def test_a_token_that_dies_before_its_time_leaves_the_card_to_the_bot(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        live.server.fault("PATCH", BY_TOKEN, status=404, code=10015, times=None)
        live.advance(20)
        await show(live, job, 20)
        assert "20 s so far" in card(live).text
        await live.finish(job)
        assert "Open the video" in card(live).buttons()
        assert [each.reference for each in live.videos()] == [card(live).id]


async def test_a_hidden_card_is_left_alone_after_the_tokens_death(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order(private=True)
        await show(live, job, 20)
        assert "20 s so far" in card(live).text
        live.advance(901)
        before = len(live.server.requests)
        await show(live, job, 901)
        assert len(live.server.requests) == before


async def test_where_the_bot_is_no_member_the_card_keeps_its_button(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.ada.installed = True
        far = live.server.world.guild("far", bot_in=False).text_channel("lounge")
        job = await live.order(far)
        await show(live, job, 30)
        assert "30 s so far" in far.messages[0].text
        assert "Get my video" in far.messages[0].buttons()


async def test_a_busy_channel_gets_a_few_edits_and_the_rest_are_dropped(tmp_path: Path) -> None:
    async with open_live(tmp_path, max_queued_per_user=8) as live:
        jobs = [await live.order() for _ in range(8)]
        tokens = len(live.server.seen("PATCH", BY_TOKEN))
        await asyncio.gather(*(show(live, each, 30) for each in jobs))
        assert len(live.server.seen("PATCH", BY_TOKEN)) - tokens == 4
        live.advance(6)
        await asyncio.gather(*(show(live, each, 36) for each in jobs))
        assert len(live.server.seen("PATCH", BY_TOKEN)) - tokens == 8


async def test_an_edit_that_is_held_up_holds_up_nothing_else_and_never_comes_after_the_video(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("adapters.discord.showing.WAIT_SECONDS", 0.01)
    async with open_live(tmp_path) as live:
        job = await live.settled(await live.order())
        live.server.fault("PATCH", BY_TOKEN, hang=0.3)
        await show(live, job, 30)
        await live.delivering.deliver(await live.attempt(job, "token"))
        await asyncio.sleep(0.4)
        assert [each.name for each in card(live).attachments] == [f"{job.id}.mp4"]
        await show(live, job, 90)
        assert "so far" not in card(live).text


async def test_a_card_that_was_edited_too_often_is_left_alone(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        live.advance(4000)
        path = f"/channels/{live.channel.id}/messages/*"
        fault = live.server.fault("PATCH", path, status=429, code=30046, via=False, times=None)
        await show(live, job, 4000)
        live.advance(1000)
        await show(live, job, 5000)
        assert fault.hits == 1


async def test_an_old_card_is_edited_every_five_minutes_only(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        live.advance(3700)
        before = len(card(live).edits)
        for minute in range(10):
            await show(live, job, 3700 + 60 * minute)
            live.advance(60)
        assert len(card(live).edits) - before == 2


async def test_a_deleted_card_is_not_made_again(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        fault = live.server.fault("PATCH", BY_TOKEN, status=404, code=10008, times=None)
        await show(live, job, 30)
        live.advance(60)
        await show(live, job, 90)
        assert fault.hits == 1
        assert len(live.posts(live.channel)) == 1


async def test_a_flicker_of_discords_is_made_up_for_later(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        live.server.fault("PATCH", BY_TOKEN, drop=True)
        await show(live, job, 30)
        live.advance(20)
        await show(live, job, 50)
        assert "50 s so far" in card(live).text
