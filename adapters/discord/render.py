"""Talk's screens as Discord messages: Components V2, escaped and never longer than a message may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import discord
from discord import ui

from adapters.discord import buttons
from adapters.discord.buttons import View, shortened
from bot.domain import Button
from bot.talk import Fields, Heading, Part, Screen, Small, Text, Words
from bot.talk.base import action
from bot.texts import DEFAULT_LANGUAGE, say

# discord.md 5: characters of all texts of a message, of a description.
TEXT_MOST, DESCRIPTION_MOST = 4000, 1024
BLOCKS_MOST, LEAST_WORDS, SHORT_LINE, VALUE_BESIDE = 8, 80, 80, 56
# Seen on light and on dark alike: 3:1 against Discord's own backgrounds.
ACCENT = 0x6979FF
ACCENT_READY = 0x2B9871
ACCENT_FAILED = 0xDE605A

_ADDRESS = re.compile(r"https?://[^\s<]+")
_SIGNS = re.compile(r"[\\*_~`|<>\[\]()@]")
# A file that Discord keeps as long as its message, with the signature that dies after a day (discord.md 4).
_SIGNED = re.compile(r"(https?://[^/?]+/attachments/\d+/\d+/[^/?]+)\?\S*\bhm=\S*")
_AT_LINE_START = re.compile(r"^(\s*\d*)([#.-])(?=[#\s])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Clip:
    """A video above the words of a message: its address (`attachment://<file name>` of a file that goes along), its
    description for who cannot see it, and what stands above it, as markup."""

    url: str
    description: str = ""
    above: str = ""


def view(
    screen: Screen,
    *,
    picture: str = "",
    clip: Clip | None = None,
    mention: int | None = None,
    accent: int = ACCENT,
) -> View:
    """The message a screen becomes: send it or edit with it as `view=` alone.

    `picture` is the address of a small picture beside the words, `mention` the id of a user named on top.
    """
    made = ui.LayoutView(timeout=None)
    if not (clip or picture) and _is_a_word(screen):
        made.add_item(ui.TextDisplay(" ".join(filter(None, (_named(mention), *texts(screen.parts))))))
    else:
        if mention is not None:
            made.add_item(ui.TextDisplay(_named(mention)))
        made.add_item(_box(screen, picture, clip, accent))
    # Presses are answered by items.py, whatever became of this object: the library must not keep one for each message.
    made.stop()
    return made


def _is_a_word(screen: Screen) -> bool:
    """A sentence with nothing to press needs no frame."""
    return not screen.rows and len(screen.parts) == 1 and isinstance(screen.parts[0], Text)


def _named(user: int | None) -> str:
    return "" if user is None else f"<@{user}>"


def _box(screen: Screen, picture: str, clip: Clip | None, accent: int) -> ui.Container[View]:
    box: ui.Container[View] = ui.Container(accent_colour=accent)
    if clip:
        if clip.above:
            box.add_item(ui.TextDisplay(clip.above))
        described = shortened(clip.description, DESCRIPTION_MOST) or None
        box.add_item(ui.MediaGallery(discord.MediaGalleryItem(lasting(clip.url), description=described)))
    blocks = texts(screen.parts)
    if blocks and picture:
        beside = ui.Thumbnail[View](lasting(picture), description=say("discord.your_picture"))
        box.add_item(ui.Section(ui.TextDisplay(blocks.pop(0)), accessory=beside))
    for block in blocks:
        box.add_item(ui.TextDisplay(block))
    rows = buttons.rows(screen.rows)
    if rows and (blocks or picture):
        box.add_item(ui.Separator())
    for row in rows:
        box.add_item(row)
    return box


def plain(text: str, below: Sequence[Button] = (), *, mention: int | None = None) -> View:
    """A short word of ours, with buttons below it."""
    return view(Screen((Text(text),), (tuple(below),) if below else ()), mention=mention)


def with_file(text: str, name: str) -> View:
    """A word about a file of this name that goes along."""
    made = ui.LayoutView(timeout=None)
    made.add_item(ui.TextDisplay(escaped(text)))
    made.add_item(ui.File(f"attachment://{name}"))
    made.stop()
    return made


def with_get(screen: Screen, job_id: str, language: str = DEFAULT_LANGUAGE) -> Screen:
    """With a button that brings the video: where the bot may not write by itself, a press lets it."""
    button = Button(say("discord.get_video", language), action("get", job_id))
    return replace(screen, rows=(*screen.rows, (button,)))


def for_one(screen: Screen, language: str = DEFAULT_LANGUAGE) -> Screen:
    """A status that only its reader sees: Discord forgets it when it starts anew."""
    return replace(screen, parts=(*screen.parts, Small(say("discord.stay_hidden", language))))


def only(user: int | None) -> discord.AllowedMentions:
    """Nobody may be pinged but this user."""
    users: list[discord.abc.Snowflake] | bool = [discord.Object(user)] if user else False
    return discord.AllowedMentions(everyone=False, roles=False, users=users, replied_user=False)


def picture_of(message: discord.Message | None) -> str:
    """The address of the small picture that a message of ours shows, to show it again when it is edited."""
    for each in walk(message.components if message else ()):
        if isinstance(each, discord.ThumbnailComponent):
            return each.media.url
    return ""


def clip_of(message: discord.Message | None) -> Clip | None:
    """The video that a message of ours shows, to show it again when it is edited."""
    above = ""
    for each in walk(message.components if message else ()):
        if isinstance(each, discord.TextDisplay):
            above = each.content if each.content.startswith("> ") else ""
        if isinstance(each, discord.MediaGalleryComponent) and each.items:
            item = each.items[0]
            return Clip(item.media.url, item.description or "", above)
    return None


def lasting(url: str) -> str:
    """Without the signature, where Discord signs it anew each time it shows it: so a message that is edited keeps its
    picture and its video for more than a day. `attachment://` finds only files that go along."""
    found = _SIGNED.fullmatch(url)
    return found[1] if found else url


def lasts(url: str) -> bool:
    """Whether it is still there tomorrow: what came with a command or a form is not (discord.md 4)."""
    return "/ephemeral-attachments/" not in url


def walk(components: Iterable[Any]) -> Iterator[Any]:
    """Every component of a message, outer ones first."""
    for each in components:
        yield each
        yield from walk(getattr(each, "children", ()))
        if isinstance(each, discord.SectionComponent):
            yield each.accessory


# --- words -------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """Words as they were written: no markup, no mention, but addresses stay whole."""
    made, at = [], 0
    for found in _ADDRESS.finditer(text):
        made += [_escaped(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*made, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return _AT_LINE_START.sub(r"\1\\\2", _SIGNS.sub(r"\\\g<0>", text))


def texts(parts: Sequence[Part]) -> list[str]:
    """The words of a screen in blocks, together at most what a message takes.

    What is too much is taken from the quoted words first.
    """
    room = {at: part.text for at, part in enumerate(parts) if isinstance(part, Words)}
    while True:
        blocks = _blocks(parts, room)
        over = sum(map(len, blocks)) - TEXT_MOST
        if over <= 0:
            return blocks
        longest = max(room, key=lambda at: len(room[at]), default=None)
        if longest is None or len(room[longest]) < LEAST_WORDS:
            return _cut(blocks, TEXT_MOST)
        # escaping makes words longer, here by as much as in what is cut
        share = over * len(room[longest]) // len(_said(parts[longest], room[longest])) + 2
        room[longest] = shortened(room[longest], max(LEAST_WORDS // 2, len(room[longest]) - share))


def fits(parts: Sequence[Part]) -> bool:
    """Whether a message can say all of it, quoted words uncut."""
    blocks = _blocks(parts, {at: part.text for at, part in enumerate(parts) if isinstance(part, Words)})
    return sum(map(len, blocks)) <= TEXT_MOST


def _cut(blocks: Sequence[str], most: int) -> list[str]:
    kept = []
    for block in blocks:
        if most > 1:
            kept.append(shortened(block, most))
            most -= len(kept[-1])
    return kept


def _blocks(parts: Sequence[Part], words: dict[int, str]) -> list[str]:
    """A heading begins a block, quoted words end one (what follows would look quoted too), and so does the body where
    the small print begins."""
    blocks: list[str] = []
    before: Part | None = None
    values = [value for part in parts if isinstance(part, Fields) for _, value in part.lines]
    # long ones stand below their names in small print
    before_value = "\n-# " if any(len(each) > VALUE_BESIDE for each in values) else " "
    for at, part in enumerate(parts):
        text = _said(part, words.get(at, ""), before_value)
        if not text:
            continue
        if before is None or (_parted(before, part) and len(blocks) < BLOCKS_MOST):
            blocks.append(text)
        else:
            blocks[-1] += ("\n\n" if _spread(before, part) else "\n") + text
        before = part
    return blocks


def _parted(before: Part, part: Part) -> bool:
    if isinstance(part, Heading) or isinstance(before, Words):
        return True
    return isinstance(part, Small) and not isinstance(before, Small | Heading)


def _spread(before: Part, part: Part) -> bool:
    """Paragraphs stand apart, short lines together."""
    if not (isinstance(before, Text) and isinstance(part, Text)):
        return False
    return any(len(text) > SHORT_LINE or "\n" in text for text in (before.text, part.text))


def _said(part: Part, words: str, before_value: str = " ") -> str:
    if isinstance(part, Heading):
        return f"### {escaped(part.text)}"
    if isinstance(part, Fields):
        return "\n".join(f"**{escaped(label)}**{before_value}{escaped(value)}" for label, value in part.lines)
    if isinstance(part, Words):
        return quoted(words)
    if isinstance(part, Small):
        return _each_line("-# ", part.text)
    return escaped(part.text)


def quoted(text: str) -> str:
    return _each_line("> ", text)


def _each_line(mark: str, text: str) -> str:
    return "\n".join(mark + line for line in escaped(text).splitlines() if line.strip())
