"""How a screen looks in Telegram: escaped HTML within the limits, and rows of buttons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from aiogram.types import ForceReply, InlineKeyboardButton, InlineKeyboardMarkup

from bot.domain import Button
from bot.talk.values import Fields, Heading, Part, Question, Screen, Small, Text, Words

# In UTF-16 units after parsing (telegram.md 3).
TEXT_MOST, CAPTION_MOST, ALERT_MOST = 4096, 1024, 200
PLACEHOLDER_MOST = 64
FOLD_OVER = 400  # a longer quote is folded

STYLES = {"go": "success", "danger": "danger", "primary": "primary"}
_LONE = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200d\ufe0f \n\t"


@dataclass(frozen=True, slots=True)
class _Block:
    """One part as tags around a text that may be shortened, if `gives`."""

    before: str
    text: str
    after: str
    gives: bool = True

    def html(self) -> str:
        return f"{self.before}{escape(self.text, quote=False)}{self.after}"


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 units."""
    return len(text) + sum(1 for each in text if each > "\uffff")


def clean(text: str) -> str:
    """Without halves of surrogate pairs, which nothing could send."""
    return _LONE.sub("\ufffd", text)


def shorten(text: str, most: int) -> str:
    """At most `most` UTF-16 units, ending in `…` if cut, between words where that costs little."""
    if units(text) <= most:
        return text
    kept, room = 0, most - 1
    for each in text:
        room -= units(each)
        if room < 0:
            break
        kept += 1
    cut = text[:kept]
    space = cut.rfind(" ")
    if space > kept * 0.8:
        cut = cut[:space]
    return cut.rstrip(_JOINERS) + "…" if most > 0 else ""


def html(screen: Screen, limit: int = TEXT_MOST) -> str:
    """The screen for `parse_mode=HTML`, with at most `limit` UTF-16 units after parsing (telegram.md 3)."""
    blocks = [_block(part) for part in screen.parts]
    blocks = _fitting([each for each in blocks if each.text], limit)
    made = ""
    for number, block in enumerate(blocks):
        made += (_between(blocks[number - 1], block) if number else "") + block.html()
    return made


def plain(text: str, limit: int = TEXT_MOST) -> str:
    """One paragraph for `parse_mode=HTML`."""
    return html(Screen((Text(text),)), limit)


def _block(part: Part) -> _Block:
    if isinstance(part, Fields):
        return _Block(
            "", "\n".join(f"{clean(label)}: {clean(value)}" for label, value in part.lines), "", False
        )
    text = clean(part.text).strip()
    match part:
        case Heading():
            return _Block("<b>", text, "</b>", False)
        case Small():
            return _Block("<i>", text, "</i>")
        case Words():
            fold = " expandable" if units(text) > FOLD_OVER else ""
            return _Block(f"<blockquote{fold}>", text, "</blockquote>")
        case _:
            return _Block("", text, "")


def _between(upper: _Block, lower: _Block) -> str:
    """A quote is set apart by itself, and what stands under a heading belongs to it."""
    quoted = "<blockquote" in upper.before or "<blockquote" in lower.before
    return "\n" if quoted or upper.before == "<b>" else "\n\n"


def _fitting(blocks: list[_Block], limit: int) -> list[_Block]:
    """Shorten the longest paragraph until all fits, at last any part; nothing is left out before that."""
    while (over := sum(units(each.text) + 2 for each in blocks) - 2 - limit) > 0:
        giving = [each for each in blocks if each.gives and units(each.text) > 1] or blocks
        longest = max(giving, key=lambda each: units(each.text))
        left = shorten(longest.text, max(1, units(longest.text) - over))
        where = blocks.index(longest)
        blocks[where : where + 1] = [replace(longest, text=left)] if left != longest.text else []
    return blocks


def keyboard(rows: Sequence[Sequence[Button]]) -> InlineKeyboardMarkup | None:
    """Rows of buttons under a message; None when there are none."""
    made = [[_button(each) for each in row] for row in rows if row]
    return InlineKeyboardMarkup(inline_keyboard=made) if made else None


def _button(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(
        text=clean(button.label),
        url=button.url or None,
        callback_data=None if button.url else button.action,
        style=STYLES.get(button.style),
    )


def force_reply(placeholder: str = "", *, selective: bool = False) -> ForceReply:
    """Opens the reply for the asker; `selective`: for them alone, in a group."""
    hint = shorten(clean(placeholder).replace("\n", " "), PLACEHOLDER_MOST)
    return ForceReply(force_reply=True, selective=selective, input_field_placeholder=hint or None)


def question(question: Question, now_it_says: str) -> str:
    """What is asked; and what stands now as text that one tap copies, since a reply cannot begin with it."""
    current = clean(question.current).strip()
    asked = shorten(clean(question.text), TEXT_MOST // 2)
    room = TEXT_MOST - units(asked) - units(now_it_says) - 8
    made = escape(asked, quote=False)
    if current:
        made += f"\n\n{escape(now_it_says, quote=False)}\n<code>{escape(shorten(current, room), quote=False)}</code>"
    return made


def mention(user_id: int, name: str) -> str:
    """A name that notifies its owner."""
    return f'<a href="tg://user?id={user_id}">{escape(clean(name)[:64], quote=False)}</a>'
