"""Videos too large, answers that get lost and a process that is killed: each video arrives, and hardly ever twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.telegram_sending import Desk, open_desk

from bot.domain import JobState
from bot.errors import DeliveryUnknown, RetryLater, TooLarge
from bot.store import jobs


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


# --- the size ----------------------------------------------------------------------------------------------------


async def test_the_limit_is_learnt_from_the_server_and_known_after_a_restart(desk: Desk) -> None:
    desk.server.upload_limit = 2000
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.private)))
    with pytest.raises(TooLarge) as refused:
        await desk.delivering.deliver(delivery)
    assert refused.value.limit == 3000
    desk.restart()
    assert await desk.delivering.find(delivery) is None
    with pytest.raises(TooLarge):
        await desk.delivering.deliver(delivery)
    assert len(desk.world.calls_of("sendVideo")) == 1
    assert desk.videos == []


async def test_a_video_over_the_limit_arrives_fitted_and_says_so(desk: Desk) -> None:
    desk.server.upload_limit = 3500
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    (message,) = desk.videos
    assert message.media
    assert message.media.size == 3000
    assert "itted" in (message.caption or "")
    assert ended.message_id == f"{desk.private.id}:{message.id}"


async def test_what_was_fitted_once_is_sent_again_without_being_fitted_or_uploaded(desk: Desk) -> None:
    desk.server.upload_limit = 3500
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    desk.restart()
    await desk.delivering.send_again(ended, job.chat)
    first, second = desk.videos
    assert first.media
    assert second.media
    assert first.media.file_id == second.media.file_id
    assert second.caption == first.caption
    assert len(desk.media.fitted) == 1


# --- answers that get lost ---------------------------------------------------------------------------------------


async def test_a_lost_answer_sends_the_video_at_most_once_more(desk: Desk) -> None:
    desk.server.fault("sendVideo", "drop_after")
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    assert len(desk.videos) == 2
    assert ended.message_id == f"{desk.private.id}:{desk.videos[-1].id}"
    assert "delivery unsure" in await desk.house.kinds(job.id)


async def test_two_lost_answers_end_it_unsure(desk: Desk) -> None:
    desk.server.fault("sendVideo", "drop_after", times=9)
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    assert len(desk.videos) == 2
    assert (ended.delivered_to, ended.message_id) == ("chat (unsure)", None)


async def test_a_bad_gateway_in_html_is_an_unknown_end_too(desk: Desk) -> None:
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.private)))
    desk.server.fault("sendVideo", "bad_gateway")
    with pytest.raises(DeliveryUnknown):
        await desk.delivering.deliver(delivery)
    desk.restart()
    with pytest.raises(DeliveryUnknown):
        await desk.delivering.find(delivery)


async def test_an_upload_that_breaks_off_left_nothing_and_is_not_counted(desk: Desk) -> None:
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.private)), size=30_000_000)
    desk.server.fault("sendVideo", "drop_before")
    with pytest.raises(RetryLater):
        await desk.delivering.deliver(delivery)
    desk.restart()
    assert await desk.delivering.find(delivery) is None
    assert desk.videos == []


async def test_after_a_crash_the_note_of_the_message_ends_the_search(desk: Desk) -> None:
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.private)))
    sent = await desk.delivering.deliver(delivery)
    desk.restart()
    assert await desk.delivering.find(delivery) == sent
    assert await desk.delivering.find(replace(delivery, number=2)) is None


@pytest.mark.parametrize("kills", [1, 2, 3])
async def test_killed_at_any_moment_of_its_delivery_a_video_arrives_at_most_twice(
    desk: Desk, kills: int
) -> None:
    for moment in range(0, 16, 3):
        job = await desk.order(await desk.asks(desk.private))
        while (await desk.house.job(job.id)).state is not JobState.SETTLED:
            desk.clock.advance(20)
            await desk.house.step()
        for _ in range(kills):
            await killed_after(desk, moment / 1000)
        (ended,) = await desk.house.end(job.id)
        copies = [each for each in desk.videos if each.media and each.media.name == f"{job.id}.mp4"]
        assert len(copies) <= 2
        # killed twice in the blink between the last byte and its answer, nobody knows
        assert copies or (kills > 1 and ended.delivered_to == "chat (unsure)")


async def killed_after(desk: Desk, seconds: float) -> None:
    """What the engine had begun stops there, and another process takes over."""
    await desk.house.engine.tick()
    await asyncio.sleep(seconds)
    for held in list(desk.house.engine._held.values()):
        held.work.cancel()
    await desk.house.engine.idle()
    await desk.house.store.write(jobs.free_all)
    desk.restart()


async def test_a_flooded_chat_gets_its_video_when_telegram_allows(desk: Desk) -> None:
    desk.server.fault("sendVideo", "flood", retry_after=40)
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    assert len(desk.videos) == 1
    assert "delivery later" in await desk.house.kinds(job.id)
    assert ended.delivered_to == "chat"
