"""What the page sends, read strictly: a user's name, and a request as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.domain import Picture, Request, Shot, UserRef
from bot.errors import UserError
from bot.studio import Studio

NAME_MAX = 32
_NAME = re.compile(r"[^\W_](?:[^\W_]|-){0,31}")
_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
_TEXTS = ("model", "prompt", "video_url", "aspect", "quality", "negative_prompt")
_NUMBERS = ("seconds", "seed")
_SWITCHES = ("sound", "remove_watermark")


def user_of(name: str) -> UserRef:
    """The user behind a name chosen on the page: letters, digits and `-`. Raises UserError."""
    name = name.casefold()
    if not _NAME.fullmatch(name):
        raise UserError("web.bad_name", most=NAME_MAX)
    return UserRef("web", name)


def key_of(who: UserRef, data: Mapping[str, Any]) -> str:
    """The asking message's key: the page's own random word, under its user. Raises UserError."""
    key = data.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise UserError("web.unreadable")
    return f"{who}:{key}"


async def request_of(studio: Studio, who: UserRef, data: Any) -> Request:
    """A request from plain data, its pictures being ones this user sent before. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError("web.unreadable")
    choices: dict[str, Any] = {}
    for names, kind in ((_TEXTS, str), (_NUMBERS, int), (_SWITCHES, bool)):
        choices |= {name: _typed(data[name], kind) for name in names if data.get(name) not in (None, "")}
    choices["shots"] = tuple(_shot(each) for each in _list(data, "shots"))
    return Request(**{"model": "", **choices, **await _pictures(studio, who, _list(data, "pictures"))})


async def _pictures(studio: Studio, who: UserRef, given: list[Any]) -> dict[str, Any]:
    by_role: dict[str, list[Picture]] = {"first": [], "last": [], "reference": []}
    for each in given:
        if not isinstance(each, dict) or each.get("role") not in by_role:
            raise UserError("web.unreadable")
        by_role[each["role"]].append(await studio.picture(who, _typed(each.get("sha256"), str)))
    if len(by_role["first"]) > 1 or len(by_role["last"]) > 1:
        raise UserError("web.one_frame_each")
    return {
        "first": next(iter(by_role["first"]), None),
        "last": next(iter(by_role["last"]), None),
        "references": tuple(by_role["reference"]),
    }


def _shot(data: Any) -> Shot:
    if not isinstance(data, dict):
        raise UserError("web.unreadable")
    seconds = data.get("seconds")
    try:
        exact = None if seconds in (None, "") else Decimal(str(seconds))
    except InvalidOperation:
        exact = Decimal("NaN")
    if exact is not None and not exact.is_finite():
        raise UserError("web.scene_seconds")
    return Shot(_typed(data.get("text", ""), str), exact)


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UserError("web.unreadable")
    return value


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name) or []
    if not isinstance(value, list) or len(value) > 50:
        raise UserError("web.unreadable")
    return value
