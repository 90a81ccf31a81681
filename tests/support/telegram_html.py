"""Telegram's HTML parse mode: text and entities, in UTF-16 units, refusing what Telegram refuses (telegram.md 3)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.telegram_schema import bad

TEXT_UNITS, CAPTION_UNITS = 4096, 1024

_TAGS = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(#x[0-9a-fA-F]+|#\d+|lt|gt|amp|quot);?")
_ATTRIBUTE = re.compile(r"""\s+([a-zA-Z-]+)(?:\s*=\s*("[^"]*"|'[^']*'|[\w.-]+))?""")
_WORDS = re.compile(r".[^<&]*", re.DOTALL)
# What a client marks by itself in what people write.
_MARKS = (
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<!\w)@\w{4,32}")),
    ("url", re.compile(r"https?://[^\s<>]+")),
)


@dataclass(frozen=True, slots=True)
class Rich:
    """Text as people see it, its entities, and the HTML it was written in."""

    text: str = ""
    entities: Sequence[Mapping[str, Any]] = field(default=())
    html: str = ""

    @property
    def units(self) -> int:
        return units(self.text)


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def _failed(why: str) -> Exception:
    return bad(f"can't parse entities: {why}")


def plain(text: str) -> Rich:
    """What a person types: trimmed, with the entities that clients find by themselves."""
    text = text.strip()
    found = [
        {"type": kind, "offset": units(text[: hit.start()]), "length": units(hit.group())}
        for kind, pattern in _MARKS
        for hit in pattern.finditer(text)
    ]
    return Rich(text, sorted(found, key=lambda each: int(each["offset"])), html.escape(text, quote=False))


def read_text(text: str, parse_mode: str | None, entities: Sequence[Mapping[str, Any]] | None) -> Rich:
    """What a bot sends. Raises ApiError 400 for broken markup; only HTML is read, as our bot writes nothing else."""
    if parse_mode:
        if parse_mode.lower() != "html":
            raise bad(f"unsupported parse_mode: this stand-in reads HTML only, not {parse_mode}")
        return _parse(text)
    for each in entities or ():
        if each["offset"] < 0 or each["length"] <= 0 or each["offset"] + each["length"] > units(text):
            raise bad("entity beyond the end of the text")
    rich = plain(text)
    return Rich(rich.text, [*(entities or ()), *rich.entities], rich.html)


@dataclass(slots=True)
class _Open:
    tag: str
    name: str
    offset: int
    attributes: dict[str, str]


def _parse(source: str) -> Rich:
    out: list[str] = []
    opened: list[_Open] = []
    entities: list[dict[str, Any]] = []
    length = at = 0

    def add(piece: str) -> None:
        nonlocal length
        out.append(piece)
        length += units(piece)

    while at < len(source):
        byte = len(source[:at].encode()) if source[at] == "<" else 0
        if source[at] == "&" and (hit := _REFERENCE.match(source, at)):
            add(_reference(hit.group(1)))
            at = hit.end()
        elif source[at] != "<":
            words = _WORDS.match(source, at)
            assert words
            add(words.group())
            at = words.end()
        elif source.startswith("</", at):
            end = source.find(">", at)
            if not opened:
                raise _failed(f"Unexpected end tag at byte offset {byte}")
            if end < 0:
                raise _failed(f"Unclosed end tag at byte offset {byte}")
            found, last = source[at + 2 : end].strip().lower(), opened.pop()
            if found not in ("", last.tag):
                raise _failed(
                    f'Unmatched end tag at byte offset {byte}, expected "</{last.tag}>", found "</{found}>"'
                )
            if length > last.offset:
                entities.append(_entity(last, length, "".join(out)))
            at = end + 1
        else:
            tag, at = _start_tag(source, at, byte)
            opened.append(_Open(tag.tag, tag.name, length, tag.attributes))
    if opened:
        raise _failed(f'Can\'t find end tag corresponding to start tag "{opened[-1].tag}"')
    return _trimmed("".join(out), entities, source)


def _reference(name: str) -> str:
    if not name.startswith("#"):
        return _NAMED[name]
    number = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else f"&{name};"


def _start_tag(source: str, at: int, byte: int) -> tuple[_Open, int]:
    name_at = at + 1
    end = next((i for i in range(name_at, len(source)) if source[i].isspace() or source[i] == ">"), -1)
    if end < 0:
        raise _failed(f"Unclosed start tag at byte offset {byte}")
    tag = source[name_at:end].lower()
    if tag not in _TAGS:
        raise _failed(f'Unsupported start tag "{tag}" at byte offset {byte}')
    attributes: dict[str, str] = {}
    while hit := _ATTRIBUTE.match(source, end):
        value = (hit.group(2) or "").strip("\"'")
        attributes[hit.group(1).lower()] = _REFERENCE.sub(lambda found: _reference(found.group(1)), value)
        end = hit.end()
    while end < len(source) and source[end].isspace():
        end += 1
    if end >= len(source) or source[end] != ">":
        raise _failed(f"Unclosed start tag at byte offset {byte}")
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise _failed(f'Tag "span" must have class "tg-spoiler" at byte offset {byte}')
    return _Open(tag, _TAGS[tag], 0, attributes), end + 1


def _entity(tag: _Open, end: int, text: str) -> dict[str, Any]:
    entity: dict[str, Any] = {"type": tag.name, "offset": tag.offset, "length": end - tag.offset}
    if tag.tag == "a":
        entity["url"] = tag.attributes.get("href") or text.encode("utf-16-le")[tag.offset * 2 :].decode(
            "utf-16-le"
        )
    elif tag.tag == "tg-emoji":
        entity["custom_emoji_id"] = tag.attributes.get("emoji-id", "")
    elif tag.tag == "tg-time":
        entity["unix_time"] = int(tag.attributes.get("unix", "0"))
    elif tag.tag == "blockquote" and "expandable" in tag.attributes:
        entity["type"] = "expandable_blockquote"
    elif tag.tag == "code" and tag.attributes.get("class", "").startswith("language-"):
        entity["language"] = tag.attributes["class"].removeprefix("language-")
    return entity


def _trimmed(text: str, entities: list[dict[str, Any]], source: str) -> Rich:
    """Telegram cuts blanks off both ends, and entities with them."""
    start = units(text) - units(text.lstrip())
    text = text.strip()
    end = units(text)
    kept = []
    for each in reversed(entities):  # the outer ones first, where two cover the same
        first = max(0, each["offset"] - start)
        last = min(end, each["offset"] - start + each["length"])
        if last > first:
            kept.append({**each, "offset": first, "length": last - first})
    return Rich(text, sorted(kept, key=lambda each: (each["offset"], -each["length"])), source.strip())
