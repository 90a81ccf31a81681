"""Reads a task's input by the roles of its fields: what the clip is to show, whichever model's dialect it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.catalog import Model
from bot.catalog.model import lines_of
from bot.sandbox.spec import ratio_of

SECONDS_IF_OPEN = Decimal(5)
_REMOVER_SECONDS = Decimal(10)
_FIRST = ("first_frame", "first_last_frames", "first_last_or_reference")
_REFERENCES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked. Pictures are addresses; `aspect` None follows the first picture; scenes are (text, seconds)."""

    scenes: tuple[tuple[str, float], ...]
    lines: int
    aspect: str | None
    sound: bool
    facts: str
    still: bool
    first: str | None = None
    last: str | None = None
    references: tuple[str, ...] = ()


def read_wish(model: Model, sent: Mapping[str, Any], filled: Mapping[str, Any]) -> Wish:
    """`sent` as it came, `filled` with the defaults in force."""
    first, last, references = _pictures(model, filled)
    if model.kind == "image" and first is None and references:
        first, references = references[0], references[1:]
    seconds = float(_seconds(model, filled))
    lines, size = _lines(model, filled)
    aspect = _aspect(model, sent, filled, first)
    still = model.kind == "image"
    facts = (None if still else f"{seconds:g} s", size, aspect)
    return Wish(
        scenes=_scenes(model, filled, seconds),
        lines=lines,
        aspect=aspect,
        sound=_sound(model, filled),
        facts=" · ".join(each for each in facts if each),
        still=still,
        first=first,
        last=last,
        references=references[:_REFERENCES_SHOWN],
    )


def open_length(model: Model, filled: Mapping[str, Any]) -> dict[str, Any]:
    """The input with a length of -1 ("as the model likes") made into SECONDS_IF_OPEN."""
    place = model.role("duration")
    if place is None or str(filled.get(place.name)) != "-1":
        return dict(filled)
    value: Any = str(SECONDS_IF_OPEN) if place.type == "string" else int(SECONDS_IF_OPEN)
    return {**filled, place.name: value}


def above_720p(model: Model, filled: Mapping[str, Any]) -> bool:
    return _lines(model, filled)[0] > 720


def _value(model: Model, filled: Mapping[str, Any], *roles: str) -> Any:
    place = model.role(*roles)
    return None if place is None else filled.get(place.name)


def _pictures(model: Model, filled: Mapping[str, Any]) -> tuple[str | None, str | None, tuple[str, ...]]:
    place = model.role(*_FIRST)
    frames = _addresses(filled.get(place.name)) if place else ()
    role = place.role if place else ""
    last = next(iter(_addresses(_value(model, filled, "last_frame"))), None)
    references = _addresses(_value(model, filled, "reference_images"))
    if role == "first_last_or_reference" and _refers(model, filled):
        return None, last, frames + references
    first = frames[0] if frames else None
    if role != "first_frame" and len(frames) > 1:
        return first, frames[1], references
    return first, last, frames[1:] + references


def _refers(model: Model, filled: Mapping[str, Any]) -> bool:
    return "REFERENCE" in str(_value(model, filled, "mode") or "")


def _addresses(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(each for each in values if isinstance(each, str) and each)


def _seconds(model: Model, filled: Mapping[str, Any]) -> Decimal:
    value = _value(model, open_length(model, filled), "duration")
    if value is not None:
        return Decimal(str(value))
    return _REMOVER_SECONDS if model.kind == "video_edit" else SECONDS_IF_OPEN


def _lines(model: Model, filled: Mapping[str, Any]) -> tuple[int, str | None]:
    """The short side in pixels, and the word that asked for it."""
    place = model.role("resolution")
    word = filled.get(place.name) if place else None
    if place is None or word is None:
        return model.lines or 720, None
    return lines_of(word, place), word


def _aspect(
    model: Model, sent: Mapping[str, Any], filled: Mapping[str, Any], first: str | None
) -> str | None:
    place = model.role("aspect")
    if place is None:
        return None
    # A default shape gives way to the first picture's where the model looks at the picture.
    if first and place.follows is not None and place.name not in sent:
        return None
    value = filled.get(place.name)
    return value if ratio_of(value) else None


def _sound(model: Model, filled: Mapping[str, Any]) -> bool:
    if model.sound == "switch":
        return bool(_value(model, filled, "audio_toggle"))
    if model.sound == "own_file":
        return bool(_value(model, filled, "audio_track"))
    return model.sound != "none"


def _scenes(model: Model, filled: Mapping[str, Any], seconds: float) -> tuple[tuple[str, float], ...]:
    prompt = _prompt(model, filled)
    place = model.role("shots")
    shots = (filled.get(place.name) or ()) if place and _in_shots(model, filled, prompt) else ()
    if not place or not place.shot or not shots:
        return ((prompt, seconds),)
    shape = place.shot
    scenes = [(str(shot[shape.text]), float(shot[shape.seconds])) for shot in shots]
    rest = seconds - sum(length for _, length in scenes)
    if rest > 0:
        scenes[-1] = (scenes[-1][0], scenes[-1][1] + rest)
    return tuple(scenes)


def _in_shots(model: Model, filled: Mapping[str, Any], prompt: str) -> bool:
    switches = [
        place.name for place in model.fields.values() if place.role == "mode" and place.type == "boolean"
    ]
    return not prompt or any(filled.get(name) for name in switches)


def _prompt(model: Model, filled: Mapping[str, Any]) -> str:
    """The words; for a model without words, the address or task it was given."""
    words = _value(model, filled, "prompt") or _value(model, filled, "source_video", "source_task")
    return words if isinstance(words, str) else ""
