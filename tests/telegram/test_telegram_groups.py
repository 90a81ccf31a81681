"""Groups and topics: who is answered, where, and what others see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.telegram_chats import Chat
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_media import tiny_picture

from bot.domain import CommunityRef, FailureKind, UserRef
from bot.ports import Broken


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


def group(house: TelegramHouse, **how: bool) -> Chat:
    return house.world.group("Cats", [house.ada, house.boss], **how)


def ref(chat: Chat) -> CommunityRef:
    return CommunityRef("telegram-chat", str(chat.id))


# --- coming in -------------------------------------------------------------------------------------------------------


async def test_on_joining_one_message_says_what_it_does_and_how_it_is_let_in(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed") as bot:
        cats = group(bot, bot=False)
        await cats.add_bot(bot.ada)
        await bot.quiet()
        (hello,) = cats.messages
        for words in (f"/video@{bot.name}", "/allow", f"kiebot allow telegram-chat:{cats.id}", "KIE.ai"):
            assert words in hello.text


async def test_where_everybody_is_let_in_the_greeting_says_nothing_of_allowing(bot: TelegramHouse) -> None:
    cats = group(bot, bot=False)
    await cats.add_bot(bot.ada)
    await bot.quiet()
    assert "/video" in cats.last.text
    assert "allow" not in cats.last.text


async def test_whether_a_group_is_let_in_is_said_once_an_hour(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed") as bot:
        cats = group(bot)
        refused = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
        assert str(cats.id) in refused.text
        await bot.silence(cats, bot.ada, f"/video@{bot.name} a happy dog")
        bot.house.clock.advance(3601)
        await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")


async def test_removed_and_blocked_is_noted_and_undone_when_it_is_back(bot: TelegramHouse) -> None:
    cats = group(bot)
    await cats.remove_bot(bot.ada)
    await bot.chat.block_bot(bot.ada)
    await bot.quiet()
    assert await bot.memory.get(f"telegram:closed:{cats.id}") == "kicked"
    assert await bot.memory.get(f"telegram:closed:{bot.ada.id}") == "kicked"
    await cats.add_bot(bot.ada)
    await bot.chat.unblock(bot.ada)
    await bot.quiet()
    assert await bot.memory.get(f"telegram:closed:{cats.id}") is None
    assert await bot.memory.get(f"telegram:closed:{bot.ada.id}") is None


async def test_a_group_that_becomes_a_supergroup_stays_let_in_and_keeps_its_credits(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed", new_user_credits=1000) as bot:
        cats = group(bot)
        await bot.house.office.allow(ref(cats))
        await bot.house.office.grant(ref(cats), 70, "for all")
        card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
        await bot.press(card, "Confirm")
        new = await cats.migrate_group()
        await bot.quiet()
        assert (await bot.house.office.balance(ref(new))).available == 70
        assert "Confirm" in str((await bot.ask(new, bot.ada, f"/video@{bot.name} a sad cat")).buttons)
        await bot.deliver()
        assert any(each.media for each in new.messages)


async def test_what_was_known_of_the_new_id_already_is_put_together(bot: TelegramHouse) -> None:
    old, new = CommunityRef("telegram-chat", "-5"), CommunityRef("telegram-chat", "-1005")
    await bot.house.office.grant(old, 70, "for all")
    await bot.house.office.grant(new, 30, "for all")
    await bot.house.office.allow(new)
    for _ in range(2):
        await bot.house.office.moved(old, new)
    assert (await bot.house.office.balance(new)).available == 100
    assert [each["who"] for each in await bot.house.office.access()] == [str(new)]
    await bot.house.verify()


# --- who is answered -------------------------------------------------------------------------------------------------


async def test_talk_that_is_not_for_the_bot_is_left_alone(bot: TelegramHouse) -> None:
    cats = group(bot, privacy_mode=False)
    for words in ("a happy dog", "/unknown", "/video@OtherBot a dog", f"hello @{bot.name}"):
        await bot.silence(cats, bot.ada, words)
    await cats.other_bot_says(f"/video@{bot.name} a dog")
    await bot.quiet()
    assert cats.messages == []


async def test_a_refusal_that_only_one_person_saw_does_not_silence_the_one_to_all(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed") as bot:
        cats = group(bot, supergroup=True)
        bot.world.commands["default", ""] = [
            {"command": "settings", "description": "-", "is_ephemeral": True}
        ]
        await bot.ask(cats, bot.ada, f"/settings@{bot.name}")
        assert cats.last.ephemeral_to is bot.ada
        refused = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
        assert refused.ephemeral_to is None
        assert str(cats.id) in refused.text


async def test_a_message_that_begins_with_the_bots_name_is_a_request(bot: TelegramHouse) -> None:
    cats = group(bot, privacy_mode=False)
    assert "a happy dog" in (await bot.ask(cats, bot.ada, f"@{bot.name} a happy dog")).text


async def test_an_anonymous_admin_is_not_billed_but_asked_to_write_as_themselves(bot: TelegramHouse) -> None:
    cats = group(bot)
    answer = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog", anonymous=True)
    assert "write as yourself" in answer.text
    assert await bot.house.value("SELECT COUNT(*) FROM drafts") == 0


async def test_whoever_writes_anonymously_without_end_is_told_once_a_minute(bot: TelegramHouse) -> None:
    cats = group(bot)
    await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog", anonymous=True)
    await bot.silence(cats, bot.ada, f"/video@{bot.name} a happy dog", anonymous=True)
    bot.house.clock.advance(61)
    await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog", anonymous=True)


async def test_a_stranger_cannot_keep_a_group_busy_with_what_is_open_to_all(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed", commands_per_minute=3) as bot:
        cats = group(bot)
        for _ in range(3):
            assert "/video" in (await bot.ask(cats, bot.ada, f"/help@{bot.name}")).text
        assert "Easy" in (await bot.ask(cats, bot.ada, f"/help@{bot.name}")).text
        for command in ("help", "terms", "privacy", "claim", "start"):
            await bot.silence(cats, bot.ada, f"/{command}@{bot.name} 1234")
        bot.house.clock.advance(61)
        assert "/video" in (await bot.ask(cats, bot.ada, f"/help@{bot.name}")).text


async def test_posts_of_a_channel_are_not_answered(bot: TelegramHouse) -> None:
    news = bot.world.channel("News")
    await news.posts(f"/video@{bot.name} a happy dog")
    await bot.quiet()
    assert not news.messages


async def test_a_question_in_privacy_mode_is_answered_by_a_reply_to_it(bot: TelegramHouse) -> None:
    cats = group(bot, privacy_mode=True)
    question = await bot.ask(cats, bot.ada, f"/video@{bot.name}")
    assert question.asks_for_reply
    assert question.markup is not None
    assert question.markup["selective"]
    await bot.silence(cats, bot.boss, "a sad cat", reply_to=question)
    card = await bot.ask(cats, bot.ada, "a happy dog", reply_to=question)
    assert "a happy dog" in card.text


async def test_a_picture_is_added_in_privacy_mode_by_replying_with_it_to_the_question(
    bot: TelegramHouse,
) -> None:
    cats = group(bot, privacy_mode=True)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Add a picture", bot.ada)
    question = cats.messages[-1]
    assert "Ada" in question.text
    fresh = await bot.ask(cats, bot.ada, photo=tiny_picture(), reply_to=question)
    assert "starts from your picture" in fresh.text


# --- where it is answered --------------------------------------------------------------------------------------------


async def test_everything_is_said_in_the_topic_it_was_asked_in_and_hangs_on_the_request(
    bot: TelegramHouse,
) -> None:
    cats = group(bot, forum=True)
    films = await cats.open_topic("Films")
    request = await cats.says(bot.ada, f"/video@{bot.name} a happy dog", topic=films)
    await bot.quiet()
    card = cats.messages[-1]
    assert (card.topic, card.reply_to) == (films, request)
    await bot.press(card, "Confirm")
    await bot.deliver()
    video = cats.messages[-1]
    assert video.media
    assert (video.topic, video.reply_to) == (films, request)


async def test_a_message_in_a_topic_is_no_reply_to_what_opened_it(bot: TelegramHouse) -> None:
    cats = group(bot, forum=True)
    films = await cats.open_topic("Films", bot.ada)
    await bot.ask(cats, bot.boss, f"/allow@{bot.name}", topic=films)
    assert str(ref(cats)) in str(await bot.house.office.access())


async def test_a_request_that_was_deleted_meanwhile_is_answered_all_the_same(bot: TelegramHouse) -> None:
    cats = group(bot, forum=True)
    films = await cats.open_topic("Films")
    request = await cats.says(bot.ada, f"/video@{bot.name} a happy dog", topic=films)
    await cats.deletes(bot.ada, request)
    await bot.quiet()
    assert cats.messages[-1].topic == films


# --- what others see -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["balance", "history", "settings"])
async def test_private_things_asked_in_a_group_go_to_the_private_chat(
    bot: TelegramHouse, command: str
) -> None:
    cats = group(bot)
    answer = await bot.ask(cats, bot.ada, f"/{command}@{bot.name}")
    assert "private chat" in answer.text
    assert answer.buttons == {"Open our chat": f"https://t.me/{bot.name}"}
    assert len(bot.chat.messages) == 1


async def test_where_the_bot_may_they_are_whispered_in_the_group(bot: TelegramHouse) -> None:
    cats = group(bot, supergroup=True)
    await cats.make_admin(bot.world.bot)
    card = await bot.ask(cats, bot.ada, f"/settings@{bot.name}")
    assert card.ephemeral_to is bot.ada
    await bot.press(card, "Shape")
    await bot.press(card, "ortrait")
    assert "ortrait" in card.text
    assert len(cats.messages) == 1
    assert not bot.chat.messages


async def test_a_command_that_only_the_bot_sees_is_answered_so_that_only_its_sender_sees_it(
    bot: TelegramHouse,
) -> None:
    await bot.world.wait_until(lambda: bot.world.calls_of("setMyShortDescription"))
    bot.world.commands["default", ""] = [{"command": "balance", "description": "-", "is_ephemeral": True}]
    cats = group(bot, supergroup=True)
    for _ in range(2):
        answer = await bot.ask(cats, bot.ada, f"/balance@{bot.name}")
        assert answer.ephemeral_to is bot.ada


async def test_who_never_started_the_bot_gets_a_start_link_that_leads_to_it(bot: TelegramHouse) -> None:
    cats, zoe = group(bot), bot.person("Zoe", started=False)
    await cats.joins(zoe)
    answer = await bot.ask(cats, zoe, f"/balance@{bot.name}")
    assert answer.buttons == {"Start": f"https://t.me/{bot.name}?start=balance"}
    own = bot.world.private(zoe)
    await own.starts(zoe, "balance")
    await bot.quiet()
    assert "Your credits" in own.last.text


async def test_a_receipt_pressed_in_a_group_is_whispered(bot: TelegramHouse) -> None:
    cats = group(bot, supergroup=True)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Confirm")
    await bot.deliver()
    await bot.press(cats.messages[-1], "Receipt")
    assert cats.messages[-1].ephemeral_to is bot.ada


async def test_in_a_group_a_failure_is_one_line_without_words_and_the_asker_hears_why(
    bot: TelegramHouse,
) -> None:
    bot.house.kie.next_looks = [Broken(FailureKind.POLICY, "violates our guardrails")]
    cats = group(bot)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Confirm")
    await bot.deliver()
    assert "declined by the model, 30 credits returned" in cats.messages[-1].text
    assert "guardrails" not in cats.messages[-1].text
    assert "guardrails" in bot.chat.messages[-1].text


async def test_who_prefers_private_results_gets_them_in_the_private_chat(bot: TelegramHouse) -> None:
    await bot.house.studio.prefer(UserRef("telegram", str(bot.ada.id)), private=True)
    cats = group(bot)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Confirm")
    assert "happy dog" not in card.text
    await bot.deliver()
    assert bot.chat.messages[-1].media
    assert not any(each.media for each in cats.messages)


async def test_who_administers_a_group_is_asked_without_waiting_behind_what_is_said_there(
    bot: TelegramHouse,
) -> None:
    cats = group(bot, forum=False)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Confirm")
    await bot.deliver()
    video = cats.last
    for _ in range(25):
        await bot.ask(cats, bot.ada, f"/terms@{bot.name}")
    began = bot.house.clock.now()
    await bot.press(video, "Delete", bot.boss)
    assert bot.world.calls_of("getChatMember")[-1].at - began < 1000


async def test_an_admin_of_the_group_may_take_a_video_away_and_another_member_may_not(
    bot: TelegramHouse,
) -> None:
    cats, tom, eve = group(bot), bot.person("Tom"), bot.person("Eve")
    for each in (tom, eve):
        await cats.joins(each)
    await cats.make_admin(eve)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} a happy dog")
    await bot.press(card, "Confirm")
    await bot.deliver()
    video = cats.messages[-1]
    assert (await bot.press(video, "Delete", tom)).alert
    await bot.press(video, "Delete", eve)
    await bot.press(video, "Yes", eve)
    assert video.deleted
