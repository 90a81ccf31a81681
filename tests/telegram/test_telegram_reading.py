"""Which updates are for the bot: all of a private chat; of a group only what speaks to it. The rest is never kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.media_making import encoded, halves
from support.telegram_chats import Chat
from support.telegram_intake import Intake, open_intake
from support.telegram_messages import User
from support.telegram_server import TelegramServer

from adapters.telegram.reading import Reader

BOT = 123456789


def reader() -> Reader:
    return Reader(BOT, "kie_video_bot", ("video", "sora"))


def in_group(number: int = 1, **message: Any) -> dict[str, Any]:
    common = {"message_id": number, "date": 1, "chat": {"id": -100, "type": "supergroup", "title": "Dogs"}}
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    return {"update_id": number, "message": {**common, "from": sender, **message}}


def is_kept(**message: Any) -> bool:
    return bool(reader().read([in_group(**message)]))


@pytest.mark.parametrize(
    "text",
    [
        "/video a dog",
        "/SORA",
        "/video@kie_video_bot a dog",
        "/video, a dog",
        "/video@kie_video_bot: a dog",
        "/video\u00a0a dog",
        "/anything@KIE_VIDEO_BOT",
        "Hey @kie_video_bot, a dog please",
    ],
)
def test_a_group_message_that_speaks_to_the_bot_is_kept(text: str) -> None:
    assert is_kept(text=text)
    assert is_kept(caption=text, photo=[])


@pytest.mark.parametrize(
    "text",
    [
        "what a nice dog",
        "/weather Berlin",
        "/video@other_bot a dog",
        "/videos",
        "/video.mp4",
        "I like /video",
        "me@kie_video_bot.example",
        "@kie_video_bot2",
    ],
)
def test_a_group_message_that_does_not_is_left_out(text: str) -> None:
    assert not is_kept(text=text)
    assert not is_kept(caption=text, photo=[])


def test_a_reply_to_the_bot_is_kept_and_one_to_somebody_else_is_not() -> None:
    assert is_kept(text="a dog", reply_to_message={"from": {"id": BOT}})
    assert not is_kept(text="a dog", reply_to_message={"from": {"id": 8}})


def test_talk_in_a_topic_that_the_bot_opened_is_no_reply_to_it() -> None:
    opening = {"from": {"id": BOT}, "forum_topic_created": {"name": "Dogs"}}
    assert not is_kept(text="a dog", is_topic_message=True, reply_to_message=opening)


def test_other_bots_and_posts_forwarded_from_a_channel_are_left_out() -> None:
    assert not is_kept(text="/video a dog", **{"from": {"id": 9, "is_bot": True}})
    assert not is_kept(text="/video a dog", is_automatic_forward=True)


def test_an_anonymous_admin_is_heard() -> None:
    assert is_kept(text="/video a dog", **{"from": {"id": 1087968824, "is_bot": True}})


def test_that_a_group_got_another_number_is_kept() -> None:
    assert is_kept(migrate_to_chat_id=-1001)
    assert is_kept(migrate_from_chat_id=-100)
    assert not is_kept(new_chat_title="Cats")


def test_an_album_is_kept_whole_wherever_its_words_stand() -> None:
    read = reader()
    parts = [in_group(n, media_group_id="5", photo=[]) for n in (1, 2, 3)]
    parts[1]["message"]["caption"] = "/video a dog"
    assert [each.id for each in read.read(parts)] == [1, 2, 3]
    assert [each.id for each in read.read([in_group(4, media_group_id="5", photo=[])])] == [4]
    assert not read.read([in_group(5, media_group_id="6", photo=[])])


def test_channel_posts_and_unknown_kinds_are_left_out() -> None:
    assert not reader().read([{"update_id": 1, "channel_post": {"text": "/video"}}, {"update_id": 2}])


def test_presses_have_a_lane_of_their_user_and_messages_one_of_chat_and_user() -> None:
    press = {"update_id": 1, "callback_query": {"id": "1", "from": {"id": 7}}}
    private = {"update_id": 2, "message": {"chat": {"id": 7, "type": "private"}, "from": {"id": 7}}}
    change = {"update_id": 3, "my_chat_member": {"chat": {"id": -100}, "from": {"id": 7}}}
    updates = reader().read([press, private, change, in_group(4, text="/video")])
    assert [each.lane for each in updates] == ["press:7", "chat:7", "chat:-100", "chat:-100:7"]
    assert [each.sender for each in updates] == ["7"] * 4


def test_half_a_surrogate_pair_can_be_stored_and_comes_back_as_it_was() -> None:
    (update,) = reader().read([in_group(text="/video \ud83d")])
    update.payload.encode()
    assert json.loads(update.payload)["message"]["text"] == "/video \ud83d"


# --- against the stand-in ----------------------------------------------------------------------------------------


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Intake]:
    async with TelegramServer() as telegram, open_intake(tmp_path, telegram) as opened:
        yield opened


async def talk(intake: Intake) -> tuple[Chat, User]:
    """A group whose bot sees everything, with talk that is not for it and one command."""
    ada = intake.telegram.world.user(7, "Ada")
    group = intake.telegram.world.group("Dogs", [ada], privacy_mode=False)
    await group.says(ada, "my secret diary")
    await group.says(ada, "/video@kie_video_bot a happy dog")
    await group.says(ada, album=[encoded(halves(), "JPEG")] * 2, caption="holiday snaps")
    return group, ada


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_talk_of_a_group_that_is_not_for_the_bot_never_reaches_the_disk(
    intake: Intake, tmp_path: Path
) -> None:
    await talk(intake)
    await intake.take([each.body for each in intake.telegram.world.updates.waiting])
    await intake.dispatch.lanes.idle()
    assert intake.desk.handled == ["/video@kie_video_bot a happy dog"]
    written = everything_in(tmp_path)
    assert b"a happy dog" in written
    assert b"secret diary" not in written
    assert b"holiday" not in written
