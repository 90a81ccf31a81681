"""`/settings`: what is in force, what automatic means, and what every button changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small_talk import ANN, TOM, Spoken, buttons, open_talk, words

from bot.errors import UserError
from bot.talk import Answer
from bot.talk.prefs import PREFERENCES
from bot.texts import say


async def settings(bot: Spoken) -> Answer:
    return await bot.talk.command(bot.asker(), "settings")


async def choose(bot: Spoken, what: str, label: str) -> Answer:
    """Open a setting and press one of its buttons."""
    opened = await bot.press(buttons(await settings(bot))[what].action)
    return await bot.press(buttons(opened)[label].action)


async def test_settings_show_what_automatic_means_now(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        shown = words(await settings(bot))
        assert "Model: automatic (Veo 3.1 Lite)" in shown
        assert "Shape: automatic (landscape 16:9)" in shown
        assert "Length: automatic (8 s)" in shown
        assert "Quality: automatic (720p)" in shown
        assert "Results in groups: for everybody" in shown


async def test_every_setting_has_a_button_that_opens_its_choices_and_a_way_back(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        menu = await settings(bot)
        assert list(buttons(menu)) == [say(key) for key in PREFERENCES.values()]
        for button in buttons(menu).values():
            choices = await bot.press(button.action)
            assert any("(now)" in label for label in buttons(choices))
            assert words(await bot.press(buttons(choices)["Back"].action)) == words(menu)


async def test_a_choice_is_remembered_said_and_marked_and_automatic_takes_it_back(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        chosen = await choose(bot, "Length", "4 s")
        assert chosen.toast == "Length: 4 s"
        assert "Length: 4 s" in words(chosen)
        assert (await bot.house.studio.preferences(ANN))["seconds"] == 4
        opened = await bot.press("1:pref:seconds")
        assert "✓ 4 s (now)" in buttons(opened)
        back = await bot.press(buttons(opened)["automatic (8 s)"].action)
        assert "Length: automatic (8 s)" in words(back)
        assert "seconds" not in await bot.house.studio.preferences(ANN)


async def test_all_choices_are_kept_under_the_names_that_requests_use(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        await choose(bot, "Shape", "portrait")
        await choose(bot, "Quality", "about 1080p")
        await choose(bot, "Results in groups", "only for me")
        await choose(bot, "Language", "English")
        await choose(bot, "Model", "Kling 3.0 · from 14 credits a second")
        assert await bot.house.studio.preferences(ANN) == {
            "aspect": "portrait",
            "quality": "high",
            "private": True,
            "language": "en",
            "model": "kling-3.0/video",
        }
        assert await bot.house.studio.preferences(TOM) == {}


async def test_lengths_and_what_automatic_means_follow_the_chosen_model(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "10 s" not in buttons(await bot.press("1:pref:seconds"))
        await bot.press("1:pref:model:kling-3.0/video")
        lengths = buttons(await bot.press("1:pref:seconds"))
        assert "automatic (5 s)" in words(await settings(bot))
        assert "10 s" in lengths
        assert "Quality: automatic (720p)" in words(await settings(bot))


async def test_only_models_that_live_and_start_from_words_alone_can_be_the_usual_one(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        await bot.house.withdraw("runway")
        found: list[str] = []
        page = await bot.press("1:pref:model")
        while True:
            found += [label for label in buttons(page) if " · from " in label]
            if "Next" not in buttons(page):
                break
            page = await bot.press(buttons(page)["Next"].action)
        names = [label.partition(" · ")[0] for label in found]
        assert len(names) == len(set(names))
        assert {"Veo 3.1 Lite", "Kling 3.0", "Sora 2", "MiniMax H3"} <= set(names)
        assert not any(name.startswith(("Runway", "Hailuo", "Sora 2 Pro Storyboard")) for name in names)


async def test_a_choice_that_is_no_longer_offered_changes_nothing(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        forged = ("seconds:²", "seconds:99999")
        for action in (
            *("model:gone/model", "seconds:ten", "aspect:round", "private:maybe", "language:xx"),
            *forged,
        ):
            with pytest.raises(UserError) as caught:
                await bot.press(f"1:pref:{action}")
            assert caught.value.key == "talk.old_button"
        assert "Your settings" in words(await bot.press("1:pref:something"))
        assert await bot.press("1:pref:model:@²")
        assert await bot.house.studio.preferences(ANN) == {}


async def test_settings_are_for_the_members_eyes_only(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        for action in ("pref:menu", "pref:model", "pref:aspect:square"):
            answer = await bot.press(f"1:{action}", group=True)
            assert answer.screen is not None
            assert answer.screen.private
