"""What a member may still change about a request, each possibility with its price."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.catalog.book import Catalog
from bot.catalog.model import Model, sold
from bot.catalog.offers import Offer, translate
from bot.catalog.pictures import fits
from bot.catalog.quoting import quote
from bot.catalog.shape import in_numbers, ratio
from bot.domain import Quote, Request
from bot.errors import UserError
from bot.texts import say

# Fields of a request (and of its quote) that a member chooses from a list.
OPTIONS = ("seconds", "aspect", "quality", "sound")
_BLINK_SECONDS = 3  # what is shorter is offered to nobody who did not ask for it
_NEAR_LENGTHS = 6  # how many other lengths are tried to make a choice possible


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an option: the request with it, its quote, whether it is in force already, and what else had to
    change for it, in words."""

    value: int | str | bool
    request: Request
    quote: Quote
    chosen: bool
    changes: tuple[str, ...] = ()


def choices(model: Model, request: Request, option: str, markup: Decimal) -> list[Choice]:
    """The values of one of OPTIONS that can be had, with their prices; fewer than two: no choice.

    A value that does not go together with the other options brings them along, and says so; one that cannot be had at
    all is left out. `markup` is bot credits per KIE credit.
    """
    return list(_choices(model, request, option, markup))


def choosable(model: Model, request: Request, markup: Decimal) -> list[str]:
    """The OPTIONS in which there is something to choose."""
    return [option for option in OPTIONS if _several(_choices(model, request, option, markup))]


def _several(found: Iterator[Choice]) -> bool:
    return next(found, None) is not None and next(found, None) is not None


def _choices(model: Model, request: Request, option: str, markup: Decimal) -> Iterator[Choice]:
    before = _quoted(model, request, markup)
    for value in _values(model, request, option):
        try:
            wish = request.change(**{option: value})
            changed, price, changes = fitted(model, wish, markup, keep={option}, before=before)
        except UserError:
            continue
        chosen = before is not None and getattr(before, option) == getattr(price, option)
        yield Choice(value, changed, price, chosen, changes)


def _values(model: Model, request: Request, option: str) -> Collection[int | str | bool]:
    if option == "seconds":
        return model.lengths()
    if option == "quality":
        return list(model.sizes())
    if option == "sound":
        return (True, False) if model.sound == "switch" else ()
    shapes = model.role("aspect")
    if shapes is None or (request.first and shapes.follows is not None):
        return ()  # beside a picture that gives the shape every other one would be refused
    return [shape for shape in shapes.enum if ratio(shape)]


def _quoted(model: Model, request: Request, markup: Decimal) -> Quote | None:
    try:
        return quote(model, request, markup)
    except UserError:
        return None


# --- making it possible ------------------------------------------------------------------------------------------


def fitted(
    model: Model,
    request: Request,
    markup: Decimal,
    *,
    keep: Collection[str] = (),
    before: Quote | None = None,
) -> tuple[Request, Quote, tuple[str, ...]]:
    """The request with as little changed as makes it possible (but never an option in `keep`), its quote, and the
    changes in words, told against `before`, else against what was asked. Raises the first UserError if nothing helps.
    """
    try:
        made = request, quote(model, request, markup)
    except UserError as problem:
        for bent in _bent(model, request, keep):
            price = _quoted(model, bent, markup)
            if price:
                made = bent, price
                break
        else:
            raise problem from None
    return *made, _differences(before or request, made[1], keep)


def _bent(model: Model, request: Request, keep: Collection[str]) -> Iterator[Request]:
    """The request with another value for one option, at last with the model's usual for all of them."""
    others = [option for option in OPTIONS if option not in keep]
    for option in others:
        wish = getattr(request, option)
        if option == "seconds" and wish:
            near = sorted(model.lengths(), key=lambda each: (abs(each - wish), each))[:_NEAR_LENGTHS]
            yield from (request.change(seconds=each) for each in near)
        if wish is not None:
            yield request.change(**{option: None})
    yield request.change(**dict.fromkeys(others))


def _differences(before: Quote | Request, after: Quote, besides: Collection[str]) -> tuple[str, ...]:
    changes = []
    for option in OPTIONS:
        old, new = _shown(before, option), _shown(after, option)
        if option in besides or old is None or old == new:
            continue
        if option == "sound":
            changes.append(say("catalog.with_sound" if new else "catalog.without_sound"))
        elif option == "seconds":
            changes.append(say("catalog.change_length", new=new, old=old))
        elif new is not None:
            changes.append(say("catalog.change_aspect", new=new, old=old))
    return tuple(changes)


def _shown(values: Quote | Request, option: str) -> Any:
    value = getattr(values, option)
    return in_numbers(value) or value if option == "aspect" and value else value


# --- other models, and less money --------------------------------------------------------------------------------


def alternatives(
    catalog: Catalog,
    request: Request,
    model: Model,
    is_active: Callable[[str], bool],
    markup: Decimal,
) -> list[Offer]:
    """The models that take this very request (its pictures, its scenes), cheapest first, `model` itself among them;
    for the same price its kin come first."""
    found = []
    for target in catalog:
        if target.kind != model.kind or not sold(target) or not is_active(target.id):
            continue
        try:
            if target is model:
                found.append(Offer(request, (), quote(model, request, markup)))
            elif fits(target, request):
                translated, changes = translate(model, target, request)
                found.append(Offer(translated, changes, quote(target, translated, markup)))
        except UserError:
            # It cannot take this request after all: a picture too small, words too long.
            continue
    return sorted(
        found,
        key=lambda offer: (
            offer.quote.credits,
            catalog[offer.quote.model].family != model.family,
            offer.quote.model,
        ),
    )


def cheapest(
    catalog: Catalog,
    request: Request,
    model: Model,
    is_active: Callable[[str], bool],
    markup: Decimal,
    budget: int,
) -> Offer | None:
    """The cheapest variant of a request that costs at most `budget` credits: of its own model, else of another."""
    before = _quoted(model, request, markup)
    own = _shrunk(model, Offer(request, (), before), markup) if before else None
    if own and own.quote.credits <= budget:
        return own
    others = alternatives(catalog, request, model, is_active, markup)
    # as it is on a cheaper model, before it shrinks there too
    if others and others[0].quote.credits <= budget:
        return others[0]
    shrunk = [_shrunk(catalog[each.quote.model], each, markup) for each in others]
    best = min(shrunk, key=lambda offer: offer.quote.credits, default=None)
    return best if best and best.quote.credits <= budget else None


def _shrunk(model: Model, offer: Offer, markup: Decimal) -> Offer:
    """The variant of an offer that costs least: short (but no blink), small, silent."""
    lengths = [each for each in model.lengths() if each >= _BLINK_SECONDS] or model.lengths()
    best = offer
    for quality in (None, *list(model.sizes())[:1]):
        for seconds in (None, *lengths[:1]):
            for sound in (None, False) if model.sound == "switch" else (None,):
                chosen = {"quality": quality, "seconds": seconds, "sound": sound}
                wish = offer.request.change(
                    **{name: value for name, value in chosen.items() if value is not None}
                )
                price = _quoted(model, wish, markup)
                if price and price.credits < best.quote.credits:
                    best = Offer(wish, (*offer.changes, *_differences(offer.quote, price, ())), price)
    return best
