"""A job's end on its way into Telegram, over real HTTP: which way it takes, and every trouble on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.telegram_messages import Message
from support.telegram_sending import SECRET, Desk, open_desk

from bot.domain import FailureKind, JobState, UserRef
from bot.errors import RouteClosed, UserError

TOPIC_CLOSED = "Bad Request: TOPIC_CLOSED"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


# --- a video -----------------------------------------------------------------------------------------------------


async def test_a_video_answers_the_request_with_its_real_shape_thumbnail_and_receipt(desk: Desk) -> None:
    asked = await desk.asks(desk.private)
    delivery = await desk.video_of(await desk.order(asked))
    sent = await desk.delivering.deliver(delivery)
    (message,) = desk.videos
    assert sent == f"{desk.private.id}:{message.id}"
    assert message.reply_to is asked
    assert message.media
    assert (message.media.kind, message.media.supports_streaming) == ("video", True)
    assert (message.media.width, message.media.height, message.media.duration) == (1280, 720, 8)
    assert message.media.thumbnail
    assert message.media.name == f"{delivery.job.id}.mp4"
    assert delivery.file
    assert message.media.bytes() == delivery.file.read_bytes()
    assert (message.caption or "").startswith("AI-generated · Veo 3.1 Lite")
    assert f"1:again:{delivery.job.id}" in message.buttons.values()
    assert not message.silent
    assert "upload_video" in desk.private.chat_actions


async def test_a_video_asked_for_in_a_topic_is_answered_there(desk: Desk) -> None:
    topic = await desk.group.open_topic("Films", desk.ada)
    asked = await desk.asks(desk.group, topic=topic)
    await desk.delivering.deliver(await desk.video_of(await desk.order(asked)))
    (message,) = desk.videos
    assert (message.topic, message.reply_to) == (topic, asked)


@pytest.mark.parametrize("in_topic", [False, True])
async def test_a_request_that_was_deleted_still_gets_its_video(desk: Desk, in_topic: bool) -> None:
    topic = await desk.group.open_topic("Films", desk.ada) if in_topic else None
    asked = await desk.asks(desk.group, topic=topic)
    delivery = await desk.video_of(await desk.order(asked))
    await desk.group.deletes(desk.ada, asked)
    if in_topic:
        # there Telegram does not send without the reply (telegram.md 6)
        desk.server.fault(
            "sendVideo", "bad_request", description="Bad Request: message to be replied not found"
        )
    await desk.delivering.deliver(delivery)
    (message,) = desk.videos
    assert (message.topic, message.reply_to) == (topic, None)


async def test_a_closed_topic_sends_the_video_to_the_general_one(desk: Desk) -> None:
    topic = await desk.group.open_topic("Films", desk.ada)
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.group, topic=topic)))
    await desk.group.close_topic(topic, desk.ada)
    await desk.delivering.deliver(delivery)
    (message,) = desk.videos
    assert (message.chat, message.topic) == (desk.group, None)


async def test_where_the_general_topic_is_closed_too_the_way_is_shut(desk: Desk) -> None:
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.group)))
    desk.server.fault("sendVideo", "bad_request", times=9, description=TOPIC_CLOSED)
    with pytest.raises(RouteClosed):
        await desk.delivering.deliver(delivery)


async def test_without_the_right_to_post_videos_a_link_is_posted(tmp_path: Path) -> None:
    async with open_desk(tmp_path, public_url="https://bot.example.org") as desk:
        desk.group.forbid("videos")
        delivery = await desk.video_of(await desk.order(await desk.asks(desk.group)))
        await desk.delivering.deliver(delivery)
        assert desk.videos == []
        assert delivery.link in desk.group.messages[-1].buttons.values()


async def test_without_that_right_and_without_a_link_the_video_goes_to_the_asker(desk: Desk) -> None:
    desk.group.forbid("videos")
    job = await desk.order(await desk.asks(desk.group))
    (ended,) = await desk.house.end(job.id)
    (message,) = desk.videos
    assert (message.chat, ended.delivered_to) == (desk.private, "private")


@pytest.mark.parametrize("why", ["kicked", "left"])
async def test_thrown_out_of_the_group_the_bot_brings_the_video_to_the_asker(desk: Desk, why: str) -> None:
    job = await desk.order(await desk.asks(desk.group))
    desk.group.bot.status = why
    (ended,) = await desk.house.end(job.id)
    assert ended.delivered_to == "private"
    assert [each.chat for each in desk.videos] == [desk.private]


async def test_a_video_that_no_chat_takes_waits_for_its_asker(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.private))
    await desk.private.block_bot(desk.ada)
    (ended,) = await desk.house.end(job.id)
    assert ended.delivered_to == "kept"
    who = UserRef("telegram", str(desk.ada.id))
    assert [each.id for each in await desk.house.studio.kept(who)] == [job.id]


async def test_a_group_that_became_a_supergroup_gets_its_video_there_hanging_on_nothing(desk: Desk) -> None:
    group = desk.world.group("Old", [desk.ada], privacy_mode=False)
    delivery = await desk.video_of(await desk.order(await desk.asks(group)))
    new = await group.migrate_group()
    await new.says(desk.ada, "with the number that the request had before")
    sent = await desk.delivering.deliver(delivery)
    (message,) = desk.videos
    assert (message.chat, message.reply_to) == (new, None)
    assert sent == f"{new.id}:{message.id}"


async def test_a_silent_video_that_became_an_animation_is_kept_and_sent_again_as_one(desk: Desk) -> None:
    desk.server.fault("sendVideo", "animation")
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.private)))
    await desk.delivering.deliver(delivery)
    desk.restart()
    await desk.delivering.deliver(replace(delivery, number=2))
    first, second = desk.videos
    assert first.media
    assert second.media
    assert first.media.kind == second.media.kind == "animation"
    assert first.media.file_id == second.media.file_id


async def test_a_message_that_is_only_scheduled_is_delivered_but_not_noted_as_a_message(desk: Desk) -> None:
    desk.server.fault("sendVideo", "scheduled")
    delivery = await desk.video_of(await desk.order(await desk.asks(desk.group)))
    assert await desk.delivering.deliver(delivery) == ""
    assert await desk.delivering.find(delivery) == ""


# --- private results ---------------------------------------------------------------------------------------------


async def test_a_private_result_never_comes_into_the_group(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.group), private=True)
    (ended,) = await desk.house.end(job.id)
    assert ended.delivered_to == "private"
    assert [each.chat for each in desk.videos] == [desk.private]
    assert all(SECRET not in each.text for each in desk.group.messages)


async def test_whoever_never_started_the_bot_is_led_to_their_private_result_by_a_link(desk: Desk) -> None:
    desk.private.started = False
    job = await desk.order(await desk.asks(desk.group), private=True)
    (ended,) = await desk.house.end(job.id)
    assert ended.delivered_to == "notice"
    assert desk.videos == []
    notice = desk.group.messages[-1]
    assert list(notice.buttons.values()) == [f"https://t.me/kie_video_bot?start=get_{job.id}"]
    assert SECRET not in notice.text


# --- no video ----------------------------------------------------------------------------------------------------


async def test_a_failure_tells_the_group_little_and_the_asker_everything(desk: Desk) -> None:
    asked = await desk.asks(desk.group)
    delivery = desk.failure_of(await desk.order(asked))
    await desk.delivering.deliver(delivery)
    public, own = desk.group.messages[-1], desk.private.messages[-1]
    assert public.reply_to is asked
    assert "returned" in public.text
    assert SECRET not in public.text
    assert "safety filter" not in public.text
    assert "Blocked by the safety filter" in own.text
    assert SECRET in own.text


async def test_a_failure_is_told_in_the_group_although_the_asker_cannot_be_written_to(desk: Desk) -> None:
    desk.private.started = False
    await desk.delivering.deliver(desk.failure_of(await desk.order(await desk.asks(desk.group))))
    assert "returned" in desk.group.messages[-1].text
    assert desk.private.messages == []


async def test_a_private_failure_that_reaches_nobody_leaves_a_line_without_its_words(desk: Desk) -> None:
    desk.private.started = False
    job = await desk.order(await desk.asks(desk.group), private=True)
    delivery = replace(desk.failure_of(job), route="notice")
    await desk.delivering.deliver(delivery)
    assert SECRET not in desk.group.messages[-1].text
    assert "safety filter" not in desk.group.messages[-1].text


async def test_a_failure_in_a_private_chat_quotes_kie(desk: Desk) -> None:
    await desk.delivering.deliver(desk.failure_of(await desk.order(await desk.asks(desk.private))))
    (message,) = desk.private.messages
    assert "Blocked by the safety filter" in message.text


# --- the status message afterwards -------------------------------------------------------------------------------


async def status_of(desk: Desk, asked: Message) -> tuple[Message, int]:
    await desk.bot.send_message(asked.chat.id, "KIE is making the video")
    return asked.chat.messages[-1], asked.chat.id


@pytest.mark.parametrize("works", [True, False])
async def test_the_status_message_is_gone_when_the_end_is_there(desk: Desk, works: bool) -> None:
    job = await desk.order(await desk.asks(desk.private))
    status, chat = await status_of(desk, await desk.asks(desk.private))
    await desk.delivering.board.adopt(job, chat, status.id)
    await desk.delivering.deliver(await desk.video_of(job) if works else desk.failure_of(job))
    assert status.deleted
    assert len([each for each in desk.private.messages if not each.deleted]) == 1


async def test_a_status_message_that_cannot_be_deleted_says_how_it_ended(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.group))
    status, chat = await status_of(desk, await desk.asks(desk.group))
    await desk.delivering.board.adopt(job, chat, status.id)
    desk.server.fault("deleteMessage", "bad_request", description="Bad Request: message can't be deleted")
    await desk.delivering.deliver(desk.failure_of(job))
    assert not status.deleted
    assert "returned" in status.text
    assert SECRET not in status.text


async def test_a_cancelled_job_ends_in_its_status_message_without_another_one(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.private))
    status, chat = await status_of(desk, await desk.asks(desk.private))
    await desk.delivering.board.adopt(job, chat, status.id)
    delivery = desk.failure_of(job, FailureKind.CANCELLED)
    assert await desk.delivering.deliver(delivery) == f"{chat}:{status.id}"
    assert "cancelled" in status.text
    assert len(desk.private.messages) == 1


async def test_a_result_that_was_found_after_a_crash_takes_its_status_message_away(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.private))
    delivery = await desk.video_of(job)
    await desk.delivering.deliver(delivery)
    status, chat = await status_of(desk, await desk.asks(desk.private))
    await desk.delivering.board.adopt(job, chat, status.id)
    desk.restart()
    await desk.delivering.find(delivery)
    assert status.deleted


# --- once more, and private words --------------------------------------------------------------------------------


async def test_a_video_is_sent_again_without_an_upload(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    again = await desk.asks(desk.private, "/history")
    await desk.delivering.send_again(ended, desk.ref(again))
    first, second = desk.videos
    assert second.reply_to is again
    assert first.media
    assert second.media
    assert first.media.file_id == second.media.file_id


async def test_a_file_that_telegram_has_lost_is_uploaded_again(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    desk.server.fault(
        "sendVideo", "bad_request", description="Bad Request: wrong file identifier/HTTP URL specified"
    )
    await desk.delivering.send_again(ended, job.chat)
    first, second = desk.videos
    assert first.media
    assert second.media
    assert first.media.file_id != second.media.file_id


async def test_what_was_private_is_not_sent_again_where_others_see_it(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.group), private=True)
    (ended,) = await desk.house.end(job.id)
    await desk.delivering.send_again(ended, desk.ref(await desk.asks(desk.group)))
    assert [each.chat for each in desk.videos] == [desk.private, desk.private]


async def test_a_video_too_large_to_be_sent_again_is_fitted_first(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.group), private=True)
    desk.private.started = False
    (ended,) = await desk.house.end(job.id)
    desk.private.started, desk.server.upload_limit = True, 3500
    await desk.delivering.send_again(ended, desk.ref(await desk.asks(desk.private)))
    (message,) = desk.videos
    assert message.media
    assert message.media.size == 3000
    assert not list(desk.house.settings.videos_dir.glob("*.again.mp4"))


@pytest.mark.parametrize("public_url", [None, "https://bot.example.org"])
async def test_what_cannot_even_be_fitted_is_sent_again_as_a_link_or_explained(
    tmp_path: Path, public_url: str | None
) -> None:
    async with open_desk(tmp_path, public_url=public_url) as desk:
        job = await desk.order(await desk.asks(desk.private))
        (ended,) = await desk.house.end(job.id)
        await desk.house.store.write(lambda tx: tx.run("DELETE FROM memory"))
        desk.server.upload_limit, desk.media.unfittable = 1000, True
        if public_url:
            await desk.delivering.send_again(ended, job.chat)
            assert f"{public_url}/v/{job.id}/{job.video_token}" in desk.private.messages[-1].buttons.values()
        else:
            with pytest.raises(UserError, match="too large"):
                await desk.delivering.send_again(ended, job.chat)


async def test_a_video_no_longer_kept_is_not_sent_again(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.private))
    (ended,) = await desk.house.end(job.id)
    with pytest.raises(UserError, match="no longer kept"):
        await desk.delivering.send_again(replace(ended, removed=True), job.chat)


async def test_a_private_word_reaches_whom_it_can_and_says_so(desk: Desk) -> None:
    stranger = desk.world.user(9, "Stranger")
    assert await desk.delivering.tell(str(desk.ada.id), "2 < 3 credits for you")
    assert desk.private.messages[-1].text == "2 < 3 credits for you"
    assert not await desk.delivering.tell(str(stranger.id), "hello")
    assert not await desk.delivering.tell("404", "hello")


async def test_a_job_is_delivered_only_once_however_often_the_engine_looks(desk: Desk) -> None:
    job = await desk.order(await desk.asks(desk.group))
    (ended,) = await desk.house.end(job.id)
    await desk.house.live(120, every=10)
    assert ended.state is JobState.DELIVERED
    assert len(desk.videos) == 1
