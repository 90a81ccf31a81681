"""From words to an order: what the card says, what its buttons do, and what happens on the way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from support.card_talk import GROUP, open_member
from support.catalog_requests import plain
from support.house import ADA
from support.small_talk import buttons

from bot.domain import JobState
from bot.errors import UserError
from bot.store import provider
from bot.talk import Wish

# --- the card ----------------------------------------------------------------------------------------------------


async def test_a_sentence_becomes_a_card_with_everything_that_matters_before_paying(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=100) as ada:
        card = await ada.ask("a happy dog")
        for line in (
            "a happy dog",
            "Model: Veo 3.1 Lite",
            "Length: 8 s",
            "Shape: landscape 16:9",
            "Quality: 720p",
            "Sound: with sound",
            "Price: 30 credits",
            "Balance after: 70 credits",
            "Usual wait: 1 to 2 min",
        ):
            assert line in card
        assert "[✅ Confirm · 30 credits]\n[Length: 8 s] [Shape: landscape 16:9]\n" in card
        assert card.endswith("[Change words] [Cancel]")
        first = buttons(ada.shown)["✅ Confirm · 30 credits"]
        assert first.style == "go"


async def test_where_words_go_is_told_once(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "Your text and pictures go to KIE.ai" in await ada.ask("a dog")
        assert "KIE.ai" not in await ada.ask("a dog")


async def test_in_a_group_nobody_reads_anothers_balance(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        ada.community = GROUP
        card = await ada.ask("a dog")
        assert "Price: 30 credits" in card
        assert "alance" not in card


async def test_only_what_the_model_lets_choose_is_shown(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling a dog")
        assert [label.split(":")[0] for label in ada.labels()[1:6]] == [
            "Length",
            "Shape",
            "Quality",
            "Sound",
            "Model",
        ]
        await ada.ask("a dog", "sora")
        assert not [label for label in ada.labels() if label.startswith(("Quality", "Sound"))]


async def test_a_very_long_prompt_still_makes_a_readable_card(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("word " * 1500)
        assert "…" in card
        assert (await ada.draft()).request.prompt == ("word " * 1500).strip()


async def test_the_card_and_every_menu_of_every_model_fit_every_chat(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=50) as ada:
        for model in ada.house.studio.catalog.sold():
            request = plain(model)
            wish = Wish(
                prompt=request.prompt,
                model=model.id,
                pictures=await ada.pictures(len(request.pictures)),
                shots=request.shots,
                video_url=request.video_url,
            )
            card = ada.see(await ada.talk.ask(ada.asker(), wish))
            assert f"Model: {model.plain_name}\n" in card
            options = [each.action for each in buttons(ada.shown).values() if ":ask:" in each.action]
            assert len(options) >= (model.kind == "video")
            for option in options:
                assert "[Back]" in await ada.act(option)


async def test_markup_and_emoji_in_a_prompt_stay_as_they_are(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "<b>{dog}</b> 🐶 %s" in await ada.ask("<b>{dog}</b> 🐶 %s")


async def test_options_in_words_are_on_the_card(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("15s portrait pro a happy dog", "sora")
        assert "Model: Sora 2 Pro" in card
        assert "15 s" in card
        assert "portrait 9:16" in card
        assert "Model: Sora 2 Pro" in await ada.ask("1080p a happy dog", "sora")
        assert "Quality: high 1080p" in await ada.ask("pro-hd a happy dog", "sora")


async def test_a_choice_the_named_model_cannot_do_is_refused_with_what_it_can(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        with pytest.raises(UserError, match=r"Veo 3\.1 Fast can't make 15 s\. Choose 4, 6 or 8 s\."):
            await ada.ask("veo 15s a dog")
        with pytest.raises(UserError, match="Did you mean Kling"):
            await ada.ask("model=klingon a dog")


async def test_without_a_named_model_the_cheapest_that_can_do_it_is_taken_visibly(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("12s square a dog")
        draft = await ada.draft()
        assert draft.quote.model != "veo-3-1:lite"
        assert (draft.quote.seconds, draft.quote.aspect) == (12, "1:1")
        assert "Veo 3.1 Lite can't" in card
        assert "the cheapest that can" in card


async def test_what_is_never_made_is_refused_whatever_the_model(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        for text in ("a naked child", "15s a naked child", "kling a naked child"):
            with pytest.raises(UserError) as caught:
                await ada.ask(text)
            assert caught.value.key == "content.refused"


async def test_hearing_a_message_twice_makes_one_draft(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        asker, wish = ada.asker(), ada.talk.read("video", "a dog")
        ada.see(await ada.talk.ask(asker, wish))
        first = await ada.draft()
        ada.see(await ada.talk.ask(asker, wish))
        assert (await ada.draft()).id == first.id


# --- the member's usual choices ----------------------------------------------------------------------------------


async def test_usual_choices_fill_in_what_was_not_said(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.studio.prefer(
            ADA, model="kling-3.0/video", aspect="portrait", seconds=10, quality="high"
        )
        card = await ada.ask("a dog")
        for line in ("Model: Kling 3.0", "Length: 10 s", "Shape: portrait 9:16", "Quality: pro 1080p"):
            assert line in card
        assert "Length: 5 s" in await ada.ask("5s a dog")
        assert "Model: Veo 3.1 Lite" in await ada.ask("veo lite a dog")


async def test_a_usual_choice_the_model_cannot_do_is_dropped_without_a_word(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.studio.prefer(ADA, seconds=15, aspect="portrait", quality="max")
        card = await ada.ask("a dog", "sora", pictures=1)
        assert "Length: 15 s" in card
        card = await ada.ask("veo lite a dog")
        assert "Length: 8 s" in card
        assert "15 s" not in card
        assert "Shape: portrait 9:16" in card


async def test_a_usual_model_that_is_gone_or_takes_no_picture_gives_way(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.studio.prefer(ADA, model="wan/2-6-text-to-video")
        assert "Model: Wan 2.6\n" in await ada.ask("a dog")
        assert "Model: Wan 2.6\n" in await ada.ask("a dog", pictures=1)
        assert (await ada.draft()).quote.model == "wan/2-6-image-to-video"
        await ada.house.withdraw("wan/2-6-text-to-video")
        assert "Model: Veo 3.1 Lite" in await ada.ask("a dog")
        await ada.house.studio.prefer(ADA, model="no such model")
        assert "Model: Veo 3.1 Lite" in await ada.ask("a dog")


# --- pictures ----------------------------------------------------------------------------------------------------


async def test_one_picture_is_the_first_frame(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("a dog", "sora", pictures=1)
        assert "Model: Sora 2\n" in card
        assert (await ada.draft()).quote.model == "sora-2-image-to-video"
        assert "starts from your picture" in card
        assert (await ada.draft()).request.first


async def test_two_pictures_are_first_and_last_where_the_model_takes_both(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "your first and last picture" in await ada.ask("kling a dog", pictures=2)
        request = (await ada.draft()).request
        assert [request.first, request.last] == list(await ada.pictures(2))
        assert "first and last picture" in await ada.ask("pixverse a dog", pictures=2)
        assert (await ada.draft()).quote.model == "pixverse-v6/transition"
        assert "2 pictures to go by" in await ada.ask("grok a dog", pictures=2)


async def test_a_last_picture_named_as_such_is_one(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        first, last = await ada.pictures(2)
        ada.see(
            await ada.talk.ask(
                ada.asker(), ada.talk.read("video", "kling a dog").change(pictures=(first,), last=last)
            )
        )
        request = (await ada.draft()).request
        assert (request.first, request.last) == (first, last)


async def test_several_pictures_are_references_as_far_as_the_model_allows(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "3 pictures to go by" in await ada.ask("a dog", pictures=3)
        assert "5 pictures to go by" in await ada.ask("minimax, a dog", pictures=5)
        assert (await ada.draft()).quote.model == "minimax-h3/reference-to-video"


async def test_too_many_pictures_are_asked_about_by_number(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        asked = await ada.ask("veo quality a dog", pictures=4)
        assert asked.strip() == (
            "Veo 3.1 Quality takes 2 pictures, and you sent 4. Which should I use? Answer with numbers, such as 1 3."
        )
        assert ada.question.kind == "which"
        assert "Please answer with numbers from 1 to 4." in await ada.answer("the first")
        assert "Please answer with numbers from 1 to 4." in await ada.answer("1 7")
        said = await ada.answer("1, 2 and 3")
        assert "That is too many: 2 at most." in said
        assert "numbers from" not in said
        assert "your first and last picture" in await ada.answer("4 und 1")
        sent = await ada.pictures(4)
        request = (await ada.draft()).request
        assert (request.first, request.last, request.prompt) == (sent[3], sent[0], "a dog")


async def test_a_model_that_takes_one_picture_asks_for_one_number(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert (
            "takes 1 picture, and you sent 3. Which should I use? Answer with numbers, such as 2."
            in await ada.ask("hailuo a dog", pictures=3)
        )
        await ada.answer("2")
        assert (await ada.draft()).request.first == (await ada.pictures(3))[1]


async def test_a_picture_alone_is_enough_where_the_model_needs_no_words(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "Price: 27 credits" in await ada.ask("grok", pictures=1)


async def test_a_model_that_starts_from_a_picture_asks_for_one(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "Hailuo 2.3 Standard starts from a picture. Send it now" in await ada.ask("hailuo a dog")
        assert ada.question.kind == "picture"
        assert "starts from a picture" in await ada.answer("what?")
        card = await ada.answer(pictures=1)
        assert "Price: 30 credits" in card
        assert (await ada.draft()).request.prompt == "a dog"


# --- words that are missing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["video", "sora"])
async def test_without_words_the_bot_asks_for_them(tmp_path: Path, command: str) -> None:
    async with open_member(tmp_path) as ada:
        assert "What should be in the video?" in await ada.ask("", command)
        assert ada.question.kind == "words"
        await ada.answer("a happy dog")
        assert (await ada.draft()).request.prompt == "a happy dog"


async def test_what_was_chosen_and_sent_before_the_words_stays(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "What should happen in the video?" in await ada.ask("9:16 4s veo", pictures=1)
        card = await ada.answer("it wakes up")
        assert "Length: 4 s" in card
        assert "portrait 9:16" in card
        assert "starts from your picture" in card


async def test_options_that_the_usual_model_cannot_do_wait_for_the_words(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "What should be in the video?" in await ada.ask("15s")
        assert "Length: 15 s" in await ada.answer("a happy dog")


async def test_a_question_can_be_left(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("")
        assert "Never mind" in await ada.answer(choice="cancel")


async def test_an_answer_with_a_picture_and_words_brings_both(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("", "sora")
        assert "Model: Sora 2\n" in await ada.answer("it wakes up", pictures=1)


# --- ordering ----------------------------------------------------------------------------------------------------


async def test_one_press_orders_and_a_second_one_orders_nothing_more(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=100) as ada:
        await ada.ask("a dog")
        confirm = ada.action("✅ Confirm")
        await ada.act(confirm)
        first = ada.job
        await ada.act(confirm)
        assert ada.job.id == first.id
        assert await ada.house.available() == 70
        assert first.state is JobState.QUEUED


async def test_a_stale_quote_is_asked_again_in_the_same_message(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        draft = await ada.draft()
        ada.house.clock.advance(16 * 60)
        again = await ada.press("✅ Confirm")
        assert "This price is no longer fresh; here it is again." in again
        assert (await ada.draft()).id == draft.id
        assert ada.shown.ordered is None
        await ada.press("✅ Confirm")
        assert ada.job.price == 30


async def test_a_moved_price_is_shown_before_it_is_taken(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        studio = ada.house.studio
        studio.settings = replace(studio.settings, price_markup=Decimal(2))
        assert "[✅ Confirm · 60 credits]" in await ada.press("✅ Confirm")


async def test_an_old_copy_of_a_card_never_orders_at_another_price_than_it_says(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        old = ada.action("✅ Confirm")
        await ada.press("Quality")
        await ada.press("4k")
        card = await ada.act(old)
        assert ada.shown.ordered is None
        assert "[✅ Confirm · 150 credits]" in card


@pytest.mark.parametrize("what", ["paused", "gate", "queue"])
async def test_what_keeps_orders_out_is_said_and_the_card_stays(tmp_path: Path, what: str) -> None:
    async with open_member(tmp_path, max_queued_per_user=1) as ada:
        await ada.ask("a dog")
        confirm = ada.action("✅ Confirm")
        if what == "paused":
            await ada.house.office.pause("back at noon")
        elif what == "queue":
            await ada.house.order(ADA)
        else:
            now = ada.house.clock.now()
            await ada.house.store.write(
                lambda tx: provider.close_gate(tx, "main", 401, "no", now, now + 60_000)
            )
        assert (await ada.refused(confirm)).startswith("order.")


async def test_cancelling_a_card_orders_nothing(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        assert "Nothing was ordered" in await ada.press("Cancel")
        assert ada.labels() == []
