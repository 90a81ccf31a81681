"""Storyboards: reading them, sharing out the seconds, writing them down for a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from bot.catalog.model import Model, ShotShape
from bot.catalog.wording import lengths_in_words, number
from bot.domain import Shot
from bot.errors import UserError

SHOTS_MAX = 10
SHOT_SECONDS_MIN = Decimal("0.1")
SHOT_SECONDS_MAX = Decimal(15)
_TEXT_NAMES = ("Scene", "scene", "text", "prompt")
_SECONDS_NAMES = ("duration", "seconds")


def parse_shots(data: Any) -> tuple[Shot, ...]:
    """Scenes from plain data: a list of items, or an object holding it as `shots` or `scenes`.

    An item is a text, or `{"Scene" | "scene" | "text" | "prompt": text, "duration" | "seconds": number}`. Blank
    scenes are dropped. Raises UserError for anything else, more than 10 scenes, or seconds outside 0.1 to 15
    (kie-api.md 7).
    """
    if isinstance(data, Mapping):
        data = data.get("shots", data.get("scenes"))
    if not isinstance(data, list | tuple):
        raise UserError("catalog.scenes_unreadable")
    return clean(_shot(item) for item in data)


def clean(shots: Iterable[Shot]) -> tuple[Shot, ...]:
    """The scenes that say something. Raises UserError for too many, or for impossible seconds."""
    kept = tuple(Shot(shot.text.strip(), shot.seconds) for shot in shots if shot.text.strip())
    if len(kept) > SHOTS_MAX:
        raise UserError("catalog.scenes_too_many", limit=SHOTS_MAX, actual=len(kept))
    for shot in kept:
        if shot.seconds is not None and not SHOT_SECONDS_MIN <= shot.seconds <= SHOT_SECONDS_MAX:
            bounds = {"low": number(SHOT_SECONDS_MIN), "high": number(SHOT_SECONDS_MAX)}
            raise UserError("catalog.scene_seconds", value=number(shot.seconds), **bounds)
    return kept


def _shot(item: Any) -> Shot:
    if isinstance(item, str):
        return Shot(item)
    if not isinstance(item, Mapping):
        raise UserError("catalog.scenes_unreadable")
    text = next((item[name] for name in _TEXT_NAMES if item.get(name)), "")
    seconds = next((item[name] for name in _SECONDS_NAMES if item.get(name) not in (None, "")), None)
    if not isinstance(text, str) or isinstance(seconds, bool):
        raise UserError("catalog.scenes_unreadable")
    try:
        exact = None if seconds is None else Decimal(str(seconds))
    except InvalidOperation:
        exact = None
    if seconds is not None and (exact is None or not exact.is_finite()):
        raise UserError("catalog.scenes_unreadable")
    return Shot(text, exact)


def plan(model: Model, shape: ShotShape, shots: Sequence[Shot], chosen: int | None) -> list[Shot]:
    """The scenes with every length known, adding up to a length the model sells.

    Scenes without seconds share what the others leave of the chosen length, else of the shortest length from the
    usual one up that has room. Raises UserError when they do not add up.
    """
    lengths = model.lengths()
    given = sum((shot.seconds for shot in shots if shot.seconds is not None), Decimal())
    blank = sum(shot.seconds is None for shot in shots)
    if shape.whole and any(shot.seconds is not None and shot.seconds % 1 for shot in shots):
        raise UserError("catalog.scenes_whole", model=model.plain_name)
    total = chosen if chosen is not None else _length(model, shape, given, blank)
    if total not in lengths:
        key = "catalog.no_length" if chosen is not None else "catalog.scenes_sum"
        raise UserError(key, model=model.plain_name, value=number(total), allowed=lengths_in_words(lengths))
    rest = total - given
    if rest < blank * shape.min or rest > blank * shape.max or (not blank and rest):
        values = {"value": number(given), "wanted": total, "allowed": lengths_in_words(lengths)}
        raise UserError("catalog.scenes_room" if blank else "catalog.scenes_sum_wanted", **values)
    shares = iter(spread(Decimal(rest), [Decimal(1)] * blank, shape.whole))
    return [Shot(shot.text, shot.seconds if shot.seconds is not None else next(shares)) for shot in shots]


def _length(model: Model, shape: ShotShape, given: Decimal, blank: int) -> int | Decimal:
    if not blank:
        return int(given) if given % 1 == 0 else given
    place = model.role("duration")
    usual = int(model.typical[place.name]) if place else 0
    needed = max(given + blank * shape.min, min(Decimal(usual), given + blank * shape.max))
    return next((length for length in model.lengths() if length >= needed), model.lengths()[-1])


def spread(total: Decimal, weights: Sequence[Decimal], whole: bool) -> list[Decimal]:
    """`total` seconds shared out by weight, in steps of a second or a tenth, adding up exactly."""
    step = Decimal(1) if whole else Decimal("0.1")
    shares: list[Decimal] = []
    done = run = Decimal()
    for index, weight in enumerate(weights, start=1):
        run += weight
        bound = (total * run / sum(weights)).quantize(step, ROUND_HALF_UP) if index < len(weights) else total
        shares.append(bound - done)
        done = bound
    return shares


def written(shape: ShotShape, shots: Iterable[Shot]) -> list[dict[str, Any]]:
    """The shot list in a model's own words."""
    return [{shape.text: shot.text, shape.seconds: _plain(shot.seconds)} for shot in shots]


def _plain(seconds: Decimal | None) -> int | float:
    assert seconds is not None
    return int(seconds) if seconds % 1 == 0 else float(seconds)


def timeline(shots: Sequence[Shot]) -> str:
    """The scenes as words for a model without a shot list: `0-4s: ... 4-8s: ...`."""
    lines, start = [], Decimal()
    for shot in shots:
        end = start + (shot.seconds or Decimal())
        lines.append(f"{number(start)}-{number(end)}s: {shot.text.rstrip('.')}.")
        start = end
    return " ".join(lines)
