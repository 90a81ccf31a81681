"""Buttons in rows."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain import Button
from bot.talk.base import action
from bot.texts import say


def in_rows(buttons: Sequence[Button], width: int) -> tuple[tuple[Button, ...], ...]:
    """At most `width` buttons in each."""
    return tuple(tuple(buttons[n : n + width]) for n in range(0, len(buttons), width))


def turning(page: int, pages: int, language: str, *acts: str, before: str = "") -> list[Button]:
    """The buttons that turn pages, numbered from 1; `acts` is the verb and what stands before the number."""
    found = []
    if page > 1:
        found.append(Button(say("info.page_before", language), action(*acts, f"{before}{page - 1}")))
    if page < pages:
        found.append(Button(say("info.page_next", language), action(*acts, f"{before}{page + 1}")))
    return found
