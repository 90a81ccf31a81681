"""Talk's rows of buttons as Discord lays them out: short ones share a row, and a long list of choices is a menu."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import discord
from discord import ui

from bot.domain import Button
from bot.texts import say

View: TypeAlias = "ui.LayoutView"
Row: TypeAlias = "ui.ActionRow[View]"

# discord.md 5: characters of a label and of a link, buttons in a row, rows, options of a menu and their characters.
LABEL_MOST, URL_MOST, ROW_MOST, ROWS_MOST, OPTIONS_MOST, OPTION_MOST = 80, 512, 5, 5, 25, 100
ROW_CHARACTERS = 72  # about what a screen shows in one line
CHOSEN = "✓ "
_STYLES = {"go": discord.ButtonStyle.success, "danger": discord.ButtonStyle.danger}


def rows(asked: Sequence[Sequence[Button]]) -> list[Row]:
    """At most five rows of what can be pressed."""
    usable = [_usable(row) for row in _each_once(asked)]
    long = _long_lists([button for row in usable for button in row])
    made: list[Row] = [_menu(n, choices) for n, choices in enumerate(long.values())]
    left = [[each for each in row if list_of(each) not in long] for row in usable]
    made += [ui.ActionRow(*map(_button, row)) for row in _packed(left)]
    return made[:ROWS_MOST]


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(0, most - 1)].rstrip("\\ ") + "…"


def _each_once(asked: Sequence[Sequence[Button]]) -> list[list[Button]]:
    """A button that stands twice would make Discord refuse the message."""
    known: set[str] = set()
    found: list[list[Button]] = []
    for row in asked:
        found.append([])
        for each in row:
            mark = each.url or each.action
            if mark not in known:
                found[-1].append(each)
            known.add(mark)
    return found


def _usable(row: Sequence[Button]) -> list[Button]:
    return [each for each in row if (each.url or each.action) and len(each.url) <= URL_MOST]


# --- menus -------------------------------------------------------------------------------------------------------


def list_of(button: Button) -> str:
    """The list a choice belongs to: its action without the value (`1:set:<draft>:<what>`); "" for what is none."""
    before, _, value = button.action.rpartition(":")
    return before if value and before.count(":") >= 2 else ""


def _long_lists(choices: Sequence[Button]) -> dict[str, list[Button]]:
    """The lists that are too long for one row."""
    sizes = Counter(list_of(each) for each in choices)
    long = [name for name, size in sizes.items() if name and size > ROW_MOST]
    return {name: [each for each in choices if list_of(each) == name] for name in long}


def _menu(number: int, choices: Sequence[Button]) -> Row:
    options = [_option(each) for each in choices[:OPTIONS_MOST]]
    menu = ui.Select[View](
        custom_id=f"choose:{number}", options=options, placeholder=say("discord.choose"), min_values=1
    )
    return ui.ActionRow(menu)


def _option(choice: Button) -> discord.SelectOption:
    label = choice.label.removeprefix(CHOSEN)
    name, _, about = label.partition(" · ")
    return discord.SelectOption(
        label=shortened(name, OPTION_MOST),
        description=shortened(about, OPTION_MOST) or None,
        value=choice.action,
        default=label != choice.label,
    )


# --- buttons -----------------------------------------------------------------------------------------------------


def _packed(asked: Sequence[Sequence[Button]]) -> list[list[Button]]:
    """Neighbouring rows that fit into one, but for the one that orders, which stands alone."""
    made: list[list[Button]] = []
    for row in asked:
        for part in (row[at : at + ROW_MOST] for at in range(0, len(row), ROW_MOST)):
            if made and _fit(made[-1], part):
                made[-1] += part
            else:
                made.append(list(part))
    return made


def _fit(row: Sequence[Button], more: Sequence[Button]) -> bool:
    both = [*row, *more]
    orders = any(each.style == "go" for each in both)
    return not orders and len(both) <= ROW_MOST and sum(len(each.label) for each in both) <= ROW_CHARACTERS


def _button(button: Button) -> ui.Button[View]:
    label = shortened(button.label, LABEL_MOST)
    if button.url:
        return ui.Button(label=label, url=button.url)
    style = _STYLES.get(button.style, discord.ButtonStyle.secondary)
    return ui.Button(label=label, custom_id=button.action, style=style)
