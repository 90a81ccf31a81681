"""How values, lists and field names are said in the catalogue's sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.catalog.model import Field, Model
from bot.texts import say

_NAMED_ROLES = frozenset(
    {"prompt", "first_frame", "last_frame", "aspect", "resolution", "duration", "audio_toggle", "shots"}
)


def number(value: Decimal | int | float) -> str:
    """A number without needless zeros: `4.5`, `30`, `7.5`."""
    return f"{Decimal(str(value)).normalize():f}"


def spoken(value: Any) -> str:
    """A value of an input as a person writes it."""
    if isinstance(value, bool):
        return say("catalog.on" if value else "catalog.off")
    return number(value) if isinstance(value, int | float | Decimal) else str(value)


def either(values: Iterable[Any], most: int = 12) -> str:
    """`4, 6 or 8`; a long list ends with how many more there are."""
    words = list(dict.fromkeys(spoken(value) for value in values))
    if len(words) > most:
        return say("catalog.and_more", first=", ".join(words[:most]), n=len(words) - most)
    if len(words) < 2:
        return "".join(words)
    return say("catalog.or", first=", ".join(words[:-1]), last=words[-1])


def lengths_in_words(lengths: Sequence[int]) -> str:
    """`4, 6 or 8 s`, `3 to 15 s`."""
    if len(lengths) > 3 and lengths[-1] - lengths[0] == len(lengths) - 1:
        return say("catalog.span", first=lengths[0], last=lengths[-1])
    return say("words.seconds", n=either(lengths))


def field_name(model: Model, name: str) -> str:
    """What a person calls a field: `length`, `size`; else KIE's name of it."""
    place = model.fields.get(name)
    return say(f"catalog.field_{place.role}") if place and place.role in _NAMED_ROLES else name


def pairs(model: Model, when: Mapping[str, Any]) -> str:
    """The parts of a combination: `length 10 and size 1080P`."""
    words = [f"{field_name(model, name)} {spoken(value)}" for name, value in when.items()]
    return words[0] if len(words) == 1 else say("catalog.and", first=", ".join(words[:-1]), last=words[-1])


def size_word(place: Field, word: str, lines: int) -> str:
    """A size with its lines where the word does not say them: `pro (1080p)`."""
    return (
        word if str(lines) in word or word not in place.lines else say("catalog.size", word=word, lines=lines)
    )
