"""A model's own fields, set by name (`--set FIELD=VALUE`): read as the field's type, kept within what we send."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.catalog.model import PICTURE_ROLES, Field, Model
from bot.catalog.wording import field_name
from bot.errors import UserError
from bot.texts import say

_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})


def own_fields(model: Model, extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` as input values. Raises UserError for unknown, fixed, unsafe or unreadable ones."""
    return {name: _value(model, name, value) for name, value in extra.items()}


def _value(model: Model, name: str, given: Any) -> Any:
    place = model.fields.get(name)
    if place is None:
        fields = ", ".join(each for each in model.fields if each not in model.fixed)
        raise UserError("catalog.unknown_field", model=model.plain_name, field=name, fields=fields)
    if place.role in PICTURE_ROLES:
        raise UserError("catalog.set_picture", field=name)
    value = _read(model, place, given) if isinstance(given, str) else given
    if value == model.fixed.get(name, value) and place.role not in ("deprecated", "tier"):
        if value in place.never or value in place.special:
            raise UserError("catalog.set_never", model=model.plain_name, field=name, value=given)
        return value
    raise UserError("catalog.set_fixed", model=model.plain_name, field=name)


def _read(model: Model, place: Field, text: str) -> Any:
    try:
        return _READERS[place.type](text)
    except (ValueError, InvalidOperation):
        kind = say(f"catalog.type_{place.type.replace('[]', '_list')}")
        raise UserError(
            "catalog.wrong_type", model=model.plain_name, field=field_name(model, place.name), type=kind
        ) from None


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


def _number(text: str) -> int | float:
    exact = Decimal(text.strip())
    if not exact.is_finite():
        raise ValueError(text)
    return int(exact) if exact % 1 == 0 else float(exact)


def _texts(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("[") else [part.strip() for part in text.split(",")]


_READERS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": lambda text: int(text.strip()),
    "number": _number,
    "boolean": _boolean,
    "string[]": _texts,
    "object[]": json.loads,
}
