"""Scenes of a storyboard as people type them, one to a line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import Shot
from bot.errors import UserError
from bot.talk import scenes


def one(line: str) -> tuple[str, float | None]:
    (shot,) = scenes.read(line)
    return shot.text, None if shot.seconds is None else float(shot.seconds)


@pytest.mark.parametrize(
    "line",
    [
        "7.5 | a kitten",
        "7,5 | a kitten",
        "7.5s | a kitten",
        "7,5s a kitten",
        "7.5 s a kitten",
        "7.5 seconds: a kitten",
        "7.5sec - a kitten",
        "7.5: a kitten",
        "(7.5s) a kitten",
        "[7.5 sec] a kitten",
        "a kitten (7.5s)",
        "a kitten [7,5 s]",
        "a kitten | 7.5",
        "a kitten – 7.5s",
        "- 7.5s a kitten",
        "* a kitten (7.5 s)",
        "2. 7.5 | a kitten",
        "3) a kitten (7.5s)",
        "Scene 2: 7.5s a kitten",
        "0-7.5s: a kitten",
        "2.5s - 10s: a kitten",
    ],
)
def test_seconds_are_read_wherever_people_put_them(line: str) -> None:
    assert one(line) == ("a kitten", 7.5)


@pytest.mark.parametrize(
    "line", ["a kitten", "- a kitten", "• a kitten", "1. a kitten", "2) a kitten", "Shot 3 - a kitten"]
)
def test_bullets_and_numbers_are_no_part_of_a_scene(line: str) -> None:
    assert one(line) == ("a kitten", None)


@pytest.mark.parametrize(
    "line",
    [
        "5 kittens play",
        "2 dogs run",
        "10:30 at night",
        "5 seconds later the dog barks",
        "100 m sprint",
        "3.5 metres of snow",
        "a kitten, aged 7",
        "16:9 screens everywhere",
    ],
)
def test_a_number_that_tells_no_length_belongs_to_the_scene(line: str) -> None:
    assert one(line) == (line, None)
    assert one(f"- {line}") == (line, None)


def test_lines_are_scenes_and_blank_ones_drop_out() -> None:
    shots = scenes.read("\n 7.5 | a kitten \n\n\t\n- a dog\r\n3s a bird\n")
    assert shots == (Shot("a kitten", Decimal("7.5")), Shot("a dog"), Shot("a bird", Decimal(3)))


def test_numbers_that_only_count_the_scenes_are_no_seconds() -> None:
    assert [shot.seconds for shot in scenes.read("1: a kitten\n2: a dog\n3: a bird")] == [None, None, None]
    assert [shot.seconds for shot in scenes.read("4: a kitten\n2: a dog")] == [4, 2]


@pytest.mark.parametrize("line", ["7.5 |", "5s", "(3 s)", "- 4s:"])
def test_seconds_without_words_are_told_instead_of_dropped(line: str) -> None:
    with pytest.raises(UserError, match="has seconds but no words"):
        scenes.read(f"a kitten\n{line}")


def test_nothing_makes_no_scenes() -> None:
    assert scenes.read(" \n \n") == ()


WORDS = st.lists(st.from_regex(r"[A-Za-z\u00e0-\u00ff]{1,8}", fullmatch=True), min_size=1, max_size=6).map(
    " ".join
)
SECONDS = st.none() | st.decimals(Decimal("0.1"), Decimal(15), places=1)


@given(st.lists(st.tuples(WORDS, SECONDS), max_size=6))
def test_scenes_that_were_written_are_read_again_as_they_were(
    pairs: list[tuple[str, Decimal | None]],
) -> None:
    shots = tuple(Shot(text, seconds) for text, seconds in pairs)
    assert scenes.read(scenes.written(shots)) == shots


@given(st.lists(WORDS, max_size=8))
def test_no_word_of_a_scene_is_lost(lines: list[str]) -> None:
    read = scenes.read("\n".join(f"- {line} 3 times" for line in lines))
    assert [shot.text for shot in read] == [f"{line} 3 times" for line in lines]
