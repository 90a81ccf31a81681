"""Forms: each shown one has an id of its own and what it is about lies in Memory, so that one may be handed in after a
restart, and two people may fill in the same one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord
from discord import ui

from adapters.discord.buttons import shortened
from adapters.discord.pictures import AT_ONCE, Upload
from bot.talk import Question
from bot.texts import say

# discord.md 5: characters of a title, of a label, of a text that is typed in.
TITLE_MOST, LABEL_MOST, TYPED_MOST = 45, 45, 4000
FORM = re.compile(r"form:(question|further|storyboard|animate):(open|private):([0-9A-Z]+)")
WORDS, PICTURES, SHAPE, LENGTH = "words", "pictures", "shape", "length"

STORYBOARD_LENGTHS = (10, 15, 25)
QUESTION_TITLES = {
    "picture": "discord.title_picture",
    "words": "discord.title_words",
    "scene": "discord.title_scene",
    "which": "discord.title_which",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that was handed in. `private`: what comes of it is for the asker's eyes only."""

    kind: str
    id: str
    private: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    uploads: tuple[Upload, ...] = ()

    @property
    def anew(self) -> bool:
        """What comes of it is a message of its own, not in place of the one it was opened from."""
        return self.kind != "question"

    @property
    def words(self) -> str:
        return self.texts.get(WORDS, "").strip()


def question_form(
    form_id: str, question: Question, language: str, *, further: bool = False, private: bool = False
) -> ui.Modal:
    """What Talk wants to be told, with what stands now filled in. `further`: what comes of it is a message of its own."""
    kind = "further" if further else "question"
    form = _form(kind, form_id, say(QUESTION_TITLES[question.kind], language), private)
    form.add_item(ui.TextDisplay(_asks(question, language)))
    if question.kind == "picture":
        form.add_item(_upload(language, needed=True))
    else:
        short = question.kind == "which"
        form.add_item(_typed(say("discord.label_answer", language), current=question.current, short=short))
    return form


def _asks(question: Question, language: str) -> str:
    """What a form says above its field; words cut short to fit in there would be ordered cut short."""
    if len(question.current) <= TYPED_MOST:
        return question.text
    why = say("discord.words_too_long", language, n=len(question.current), most=TYPED_MOST)
    return f"{question.text}\n\n{why}"


def storyboard_form(form_id: str, language: str, *, private: bool = False) -> ui.Modal:
    form = _form("storyboard", form_id, say("discord.title_storyboard", language), private)
    form.add_item(
        _typed(
            say("discord.label_scenes", language),
            hint=say("discord.hint_scenes", language),
            example=say("discord.example_scenes", language),
        )
    )
    lengths = {str(each): say("words.seconds", language, n=each) for each in STORYBOARD_LENGTHS}
    form.add_item(_select(LENGTH, say("discord.label_length", language), lengths, language))
    shapes = {"landscape": say("discord.landscape", language), "portrait": say("discord.portrait", language)}
    form.add_item(_select(SHAPE, say("discord.label_shape", language), shapes, language))
    form.add_item(_upload(language, needed=False, most=1))
    return form


def animate_form(form_id: str, language: str, *, current: str = "", private: bool = False) -> ui.Modal:
    """What is to happen in a picture that somebody pointed at."""
    form = _form("animate", form_id, say("discord.title_animate", language), private)
    form.add_item(
        _typed(
            say("discord.label_animate", language),
            example=say("discord.example_animate", language),
            current=current,
        )
    )
    return form


def _form(kind: str, form_id: str, title: str, private: bool = False) -> ui.Modal:
    custom_id = f"form:{kind}:{'private' if private else 'open'}:{form_id}"
    form = ui.Modal(title=shortened(title, TITLE_MOST), custom_id=custom_id)
    # Answered by its id (read below), so the library need not keep it.
    form.stop()
    return form


def _typed(
    label: str, *, hint: str = "", example: str = "", current: str = "", short: bool = False
) -> ui.Label[Any]:
    entry = ui.TextInput[Any](
        custom_id=WORDS,
        style=discord.TextStyle.short if short else discord.TextStyle.paragraph,
        placeholder=shortened(example, 100) or None,
        default=current if 0 < len(current) <= TYPED_MOST else None,
        max_length=100 if short else TYPED_MOST,
    )
    return ui.Label(
        text=shortened(label, LABEL_MOST), description=shortened(hint, 100) or None, component=entry
    )


def _select(custom_id: str, label: str, values: Mapping[str, str], language: str) -> ui.Label[Any]:
    options = [discord.SelectOption(label=text, value=value) for value, text in values.items()]
    select = ui.Select[Any](
        custom_id=custom_id,
        options=options,
        required=False,
        min_values=0,
        placeholder=say("discord.as_usual", language),
    )
    return ui.Label(text=shortened(label, LABEL_MOST), component=select)


def _upload(language: str, *, needed: bool, most: int = AT_ONCE) -> ui.Label[Any]:
    upload = ui.FileUpload[Any](
        custom_id=PICTURES, required=needed, min_values=1 if needed else 0, max_values=most
    )
    label = say("discord.label_picture" if needed else "discord.label_picture_optional", language)
    return ui.Label(text=shortened(label, LABEL_MOST), component=upload)


# --- handed in ---------------------------------------------------------------------------------------------------


def filled(data: Mapping[str, Any]) -> Filled:
    """A form as Discord brings it. One of an earlier version has the kind `unknown`."""
    match = FORM.fullmatch(data["custom_id"])
    files = (data.get("resolved") or {}).get("attachments") or {}
    texts: dict[str, str] = {}
    choices: dict[str, str] = {}
    uploads: list[Upload] = []
    for each in _entries(data["components"]):
        values = each.get("values") or ()
        if "value" in each:
            texts[each["custom_id"]] = each["value"] or ""
        elif all(value in files for value in values):
            uploads += [Upload.of_json(files[value]) for value in values]
        elif values:
            choices[each["custom_id"]] = values[0]
    kind, private, form_id = match.groups() if match else ("unknown", "", "")
    return Filled(kind, form_id, private == "private", texts, choices, tuple(uploads))


def _entries(components: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What was filled in, out of its labels and rows."""
    for each in components:
        inner = [each["component"]] if "component" in each else each.get("components", ())
        if inner:
            yield from _entries(inner)
        elif "custom_id" in each:
            yield each
