"""From words to a video in a private chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_server import TelegramServer

from bot.domain import FailureKind, UserRef
from bot.errors import RouteClosed
from bot.ports import Broken


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


async def test_plain_words_in_a_private_chat_are_a_request_and_confirm_makes_the_video(
    bot: TelegramHouse,
) -> None:
    request = await bot.chat.says(bot.ada, "a happy dog")
    card = await bot.chat.wait_for(lambda m: m.buttons)
    assert card.reply_to is request
    assert next(iter(card.buttons)) == "✅ Confirm · 30 credits"
    for line in (
        "a happy dog",
        "Veo 3.1 Lite",
        "8 s",
        "landscape",
        "30 credits",
        "970 credits",
        "1 to 2 min",
    ):
        assert line in card.text
    await bot.press(card, "Confirm")
    assert "close the chat" in card.text
    assert "Confirm" not in str(card.buttons)
    await bot.deliver()
    video = bot.chat.messages[-1]
    assert video.reply_to is request
    assert "AI-generated" in video.text
    assert card.deleted


async def test_the_first_quote_says_where_words_go_and_the_second_does_not(bot: TelegramHouse) -> None:
    assert "KIE.ai" in (await bot.says("a happy dog")).text
    assert "KIE.ai" not in (await bot.says("a sad cat")).text


async def test_options_are_words_in_any_order_in_front_of_the_prompt(bot: TelegramHouse) -> None:
    card = await bot.says("/sora 15s portrait pro a happy dog")
    for line in ("Sora 2 Pro", "15 s", "portrait", "a happy dog"):
        assert line in card.text
    assert "portrait pro" not in card.text


async def test_a_model_is_named_in_the_video_command(bot: TelegramHouse) -> None:
    assert "Kling" in (await bot.says("/video kling a happy dog")).text


async def test_a_model_that_is_gone_shows_the_offers_and_one_tap_takes_one(bot: TelegramHouse) -> None:
    for model in ("sora-2-text-to-video", "sora-2-stable-text-to-video"):
        if bot.house.studio.catalog.get(model):
            await bot.house.withdraw(model, "paused by KIE")
    offers = await bot.says("/sora a happy dog")
    assert "not available" in offers.text
    await bot.press(offers, next(iter(offers.buttons)))
    assert "✅ Confirm" in str(offers.buttons)
    assert "a happy dog" in offers.text


async def test_a_command_without_words_asks_for_them_and_the_next_message_is_the_answer(
    bot: TelegramHouse,
) -> None:
    question = await bot.says("/video")
    assert question.asks_for_reply
    card = await bot.says("a happy dog")
    assert "a happy dog" in card.text
    assert "Confirm" in str(card.buttons)


async def test_a_question_is_still_open_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with TelegramServer(clock=clock) as server:
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            await bot.says("/sora")
        async with open_telegram(tmp_path, server, {"clock": clock}) as bot:
            card = await bot.says("a happy dog")
            assert "Sora 2" in card.text


async def test_a_new_command_ends_an_open_question(bot: TelegramHouse) -> None:
    await bot.says("/sora")
    await bot.says("/balance")
    assert "Veo 3.1 Lite" in (await bot.says("a happy dog")).text


async def test_cancel_lets_an_open_question_go_and_says_so(bot: TelegramHouse) -> None:
    await bot.says("/sora")
    assert "Never mind" in (await bot.says("/cancel")).text
    assert "nothing to cancel" in (await bot.says("/cancel")).text
    assert "Veo 3.1 Lite" in (await bot.says("a happy dog")).text


async def test_cancel_in_the_middle_of_a_question_still_stops_a_video_that_waits(bot: TelegramHouse) -> None:
    await bot.press(await bot.says("a happy dog"), "Confirm")
    await bot.says("/sora")
    listed = await bot.says("/cancel")
    assert "In the making" in listed.text
    assert "Never mind" in bot.chat.messages[-2].text


async def test_cancel_with_a_job_stops_it_even_in_the_middle_of_a_question(bot: TelegramHouse) -> None:
    await bot.press(await bot.says("a happy dog"), "Confirm")
    (job,) = await bot.house.office.jobs()
    await bot.says("/sora")
    assert "Cancelled. Nothing was charged" in (await bot.says(f"/cancel {job.id}")).text
    assert (await bot.house.job(job.id)).outcome is not None


@pytest.mark.parametrize("text", ["/видео кот", "//video a dog", "/video! a dog", "/", "/ video a dog"])
async def test_what_only_looks_like_a_command_is_no_prompt_but_gets_a_hint(
    bot: TelegramHouse, text: str
) -> None:
    answer = await bot.says(text)
    assert "There is no command" in answer.text
    assert "/help" in answer.text


@pytest.mark.parametrize("text", ["/video, a happy dog", "/video: a happy dog", "/video\u00a0a happy dog"])
async def test_a_sign_or_a_hard_space_behind_a_command_is_no_part_of_it(
    bot: TelegramHouse, text: str
) -> None:
    card = await bot.says(text)
    assert card.text.startswith("Your video\na happy dog\n")


async def test_the_bots_own_name_in_front_is_no_part_of_the_prompt(bot: TelegramHouse) -> None:
    assert (await bot.says(f"@{bot.name} a happy dog")).text.startswith("Your video\na happy dog\n")


async def test_pressing_another_button_ends_an_open_question_and_a_reply_still_answers_it(
    bot: TelegramHouse,
) -> None:
    card = await bot.says("a happy dog")
    await bot.press(card, "Change words")
    question = bot.chat.messages[-1]
    assert "a happy dog" in question.text
    await bot.press(card, "Length")
    assert "a sad cat" in (await bot.says("a sad cat")).text
    changed = await bot.says("a happy wolf", reply_to=question)
    assert "a happy wolf" in changed.text


async def test_changing_words_makes_a_new_card_and_the_old_one_loses_its_buttons(bot: TelegramHouse) -> None:
    card = await bot.says("/sora portrait a happy dog")
    await bot.press(card, "Change words")
    fresh = await bot.says("a happy wolf")
    assert "a happy wolf" in fresh.text
    assert "portrait" in fresh.text
    assert fresh.buttons
    assert not card.buttons


async def test_markup_in_a_prompt_stays_words(bot: TelegramHouse) -> None:
    prompt = "a <b>bold</b> dog & <a href='x'>cat</a> </blockquote>"
    card = await bot.says(prompt)
    assert prompt in card.text
    await bot.press(card, "Confirm")
    assert prompt in card.text


async def test_a_message_that_comes_twice_makes_one_draft_and_one_answer(bot: TelegramHouse) -> None:
    bot.server.fault("getUpdates", "repeat", skip=1)
    await bot.says("a happy dog")
    await bot.says("/balance")
    assert len([each for each in bot.chat.messages if "✅" in str(each.buttons)]) == 1
    assert await bot.house.value("SELECT COUNT(*) FROM drafts") == 1


async def test_an_edited_message_is_not_quoted_again(bot: TelegramHouse) -> None:
    request = await bot.chat.says(bot.ada, "a happy dog")
    await bot.quiet()
    await bot.chat.edits(bot.ada, request, "a happy dogs")
    await bot.quiet()
    assert len(bot.chat.messages) == 1


async def test_forwarded_words_are_a_request_and_what_came_by_another_bot_is_not(bot: TelegramHouse) -> None:
    origin = {"type": "hidden_user", "date": 1_795_000_000, "sender_user_name": "Somebody"}
    card = await bot.says("a happy dog", extra={"forward_origin": origin})
    assert "a happy dog" in card.text
    other = {"id": 77, "is_bot": True, "first_name": "Gif", "username": "gif"}
    await bot.silence(bot.chat, bot.ada, "a happy dog", extra={"via_bot": other})


async def test_things_that_are_no_words_get_a_sentence_and_service_messages_none(bot: TelegramHouse) -> None:
    place = {"location": {"latitude": 1.0, "longitude": 2.0}}
    assert "from words and pictures" in (await bot.says(extra=place)).text
    await bot.silence(
        bot.chat, bot.ada, extra={"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}}
    )


async def test_a_service_message_does_not_answer_an_open_question(bot: TelegramHouse) -> None:
    await bot.says("/sora")
    timer = {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}}
    await bot.silence(bot.chat, bot.ada, extra=timer)
    assert "Sora 2" in (await bot.says("a happy dog")).text


async def test_a_failure_says_why_in_plain_words_with_kies_own_quoted_and_offers_to_change(
    bot: TelegramHouse,
) -> None:
    bot.house.kie.next_looks = [Broken(FailureKind.POLICY, "violates <our> guardrails")]
    card = await bot.says("a happy dog")
    await bot.press(card, "Confirm")
    await bot.deliver()
    told = bot.chat.messages[-1]
    assert "violates <our> guardrails" in told.text
    assert "are back" in told.text
    await bot.press(told, "Change words")
    fresh = await bot.says("a happy wolf")
    assert "a happy wolf" in fresh.text
    assert "Confirm" in str(fresh.buttons)


async def test_a_video_that_could_not_be_delivered_is_offered_once_when_they_are_back(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await bot.says("a happy dog")
    await bot.press(card, "Confirm")

    async def refuse(*_: object) -> str:
        raise RouteClosed("they blocked us")

    with monkeypatch.context() as gone:
        gone.setattr(bot.telegram, "deliver", refuse)
        await bot.deliver()
    offer = await bot.says("/balance")
    assert "a happy dog" in str(offer.buttons)
    await bot.press(offer, "a happy dog")
    assert bot.chat.messages[-1].media
    assert "a happy dog" not in str((await bot.says("/balance")).buttons)


async def test_a_video_that_waits_is_offered_once_also_by_the_greeting(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bot.press(await bot.says("a happy dog"), "Confirm")

    async def refuse(*_: object) -> str:
        raise RouteClosed("they blocked us")

    with monkeypatch.context() as gone:
        gone.setattr(bot.telegram, "deliver", refuse)
        await bot.deliver()
    before = len(bot.chat.messages)
    await bot.says("/start")
    offers = [each for each in bot.chat.messages[before:] if "a happy dog" in str(each.buttons)]
    assert len(offers) == 1


async def test_somebody_who_is_forgotten_leaves_no_word_in_the_notes(bot: TelegramHouse) -> None:
    await bot.says("/video")
    await bot.house.studio.prefer(UserRef("telegram", str(bot.ada.id)), aspect="portrait")
    await bot.house.studio.forget(UserRef("telegram", str(bot.ada.id)))
    owned = await bot.house.value("SELECT COUNT(*) FROM memory WHERE owner IS NOT NULL")
    assert owned == 0


async def test_no_message_is_ever_longer_than_telegram_takes(bot: TelegramHouse) -> None:
    card = await bot.says("🐕" * 2000)
    assert len(card.text.encode("utf-16-le")) // 2 <= 4096
    assert re.search(r"🐕…", card.text)
    assert "30 credits" in card.text
