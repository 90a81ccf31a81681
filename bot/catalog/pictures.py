"""Pictures of a request: whether a model takes them, and where its input wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.catalog.check import PICTURE_SCHEME
from bot.catalog.model import FIRST_FRAME_ROLES, Field, Model
from bot.catalog.wording import number
from bot.domain import Picture, Request
from bot.errors import UserError

MEGABYTE = 1_000_000


def fits(model: Model, request: Request) -> bool:
    """Whether a model takes what was given: pictures in their roles, scenes, a video. Sizes are not looked at."""
    return (
        not _pictures_error(model, request)
        and not _shots_error(model, request)
        and _video_fits(model, request)
    )


def require_fit(model: Model, request: Request) -> None:
    """Raises UserError for the first thing given, or missing, that the model cannot work with."""
    error = _pictures_error(model, request) or _shots_error(model, request)
    if error is None and not _video_fits(model, request):
        error = UserError(
            "catalog.no_video" if request.video_url else "catalog.video_missing", model=model.plain_name
        )
    if error:
        raise error


def _pictures_error(model: Model, request: Request) -> UserError | None:
    name = model.name
    if not request.pictures:
        return _missing(model) if _lacks_picture(model, request) else None
    if not model.takes_first and not model.references_max:
        if model.picture_variant:
            return UserError("catalog.words_only_but", model=name, other=model.picture_variant)
        return UserError("catalog.words_only", model=name)
    if (request.first and not model.takes_first) or (request.last and not _has_frames(model)):
        return UserError("catalog.references_only", model=name)
    if request.last:
        return _last_error(model, request)
    if _needs_last(model):
        return UserError("catalog.last_missing", model=name)
    return _references_error(model, request)


def _missing(model: Model) -> UserError:
    if model.text_variant:
        return UserError("catalog.picture_missing_but", model=model.plain_name, other=model.text_variant)
    return UserError("catalog.picture_missing", model=model.plain_name)


def _lacks_picture(model: Model, request: Request) -> bool:
    source = model.role("source_video")
    given = (request.video_url and source) or any(
        name in model.fields
        and model.fields[name].role in ("source_task", "source_video", "reference_videos")
        for name in request.extra
    )
    return model.needs_picture and not given


def _has_frames(model: Model) -> bool:
    return model.role(*FIRST_FRAME_ROLES, "last_frame") is not None


def _needs_last(model: Model) -> bool:
    last = model.role("last_frame")
    return last is not None and last.required


def _last_error(model: Model, request: Request) -> UserError | None:
    if not model.takes_last:
        return UserError("catalog.no_last", model=model.plain_name)
    alone = model.role("last_frame") is not None and not any(
        rule.kind == "needs" and model.fields[rule.field].role == "last_frame" for rule in model.constraints
    )
    first = model.role("first_frame")
    if request.first is None and (not alone or (first is not None and first.required)):
        return UserError("catalog.last_without_first", model=model.plain_name)
    return _references_error(model, request)


def _references_error(model: Model, request: Request) -> UserError | None:
    count = len(request.references)
    if not count:
        return None
    if not model.references_max:
        return UserError("catalog.no_references", model=model.plain_name)
    frames = [picture for picture in (request.first, request.last) if picture]
    shared = model.role("reference_images", "first_last_or_reference") is None
    if frames and not shared:
        return UserError("catalog.frames_or_references", model=model.plain_name)
    if count + len(frames) > model.references_max:
        limit, actual = model.references_max, count + len(frames)
        return UserError("catalog.pictures_too_many", model=model.plain_name, limit=limit, actual=actual)
    return None


def _shots_error(model: Model, request: Request) -> UserError | None:
    shots = any(shot.text.strip() for shot in request.shots)
    if shots and model.shots is None:
        return UserError("catalog.no_scenes", model=model.plain_name)
    if model.shots is not None and model.role("prompt") is None and not shots:
        return UserError("catalog.scenes_missing", model=model.plain_name)
    return None


def _video_fits(model: Model, request: Request) -> bool:
    place = model.role("source_video")
    takes = place is not None and place.type == "string"
    if request.video_url:
        return takes
    return place is None or not place.required


def placed(model: Model, request: Request) -> dict[str, Any]:
    """The request's pictures in the model's fields, as `picture:<sha256>`, with what must stand beside them.

    Raises UserError for a picture that the field does not take. Call `require_fit` first.
    """
    body: dict[str, Any] = {}
    frames = [picture for picture in (request.first, request.last) if picture]
    if frames:
        body.update(_frames(model, request, frames))
        body.update(model.with_frames)
    if request.references:
        place = model.role("reference_images", "first_last_or_reference", "first_frame")
        assert place is not None
        together = [*frames, *request.references] if place.role == "first_frame" else request.references
        body[place.name] = _spelled(model, place, together)
        body.update(model.with_references)
    return body


def _frames(model: Model, request: Request, frames: Sequence[Picture]) -> dict[str, Any]:
    together = model.role("first_last_frames", "first_last_or_reference")
    if together:
        return {together.name: _spelled(model, together, frames)}
    body = {}
    for picture, role in ((request.first, "first_frame"), (request.last, "last_frame")):
        place = model.role(role)
        if picture and place:
            body[place.name] = _spelled(model, place, [picture])
    return body


def _spelled(model: Model, place: Field, pictures: Iterable[Picture]) -> str | list[str]:
    addresses = []
    for picture in pictures:
        _require_acceptable(model, place, picture)
        addresses.append(PICTURE_SCHEME + picture.sha256)
    return addresses if place.is_list else addresses[0]


def _require_acceptable(model: Model, place: Field, picture: Picture) -> None:
    values: dict[str, object] = {"model": model.plain_name, "width": picture.width, "height": picture.height}
    if place.accept and picture.mime not in place.accept:
        kinds = ", ".join(mime.partition("/")[2].upper() for mime in place.accept)
        raise UserError("catalog.picture_kind", **values, allowed=kinds)
    if place.max_mb is not None and picture.size > place.max_mb * MEGABYTE:
        raise UserError("catalog.picture_bytes", **values, limit=place.max_mb)
    if place.min_px is not None and min(picture.width, picture.height) < place.min_px:
        raise UserError("catalog.picture_small", **values, limit=place.min_px)
    if place.max_px is not None and max(picture.width, picture.height) > place.max_px:
        raise UserError("catalog.picture_large", **values, limit=place.max_px)
    low, high = place.min_ratio, place.max_ratio
    if (low and picture.width < low * picture.height) or (high and picture.width > high * picture.height):
        bounds = {"low": number(low or 0), "high": number(high or 0)}
        raise UserError("catalog.picture_shape", **values, **bounds)


def with_addresses(body: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """The input with each `picture:<sha256>` replaced by its uploaded address. Raises KeyError for a missing one."""
    return {name: _resolved(value, addresses) for name, value in body.items()}


def _resolved(value: Any, addresses: Mapping[str, str]) -> Any:
    if isinstance(value, str) and value.startswith(PICTURE_SCHEME):
        return addresses[value.removeprefix(PICTURE_SCHEME)]
    if isinstance(value, list):
        return [_resolved(each, addresses) for each in value]
    return value
