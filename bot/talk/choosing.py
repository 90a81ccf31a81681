"""From a wish to a request: which model, which picture where, and the member's own usual choices. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot import catalog
from bot.catalog import Catalog, Model
from bot.domain import Picture, Request
from bot.errors import KiebotError, UserError
from bot.talk.values import Wish

STORYBOARD = "sora-2-pro-storyboard"
WATERMARK_REMOVER = "sora-watermark-remover"
# What `studio.preferences` may hold of a request.
USUAL = ("aspect", "seconds", "quality")
_HIGH = ("1080p", "high", "max")


class TooMany(KiebotError):
    """More pictures than the model takes: which `most` of them?"""

    def __init__(self, model: str, most: int) -> None:
        super().__init__(f"{model} takes {most}")
        self.model = model
        self.most = most


# --- the model ---------------------------------------------------------------------------------------------------


def request_of(wish: Wish) -> Request:
    """The wish without its pictures; `model` is "" where none was named. Raises UserError."""
    choices = dict(wish.choices)
    tier = choices.pop("tier", None)
    name = wish.model
    if wish.command == "unwatermark":
        name = WATERMARK_REMOVER
    elif wish.command == "storyboard":
        name = name or STORYBOARD
    elif wish.command == "sora" and not name:
        # Sora's standard comes in one size: who asks for more means its better tier
        raised = tier is None and choices.get("quality") in _HIGH
        sora = catalog.sora(
            bool(wish.pictures or wish.last), "pro-hd" if raised else tier or "standard", bool(wish.shots)
        )
        name = sora.model
        if sora.quality:
            choices["quality"] = sora.quality
    return Request(
        name, prompt=wish.prompt.strip(), shots=wish.shots, video_url=wish.video_url or None, **choices
    )


# --- pictures ----------------------------------------------------------------------------------------------------


def arranged(
    models: Catalog, name: str, request: Request, pictures: Sequence[Picture], last: Picture | None = None
) -> Request:
    """The request with its pictures as the model of this name takes them, two being first and last where it can.

    Raises TooMany, and UserError for an unknown name.
    """
    bare = request.change(first=None, last=None, references=())
    named = models.find(name)
    ways = [bare.change(**way) for way in _ways(pictures, last)]
    for way in ways:
        if catalog.fits(named, way):
            return way.change(model=named.id)
    for way in ways:
        model = models.choose(name, way)
        if model.group == named.group and catalog.fits(model, way):
            return way.change(model=model.id)
    most = max((_most(model) for model in models.sold() if model.group == named.group), default=0)
    if 0 < most < len(pictures) + (last is not None):
        raise TooMany(named.plain_name, most)
    # the model that is nearest of kin may take them; if none does, its quote says why
    fitting = (way for way in ways if catalog.fits(models.choose(name, way), way))
    return next(fitting, ways[0]).change(model=name)


def _ways(pictures: Sequence[Picture], last: Picture | None) -> Iterator[dict[str, Any]]:
    if last:
        yield {"first": pictures[0] if pictures else None, "last": last, "references": tuple(pictures[1:])}
    elif len(pictures) == 1:
        yield {"first": pictures[0]}
        yield {"references": tuple(pictures)}
    elif len(pictures) == 2:
        yield {"first": pictures[0], "last": pictures[1]}
        yield {"references": tuple(pictures)}
    else:
        yield {"references": tuple(pictures)}


def _most(model: Model) -> int:
    return max(model.references_max, 2 if model.takes_last else int(model.takes_first))


def chosen_of(pictures: Sequence[Picture], text: str, most: int) -> tuple[Picture, ...]:
    """The pictures that an answer such as `1 3` names, in its order. Raises UserError."""
    numbers = [int(each) for each in re.findall(r"\d{1,4}", text)]
    wanted = list(dict.fromkeys(numbers))
    if not wanted or not all(0 < each <= len(pictures) for each in wanted):
        raise UserError("talk.which_wrong", last=len(pictures))
    if len(wanted) > most:
        raise UserError("talk.which_many", most=most)
    return tuple(pictures[each - 1] for each in wanted)


# --- the member's usual ------------------------------------------------------------------------------------------


def with_usual(model: Model, request: Request, preferences: Mapping[str, Any], markup: Decimal) -> Request:
    """The request with the member's usual choices where they chose nothing and the model can do it."""
    for name in USUAL:
        wish = preferences.get(name)
        if wish is None or getattr(request, name) is not None:
            continue
        try:
            catalog.quote(model, request.change(**{name: wish}), markup)
        except UserError:
            continue
        request = request.change(**{name: wish})
    return request


def differing(old: Request, new: Request) -> dict[str, Any]:
    """The fields of `new` that are not as in `old`."""
    return {
        name: getattr(new, name)
        for name in Request.__dataclass_fields__
        if getattr(new, name) != getattr(old, name)
    }


# --- as plain data, for a question -------------------------------------------------------------------------------


def wish_data(wish: Wish) -> dict[str, Any]:
    """A wish as plain data, for what a question is about."""
    said = Request(
        wish.model,
        prompt=wish.prompt,
        last=wish.last,
        references=wish.pictures,
        shots=wish.shots,
        video_url=wish.video_url,
    )
    return {"command": wish.command, "choices": dict(wish.choices), "said": said.to_json()}


def wish_of(data: Mapping[str, Any]) -> Wish:
    """The wish behind `wish_data`."""
    said = Request.from_json({"model": "", **data["said"]})
    return Wish(
        command=data["command"],
        prompt=said.prompt,
        model=said.model,
        choices=data["choices"],
        pictures=said.references,
        last=said.last,
        shots=said.shots,
        video_url=said.video_url,
    )


def pictures_data(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """Pictures as plain data."""
    plain: list[dict[str, Any]] = Request("", references=tuple(pictures)).to_json().get("references", [])
    return plain


def pictures_of(data: Sequence[Mapping[str, Any]]) -> tuple[Picture, ...]:
    """The pictures behind `pictures_data`."""
    return tuple(Picture(**each) for each in data)
