"""Rules of message content, Components V2 and modals (discord.md 5), and ways to look into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from support.discord_errors import invalid

Json = dict[str, Any]
Wrong = tuple[str, str]

EPHEMERAL, LOADING, V2 = 1 << 6, 1 << 7, 1 << 15
ROW, BUTTON, STRING_SELECT, TEXT_INPUT, USER_SELECT = 1, 2, 3, 4, 5
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LABEL, FILE_UPLOAD, RADIO, CHECKBOXES, CHECKBOX = 18, 19, 21, 22, 23
SELECTS = frozenset({3, 5, 6, 7, 8})
LEGACY = frozenset({ROW, BUTTON}) | SELECTS
LINK_STYLE, PREMIUM_STYLE = 5, 6
IN_LABEL = SELECTS | {TEXT_INPUT, FILE_UPLOAD, RADIO, CHECKBOXES, CHECKBOX}


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, nested ones after the one that holds them."""
    for each in components:
        yield each
        yield from walk(each.get("components") or [])
        yield from walk([each[name] for name in ("accessory", "component") if each.get(name)])


def numbered(components: list[Json]) -> list[Json]:
    """With an id on each, as Discord gives them out."""
    taken = {each.get("id") for each in walk(components)}
    number = 0
    for each in walk(components):
        if not each.get("id"):
            number += 1
            while number in taken:
                number += 1
            each["id"] = number
    return components


def media(components: list[Json]) -> Iterator[Json]:
    """Every `{"url": ...}` that shows a file or an address."""
    for each in walk(components):
        if each["type"] == THUMBNAIL:
            yield each["media"]
        elif each["type"] == GALLERY:
            yield from (item["media"] for item in each["items"])
        elif each["type"] == FILE:
            yield each["file"]


def label_of(component: Json) -> str:
    return component.get("label") or (component.get("emoji") or {}).get("name") or ""


def check_message(
    flags: int, content: str, embeds: list[Json], components: list[Json], files: Collection[str]
) -> None:
    """Refuse what a message may not be, given everything it will consist of after a post or an edit."""
    wrong: list[Wrong] = []
    if len(content) > 2000:
        wrong.append(("content", "Must be 2000 or fewer in length."))
    wrong += _embeds(embeds)
    if flags & V2:
        if content or embeds:
            wrong.append(("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"))
        wrong += _v2(components, files)
    else:
        if len(components) > 5:
            wrong.append(("components", "Must be 5 or fewer in length."))
        wrong += [
            (f"components.{number}.type", "needs the flag IS_COMPONENTS_V2")
            for number, each in enumerate(components)
            if each["type"] != ROW
        ]
    wrong += _rows_and_ids(components)
    if wrong:
        raise invalid(*wrong)


def _embeds(embeds: list[Json]) -> Iterator[Wrong]:
    letters = 0
    for each in embeds:
        fields = each.get("fields") or []
        parts = [each.get("title"), each.get("description"), (each.get("footer") or {}).get("text")]
        parts += [(each.get("author") or {}).get("name")]
        parts += [part for field in fields for part in (field["name"], field["value"])]
        letters += sum(len(part or "") for part in parts)
    if letters > 6000:
        yield "embeds", "Embed size exceeds maximum size of 6000"


def _v2(components: list[Json], files: Collection[str]) -> Iterator[Wrong]:
    everything = list(walk(components))
    if len(everything) > 40:
        yield "components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED: 40"
    if sum(len(each["content"]) for each in everything if each["type"] == TEXT) > 4000:
        yield "components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED: 4000"
    for each in media(components):
        url = each["url"]
        if url.startswith("attachment://") and url.removeprefix("attachment://") not in files:
            yield "components", f"UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND: {url}"
        elif not url.startswith(("attachment://", "http://", "https://")):
            yield "components", f"no address: {url}"
    for each in everything:
        if each["type"] == FILE and not each["file"]["url"].startswith(("attachment://", "http://127.")):
            yield "components", "a File shows uploaded files only"


def _rows_and_ids(components: list[Json]) -> Iterator[Wrong]:
    everything = list(walk(components))
    ids = Counter(each["custom_id"] for each in everything if each.get("custom_id"))
    yield from (
        ("components", f"Component custom id cannot be duplicated: {each}") for each in ids if ids[each] > 1
    )
    for each in everything:
        if each["type"] == ROW:
            selects = sum(inner["type"] in SELECTS for inner in each["components"])
            if selects and len(each["components"]) > 1:
                yield "components", "an action row holds five buttons or one select"
        elif each["type"] == BUTTON:
            yield from _button(each)
        elif each["type"] in SELECTS and not each.get("custom_id"):
            yield "components", "a select needs a custom_id"


def _button(button: Json) -> Iterator[Wrong]:
    style = button["style"]
    if style == LINK_STYLE:
        if not button.get("url") or button.get("custom_id"):
            yield "components", "a link button has a url and no custom_id"
    elif style == PREMIUM_STYLE:
        if not button.get("sku_id"):
            yield "components", "a premium button has a sku_id"
    elif not button.get("custom_id") or button.get("url"):
        yield "components", "a button has a custom_id and no url"
    if style != PREMIUM_STYLE and not label_of(button):
        yield "components", "a button needs a label or an emoji"


def check_modal(modal: Json) -> None:
    """Refuse what a modal may not be, beyond what the schema says."""
    wrong: list[Wrong] = []
    if not 1 <= len(modal["components"]) <= 5:
        wrong.append(("data.components", "Must be between 1 and 5 in length."))
    for number, each in enumerate(modal["components"]):
        path = f"data.components.{number}"
        if each["type"] == LABEL:
            if each["component"]["type"] not in IN_LABEL:
                wrong.append((path, "a label cannot hold this"))
            if each["component"].get("disabled"):
                wrong.append((path, "components in modals cannot be disabled"))
        elif each["type"] not in (ROW, TEXT):
            wrong.append((path, "not allowed in a modal"))
    ids = Counter(each["custom_id"] for each in walk(modal["components"]) if each.get("custom_id"))
    wrong += [("data.components", f"custom id duplicated: {each}") for each in ids if ids[each] > 1]
    if wrong:
        raise invalid(*wrong)
