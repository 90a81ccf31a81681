"""The content gate: one rule that cannot be removed, the operator's own words beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from bot import content
from bot.errors import StartError

RULES = content.load()


@pytest.mark.parametrize(
    "text",
    [
        "a nude child on a beach",
        "Sexy Teens dancing",
        "n4ked 12 year old",
        "n.a.k.e.d k.i.d",
        "p0rn with a schoolg1rl",
        "erotic dance of a 16-year-old",
        "a fifteen year old in lingerie",
        "NÜDE  little\tgirl",
        "nu\u200bde preteen",
        "裸の少女",
        "色情小女孩",
        "голая девочка",
        "niños desnudos",
        "high-school girl, topless",
        "15yo, undressing",
        "ｎｕｄｅ ｃｈｉｌｄ",
    ],
)
def test_sexual_content_with_minors_is_found_however_it_is_spelt(text: str) -> None:
    assert content.broken_rule([text], RULES) == "sexual content with minors"


@pytest.mark.parametrize(
    "text",
    [
        "a happy dog running in the garden",
        "a child flies a kite",
        "Essex: a kid goes to school",
        "two adults kiss at sunset",
        "a bare tree, 12 years later",
        "a sextant on a 19th century ship",
        "an 18 year old statue of a nude",
        "",
    ],
)
def test_ordinary_wishes_pass(text: str) -> None:
    assert content.broken_rule([text], RULES) is None


def test_words_spread_over_prompt_and_scenes_are_read_together() -> None:
    assert content.broken_rule(["a nude", "and in the next scene a child"], RULES) is not None


def test_the_operators_words_are_added_and_the_built_in_rule_stays(tmp_path: Path) -> None:
    own = put(
        tmp_path / "rules.toml",
        b'[[rules]]\nname = "rivals"\nwords = ["acme", "umbrella corp*"]\n'
        b'[[rules]]\nname = "plates"\nwords = ["/\\\\b[A-Z]{2}-\\\\d{3}\\\\b/", "/\\\\b[a-z]{2}-\\\\d{3}\\\\b/"]\n',
    )
    rules = content.load(own)
    assert content.broken_rule(["the ACME building"], rules) == "rivals"
    assert content.broken_rule(["umbrella-corporation"], rules) == "rivals"
    assert content.broken_rule(["acmeology"], rules) is None
    assert content.broken_rule(["a car, ab-123"], rules) == "plates"
    assert content.broken_rule(["nude child"], rules) == "sexual content with minors"


def test_without_a_file_of_the_operators_only_the_built_in_rule_holds(tmp_path: Path) -> None:
    assert content.load(tmp_path / "rules.toml") == RULES


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        'rules = "x"',
        '[[rules]]\nname = "a"',
        '[[rules]]\nwords = ["a"]',
        '[[rules]]\nname = "a"\nwords = "acme"',
        '[[rules]]\nname = "a"\nwords = []',
        '[[rules]]\nname = "a"\nwords = [""]',
        '[[rules]]\nname = "a"\nwords = ["*"]',
        '[[rules]]\nname = "a"\nwords = [5]',
        '[[rules]]\nname = "a"\nwords = ["/(/"]',
        '[[rules]]\nname = "a"\ngroups = [["a"], []]',
    ],
)
def test_rules_that_cannot_be_read_stop_the_start_with_a_sentence(tmp_path: Path, text: str) -> None:
    own = put(tmp_path / "rules.toml", text.encode())
    with pytest.raises(StartError, match=r"rules\.toml cannot be read as content rules"):
        content.load(own)


@given(st.lists(st.text(), max_size=4))
def test_any_text_can_be_judged_and_the_answer_is_the_same_each_time(texts: list[str]) -> None:
    assert content.broken_rule(texts, RULES) == content.broken_rule(texts, RULES)


@given(st.text(), st.text())
def test_nothing_written_around_it_hides_what_is_written_plainly(before: str, after: str) -> None:
    assert content.broken_rule([before, "a nude child", after], RULES) is not None
