"""What a chat may offer as choices for one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.catalog.model import Model, lines_of
from bot.catalog.shape import distance, ratio
from bot.catalog.wording import either, size_word
from bot.errors import UserError

NEUTRAL_QUALITIES = ("low", "standard", "high", "max")
_STANDARD_LINES, _HIGH_LINES = 720, 1080


@dataclass(frozen=True, slots=True)
class Size:
    """A picture size: the model's own word, its lines, and the neutral words that mean it here."""

    word: str
    lines: int
    neutral: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The choices of a model. Empty tuples and zeros: no choice, or not taken.

    `lengths` in seconds; `sound` is switch, always, none or unknown; `watermark` tells that it can be kept or removed;
    `prompt_max` in characters (None: no known limit).
    """

    aspects: tuple[str, ...]
    lengths: tuple[int, ...]
    sizes: tuple[Size, ...]
    sound: str
    first: bool
    last: bool
    references_max: int
    needs_picture: bool
    shots_max: int
    watermark: bool
    seed: bool
    negative_prompt: bool
    prompt_max: int | None
    aspect_from_picture: bool


def options(model: Model) -> ModelOptions:
    """The choices a chat may show for `model`."""
    prompt, aspect, shots = model.role("prompt"), model.role("aspect"), model.shots
    sizes = model.sizes()
    return ModelOptions(
        aspects=tuple(shape for shape in (aspect.enum if aspect else ()) if ratio(shape)),
        lengths=model.lengths(),
        sizes=tuple(Size(word, lines, _neutral(model, word)) for word, lines in sizes.items()),
        sound=model.sound if model.sound in ("switch", "always", "none") else "unknown",
        first=model.takes_first,
        last=model.takes_last,
        references_max=model.references_max,
        needs_picture=model.needs_picture,
        shots_max=(shots.max_items or 0) if shots else 0,
        watermark=_has_watermark_switch(model),
        seed=model.role("seed") is not None,
        negative_prompt=model.role("negative_prompt") is not None,
        prompt_max=prompt.max_length if prompt else None,
        aspect_from_picture=model.takes_first and (aspect is None or aspect.follows is not None),
    )


def _has_watermark_switch(model: Model) -> bool:
    place = model.role("watermark_removal", "watermark")
    return place is not None and place.type == "boolean"


def _neutral(model: Model, word: str) -> tuple[str, ...]:
    return tuple(name for name in NEUTRAL_QUALITIES if resolve_quality(model, name) == word)


def resolve_quality(model: Model, wish: str) -> str | None:
    """The model's own word for a wished size; None when it has no choice of size and none is needed.

    `low` is the smallest, `standard` nearest 720 lines, `high` nearest 1080, `max` the largest; also the model's own
    word in any case, or its lines (`1080p` for Kling's `pro`). Raises UserError listing what there is.
    """
    sizes = model.sizes()
    name = wish.strip().lower()
    if not sizes:
        if name == "standard":
            return None
        raise UserError("catalog.one_size", model=model.plain_name)
    # The model's own words win: Sora's `standard` and `high` are both.
    for word, lines in sizes.items():
        if name in (word.lower(), f"{lines}p", str(lines)):
            return word
    if name in NEUTRAL_QUALITIES:
        return _by_neutral_word(sizes, name)
    place = model.role("resolution")
    assert place is not None
    allowed = either(size_word(place, word, lines) for word, lines in sizes.items())
    raise UserError("catalog.no_size", model=model.plain_name, value=wish, allowed=allowed)


def _by_neutral_word(sizes: Mapping[str, int], name: str) -> str:
    words = list(sizes)
    if name in ("low", "max"):
        return words[0 if name == "low" else -1]
    return nearest_size(sizes, _STANDARD_LINES if name == "standard" else _HIGH_LINES)


def nearest_size(sizes: Mapping[str, int], lines: int) -> str:
    """The size whose lines come closest, by ratio."""
    return min(sizes, key=lambda word: distance(sizes[word], lines))


def lines_in_force(model: Model, word: str | None) -> int | None:
    """The lines of a size in the model's own word, or of its only size, where known."""
    place = model.role("resolution")
    return lines_of(word, place) if place and word else model.lines
