"""From a request to KIE's `input` in the model's own dialect, and its quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.catalog.check import check
from bot.catalog.extra import own_fields
from bot.catalog.model import FIRST_FRAME_ROLES, Field, Model, sold
from bot.catalog.options import resolve_quality
from bot.catalog.pictures import placed, require_fit
from bot.catalog.price import price
from bot.catalog.shape import agrees, in_numbers, nearest, picture_shape, ratio
from bot.catalog.shots import clean, plan, written
from bot.catalog.wording import either, lengths_in_words
from bot.domain import Quote, Request, price_in_credits
from bot.errors import UserError
from bot.texts import say


def quote(model: Model, request: Request, markup: Decimal) -> Quote:
    """Make a request exact and price it. `markup` is bot credits per KIE credit.

    Raises UserError, saying what is allowed, for anything the model cannot do, and for a combination without a price.
    """
    if not sold(model):
        raise UserError("catalog.not_offered_yet", model=model.plain_name)
    body = encode(model, request)
    kie_credits, rule = price(model, body)
    return Quote(
        model=model.id,
        kie_model=model.kie,
        input=body,
        kie_credits=kie_credits,
        credits=price_in_credits(kie_credits, markup),
        rule=rule,
        aspect=_aspect_in_force(model, request, body),
        seconds=_seconds_in_force(model, body),
        quality=_value_of(model, body, "resolution"),
        sound=_sound_in_force(model, body),
        notes=tuple(_notes(model, request, body)),
    )


def encode(model: Model, request: Request) -> dict[str, Any]:
    """KIE's `input` for a request, complete but for picture addresses. Raises UserError as `quote` does."""
    request = replace(request, shots=clean(request.shots))
    require_fit(model, request)
    body: dict[str, Any] = dict(model.typical)
    body.update(_words(model, request))
    body.update(placed(model, request))
    body.update(_video(model, request))
    _put_length(model, request, body)
    _put_aspect(model, request, body)
    _put_size(model, request, body)
    _put_sound(model, request, body)
    _put_watermark(model, request, body)
    body.update(own_fields(model, request.extra))
    body.update(model.fixed)
    ordered = {name: body[name] for name in model.fields if name in body}
    _require_conforming(model, ordered)
    return ordered


def _require_conforming(model: Model, body: Mapping[str, Any]) -> None:
    problems = check(model, body)
    prompt = model.role("prompt")
    if prompt and prompt.name not in body and any(each.field == prompt.name for each in problems):
        raise UserError("catalog.prompt_missing", model=model.plain_name)
    if problems:
        raise problems[0].error()


# --- each choice in the model's dialect --------------------------------------------------------------------------


def _words(model: Model, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {}
    prompt = request.prompt.strip()
    place = model.role("prompt")
    if place and not prompt and place.required and request.shots:
        prompt = " ".join(shot.text for shot in request.shots)[: place.max_length]
    if prompt and place is None:
        raise UserError("catalog.scenes_only" if model.shots else "catalog.no_prompt", model=model.plain_name)
    if prompt and place:
        body[place.name] = prompt
    for role, value in (("negative_prompt", request.negative_prompt), ("seed", request.seed)):
        place = model.role(role)
        if value in (None, ""):
            continue
        if place is None:
            raise UserError(f"catalog.no_{role}", model=model.plain_name)
        body[place.name] = value
    return body


def _video(model: Model, request: Request) -> dict[str, Any]:
    place = model.role("source_video")
    return {place.name: request.video_url} if place and request.video_url else {}


def _put_length(model: Model, request: Request, body: dict[str, Any]) -> None:
    place, list_place = model.role("duration"), model.shots
    seconds = request.seconds
    if request.shots and list_place and list_place.shot:
        shots = plan(model, list_place.shot, request.shots, seconds)
        if list_place.max_items is not None and len(shots) > list_place.max_items:
            limit, actual = list_place.max_items, len(shots)
            raise UserError("catalog.scenes_too_many", limit=limit, actual=actual)
        body[list_place.name] = written(list_place.shot, shots)
        body.update(model.with_shots)
        seconds = int(sum((shot.seconds or Decimal() for shot in shots), Decimal()))
    if seconds is None:
        return
    if place is None:
        raise UserError("catalog.no_lengths", model=model.plain_name)
    if seconds not in model.lengths():
        allowed = lengths_in_words(model.lengths())
        raise UserError("catalog.no_length", model=model.plain_name, value=seconds, allowed=allowed)
    body[place.name] = str(seconds) if place.type == "string" else seconds


def _put_aspect(model: Model, request: Request, body: dict[str, Any]) -> None:
    place, wish = model.role("aspect"), request.aspect
    if _follows_picture(model, request, place):
        if place and place.follows is not None:
            body.pop(place.name, None)
            if place.follows:
                body[place.name] = place.follows
        _require_agreement(model, request, place)
    elif place is None:
        if wish is not None:
            raise UserError("catalog.no_aspects", model=model.plain_name)
    elif wish is not None:
        body[place.name] = _spelled_aspect(model, place, wish)
    elif request.pictures:
        first = request.pictures[0]
        body[place.name] = nearest(first.width / first.height, place.enum)


def _follows_picture(model: Model, request: Request, place: Field | None) -> bool:
    frame = model.role(*FIRST_FRAME_ROLES)
    if frame is None or not request.pictures:
        return False
    # Grok heeds a chosen shape only beside several pictures (kie-models.md 5).
    several = frame.role == "first_frame" and len(request.pictures) > 1 and frame.is_list
    return place is None or (place.follows is not None and not several)


def _require_agreement(model: Model, request: Request, place: Field | None) -> None:
    wish, picture = request.aspect, request.pictures[0]
    if wish is None or agrees(wish, picture) or (place and wish == place.follows):
        return
    raise UserError("catalog.aspect_from_picture", model=model.plain_name, shape=picture_shape(picture))


def _spelled_aspect(model: Model, place: Field, wish: str) -> str:
    wanted = ratio(wish)
    for shape in place.enum:
        if shape.lower() == wish.strip().lower() or (wanted is not None and ratio(shape) == wanted):
            return str(shape)
    allowed = either(shape for shape in place.enum if ratio(shape))
    raise UserError("catalog.no_aspect", model=model.plain_name, value=wish, allowed=allowed)


def _put_size(model: Model, request: Request, body: dict[str, Any]) -> None:
    if request.quality is None:
        return
    place, word = model.role("resolution"), resolve_quality(model, request.quality)
    if place and word:
        body[place.name] = word


def _put_sound(model: Model, request: Request, body: dict[str, Any]) -> None:
    place = model.role("audio_toggle")
    if request.sound is None:
        return
    if place:
        body[place.name] = request.sound
    elif (model.sound == "none") == request.sound and model.sound in ("none", "always"):
        raise UserError("catalog.silent" if request.sound else "catalog.always_sound", model=model.plain_name)


def _put_watermark(model: Model, request: Request, body: dict[str, Any]) -> None:
    remove = request.remove_watermark
    if remove is None:
        return
    place = model.role("watermark_removal", "watermark")
    if place and place.type == "boolean":
        body[place.name] = remove if place.role == "watermark_removal" else not remove
    elif not remove:
        raise UserError("catalog.no_watermark", model=model.plain_name)


# --- the choices in force, for display ---------------------------------------------------------------------------


def _value_of(model: Model, body: Mapping[str, Any], role: str) -> str | None:
    place = model.role(role)
    value = body.get(place.name) if place else None
    return None if value is None else str(value)


def _seconds_in_force(model: Model, body: Mapping[str, Any]) -> int | None:
    value = _value_of(model, body, "duration")
    return None if value is None else int(Decimal(value))


def _sound_in_force(model: Model, body: Mapping[str, Any]) -> bool | None:
    place = model.role("audio_toggle")
    if place:
        return bool(body.get(place.name, place.default))
    return {"always": True, "none": False}.get(model.sound)


def _aspect_in_force(model: Model, request: Request, body: Mapping[str, Any]) -> str | None:
    chosen = in_numbers(_value_of(model, body, "aspect") or "")
    if chosen and not _follows_picture(model, request, model.role("aspect")):
        return chosen
    return picture_shape(request.pictures[0]) if request.pictures and model.takes_first else None


def _notes(model: Model, request: Request, body: Mapping[str, Any]) -> list[str]:
    notes = []
    place = model.role("aspect")
    if request.pictures and request.aspect is None:
        shape = _aspect_in_force(model, request, body)
        followed = _follows_picture(model, request, place)
        if shape:
            notes.append(say("catalog.note_followed" if followed else "catalog.note_nearest", shape=shape))
    if request.sound is not None and model.sound in ("unknown", "own_file"):
        notes.append(say("catalog.note_sound", model=model.plain_name))
    return notes
