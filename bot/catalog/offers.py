"""What to offer when a model is not active: the same words and pictures, on a model that lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from bot.catalog.book import Catalog
from bot.catalog.model import Model, StandIn, sold
from bot.catalog.options import lines_in_force, nearest_size, resolve_quality
from bot.catalog.pictures import fits
from bot.catalog.quoting import quote
from bot.catalog.shape import WORDS, agrees, distance, in_numbers, nearest, ratio
from bot.catalog.shots import clean, plan, spread, timeline
from bot.domain import Quote, Request, Shot
from bot.errors import UserError
from bot.texts import say

OFFERS_MAX = 3
# 768 lines for 720 is no change worth telling (on the logarithm of the ratio: 10 %).
_NEARLY_SAME = 0.1


@dataclass(frozen=True, slots=True)
class Offer:
    """A complete request for a stand-in, what changes in words (`8 s instead of 10 s`), and its quote."""

    request: Request
    changes: tuple[str, ...]
    quote: Quote


def offers(
    catalog: Catalog,
    request: Request,
    model: Model,
    is_active: Callable[[str], bool],
    markup: Decimal = Decimal(1),
) -> list[Offer]:
    """Up to three stand-ins for `model` that can really be quoted, best first.

    Its own ranked stand-ins; else the family and the core models that take the request, cheapest first. None for the
    watermark remover (kie-models.md 4).
    """
    if model.kind != "video":
        return []
    ranked = _quoted(catalog, request, model, model.stand_ins, is_active, markup)
    if ranked:
        return ranked[:OFFERS_MAX]
    others = [
        StandIn(other.id)
        for other in catalog
        if other.kind == "video" and (other.family == model.family or other.tier == "core")
    ]
    found = _quoted(catalog, request, model, others, is_active, markup)
    # A video that loses its sound is a poorer likeness than a dearer one.
    silent = say("catalog.without_sound")
    return sorted(found, key=lambda offer: (silent in offer.changes, offer.quote.kie_credits))[:OFFERS_MAX]


def _quoted(
    catalog: Catalog,
    request: Request,
    model: Model,
    stand_ins: Iterable[StandIn],
    is_active: Callable[[str], bool],
    markup: Decimal,
) -> list[Offer]:
    found = []
    for stand_in in stand_ins:
        target = catalog[stand_in.model]
        if target is model or not sold(target) or not is_active(target.id):
            continue
        try:
            translated, changes = translate(model, target, request, stand_in.quality)
            if fits(target, translated):
                found.append(Offer(translated, changes, quote(target, translated, markup)))
        except UserError:
            # It cannot take this request (a picture too small, too many scenes): it is no offer.
            continue
    return found


def translate(
    source: Model, target: Model, request: Request, usual_quality: str | None = None
) -> tuple[Request, tuple[str, ...]]:
    """The request in the target's possibilities, and what changes, in words."""
    changes: list[str] = []
    request = request.change(model=target.id, shots=clean(request.shots))
    request = _length(source, target, request, changes)
    request = _size(source, target, request, usual_quality, changes)
    request = _aspect(target, request, changes)
    request = _sound(source, target, request, changes)
    return _rest(target, request, changes), tuple(changes)


def _length(source: Model, target: Model, request: Request, changes: list[str]) -> Request:
    shots = request.shots
    if shots and source.shots and source.shots.shot:
        shots = tuple(plan(source, source.shots.shot, shots, request.seconds))
    wanted = _wanted_seconds(source, request, shots)
    if wanted is None or not target.lengths():
        return request.change(shots=shots)
    length = min(target.lengths(), key=lambda each: (abs(each - wanted), each))
    if length != wanted:
        changes.append(say("catalog.change_length", new=length, old=wanted))
    if not shots:
        return request.change(seconds=length)
    return _shots(target, request.change(seconds=length), shots, changes)


def _wanted_seconds(source: Model, request: Request, shots: tuple[Shot, ...]) -> int | None:
    if shots and all(shot.seconds is not None for shot in shots):
        return int(sum((shot.seconds or Decimal() for shot in shots), Decimal()))
    place = source.role("duration")
    if request.seconds is not None or place is None:
        return request.seconds
    return int(source.typical[place.name])


def _shots(target: Model, request: Request, shots: tuple[Shot, ...], changes: list[str]) -> Request:
    """The scenes scaled to the new length: as a shot list, or as a timeline in the words."""
    length = Decimal(request.seconds or 0)
    weights = [shot.seconds or Decimal(1) for shot in shots]
    place = target.shots
    whole = bool(place and place.shot and place.shot.whole)
    scaled = [
        Shot(shot.text, share) for shot, share in zip(shots, spread(length, weights, whole), strict=True)
    ]
    if place:
        return request.change(shots=tuple(scaled))
    changes.append(say("catalog.change_scenes"))
    words = " ".join(part for part in (request.prompt.strip(), timeline(scaled)) if part)
    return request.change(prompt=words, shots=())


def _size(source: Model, target: Model, request: Request, usual: str | None, changes: list[str]) -> Request:
    sizes, place = target.sizes(), source.role("resolution")
    word = resolve_quality(source, request.quality) if request.quality else None
    chosen_before = word or (source.typical.get(place.name) if place else None)
    before = lines_in_force(source, chosen_before)
    after = nearest_size(sizes, before) if word and before and sizes else usual
    if after is None and sizes:
        size_place = target.role("resolution")
        after = target.typical.get(size_place.name) if size_place else None
    now = lines_in_force(target, after)
    if before and now and distance(now, before) > _NEARLY_SAME:
        changes.append(say("catalog.change_size", new=now, old=before))
    elif now and not before and now < 720:
        changes.append(say("catalog.change_size_only", new=now))
    return request.change(quality=after if sizes else None)


def _aspect(target: Model, request: Request, changes: list[str]) -> Request:
    place, wish = target.role("aspect"), request.aspect
    if wish is None:
        return request
    if place is None or (request.pictures and place.follows is not None):
        if not request.pictures or not agrees(wish, request.pictures[0]):
            changes.append(
                say("catalog.change_aspect_picture" if request.pictures else "catalog.change_no_aspect")
            )
        return request.change(aspect=None)
    wanted = ratio(wish)
    if wanted is None or any(ratio(shape) == wanted for shape in place.enum):
        return request if wanted else request.change(aspect=None)
    shape = nearest(wanted, place.enum)
    changes.append(say("catalog.change_aspect", new=in_numbers(shape), old=WORDS.get(wish, wish)))
    return request.change(aspect=shape)


def _sound(source: Model, target: Model, request: Request, changes: list[str]) -> Request:
    if target.role("audio_toggle"):
        return request
    wanted = request.sound if request.sound is not None else source.sound in ("always", "switch")
    if target.sound == "none" and wanted:
        changes.append(say("catalog.without_sound"))
    elif target.sound == "always" and not wanted:
        changes.append(say("catalog.with_sound"))
    elif target.sound not in ("none", "always"):
        changes.append(say("catalog.change_sound_unknown"))
    return request.change(sound=None)


def _rest(target: Model, request: Request, changes: list[str]) -> Request:
    """Drops what the target has no field for."""
    if request.seed is not None and target.role("seed") is None:
        changes.append(say("catalog.change_no_seed"))
        request = request.change(seed=None)
    if request.negative_prompt and target.role("negative_prompt") is None:
        changes.append(say("catalog.change_no_negative"))
        request = request.change(negative_prompt=None)
    if request.extra:
        changes.append(say("catalog.change_no_extra", fields=", ".join(request.extra)))
    return request.change(extra={}, remove_watermark=None)
