"""Whether a concrete KIE `input` conforms to a model's fields and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from decimal import Decimal
from typing import Any

from bot.catalog.model import Constraint, Field, Model, ShotShape
from bot.catalog.wording import either, field_name, number, pairs
from bot.errors import UserError
from bot.texts import DEFAULT_LANGUAGE, say

PICTURE_SCHEME = "picture:"
_URL_STARTS = ("https://", "http://", "asset://", PICTURE_SCHEME)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float, Decimal),
    "boolean": (bool,),
    "string[]": (list, tuple),
    "object[]": (list, tuple),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input.

    `kind` is missing, type, enum, range, length, items, unknown or constraint; `field` is KIE's name of the field.
    """

    kind: str
    field: str
    key: str
    values: Mapping[str, object] = made(default_factory=dict)

    def message(self, language: str = DEFAULT_LANGUAGE) -> str:
        return say(self.key, language, **self.values)

    def error(self) -> UserError:
        return UserError(self.key, **self.values)


def sent(body: Mapping[str, Any], name: str) -> bool:
    """Whether the field is there and not empty."""
    return body.get(name) not in (None, "", [], ())


def fill_defaults(model: Model, body: Mapping[str, Any]) -> dict[str, Any]:
    """The input with KIE's documented defaults where nothing was sent (never the rival of a field that was)."""
    filled = dict(body)
    for place in model.fields.values():
        if place.default is None or body.get(place.name) is not None or _has_rival(model, body, place.name):
            continue
        filled[place.name] = place.default
    return filled


def _has_rival(model: Model, body: Mapping[str, Any], name: str) -> bool:
    for rule in model.constraints:
        if rule.kind == "exclusive" and any(name in group for group in rule.groups):
            rivals = [other for group in rule.groups if name not in group for other in group]
            if any(sent(body, other) for other in rivals):
                return True
    return False


def check(model: Model, body: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with `body`, in the order of the model's fields, then its constraints. Empty: it conforms.

    Types are strict: `"5"` is not 5, and a number as text must be text. Defaults are not filled in for `missing`.
    """
    problems = [
        Problem("unknown", name, "catalog.unknown_field", _unknown_values(model, name))
        for name in body
        if name not in model.fields
    ]
    for place in model.fields.values():
        value = body.get(place.name)
        if value is not None:
            problems.extend(_field_problems(model, place, value))
        elif place.required:
            problems.append(Problem("missing", place.name, "catalog.missing", _names(model, place.name)))
    if not problems:
        problems.extend(_constraint_problems(model, body))
    return problems


def _names(model: Model, name: str) -> dict[str, object]:
    return {"model": model.plain_name, "field": field_name(model, name)}


def _unknown_values(model: Model, name: str) -> dict[str, object]:
    return {"model": model.plain_name, "field": name, "fields": ", ".join(model.fields)}


def _field_problems(model: Model, place: Field, value: Any) -> Iterator[Problem]:
    def problem(kind: str, key: str, **values: object) -> Problem:
        return Problem(kind, place.name, key, {**_names(model, place.name), **values})

    if not _is(place.type, value):
        yield problem(
            "type", "catalog.wrong_type", type=say(f"catalog.type_{place.type.replace('[]', '_list')}")
        )
        return
    if place.is_list:
        yield from _list_problems(place, value, problem)
    elif value not in place.special:
        yield from _scalar_problems(place, value, problem)


def _is(kind: str, value: Any) -> bool:
    if kind != "boolean" and isinstance(value, bool):
        return False
    return isinstance(value, _TYPES[kind])


def _scalar_problems(place: Field, value: Any, problem: Callable[..., Problem]) -> Iterator[Problem]:
    if place.enum and value not in place.enum:
        yield problem("enum", "catalog.not_in_list", value=value, allowed=either(place.enum))
    if isinstance(value, str):
        yield from _text_problems(place, value, problem)
    elif not isinstance(value, bool):
        yield from _range_problems(place, Decimal(str(value)), problem)


def _text_problems(place: Field, value: str, problem: Callable[..., Problem]) -> Iterator[Problem]:
    if place.min is not None or place.max is not None:
        if value.isascii() and value.isdigit():
            yield from _range_problems(place, Decimal(value), problem)
        else:
            yield problem("type", "catalog.wrong_type", type=say("catalog.type_digits"))
    if place.max_length is not None and len(value) > place.max_length:
        yield problem("length", "catalog.too_long", limit=place.max_length, actual=len(value))
    if place.min_length is not None and len(value) < place.min_length:
        yield problem("length", "catalog.too_short", limit=place.min_length, actual=len(value))
    if place.prefix and not value.startswith(place.prefix):
        yield problem("type", "catalog.wrong_address", prefix=place.prefix)
    elif place.url and not value.startswith(_URL_STARTS):
        yield problem("type", "catalog.not_an_address")


def _range_problems(place: Field, value: Decimal, problem: Callable[..., Problem]) -> Iterator[Problem]:
    low, high = place.min, place.max
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = {"low": "–" if low is None else number(low), "high": "–" if high is None else number(high)}
        yield problem("range", "catalog.out_of_range", value=number(value), **bounds)
    elif place.role == "duration" and value != value.to_integral_value():
        yield problem("range", "catalog.not_whole", value=number(value))


def _list_problems(place: Field, values: Sequence[Any], problem: Callable[..., Problem]) -> Iterator[Problem]:
    if place.max_items is not None and len(values) > place.max_items:
        yield problem("items", "catalog.too_many", limit=place.max_items, actual=len(values))
    if place.min_items is not None and len(values) < place.min_items:
        yield problem("items", "catalog.too_few", limit=place.min_items, actual=len(values))
    for value in values:
        if isinstance(value, str) and place.type == "string[]":
            if place.url and not value.startswith(_URL_STARTS):
                yield problem("type", "catalog.not_an_address")
        elif not isinstance(value, dict) or place.type == "string[]":
            yield problem("type", "catalog.wrong_item")
        elif place.shot:
            yield from _shot_problems(place.shot, value, problem)


def _shot_problems(
    shape: ShotShape, item: Mapping[str, Any], problem: Callable[..., Problem]
) -> Iterator[Problem]:
    text, seconds = item.get(shape.text), item.get(shape.seconds)
    if not isinstance(text, str) or not _is("integer" if shape.whole else "number", seconds):
        yield problem("type", "catalog.wrong_scene", text=shape.text, seconds=shape.seconds)
        return
    if shape.max_length is not None and len(text) > shape.max_length:
        yield problem("length", "catalog.scene_too_long", limit=shape.max_length, actual=len(text))
    if not shape.min <= Decimal(str(seconds)) <= shape.max:
        bounds = {"low": number(shape.min), "high": number(shape.max)}
        yield problem("range", "catalog.scene_seconds", value=number(Decimal(str(seconds))), **bounds)


# --- rules between fields ----------------------------------------------------------------------------------------


def _constraint_problems(model: Model, body: Mapping[str, Any]) -> Iterator[Problem]:
    filled = fill_defaults(model, body)
    for rule in model.constraints:
        if any(filled.get(name) != value for name, value in rule.when.items()):
            continue
        found = _RULES[rule.kind](model, rule, body, filled)
        if found:
            key, values = found
            name = rule.field or rule.items or next(iter([*rule.fields, *rule.when, *rule.weights]), "")
            yield Problem("constraint", name, key, {"model": model.plain_name, **values})


_Found = tuple[str, Mapping[str, object]] | None
_Body = Mapping[str, Any]


def _implies(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    if filled.get(rule.field) is None or filled[rule.field] in rule.allowed:
        return None
    values = {"field": field_name(model, rule.field), "allowed": either(rule.allowed)}
    return "catalog.rule_implies", {**values, "when": pairs(model, rule.when)}


def _forbid(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    return "catalog.rule_forbid", {"when": pairs(model, rule.when)}


def _forbid_with(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    if not sent(body, rule.field):
        return None
    return "catalog.rule_forbid_with", {
        "field": field_name(model, rule.field),
        "when": pairs(model, rule.when),
    }


def _needs(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    lacking = [name for name in rule.needs if not sent(body, name)]
    if not sent(body, rule.field) or not lacking:
        return None
    values = {"field": field_name(model, rule.field), "needed": field_name(model, lacking[0])}
    return "catalog.rule_needs", values


def _exclusive(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    used = [[name for name in group if sent(body, name)] for group in rule.groups]
    used = [names for names in used if names]
    if len(used) < 2:
        return None
    values = {"one": field_name(model, used[0][0]), "other": field_name(model, used[1][0])}
    return "catalog.rule_exclusive", values


def _at_least_one(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    if any(sent(body, name) for name in rule.fields):
        return None
    return "catalog.rule_at_least_one", {"fields": either(field_name(model, name) for name in rule.fields)}


def _required(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    if sent(body, rule.field) or any(sent(body, name) for name in rule.unless):
        return None
    return "catalog.missing", {"field": field_name(model, rule.field)}


def _items_when(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    count = len(body.get(rule.field) or ())
    if rule.min <= count <= rule.max:
        return None
    values = {"field": field_name(model, rule.field), "min": rule.min, "max": rule.max, "actual": count}
    return "catalog.rule_items_when", {**values, "when": pairs(model, rule.when)}


def _sum(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    items = body.get(rule.items)
    if not items or filled.get(rule.field) is None:
        return None
    total = sum((Decimal(str(item.get(rule.item_field, 0))) for item in items), Decimal())
    wanted = Decimal(str(filled[rule.field]))
    if total == wanted or (rule.kind == "sum_at_most" and total < wanted):
        return None
    return f"catalog.rule_{rule.kind}", {"total": number(total), "wanted": number(wanted)}


def _weighted_max(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    total = sum(len(body.get(name) or ()) * weight for name, weight in rule.weights.items())
    if total <= rule.max:
        return None
    return "catalog.rule_weighted_max", {"fields": ", ".join(rule.weights), "max": rule.max, "actual": total}


def _max_with(model: Model, rule: Constraint, body: _Body, filled: _Body) -> _Found:
    value = filled.get(rule.field)
    if value is None or not sent(body, rule.with_field) or value <= rule.max:
        return None
    values = {"field": field_name(model, rule.field), "other": field_name(model, rule.with_field)}
    return "catalog.rule_max_with", {**values, "max": rule.max}


_RULES: Mapping[str, Callable[[Model, Constraint, _Body, _Body], _Found]] = {
    "implies": _implies,
    "forbid": _forbid,
    "forbid_with": _forbid_with,
    "needs": _needs,
    "exclusive": _exclusive,
    "at_least_one": _at_least_one,
    "required_when": _required,
    "required_unless": _required,
    "items_when": _items_when,
    "sum_equals": _sum,
    "sum_at_most": _sum,
    "weighted_max": _weighted_max,
    "max_with": _max_with,
}
CONSTRAINT_KINDS = frozenset(_RULES)
