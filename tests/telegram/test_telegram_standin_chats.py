"""The Bot API stand-in, called by the real aiogram over HTTP: groups, privacy mode, topics, rights, answers to one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramMigrateToChat
from aiogram.types import BotCommand, BufferedInputFile, EphemeralMessageParameters, ReplyParameters
from support.clock import FakeClock
from support.telegram_caller import Scene, buttons, scene
from support.telegram_chats import Chat
from support.telegram_media import tiny_mp4, tiny_picture
from support.telegram_messages import User


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def on(clock: FakeClock) -> AsyncIterator[Scene]:
    async with scene(clock) as opened:
        yield opened


@pytest.fixture
def bob(on: Scene) -> User:
    return on.world.user(1002, "Bob", username="bob", language_code=None)


@pytest.fixture
def group(on: Scene, bob: User) -> Chat:
    return on.world.group("Cats", [on.ada, bob], supergroup=True)


# --- privacy mode


async def test_a_private_bot_hears_only_what_is_for_it(on: Scene, bob: User, group: Chat) -> None:
    await group.says(on.ada, "small talk")
    await group.says(on.ada, "/sora@kie_video_bot a dog")
    await group.says(on.ada, "/sora@other_bot a dog")
    await group.says(on.ada, photo=tiny_picture(), caption="/sora@kie_video_bot this one")
    assert await on.texts() == ["/sora@kie_video_bot a dog"]
    await on.bot.send_message(group.id, "What about it?")
    await group.says(bob, "big waves", reply_to=group.last)
    await group.says(bob, "hi Ada", reply_to=group.history[0])
    (update,) = await on.updates()
    assert update.message
    assert update.message.reply_to_message
    assert (update.message.text, update.message.reply_to_message.text) == ("big waves", "What about it?")


async def test_a_plain_command_is_for_the_bot_that_wrote_last(on: Scene, group: Chat) -> None:
    await group.says(on.ada, "/sora one")
    await on.bot.send_message(group.id, "Hello")
    await group.says(on.ada, "/sora two")
    await group.other_bot_says("I am a bot as well")
    await group.says(on.ada, "/sora three")
    assert await on.texts() == ["/sora two"]


async def test_with_privacy_mode_off_or_as_administrator_the_bot_hears_all_people(
    on: Scene, group: Chat
) -> None:
    await group.make_admin(on.world.bot)
    await group.says(on.ada, "as administrator")
    await group.other_bot_says("bots are never heard")
    open_group = on.world.group("Open", [on.ada], privacy_mode=False)
    await open_group.says(on.ada, "open talk")
    assert await on.texts() == ["as administrator", "open talk"]
    assert (await on.bot.get_me()).can_read_all_group_messages


# --- coming and going


async def test_the_bot_is_told_when_it_is_added_promoted_and_removed(on: Scene, bob: User) -> None:
    group = on.world.group("Dogs", [on.ada, bob], bot=False)
    await group.add_bot(on.ada)
    added, joined = await on.updates()
    assert added.my_chat_member
    assert joined.message
    assert joined.message.new_chat_members
    assert (added.my_chat_member.old_chat_member.status, added.my_chat_member.new_chat_member.status) == (
        *("left", "member"),
    )
    assert joined.message.new_chat_members[0].username == "kie_video_bot"
    await group.make_admin(on.world.bot)
    await group.remove_bot(on.ada)
    changes = [each.my_chat_member for each in await on.updates()]
    assert [each.new_chat_member.status for each in changes if each] == ["administrator", "kicked"]
    with pytest.raises(TelegramForbiddenError, match="bot was kicked from the group chat"):
        await on.bot.send_message(group.id, "Hello?")


async def test_a_bot_that_left_is_no_member(on: Scene, group: Chat) -> None:
    await on.bot.leave_chat(group.id)
    with pytest.raises(TelegramForbiddenError, match="bot is not a member of the supergroup chat"):
        await on.bot.send_message(group.id, "Hello?")
    await group.says(on.ada, "/sora@kie_video_bot a dog")
    assert await on.texts() == []


async def test_who_never_started_the_bot_or_blocked_it_cannot_be_written_to(on: Scene, bob: User) -> None:
    with pytest.raises(TelegramForbiddenError, match="can't initiate conversation"):
        await on.bot.send_message(bob.id, "Hello")
    chat = on.world.private(bob)
    await chat.says(bob, "/start")
    await on.bot.send_message(bob.id, "Hello")
    await chat.block_bot(bob)
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await on.bot.send_message(bob.id, "Hello")
    await chat.unblock(bob)
    await on.bot.send_message(bob.id, "Hello again")
    changes = [each.my_chat_member for each in await on.updates() if each.my_chat_member]
    assert [each.new_chat_member.status for each in changes] == ["kicked", "member"]
    bob.deactivated = True
    with pytest.raises(TelegramForbiddenError, match="user is deactivated"):
        await on.bot.send_message(bob.id, "Hello")


async def test_a_group_that_became_a_supergroup_tells_its_new_id(on: Scene) -> None:
    group = on.world.group("Birds", [on.ada])
    new = await group.migrate_group()
    told = [each.message for each in await on.updates()]
    assert [(each.migrate_to_chat_id, each.migrate_from_chat_id) for each in told if each] == [
        (new.id, None),
        (None, group.id),
    ]
    with pytest.raises(TelegramMigrateToChat) as moved:
        await on.bot.send_message(group.id, "Hello")
    await on.bot.send_message(moved.value.migrate_to_chat_id, "Hello")
    assert new.last.text == "Hello"


async def test_members_and_administrators_are_known(on: Scene, bob: User, group: Chat) -> None:
    await group.make_admin(bob, rights={"can_delete_messages"})
    statuses = [(await on.bot.get_chat_member(group.id, each.id)).status for each in (on.ada, bob)]
    assert statuses == ["creator", "administrator"]
    assert [each.user.id for each in await on.bot.get_chat_administrators(group.id)] == [on.ada.id, bob.id]
    assert await on.bot.get_chat_member_count(group.id) == 3
    assert (await on.bot.get_chat_member(group.id, on.world.user(5, "Eve").id)).status == "left"
    await group.leaves(bob)
    assert (await on.bot.get_chat_member(group.id, bob.id)).status == "left"


async def test_an_anonymous_administrator_writes_as_the_group(on: Scene, group: Chat) -> None:
    await group.says(on.ada, "/sora@kie_video_bot a dog", anonymous=True)
    (update,) = await on.updates()
    assert update.message
    assert update.message.from_user
    assert update.message.sender_chat
    assert (update.message.from_user.username, update.message.sender_chat.id) == (
        *("GroupAnonymousBot", group.id),
    )


async def test_a_post_in_a_channel_comes_as_one(on: Scene) -> None:
    channel = on.world.channel("News", "news")
    await channel.posts("today")
    (update,) = await on.updates()
    assert update.channel_post
    assert update.channel_post.from_user is None
    await on.bot.send_message("@news", "tomorrow")
    assert channel.last.text == "tomorrow"


# --- rights, topics


async def test_without_the_right_no_video_is_sent(on: Scene, group: Chat) -> None:
    group.forbid("videos")
    with pytest.raises(TelegramBadRequest, match="not enough rights to send videos to the chat"):
        await on.bot.send_video(group.id, BufferedInputFile(tiny_mp4(), "a.mp4"))
    await on.bot.send_message(group.id, "Words are fine")
    group.allow("videos")
    await on.bot.send_video(group.id, BufferedInputFile(tiny_mp4(), "a.mp4"))
    assert group.last.media


async def test_in_a_topic_everything_hangs_on_its_first_message(on: Scene) -> None:
    forum = on.world.group("Forum", [on.ada], forum=True, privacy_mode=False)
    topic = await forum.open_topic("Films")
    await forum.says(on.ada, "a dog", topic=topic)
    message = (await on.updates())[-1].message
    assert message
    assert message.reply_to_message
    assert (message.message_thread_id, message.is_topic_message) == (topic, True)
    assert message.reply_to_message.forum_topic_created
    answer = await on.bot.send_message(
        forum.id, "here", reply_parameters=ReplyParameters(message_id=message.message_id)
    )
    assert (answer.message_thread_id, forum.last.topic) == (topic, topic)
    for wrong in (1, 999):
        with pytest.raises(TelegramBadRequest, match="message thread not found"):
            await on.bot.send_message(forum.id, "where?", message_thread_id=wrong)


async def test_a_closed_topic_takes_nothing_but_from_who_manages_it(on: Scene) -> None:
    forum = on.world.group("Forum", [on.ada], forum=True)
    topic = await forum.open_topic("Films")
    await forum.close_topic(topic)
    with pytest.raises(TelegramBadRequest, match="TOPIC_CLOSED"):
        await on.bot.send_message(forum.id, "Hello", message_thread_id=topic)
    await forum.reopen_topic(topic)
    await on.bot.send_message(forum.id, "Hello", message_thread_id=topic)
    await forum.close_topic(topic)
    await forum.make_admin(on.world.bot)
    await on.bot.send_message(forum.id, "Hello again", message_thread_id=topic)
    assert len(forum.messages) == 2


async def test_a_thread_of_replies_is_no_topic(on: Scene, group: Chat) -> None:
    asked = await group.says(on.ada, "/sora@kie_video_bot a dog")
    sent = await on.bot.send_message(group.id, "here", reply_parameters=ReplyParameters(message_id=asked.id))
    assert (sent.message_thread_id, sent.is_topic_message) == (asked.id, None)
    with pytest.raises(TelegramBadRequest, match="message thread not found"):
        await on.bot.send_message(group.id, "here", message_thread_id=asked.id)


async def test_supergroups_count_their_messages_for_themselves(on: Scene, group: Chat) -> None:
    basic = on.world.group("Birds", [on.ada])
    ids = [(await on.bot.send_message(each, "hello")).message_id for each in (on.ada.id, basic.id, group.id)]
    assert ids == [1, 2, 1]


# --- for one person only


async def test_an_ephemeral_answer_to_a_press_is_seen_by_one_person(
    on: Scene, clock: FakeClock, group: Chat
) -> None:
    await on.bot.send_message(group.id, "Choose", reply_markup=buttons(Balance="balance"))
    press = await group.press(on.ada, group.last, "Balance")
    personal = EphemeralMessageParameters(receiver_user_id=on.ada.id, callback_query_id=press.id)
    sent = await on.bot.send_message(group.id, "100 credits", ephemeral_message_parameters=personal)
    assert (sent.message_id, group.last.ephemeral_to) == (0, on.ada)
    assert sent.ephemeral_message_id
    await on.bot.edit_ephemeral_message_text(group.id, on.ada.id, sent.ephemeral_message_id, "90 credits")
    assert group.last.text == "90 credits"
    await on.bot.delete_ephemeral_message(group.id, on.ada.id, sent.ephemeral_message_id)
    assert group.messages[-1].deleted
    clock.advance(16)
    with pytest.raises(TelegramBadRequest, match="not enough rights to send ephemeral"):
        await on.bot.send_message(group.id, "100 credits", ephemeral_message_parameters=personal)


async def test_only_administrators_send_ephemeral_messages_unasked(on: Scene, group: Chat) -> None:
    personal = EphemeralMessageParameters(receiver_user_id=on.ada.id)
    with pytest.raises(TelegramBadRequest, match="not enough rights to send ephemeral"):
        await on.bot.send_message(group.id, "psst", ephemeral_message_parameters=personal)
    await group.make_admin(on.world.bot)
    await on.bot.send_message(group.id, "psst", ephemeral_message_parameters=personal)
    with pytest.raises(TelegramBadRequest, match="only to groups"):
        await on.bot.send_message(on.ada.id, "psst", ephemeral_message_parameters=personal)
    assert [each.ephemeral_to for each in group.messages] == [on.ada]


async def test_an_ephemeral_command_is_answered_by_an_ephemeral_reply(on: Scene, group: Chat) -> None:
    await on.bot.set_my_commands([BotCommand(command="balance", description="Yours", is_ephemeral=True)])
    await group.says(on.ada, "/balance")
    (update,) = await on.updates()
    assert update.message
    assert (update.message.message_id, update.message.text) == (0, "/balance")
    await update.message.as_(on.bot).reply("100 credits")
    assert (group.last.text, group.last.ephemeral_to) == ("100 credits", on.ada)
