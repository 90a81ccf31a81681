"""Checks request bodies against the part of Discord's OpenAPI description in discord-openapi-reduced.json.

Stricter than Discord in one respect: a field that the description does not know is refused, so that a typing error
or an invented field is found. What discord.py is known to send besides is in `TOLERATED`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from support.discord_errors import invalid

Json = dict[str, Any]
Wrong = tuple[str, str]

# discord.py describes a kept attachment whole, repeats a command's type, and sends `tts` to every interaction route.
TOLERATED: dict[str, frozenset[str]] = {
    "MessageAttachmentRequest": frozenset({"url", "proxy_url", "size", "spoiler", "content_type"}),
    "ApplicationCommandUpdateRequest": frozenset({"nsfw"}),
    "IncomingWebhookUpdateForInteractionCallbackRequestPartial": frozenset({"tts"}),
    "IncomingWebhookUpdateRequestPartial": frozenset({"tts"}),
    "MessageEditRequestPartial": frozenset({"tts"}),
}
PYTHON: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
    "null": type(None),
}


@cache
def description() -> Json:
    loaded: Json = json.loads(Path(__file__).with_name("discord-openapi-reduced.json").read_text("utf-8"))
    return loaded


def check(route: str, body: object) -> None:
    """Refuse with 50035 what the description of `route` ("POST /channels/{}/messages") does not allow."""
    schema = description()["routes"].get(route)
    if schema is not None and (wrong := list(_check(body, schema, "", frozenset()))):
        raise invalid(*wrong)


def _resolve(schema: Json) -> tuple[Json, frozenset[str]]:
    tolerated: frozenset[str] = frozenset()
    while "$ref" in schema:
        tolerated |= TOLERATED.get(schema["$ref"], frozenset())
        schema = description()["schemas"][schema["$ref"]]
    return schema, tolerated


def _check(value: object, schema: Json, path: str, tolerated: frozenset[str]) -> Iterator[Wrong]:
    schema, more = _resolve(schema)
    tolerated |= more
    if branches := schema.get("oneOf") or schema.get("anyOf"):
        yield from _check_branches(value, branches, path)
        return
    if "enum" in schema:
        if value not in schema["enum"]:
            yield path, f"{value!r} is not one of {schema['enum']}"
        return
    if not _has_type(value, schema):
        yield path, f"{value!r} is not {schema['type']}"
    elif isinstance(value, dict):
        yield from _check_object(value, schema, path, tolerated)
    elif isinstance(value, list):
        yield from _check_size(len(value), schema, path, "Items")
        for number, each in enumerate(value):
            yield from _check(each, schema.get("items", {}), f"{path}.{number}", frozenset())
    elif isinstance(value, str):
        yield from _check_size(len(value), schema, path, "Length")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield path, f"{value!r} does not match {schema['pattern']}"
    elif isinstance(value, int | float) and not _in_range(value, schema):
        yield path, f"{value} is out of range"


def _check_branches(value: object, branches: list[Json], path: str) -> Iterator[Wrong]:
    """No complaint if one branch has none; else those of the branch meant by `type`, or of the best one."""
    complaints = []
    for branch in branches:
        schema, _ = _resolve(branch)
        kinds = schema.get("properties", {}).get("type", {}).get("enum")
        means_it = isinstance(value, dict) and kinds is not None and value.get("type") in kinds
        wrong = list(_check(value, branch, path, frozenset()))
        if not wrong:
            return
        complaints.append((not means_it, schema.get("type") == "null", len(wrong), wrong))
    yield from min(complaints, key=lambda each: each[:3])[3]


def _check_object(value: Json, schema: Json, path: str, tolerated: frozenset[str]) -> Iterator[Wrong]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}", "This field is required"
    for name, each in value.items():
        if name in known:
            yield from _check(each, known[name], f"{path}.{name}", frozenset())
        elif isinstance(other := schema.get("additionalProperties"), dict):
            yield from _check(each, other, f"{path}.{name}", frozenset())
        elif name not in tolerated:
            yield f"{path}.{name}", "The API has no such field"


def _in_range(value: float, schema: Json) -> bool:
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    return bool(low <= value <= high)


def _check_size(size: int, schema: Json, path: str, what: str) -> Iterator[Wrong]:
    if not schema.get(f"min{what}", 0) <= size <= schema.get(f"max{what}", size):
        yield path, f"Must be between {schema.get(f'min{what}', 0)} and {schema.get(f'max{what}')} in length"


def _has_type(value: object, schema: Json) -> bool:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not kinds:
        return True
    if isinstance(value, bool):
        return "boolean" in kinds
    # Discord takes numbers for snowflakes, and digits for numbers.
    if isinstance(value, int) and schema.get("pattern", "").startswith("^(0|"):
        return True
    if isinstance(value, str) and value.isdigit() and "integer" in kinds:
        return True
    return any(isinstance(value, PYTHON[kind]) for kind in kinds)
