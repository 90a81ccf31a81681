"""Forms: a storyboard in one go, questions below a card, two people at once, restarts and old ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.simcord_world import PNG, World, button, field_ids, labels, open_world, text_of

from adapters.discord.modals import question_form
from bot.domain import Draft, Failure, FailureKind
from bot.ports import Refused
from bot.store import drafts
from bot.talk import Question


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def draft_of(world: World, message: Any) -> Draft:
    draft_id = button(message, "✅ Confirm").split(":")[2]
    draft = await world.house.store.read(lambda tx: drafts.get(tx, draft_id))
    assert draft
    return draft


async def press(world: World, message: Any, label: str) -> Any:
    return await world.ada.click(message, custom_id=button(message, label))


async def fill(world: World, shown: Any, **values: Any) -> Any:
    """Hand a form in; values by the beginning of their labels."""
    ids = field_ids(shown.modal)
    found = {}
    for name, value in values.items():
        label = next(each for each in ids if each.lower().startswith(name))
        found[ids[label]] = value
    return await world.ada.submit_modal(shown, found)


# --- a storyboard ------------------------------------------------------------------------------------------------


async def test_a_storyboard_is_one_form_with_scenes_length_shape_and_picture(world: World) -> None:
    shown = await world.ada.slash(world.channel, "storyboard")
    scenes = "7.5 | a kitten wakes up\n7.5 | it yawns"
    result = await fill(
        world, shown, scenes=scenes, length=["15"], shape=["portrait"], first=("cat.png", PNG)
    )
    request = (await draft_of(world, result.response)).request
    assert [shot.text for shot in request.shots] == ["a kitten wakes up", "it yawns"]
    assert [shot.seconds for shot in request.shots] == [Decimal("7.5"), Decimal("7.5")]
    assert (request.seconds, request.aspect) == (15, "portrait")
    assert request.pictures


async def test_a_private_storyboard_stays_private(world: World) -> None:
    shown = await world.ada.slash(world.channel, "storyboard", private=True)
    result = await fill(world, shown, scenes="5 | a kitten\n5 | a cat", length=["10"])
    assert result.ephemeral
    assert (await draft_of(world, result.response)).chat.private


async def test_scenes_that_cannot_be_read_are_given_back(world: World) -> None:
    shown = await world.ada.slash(world.channel, "storyboard")
    result = await fill(world, shown, scenes="90 | a very long scene\n95 | and another")
    (told,) = result.followups
    assert told.ephemeral
    assert "a very long scene" in text_of(told)


async def test_two_people_fill_in_the_same_form_at_once(world: World) -> None:
    hers = await world.ada.slash(world.channel, "storyboard")
    his = await world.bob.slash(world.channel, "storyboard")
    assert hers.modal["custom_id"] != his.modal["custom_id"]
    ids = field_ids(his.modal)
    scenes = ids["Scenes, one on each line"]
    first = await world.bob.submit_modal(his, {scenes: "5 | his scene\n5 | end"})
    second = await world.ada.submit_modal(
        hers, {field_ids(hers.modal)["Scenes, one on each line"]: "5 | hers\n5 | end"}
    )
    assert "his scene" in text_of(first.response)
    assert "hers" in text_of(second.response)


# --- questions below a card --------------------------------------------------------------------------------------


async def test_changing_the_words_opens_a_form_with_the_words_that_stand(world: World) -> None:
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    shown = await press(world, card, "Change words")
    (entry,) = [each["component"] for each in shown.modal["components"] if each["type"] == 18]
    assert entry["value"] == "a happy dog"
    await fill(world, shown, your="a sad cat")
    assert "a sad cat" in text_of(card)
    assert (await draft_of(world, card)).request.prompt == "a sad cat"


async def test_words_that_fit_no_form_are_not_cut_but_left_out_and_said_so(world: World) -> None:
    prompt = "word " * 799 + "THE END!!"
    card = (await world.ada.slash(world.channel, "sora", prompt=prompt)).response
    shown = await press(world, card, "Change words")
    (said,) = [each["content"] for each in shown.modal["components"] if each["type"] == 10]
    (entry,) = [each["component"] for each in shown.modal["components"] if each["type"] == 18]
    assert entry.get("value", "") == ""
    assert "Your words have 4004 characters now and a form takes 4000 at most" in said
    assert (await draft_of(world, card)).request.prompt == prompt


async def test_scenes_that_fit_no_form_are_not_cut_but_left_out_and_said_so(world: World) -> None:
    scenes = Question("words", "Write the scenes anew.", {}, "5 | a kitten\n" * 400)
    said, field = question_form("F0RM", scenes, "en").to_dict()["components"]
    assert "5200 characters" in said["content"]
    assert "value" not in field["component"]


async def test_a_picture_is_added_by_a_form(world: World) -> None:
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    shown = await press(world, card, "Add a picture")
    await fill(world, shown, pictures=[("dog.png", PNG)])
    assert (await draft_of(world, card)).request.first


async def test_a_form_is_understood_after_a_restart(world: World) -> None:
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    shown = await press(world, card, "Change words")
    await world.restart()
    await fill(world, shown, your="a sad cat")
    assert (await draft_of(world, card)).request.prompt == "a sad cat"


async def test_a_form_that_is_out_of_date_says_so_and_gives_the_words_back(world: World) -> None:
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    shown = await press(world, card, "Change words")
    await world.pass_time(7200)
    result = await fill(world, shown, your="a long text that took an hour")
    (told,) = result.followups
    assert told.ephemeral
    assert "out of date" in text_of(told)
    assert "a long text that took an hour" in text_of(told)


async def test_somebody_elses_card_opens_no_form(world: World) -> None:
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    result = await world.bob.click(card, custom_id=button(card, "Change words"))
    assert result.modal is None
    (told,) = result.followups
    assert told.ephemeral


async def test_a_question_that_takes_too_long_for_a_form_is_asked_in_a_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    monkeypatch.setattr("adapters.discord.presses.FORM_SECONDS", 0.01)
    asked = world.talk.press

    async def slow(*given: Any) -> Any:
        await asyncio.sleep(0.05)
        return await asked(*given)

    monkeypatch.setattr(world.talk, "press", slow)
    result = await press(world, card, "Change words")
    assert result.modal is None
    assert labels(card)[-1] == "Answer"
    shown = await press(world, card, "Answer")
    await fill(world, shown, your="a sad cat")
    assert (await draft_of(world, card)).request.prompt == "a sad cat"


async def test_other_words_after_a_failure_are_a_new_card_and_the_failure_stays(world: World) -> None:
    world.house.kie.creates.append(Refused(FailureKind.POLICY, 400, "not this"))
    card = (await world.ada.slash(world.channel, "video", prompt="a happy dog")).response
    await press(world, card, "✅ Confirm")
    (job_id,) = await world.house.store.read(lambda tx: [row["id"] for row in tx.all("SELECT id FROM jobs")])
    with world.env.time_context():
        (job,) = await world.house.end(job_id)
    await world.env.settle()
    assert isinstance(job.outcome, Failure)
    failure = next(each for each in world.seen(card) if "Change words" in labels(each))
    shown = await press(world, failure, "Change words")
    result = await fill(world, shown, your="a happy cat")
    assert (await draft_of(world, result.response)).request.prompt == "a happy cat"
    assert "Change words" in labels(failure)


# --- where one can simply write ----------------------------------------------------------------------------------


async def test_a_question_in_direct_messages_is_answered_by_writing(world: World) -> None:
    user = world.env.create_user("carl")
    await world.dm(user, "/storyboard")
    assert "Answer" in labels(world.said_to(user)[-1])
    await world.dm(user, "5 | a kitten wakes up")
    assert "a kitten wakes up" in text_of(world.said_to(user)[-1])
    await world.dm(user, "5 | it yawns")
    last = world.said_to(user)[-1]
    result = await user.click(last, custom_id=button(last, "Done"))
    assert labels(result.response)[0].startswith("✅ Confirm")


async def test_a_command_in_between_is_no_answer(world: World) -> None:
    user = world.env.create_user("carl")
    await world.dm(user, "/storyboard")
    await world.dm(user, "/help")
    assert "/sora" in text_of(world.said_to(user)[-1])


# --- animate this image ------------------------------------------------------------------------------------------


async def test_animate_this_image_asks_what_should_happen_and_takes_the_picture(world: World) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[("pic.png", PNG)])
    shown = await world.ada.context_menu(world.channel, "Animate this image", message)
    result = await fill(world, shown, what="the waves roll in")
    request = (await draft_of(world, result.response)).request
    assert request.prompt == "the waves roll in"
    assert request.first


async def test_animate_this_image_says_when_there_is_none(world: World) -> None:
    message = await world.bob.send(world.channel, "look")
    result = await world.ada.context_menu(world.channel, "Animate this image", message)
    assert result.modal is None
    told = next(each for each in [result.response, *result.followups] if each)
    assert told.ephemeral
    assert "no picture" in text_of(told)
