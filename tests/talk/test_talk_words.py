"""Commands as people type them: options first, in any order, and nothing of the prompt lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.house import all_models

from bot.talk import Wish, words

MODELS = all_models()


def read(text: str, command: str = "video") -> Wish:
    return words.read(command, text, MODELS)


def chosen(text: str, command: str = "video") -> dict[str, Any]:
    """The choices of a text whose prompt must be `a happy dog`."""
    wish = read(text, command)
    assert wish.prompt == "a happy dog"
    return {**wish.choices, **({"model": wish.model} if wish.model else {})}


# --- options at the front ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "15s portrait pro a happy dog",
        "pro portrait 15s a happy dog",
        "portrait, 15 s, pro: a happy dog",
        "PORTRAIT 15SEC Pro a happy dog",
        "15 seconds vertical pro - a happy dog",
        "15\u00a0s; pro; portrait mode; a happy dog",
        "--length 15 pro portrait a happy dog",
        "pro a happy dog length=15 --shape portrait",
    ],
)
def test_options_come_in_any_order_and_however_they_are_written(text: str) -> None:
    assert chosen(text, "sora") == {"seconds": 15, "aspect": "portrait", "tier": "pro"}


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("9:16 a happy dog", {"aspect": "9:16"}),
        ("16×9 a happy dog", {"aspect": "16:9"}),
        ("landscape a happy dog", {"aspect": "landscape"}),
        ("horizontal format a happy dog", {"aspect": "landscape"}),
        ("square a happy dog", {"aspect": "square"}),
        ("1080P a happy dog", {"quality": "1080p"}),
        ("full hd a happy dog", {"quality": "1080p"}),
        ("4K a happy dog", {"quality": "4k"}),
        ("low a happy dog", {"quality": "low"}),
        ("max quality a happy dog", {"quality": "max"}),
        ("silent a happy dog", {"sound": False}),
        ("no sound a happy dog", {"sound": False}),
        ("with sound a happy dog", {"sound": True}),
        ("mute, a happy dog", {"sound": False}),
        ("15 seconds of a happy dog", {"seconds": 15}),
        ("--seed 12 a happy dog", {"seed": 12}),
    ],
)
def test_every_kind_of_option_has_its_word(text: str, choices: dict[str, Any]) -> None:
    assert chosen(text) == choices


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("pro-hd no watermark a happy dog", {"tier": "pro-hd", "remove_watermark": True}),
        ("hd keep watermark a happy dog", {"tier": "pro-hd", "remove_watermark": False}),
        ("watermark a happy dog", {"remove_watermark": False}),
        ("pro hd 10s a happy dog", {"tier": "pro-hd", "seconds": 10}),
        ("a happy dog watermark=off tier=pro", {"tier": "pro", "remove_watermark": True}),
    ],
)
def test_sora_has_its_tiers_and_its_watermark(text: str, choices: dict[str, Any]) -> None:
    assert chosen(text, "sora") == choices


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("veo a happy dog", "veo"),
        ("Veo Fast a happy dog", "Veo Fast"),
        ("kling 3, a happy dog", "kling 3"),
        ("seedance 2.0 fast: a happy dog", "seedance 2.0 fast"),
        ("veo-3-1:lite a happy dog", "veo-3-1:lite"),
        ("runway a happy dog", "runway"),
        ("model=kling a happy dog", "kling"),
        ("a happy dog --model veo fast", "veo fast"),
        ('a happy dog model="Kling 3.0 Turbo"', "Kling 3.0 Turbo"),
    ],
)
def test_a_model_is_named_by_its_first_words(text: str, model: str) -> None:
    assert chosen(text) == {"model": model}
    assert MODELS.named(model)


def test_a_model_stands_among_the_other_options_in_any_order() -> None:
    assert chosen("8s kling 3 9:16 silent a happy dog") == {
        "seconds": 8,
        "model": "kling 3",
        "aspect": "9:16",
        "sound": False,
    }


def test_an_unknown_model_that_was_named_as_one_is_kept_for_a_helpful_answer() -> None:
    assert chosen("model=klong a happy dog") == {"model": "klong"}


def test_a_prompt_keeps_its_lines_and_its_gaps() -> None:
    assert read("8s a dog\n\n  runs").prompt == "a dog\n\n  runs"


def test_options_as_key_and_value_may_stand_anywhere() -> None:
    wish = read("a dog —ar 9:16 runs length=8 fast sound=off")
    assert wish.prompt == "a dog runs fast"
    assert wish.choices == {"aspect": "9:16", "seconds": 8, "sound": False}


# --- what only looks like one ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "portrait of a lady",
        "square in Rome",
        "silent dogs run",
        "high mountain river",
        "low clouds over the sea",
        "max headroom",
        "standard poodle",
        "sound of waves",
        "with sound of rain on a roof",
        "runway show in Paris",
        "gemini constellation",
        "2 dogs run",
        "4x4 truck in the mud",
        "10 seconds before midnight",
        "10:30 at night",
        "landscape",
        "silent",
        "size matters",
        "the sign says length=long",
        "a dog, 15s",
    ],
)
def test_plain_english_belongs_to_the_prompt(text: str) -> None:
    wish = read(text)
    assert (wish.prompt, dict(wish.choices), wish.model) == (text, {}, "")


@pytest.mark.parametrize("text", ["pro of the year", "hd", "15 seconds before the storm"])
def test_plain_english_belongs_to_the_prompt_of_sora_too(text: str) -> None:
    assert read(text, "sora").prompt == text


def test_words_beside_a_sure_option_are_options_too() -> None:
    wish = read("15s silent high dogs run")
    assert (wish.prompt, wish.choices) == ("dogs run", {"seconds": 15, "sound": False, "quality": "high"})


def test_the_second_of_a_kind_belongs_to_the_prompt() -> None:
    wish = read("portrait landscape painting")
    assert (wish.prompt, wish.choices) == ("landscape painting", {"aspect": "portrait"})


def test_options_alone_leave_the_words_to_be_asked_for() -> None:
    wish = read("15s portrait kling")
    assert (wish.prompt, wish.choices, wish.model) == ("", {"seconds": 15, "aspect": "portrait"}, "kling")


def test_plain_text_is_a_prompt_as_it_stands() -> None:
    wish = read("15s portrait --ar 9:16 kling", command="")
    assert (wish.command, wish.prompt, dict(wish.choices)) == ("video", "15s portrait --ar 9:16 kling", {})


# --- the other commands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://sora.chatgpt.com/p/s_1a", "https://sora.chatgpt.com/p/s_1a"),
        ("this one: <https://sora.chatgpt.com/p/s_1a>, please", "https://sora.chatgpt.com/p/s_1a"),
        ("sora.chatgpt.com/p/s_1a.", "https://sora.chatgpt.com/p/s_1a"),
        ("my video", None),
        ("", None),
    ],
)
def test_unwatermark_finds_the_address_in_its_text(text: str, url: str | None) -> None:
    assert read(text, "unwatermark") == Wish("unwatermark", video_url=url)


def test_the_options_of_a_storyboard_fill_its_first_line() -> None:
    wish = read("15s portrait kling\n7.5 | a kitten\nportrait of a dog", "storyboard")
    assert (wish.choices, wish.model) == ({"seconds": 15, "aspect": "portrait"}, "kling")
    assert [(shot.text, shot.seconds and float(shot.seconds)) for shot in wish.shots] == [
        ("a kitten", 7.5),
        ("portrait of a dog", None),
    ]


def test_the_options_of_a_storyboard_may_stand_before_its_first_scene() -> None:
    wish = read("15s portrait 7.5 | a kitten\n- a dog", "storyboard")
    assert wish.choices == {"seconds": 15, "aspect": "portrait"}
    assert [shot.text for shot in wish.shots] == ["a kitten", "a dog"]


def test_a_first_scene_that_begins_like_an_option_stays_a_scene() -> None:
    wish = read("7s a kitten wakes\nsquare dance", "storyboard")
    assert (wish.choices, [shot.text for shot in wish.shots]) == ({}, ["a kitten wakes", "square dance"])


# --- nothing is lost ---------------------------------------------------------------------------------------------

OPTIONS = st.sampled_from(
    [
        "15s",
        "8 s",
        "9:16",
        "720p",
        "4k",
        "no sound",
        "portrait",
        "with audio",
        "veo fast",
        "kling 3.0",
        "--ar 1:1",
    ]
)
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=9)


@given(st.lists(OPTIONS, max_size=4), st.lists(PLAIN, min_size=1, max_size=8))
def test_every_word_of_a_prompt_behind_options_is_kept_in_order(options: list[str], plain: list[str]) -> None:
    prompt = " ".join(["zebra", *plain, "quagga"])
    assert read(" ".join([*options, prompt])).prompt.endswith(prompt) or _has_key(prompt)


def _has_key(prompt: str) -> bool:
    return bool(re.search(r"=|--|[—–]", prompt))


def _bare_words(text: str) -> list[str]:
    """A sign that parts an option from the words goes with the option."""
    return re.findall(r"[^\s,;:|]+", text)


ANY_TEXT = st.lists(
    st.one_of(
        OPTIONS, PLAIN, st.sampled_from(["a", "silent", "of", "square", "pro", "\n", ",", "watermark", "in"])
    ),
    max_size=12,
).map(" ".join)


@given(st.sampled_from(["video", "sora", "video", "unwatermark"]), ANY_TEXT)
def test_what_is_left_of_any_text_is_its_words_in_their_order(command: str, text: str) -> None:
    wish = read(text, command)
    rest = iter(_bare_words(text))
    assert all(word in rest for word in _bare_words(wish.prompt))
    assert wish.prompt == wish.prompt.strip()


@given(ANY_TEXT)
def test_only_options_are_ever_taken_out(text: str) -> None:
    wish = read(text)
    gone = _bare_words(text)
    for word in _bare_words(wish.prompt):
        gone.remove(word)
    assert not gone or wish.choices or wish.model or not re.search(r"\w", "".join(gone))
