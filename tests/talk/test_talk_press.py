"""The buttons of a card: options, offers, too few credits, other people's cards, and the way from one video to the next."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import files
from support.card_talk import open_member
from support.house import ADA, BOB
from support.small_talk import buttons

from bot import texts
from bot.domain import FailureKind, Picture
from bot.errors import UserError
from bot.ports import Broken
from bot.talk import Talk
from bot.talk.base import best_language

# --- options -----------------------------------------------------------------------------------------------------


async def test_an_option_opens_in_the_same_message_with_a_price_on_every_value(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling a dog")
        menu = await ada.press("Length")
        assert menu.startswith("Choose: Length\na dog")
        assert "[✓ 5 s · 100 credits]" in menu
        assert "[10 s · 200 credits]" in menu
        assert "Any length from 3 to 15 s is possible." in menu
        card = await ada.press("10 s")
        assert "Length: 10 s" in card
        assert "[✅ Confirm · 200 credits]" in card


@pytest.mark.parametrize(
    ("option", "value", "line"),
    [
        ("Shape", "portrait 9:16", "Shape: portrait 9:16"),
        ("Quality", "pro 1080p", "Quality: pro 1080p"),
        ("Sound", "off", "Sound: silent"),
        ("Model", "Veo 3.1 Lite", "Model: Veo 3.1 Lite"),
    ],
)
async def test_every_option_can_be_changed(tmp_path: Path, option: str, value: str, line: str) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling a dog")
        await ada.press(option)
        assert line in await ada.press(value)
        assert (await ada.draft()).request.prompt == "a dog"


async def test_back_leads_to_the_card_unchanged(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling a dog")
        await ada.press("Quality")
        assert "[✅ Confirm · 100 credits]" in await ada.press("Back")


async def test_a_choice_that_needs_another_changed_says_so(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("hailuo pro 10s a dog", pictures=1)
        assert "[1080P · 80 credits · 6 s instead of 10 s]" in await ada.press("Quality")
        card = await ada.press("1080P")
        assert "To make that possible: 6 s instead of 10 s." in card
        assert "Length: 6 s" in card


async def test_the_models_that_take_the_request_are_listed_cheapest_first_in_pages(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        seen: list[str] = []
        page = None
        menu = await ada.press("Model")
        while True:
            seen += [label for label in ada.labels() if "credits" in label]
            if "[More models]" not in menu:
                break
            menu = await ada.press("More models")
            page = re.search(r"Page (\d) of (\d)", menu)
            assert page
        prices = [int(label.split(" · ")[1].split()[0]) for label in seen]
        assert prices == sorted(prices)
        assert len(seen) > 16
        assert page
        assert len(set(seen)) == len(seen)
        assert page[1] == page[2]
        assert f"Page {int(page[2]) - 1} of" in await ada.press("Cheaper ones")
        assert not [label for label in seen if "image" in label]


async def test_another_model_keeps_words_and_pictures_and_says_what_changes(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling 15s a dog", pictures=1)
        before = (await ada.draft()).request
        await ada.press("Model")
        while not [label for label in ada.labels() if label.startswith("Veo 3.1 Lite")]:
            await ada.press("More models")
        card = await ada.press("Veo 3.1 Lite")
        assert "Now with Veo 3.1 Lite: 8 s instead of 15 s" in card
        after = (await ada.draft()).request
        assert (after.prompt, after.first) == (before.prompt, before.first)


async def test_a_value_that_is_no_longer_to_be_had_is_refused(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        draft = await ada.draft()
        for what in ("len:99", "model:ffffffff", "shape:1:1"):
            assert await ada.refused(f"1:set:{draft.id}:{what}") == "talk.choice_gone"
        assert await ada.refused(f"1:ask:{draft.id}:colour") == "talk.old_button"


# --- words and pictures ------------------------------------------------------------------------------------------


async def test_words_can_be_changed_on_the_card(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog 4s")
        draft = await ada.draft()
        await ada.press("Change words")
        assert (ada.question.kind, ada.question.current) == ("words", "a dog 4s")
        assert "a cat" in await ada.answer("a cat")
        assert (await ada.draft()).id == draft.id


async def test_a_picture_can_be_added_and_another_put_in_its_place(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("portrait a dog", "sora")
        await ada.press("Add a picture")
        assert "Model: Sora 2\n" in await ada.answer(pictures=1)
        first = (await ada.draft()).request.first
        await ada.press("Change picture")
        await ada.answer("here it is", pictures=2)
        assert ada.question.kind == "which"
        await ada.answer("2")
        request = (await ada.draft()).request
        assert request.first == (await ada.pictures(2))[1] != first
        assert (request.prompt, request.aspect) == ("a dog", "portrait")


async def test_a_shape_that_a_new_picture_forbids_gives_way_and_says_so(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling portrait a dog")
        await ada.press("Add a picture")
        card = await ada.answer(pictures=1)
        assert "To make that possible: 16:9 instead of 9:16." in card
        assert "Shape: landscape 16:9" in card


async def test_words_where_a_picture_is_needed_are_told_so_and_how_to_leave(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "starts from a picture" in await ada.ask("hailuo 2.3 a dog")
        said = await ada.answer("oh, a cat instead")
        assert "I need a picture for this. Send one, or ask for something else with /video." in said
        assert said.count("starts from a picture") == 1
        assert "starts from your picture" in await ada.answer(pictures=1)


# --- a model that is gone ----------------------------------------------------------------------------------------


async def test_a_dead_model_costs_nothing_and_the_next_best_is_one_press_away(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.withdraw("sora-2-image-to-video", "OpenAI shut it down.")
        said = await ada.ask("portrait 15s a dog", "sora", pictures=1)
        assert "Sora 2 is not available\nOpenAI shut it down.\nSince 2026-06-01" in said
        offers = [label for label in ada.labels() if "credits" in label]
        assert 1 <= len(offers) <= 3
        assert all(label.split(" · ")[0] + ": " in said for label in offers)
        card = await ada.press(offers[0])
        assert f"[✅ Confirm · {offers[0].split(' · ')[1]}]" in card
        request = (await ada.draft()).request
        assert (request.prompt, request.first) == ("a dog", (await ada.pictures(1))[0])
        await ada.press("✅ Confirm")
        assert ada.job


async def test_a_model_that_dies_between_card_and_confirm_leads_to_offers(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog", "sora", pictures=1)
        confirm = ada.action("✅ Confirm")
        await ada.house.withdraw("sora-2-image-to-video")
        said = await ada.act(confirm, key="web:press:1")
        assert "has just become unavailable" in said
        assert "with the same words and pictures" in said
        offered = ada.action("Grok Imagine")
        await ada.act(confirm, key="web:press:1")
        assert ada.action("Grok Imagine") == offered
        card = await ada.act(offered)
        assert "a dog" in card
        assert "starts from your picture" in card


async def test_choosing_on_a_card_whose_model_died_leads_to_offers_too(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog", "sora")
        await ada.press("Length")
        await ada.house.withdraw("sora-2-text-to-video")
        assert "Sora 2 is not available" in await ada.press("15 s")


async def test_a_model_that_nothing_replaces_says_so(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.withdraw("sora-watermark-remover", "There are no more Sora links.")
        said = await ada.ask("https://sora.chatgpt.com/p/s_1", "unwatermark")
        assert "There are no more Sora links." in said
        assert ada.labels() == []


async def test_unwatermark_asks_for_the_link_it_was_not_given(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "Send its public Sora link" in await ada.ask("please", "unwatermark")
        card = await ada.answer("here: https://sora.chatgpt.com/p/s_1")
        assert "https://sora.chatgpt.com/p/s_1" in card
        assert ada.labels() == ["✅ Confirm · 10 credits", "Cancel"]


async def test_a_date_that_the_reason_tells_is_not_told_twice(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.withdraw("sora-2-text-to-video", "OpenAI shut it down on 2026-06-01.")
        assert (await ada.ask("a dog", "sora")).count("2026-06-01") == 1


# --- whose it is -------------------------------------------------------------------------------------------------


async def test_only_the_asker_may_press_anything_on_a_card(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("kling a dog")
        actions = [button.action for button in buttons(ada.shown).values()]
        bob = ada.other(BOB)
        for _ in range(2):
            assert {await bob.refused(action) for action in actions} == {"talk.not_yours"}
            await bob.house.quote(BOB)
        assert (await ada.draft()).quote.credits == 100


async def test_only_the_asker_may_press_below_a_video(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        job = await ada.made("a dog")
        bob = ada.other(BOB)
        for verb in ("again", "more", "anim", "redo"):
            assert await bob.refused(f"1:{verb}:{job.id}") == "talk.not_yours"


@pytest.mark.parametrize("verb", ["ok", "ask", "set", "card", "pic", "txt", "no", "take", "cut"])
async def test_a_card_that_is_gone_says_to_ask_again(tmp_path: Path, verb: str) -> None:
    async with open_member(tmp_path) as ada:
        assert await ada.refused(f"1:{verb}:{'X' * 12}") == "talk.gone_draft"


@pytest.mark.parametrize("verb", ["ask", "set", "card", "pic", "txt", "no", "take", "cut"])
async def test_what_was_ordered_cannot_be_changed_any_more(tmp_path: Path, verb: str) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("a dog")
        draft = await ada.draft()
        await ada.press("✅ Confirm")
        rest = {"ask": ":len", "set": ":len:4"}.get(verb, "")
        assert await ada.refused(f"1:{verb}:{draft.id}{rest}") == "order.already_ordered"


@pytest.mark.parametrize("verb", ["again", "more", "anim", "redo"])
async def test_a_video_that_is_gone_says_to_ask_again(tmp_path: Path, verb: str) -> None:
    async with open_member(tmp_path) as ada:
        assert await ada.refused(f"1:{verb}:{'X' * 10}") == "talk.gone_job"


# --- from one video to the next ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["again", "more"])
async def test_again_and_change_bring_a_fresh_card_below_the_video(tmp_path: Path, verb: str) -> None:
    async with open_member(tmp_path) as ada:
        job = await ada.made("kling 10s portrait a dog")
        card = await ada.act(f"1:{verb}:{job.id}", key="web:press:5")
        assert ada.shown.screen is None
        assert "Length: 10 s" in card
        assert "[✅ Confirm · 200 credits]" in card
        draft = await ada.draft()
        await ada.act(f"1:{verb}:{job.id}", key="web:press:5")
        assert (await ada.draft()).id == draft.id
        await ada.press("✅ Confirm")
        assert ada.job.id != job.id


async def test_again_asks_for_a_picture_that_is_no_longer_kept(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        job = await ada.made("a dog", pictures=1)
        picture = job.request.first
        assert picture
        files.drop(tmp_path / "pictures" / picture.sha256)
        assert "no longer kept here. Please send it again" in await ada.act(f"1:again:{job.id}")
        assert "starts from your picture" in await ada.answer(pictures=1)
        files.drop(tmp_path / "pictures" / picture.sha256)
        await ada.act(f"1:redo:{job.id}:words")
        assert "no longer kept" in await ada.answer("a cat")
        card = await ada.answer("here it is", pictures=1)
        assert "a cat" in card


async def test_animating_on_begins_with_the_last_frame_and_keeps_the_words(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        job = await ada.made("10s portrait a dog", "sora")
        card = await ada.act(f"1:anim:{job.id}")
        assert ada.shown.screen is None
        assert "Model: Sora 2\n" in card
        assert "Length: 10 s" in card
        request = (await ada.draft()).request
        frame = await _last_frame(ada.talk, job.id)
        assert (request.first, request.prompt, request.aspect) == (frame, "a dog", None)
        await ada.press("✅ Confirm")
        (made,) = await ada.house.end(ada.job.id)
        assert ada.house.kie.uploaded == [frame.sha256]
        assert made.request.first == frame


async def _last_frame(talk: Talk, job_id: str) -> Picture:
    return await talk.studio.last_frame(ADA, job_id)


async def test_animating_on_takes_a_model_that_can_where_the_first_cannot(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        job = await ada.made("7.5 | a dog\n7.5 | a cat", "storyboard")
        card = await ada.act(f"1:anim:{job.id}")
        assert "a dog a cat" in card
        assert (await ada.draft()).request.shots == ()


async def test_animating_on_needs_the_video(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        job = await ada.made("a dog")
        for name in files.names(ada.house.settings.videos_dir):
            files.drop(ada.house.settings.videos_dir / name)
        assert await ada.refused(f"1:anim:{job.id}") == "order.video_gone"


async def test_after_a_failure_other_words_another_picture_or_another_model_are_one_press_away(
    tmp_path: Path,
) -> None:
    async with open_member(tmp_path) as ada:
        ada.house.kie.next_looks = [Broken(FailureKind.POLICY, "no")]
        job = await ada.made("kling a dog", pictures=1)
        await ada.act(f"1:redo:{job.id}:words")
        assert ada.question.current == "a dog"
        card = await ada.answer("a cat")
        assert "a cat" in card
        assert "[✅ Confirm · 100 credits]" in card
        await ada.act(f"1:redo:{job.id}:picture")
        await ada.answer(pictures=2)
        assert (await ada.draft()).request.last
        menu = await ada.act(f"1:redo:{job.id}:model")
        assert menu.startswith("Choose: Model")
        assert "Model: Runway" in await ada.press("Runway")


async def test_pressing_too_fast_is_bounded_like_asking(tmp_path: Path) -> None:
    async with open_member(tmp_path, commands_per_minute=2) as ada:
        job = await ada.made("a dog")
        for _ in range(2):
            await ada.act(f"1:again:{job.id}")
        with pytest.raises(UserError, match="commands a minute"):
            await ada.act(f"1:again:{job.id}")


# --- the language, and the parts ---------------------------------------------------------------------------------


def test_the_language_is_the_chosen_one_else_the_chats_else_english() -> None:
    ours = ["de", "en", "pt"]
    assert best_language(["de", "pt-BR"], ours) == "de"
    assert best_language(["", "pt-BR"], ours) == "pt"
    assert best_language(["", "pt_PT"], ours) == "pt"
    assert best_language(["xx", "fr"], ours) == "en"


async def test_whoever_asks_is_answered_in_a_language_that_is_spoken(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        for chat_language in ("", "en-GB", "tlh"):
            assert await ada.talk.language(ADA, chat_language) in texts.languages()


def test_no_part_of_talk_hides_what_another_part_does() -> None:
    owners: dict[str, list[str]] = {}
    for part in Talk.__mro__[:-1]:
        for name in vars(part):
            if not name.startswith("__") and name != "verbs":
                owners.setdefault(name, []).append(part.__name__)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}
