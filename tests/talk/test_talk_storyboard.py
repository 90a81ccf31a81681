"""Storyboards: all scenes at once or one by one, nothing lost on the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.card_talk import Member, open_member
from support.small_talk import buttons

from bot.domain import Shot
from bot.errors import UserError


async def begun(ada: Member, *scenes: str, first: str = "") -> str:
    """A storyboard with these scenes so far; returns what is shown."""
    said = await ada.ask(first, "storyboard")
    for scene in scenes:
        said = await ada.answer(scene)
    return said


# --- all at once -------------------------------------------------------------------------------------------------


async def test_scenes_one_to_a_line_become_a_card(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("7.5 | a kitten wakes\n7,5s it yawns", "storyboard")
        assert "1. 7.5 s: a kitten wakes\n2. 7.5 s: it yawns" in card
        assert "Model: Sora 2 Pro Storyboard" in card
        assert "Length: 15 s" in card
        assert "Change scenes" in ada.labels()
        shots = (await ada.draft()).request.shots
        assert shots == (Shot("a kitten wakes", Decimal("7.5")), Shot("it yawns", Decimal("7.5")))


async def test_scenes_without_seconds_share_the_chosen_length(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("25s portrait\n- a kitten wakes\n- it yawns", "storyboard")
        assert "Length: 25 s" in card
        assert "Shape: portrait 9:16" in card


async def test_a_storyboard_may_start_from_a_picture(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("10 | a kitten wakes", "storyboard", pictures=1)
        assert "starts from your picture" in card


async def test_another_model_may_be_named_for_the_scenes(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        card = await ada.ask("kling\n3 | a kitten wakes\n4 | it yawns", "storyboard")
        assert "Model: Kling 3.0" in card
        assert "Length: 7 s" in card


async def test_scenes_that_do_not_add_up_say_what_would(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        with pytest.raises(UserError, match="add up to 7 s"):
            await ada.ask("3 | a kitten wakes\n4 | it yawns", "storyboard")


async def test_when_the_storyboard_model_is_gone_its_scenes_go_to_the_offers(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.house.withdraw("sora-2-pro-storyboard")
        said = await ada.ask("5 | a kitten wakes\n5 | it yawns", "storyboard")
        assert "Sora 2 Pro Storyboard is not available" in said
        assert "1. 5 s: a kitten wakes" in said
        assert "1. 5 s: a kitten wakes" in await ada.press("Kling 3.0 ·")
        await ada.press("✅ Confirm")
        assert [shot.text for shot in ada.job.request.shots] == ["a kitten wakes", "it yawns"]


async def test_the_scenes_of_a_card_can_be_rewritten(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("7.5 | a kitten wakes\n2.5 | it yawns", "storyboard")
        await ada.press("Change scenes")
        assert ada.question.current == "7.5 | a kitten wakes\n2.5 | it yawns"
        assert "has seconds but no words" in await ada.answer("5 | a kitten sleeps\n5 |")
        card = await ada.answer("5 | a kitten sleeps\n5 | it dreams")
        assert "1. 5 s: a kitten sleeps\n2. 5 s: it dreams" in card


# --- one by one --------------------------------------------------------------------------------------------------


async def test_without_scenes_the_bot_asks_for_them_one_by_one(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        said = await begun(ada)
        assert "What happens in the first scene?" in said
        assert ada.question.kind == "scene"
        assert ada.labels() == ["Add a picture", "Cancel"]
        said = await ada.answer("7.5 | a kitten wakes")
        assert "1. 7.5 s: a kitten wakes\n7.5 s so far; 2.5 s left of 10 s." in said
        assert "What happens in scene 2?" in said
        assert [each.action for each in buttons(ada.shown).values()] == [
            "1:dlg:done",
            "1:dlg:undo",
            "1:dlg:picture",
            "1:dlg:cancel",
        ]
        said = await ada.answer("it yawns")
        assert "Scenes without a length share what is left." in said
        card = await ada.answer(choice="done")
        assert "Length: 10 s" in card
        assert "[✅ Confirm · 150 credits]" in card


async def test_options_given_at_the_start_hold_to_the_end(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        said = await begun(ada, "10 | a kitten wakes", first="15s portrait")
        assert "10 s so far; 5 s left of 15 s." in said
        await ada.answer("it yawns")
        card = await ada.answer(choice="done")
        assert "Length: 15 s" in card
        assert "Shape: portrait 9:16" in card


async def test_several_scenes_may_come_in_one_answer(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        said = await begun(ada, "5 | a kitten wakes\n5 | it yawns")
        assert "1. 5 s: a kitten wakes\n2. 5 s: it yawns" in said


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        ("20 | it runs", "A scene can't take 20 s. It takes 0.1 to 15 s."),
        ("0 | it runs", "A scene can't take 0 s."),
        ("4 |", "has seconds but no words"),
        ("15 | it runs", "That would be 27.5 s; 25 s is the most."),
        ("\n".join(["it runs"] * 10), "11 scenes are too many: at most 10"),
    ],
)
async def test_a_scene_that_cannot_be_says_why_and_loses_nothing(
    tmp_path: Path, scene: str, why: str
) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "12.5 | a kitten wakes")
        said = await ada.answer(scene)
        assert why in said
        assert "1. 12.5 s: a kitten wakes" in said
        assert "What happens in scene 2?" in said
        assert why not in await ada.answer("2.5 | it yawns")


async def test_a_chosen_length_bounds_the_scenes(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "8 | a kitten wakes", first="10s")
        assert "That would be 12 s; 10 s is the most." in await ada.answer("4 | it yawns")


async def test_scenes_that_do_not_add_up_at_the_end_can_still_be_mended(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "7 | a kitten wakes")
        said = await ada.answer(choice="done")
        assert "The scenes add up to 7 s." in said
        await ada.answer("3 | it yawns")
        assert "Length: 10 s" in await ada.answer(choice="done")


async def test_the_last_scene_can_be_taken_back(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "5 | a kitten wakes", "5 | it barks")
        said = await ada.answer(choice="undo")
        assert "1. 5 s: a kitten wakes" in said
        assert "it barks" not in said
        await ada.answer(choice="undo")
        assert "first scene" in await ada.answer(choice="undo")


async def test_a_picture_may_be_added_between_the_scenes(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "10 | a kitten wakes")
        await ada.answer(choice="picture")
        assert ada.question.kind == "picture"
        said = await ada.answer(pictures=1)
        assert "1. 10 s: a kitten wakes" in said
        assert "With your picture at the start." in said
        card = await ada.answer(choice="done")
        assert "starts from your picture" in card


async def test_words_in_place_of_the_awaited_picture_are_the_next_scene(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "5 | a kitten wakes")
        await ada.answer(choice="picture")
        said = await ada.answer("5 | it yawns")
        assert "2. 5 s: it yawns" in said
        await ada.answer(choice="picture")
        assert "Never mind" in await ada.answer("cancel")


async def test_asking_for_another_picture_keeps_the_first_until_it_comes(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada)
        await ada.answer("5 | it wakes", pictures=1)
        await ada.answer(choice="picture")
        assert "With your picture" in await ada.answer("5 | it yawns")


async def test_scenes_of_which_none_has_a_length_share_the_whole_video(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        assert "Scenes without a length share the 25 s of the video." in await begun(
            ada, "it wakes\nit yawns", first="25s"
        )


async def test_a_scene_and_its_picture_may_come_together(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada)
        said = await ada.answer("10 | it wakes", pictures=1)
        assert "1. 10 s: it wakes" in said
        assert "With your picture" in said


async def test_the_dialogue_buttons_can_be_typed_too(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "10 | a kitten wakes", "5 | it barks")
        assert "it barks" not in await ada.answer("Undo")
        assert "Length: 10 s" in await ada.answer("done.")


async def test_a_storyboard_can_be_left(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada, "10 | a kitten wakes")
        assert "Never mind" in await ada.answer("cancel")


async def test_no_scenes_make_no_storyboard(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await begun(ada)
        assert "There is no scene yet." in await ada.answer(choice="done")


async def test_a_board_of_long_scenes_still_fits_a_message(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        said = await begun(ada, *(["a kitten " * 100] * 10))
        assert "10. a kitten" in said
        assert "…" in said
