"""The one status message of a job: shown at a decent pace, only when it says something new, never twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.telegram_chats import Chat
from support.telegram_messages import Message
from support.telegram_sending import SECRET, Desk, open_desk

from bot.domain import Job, JobState, Progress


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


def running(elapsed: float) -> Progress:
    return Progress(JobState.RUNNING, elapsed, usual=(60.0, 120.0))


async def job_with_status(desk: Desk, chat: Chat, *, private: bool = False) -> tuple[Job, Message]:
    job = await desk.order(await desk.asks(chat), private=private)
    await desk.bot.send_message(chat.id, "Ordered")
    status = chat.messages[-1]
    await desk.delivering.board.adopt(job, chat.id, status.id)
    return replace(job, state=JobState.RUNNING), status


async def shown_every_second(desk: Desk, job: Job, seconds: int) -> None:
    for elapsed in range(seconds):
        await desk.delivering.show(job, running(elapsed))
        desk.clock.advance(1)


@pytest.mark.parametrize(("place", "most"), [("private", 16), ("group", 5)])
async def test_it_is_edited_at_most_every_four_seconds_in_groups_every_fifteen(
    desk: Desk, place: str, most: int
) -> None:
    job, status = await job_with_status(desk, desk.private if place == "private" else desk.group)
    await shown_every_second(desk, job, 61)
    assert most - 2 <= len(status.edits) <= most
    gaps = [later.at - earlier.at for earlier, later in zip(status.edits, status.edits[1:], strict=False)]
    assert min(gaps) >= (4 if place == "private" else 15)
    assert "KIE is making the video" in status.text


async def test_it_is_edited_only_when_it_says_something_new(desk: Desk) -> None:
    job, _ = await job_with_status(desk, desk.private)
    for _ in range(5):
        await desk.delivering.show(job, running(40))
        desk.clock.advance(10)
    assert len(desk.world.calls_of("editMessageText")) == 1


async def test_after_a_restart_the_same_message_goes_on(desk: Desk) -> None:
    job, status = await job_with_status(desk, desk.private)
    await desk.delivering.show(job, running(10))
    desk.restart()
    await desk.delivering.show(job, running(30))
    assert "30 s" in status.text
    assert desk.private.messages == [status]


async def test_a_missing_message_is_made_once_hanging_on_the_request_and_without_a_sound(desk: Desk) -> None:
    asked = await desk.asks(desk.private)
    job = replace(await desk.order(asked), state=JobState.RUNNING)
    await desk.delivering.show(job, running(1))
    assert desk.private.messages == []
    desk.clock.advance(20)
    for elapsed in (20, 30, 40):
        await desk.delivering.show(job, running(elapsed))
        desk.clock.advance(10)
    (status,) = desk.private.messages
    assert (status.reply_to, status.silent) == (asked, True)
    assert "40 s" in status.text


async def test_an_old_job_whose_message_nobody_knows_gets_no_new_one(desk: Desk) -> None:
    job = replace(await desk.order(await desk.asks(desk.private)), state=JobState.RUNNING)
    desk.clock.advance(3600)
    desk.restart()
    await desk.delivering.show(job, running(3600))
    assert desk.private.messages == []


async def test_a_message_that_was_deleted_stays_deleted(desk: Desk) -> None:
    job, status = await job_with_status(desk, desk.private)
    await desk.private.deletes(desk.ada, status)
    await shown_every_second(desk, job, 30)
    assert len(desk.world.calls_of("editMessageText")) == 1
    assert [each for each in desk.private.messages if not each.deleted] == []


async def test_a_closed_chat_or_a_lost_answer_disturbs_nobody(desk: Desk) -> None:
    job, status = await job_with_status(desk, desk.private)
    desk.server.fault("editMessageText", "drop_after")
    await desk.delivering.show(job, running(1))
    desk.clock.advance(10)
    await desk.delivering.show(job, running(11))
    assert "11 s" in status.text
    await desk.private.block_bot(desk.ada)
    desk.clock.advance(10)
    await desk.delivering.show(job, running(21))
    assert "11 s" in status.text


async def test_under_a_flood_progress_is_dropped_and_later_goes_on(desk: Desk) -> None:
    job, status = await job_with_status(desk, desk.private)
    desk.server.fault("editMessageText", "flood", retry_after=20)
    await shown_every_second(desk, job, 40)
    assert desk.clock.slept == []
    assert "so far" in status.text
    assert len(desk.world.calls_of("editMessageText")) <= 7


async def test_a_private_jobs_status_in_a_group_is_without_its_words(desk: Desk) -> None:
    job, status = await job_with_status(desk, desk.group, private=True)
    await desk.delivering.show(job, running(1))
    assert "KIE is making the video" in status.text
    assert SECRET not in status.text


async def test_a_late_look_does_not_bring_the_message_back_after_the_end(desk: Desk) -> None:
    job = replace(await desk.order(await desk.asks(desk.private)), state=JobState.RUNNING)
    desk.clock.advance(20)
    await desk.delivering.deliver(await desk.video_of(job))
    await desk.delivering.show(job, running(20))
    assert len(desk.private.messages) == 1
