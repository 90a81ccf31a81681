"""What a screen becomes as a Discord message: the words as they were written, the limits kept, the layout."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord import render
from bot.domain import Button
from bot.talk import Fields, Heading, Screen, Small, Text, Words


def sent(view: Any) -> list[dict[str, Any]]:
    """Every component as it goes over the wire, outer ones first."""
    found: list[dict[str, Any]] = []
    waiting = list(view.to_components())
    while waiting:
        each = waiting.pop(0)
        found.append(each)
        inner = [*each.get("components", ()), *filter(None, [each.get("accessory")])]
        waiting = inner + waiting
    return found


def of_type(view: Any, number: int) -> list[dict[str, Any]]:
    return [each for each in sent(view) if each["type"] == number]


ROW, BUTTON, MENU, TEXT, THUMBNAIL, GALLERY, CONTAINER = 1, 2, 3, 10, 11, 12, 17


async def test_a_card_is_one_container_with_its_words_and_its_buttons() -> None:
    screen = Screen(
        (
            Heading("Your quote"),
            Words("a happy dog"),
            Fields((("Price", "30 credits"),)),
            Small("KIE makes it."),
        ),
        ((Button("✅ Confirm · 30 credits", "1:ok:AB:30", style="go"), Button("Cancel", "1:no:AB")),),
    )
    view = render.view(screen)
    assert len(of_type(view, CONTAINER)) == 1
    body, fields, small = (each["content"] for each in of_type(view, TEXT))
    assert body == "### Your quote\n> a happy dog"
    assert fields == "**Price** 30 credits"
    assert small == "-# KIE makes it."
    confirm, cancel = of_type(view, BUTTON)
    assert (confirm["label"], confirm["style"], confirm["custom_id"]) == (
        "✅ Confirm · 30 credits",
        3,
        "1:ok:AB:30",
    )
    assert cancel["style"] == 2


async def test_a_video_stands_above_its_words_and_is_described() -> None:
    view = render.view(Screen((Small("AI-generated"),)), clip=render.Clip("attachment://a.mp4", "a dog runs"))
    (gallery,) = of_type(view, GALLERY)
    assert gallery["items"][0]["media"]["url"] == "attachment://a.mp4"
    assert gallery["items"][0]["description"] == "a dog runs"
    kinds = [each["type"] for each in sent(view)]
    assert kinds.index(GALLERY) < kinds.index(TEXT)


async def test_a_picture_stands_beside_the_words() -> None:
    view = render.view(Screen((Text("here"),)), picture="https://cdn.example/a.png")
    (thumbnail,) = of_type(view, THUMBNAIL)
    assert thumbnail["media"]["url"] == "https://cdn.example/a.png"
    assert thumbnail["description"]


@pytest.mark.parametrize(
    "words",
    [
        "**bold** _thin_ ~~no~~ `code` ||hidden||",
        "@everyone <@123> <#456> <:smile:789>",
        "# large\n- a list\n> quoted\n1. first",
        "[a trap](https://evil.example)",
    ],
)
async def test_markup_in_somebodys_words_stays_words(words: str) -> None:
    escaped = render.escaped(words)
    for sign in ("**", "~~", "||", "`c", "<@", "<#", "<:", "@e", "[a"):
        at = escaped.find(sign)
        assert at < 0 or escaped[at - 1] == "\\", escaped
    assert not any(line.startswith(("# ", "- ", "> ", "1. ")) for line in escaped.splitlines())
    assert escaped.replace("\\", "") == words


async def test_an_address_in_somebodys_words_stays_whole() -> None:
    assert render.escaped("see https://example.org/a_b_c now") == "see https://example.org/a_b_c now"


async def test_every_line_of_a_prompt_is_quoted() -> None:
    (text,) = of_type(render.view(Screen((Words("first\n\nsecond"),))), TEXT)
    assert text["content"] == "> first\n> second"


@given(prompt=st.text(max_size=9000), note=st.text(max_size=3000))
@settings(max_examples=60, deadline=None)
def test_no_words_are_too_long_for_a_message(prompt: str, note: str) -> None:
    blocks = render.texts((Heading("Quote"), Words(prompt), Fields((("Price", "30"),)), Small(note)))
    assert sum(map(len, blocks)) <= render.TEXT_MOST


async def test_a_long_prompt_is_shortened_before_anything_else() -> None:
    body, fields = render.texts((Heading("Quote"), Words("*" * 8000), Fields((("Price", "30 credits"),))))
    assert body.startswith("### Quote\n> \\*")
    assert body.endswith("…")
    assert fields == "**Price** 30 credits"


async def test_buttons_keep_to_discords_limits() -> None:
    rows = tuple(tuple(Button("x" * 90, f"1:get:{row}{n}") for n in range(6)) for row in range(7))
    view = render.view(Screen((Text("choose"),), rows))
    assert len(of_type(view, ROW)) == 5
    assert all(len(each["components"]) <= 5 for each in of_type(view, ROW))
    assert all(len(each["label"]) <= 80 for each in of_type(view, BUTTON))
    assert len(sent(view)) <= 40


async def test_a_button_that_stands_twice_is_sent_once() -> None:
    rows = ((Button("Again", "1:again:A"), Button("Again", "1:again:A")),)
    assert len(of_type(render.view(Screen((Text("x"),), rows)), BUTTON)) == 1


async def test_a_link_is_a_button_that_opens_it() -> None:
    view = render.view(Screen((Text("x"),), ((Button("Original", url="https://bot.example/v/1"),),)))
    (link,) = of_type(view, BUTTON)
    assert link["style"] == 5
    assert link["url"] == "https://bot.example/v/1"


async def test_only_one_person_can_be_pinged() -> None:
    allowed = render.only(42).to_dict()
    assert allowed["users"] == [42]
    assert "everyone" not in allowed.get("parse", ())
    assert render.only(None).to_dict()["parse"] == []


async def test_the_library_keeps_nothing_of_a_message_that_was_sent() -> None:
    view = render.view(Screen((Text("x"),), ((Button("Again", "1:again:A"),),)))
    assert view.is_finished()


async def test_short_rows_share_a_line_but_the_order_stands_alone() -> None:
    rows = (
        (Button("✅ Confirm · 30 credits", "1:ok:A", style="go"),),
        (Button("Length: 8 s", "1:ask:A:len"), Button("Shape: landscape 16:9", "1:ask:A:shape")),
        (Button("Quality: 720p", "1:ask:A:size"), Button("Model: Veo 3.1 Lite", "1:ask:A:model")),
        (Button("Change picture", "1:pic:A"),),
        (Button("Change words", "1:txt:A"), Button("Cancel", "1:no:A")),
    )
    made = of_type(render.view(Screen((Text("x"),), rows)), ROW)
    assert [len(each["components"]) for each in made] == [1, 4, 3]


async def test_a_long_list_of_choices_is_a_menu_with_the_present_one_chosen() -> None:
    choices = [Button(f"Model {n} · {n} credits", f"1:set:A:model:m{n}") for n in range(7)]
    choices.append(Button("✓ Veo 3.1 Lite · 30 credits", "1:set:A:model:veo"))
    rows = (tuple(choices[:4]), tuple(choices[4:]), (Button("Back", "1:card:A"),))
    view = render.view(Screen((Text("x"),), rows))
    (menu,) = of_type(view, MENU)
    assert [each["label"] for each in menu["options"]][:2] == ["Model 0", "Model 1"]
    assert menu["options"][0]["description"] == "0 credits"
    assert menu["options"][0]["value"] == "1:set:A:model:m0"
    assert [each["label"] for each in menu["options"] if each["default"]] == ["Veo 3.1 Lite"]
    assert [each["label"] for each in of_type(view, BUTTON)] == ["Back"]


async def test_a_few_choices_stay_buttons() -> None:
    rows = (tuple(Button(f"{n} s", f"1:set:A:len:{n}") for n in (4, 6, 8)),)
    view = render.view(Screen((Text("x"),), rows))
    assert not of_type(view, MENU)
    assert len(of_type(view, BUTTON)) == 3


async def test_long_values_stand_below_their_names_in_small_print() -> None:
    lines = (("Veo 3.1 Lite", "from 30 credits"), ("Kling 3.0", "words or a picture · " * 4))
    (text,) = render.texts((Fields(lines),))
    assert text.splitlines()[:2] == ["**Veo 3.1 Lite**", "-# from 30 credits"]


async def test_a_single_sentence_needs_no_frame() -> None:
    view = render.view(Screen((Text("Your video is ready"),)), mention=7)
    assert [each["type"] for each in sent(view)] == [TEXT]
    assert of_type(view, TEXT)[0]["content"] == "<@7> Your video is ready"


# --- light and dark


def brightness(colour: int) -> float:
    """Relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    parts = [(colour >> shift & 255) / 255 for shift in (16, 8, 0)]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("accent", [render.ACCENT, render.ACCENT_READY, render.ACCENT_FAILED])
@pytest.mark.parametrize("behind", [0xFFFFFF, 0xF2F3F5, 0x393A41, 0x313338])
def test_the_coloured_edge_is_seen_in_light_and_in_dark(accent: int, behind: int) -> None:
    lighter, darker = sorted((brightness(accent), brightness(behind)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3
