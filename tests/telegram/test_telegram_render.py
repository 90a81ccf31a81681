"""How screens look: escaped, cut politely, within Telegram's limits; checked by the stand-in's own parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.telegram_html import Rich, read_text

from adapters.telegram import render
from bot.domain import Button
from bot.talk import Fields, Heading, Part, Question, Screen, Small, Text, Words


def parsed(made: str) -> Rich:
    """As Telegram reads it; it refuses what it cannot."""
    return read_text(made, "HTML", None)


EVERYTHING = Screen(
    (
        Heading("Your video"),
        Fields((("Model", "Veo <3>"), ("Price", "45 credits"))),
        Words('a dog & a cat </b> say "hi"'),
        Text("Twice & more"),
        Small("small print"),
    )
)


def test_a_screen_is_a_bold_heading_lines_of_fields_a_quote_and_small_print() -> None:
    assert render.html(EVERYTHING) == (
        "<b>Your video</b>\n"
        "Model: Veo &lt;3&gt;\nPrice: 45 credits\n"
        '<blockquote>a dog &amp; a cat &lt;/b&gt; say "hi"</blockquote>\n'
        "Twice &amp; more\n\n"
        "<i>small print</i>"
    )


def test_somebodys_markup_stays_words() -> None:
    evil = '<a href="https://evil.example">click</a> &amp; <script> & </blockquote>'
    shown = parsed(render.html(Screen((Words(evil), Text(evil)))))
    assert shown.text.count(evil) == 2
    assert {each["type"] for each in shown.entities} == {"blockquote"}


def test_a_long_prompt_is_what_gives_way_and_the_rest_stays() -> None:
    screen = Screen((Heading("Title"), Words("dog " * 3000), Fields((("Price", "45 credits"),))))
    shown = parsed(render.html(screen))
    assert render.units(shown.text) <= 4096
    assert shown.text.startswith("Title")
    assert shown.text.endswith("Price: 45 credits")
    assert "dog…" in shown.text


def test_a_cut_is_counted_as_telegram_counts_and_never_divides_a_character() -> None:
    shown = parsed(render.html(Screen((Words("🎬" * 3000),)), limit=1024))
    assert 1000 < render.units(shown.text) <= 1024
    assert set(shown.text) == {"🎬", "…"}


def test_half_a_character_that_somebody_sent_does_not_break_the_message() -> None:
    assert render.html(Screen((Text("a\ud83db"),))) == "a\ufffdb"


TEXTS = st.text(max_size=400)
PARTS = st.one_of(
    st.builds(Heading, TEXTS),
    st.builds(Text, TEXTS),
    st.builds(Words, TEXTS),
    st.builds(Small, TEXTS),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(lambda lines: Fields(tuple(lines))),
)


@given(st.lists(PARTS, max_size=6).map(tuple), st.integers(20, 1500))
def test_whatever_a_screen_says_it_can_be_parsed_and_fits(parts: tuple[Part, ...], limit: int) -> None:
    shown = parsed(render.html(Screen(parts), limit))
    assert len(shown.text.encode("utf-16-le")) // 2 <= limit


def test_buttons_lie_in_rows_and_have_telegrams_styles() -> None:
    made = render.keyboard(
        [
            [Button("✅ Confirm", "1:ok:A", style="go"), Button("Delete", "1:del:A", style="danger")],
            [],
            [Button("Open", url="https://x.example")],
        ]
    )
    assert made is not None
    (first, second), (third,) = made.inline_keyboard
    assert (first.callback_data, first.style, second.style) == ("1:ok:A", "success", "danger")
    assert (third.url, third.callback_data, third.style) == ("https://x.example", None, None)


def test_no_buttons_are_no_keyboard() -> None:
    assert render.keyboard([[]]) is None


@pytest.mark.parametrize("current", ["", "a dog <b>", "x" * 9000])
def test_a_question_shows_what_stands_now_so_that_a_tap_copies_it(current: str) -> None:
    shown = parsed(render.question(Question("words", "What should it say?", {}, current), "Now:"))
    assert shown.text.startswith("What should it say?")
    assert render.units(shown.text) <= 4096
    codes = [each for each in shown.entities if each["type"] == "code"]
    assert len(codes) == bool(current)
