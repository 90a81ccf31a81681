"""What is on sale, as members see it: the variants of one model together, by family, a page at a time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from bot.catalog.wording import lengths_in_words, number
from bot.domain import ModelState, price_in_credits
from bot.studio import ModelView
from bot.texts import in_credits, say

ENTRIES_A_PAGE = 9
_STATES = {ModelState.PAUSED: "info.paused_since", ModelState.RETIRED: "info.retired_since"}
_STATES_BARE = {ModelState.PAUSED: "info.paused", ModelState.RETIRED: "info.retired"}


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model by its friendly name, with all its variants; `view` is the one that tells price and state."""

    name: str
    variants: tuple[ModelView, ...]

    @property
    def view(self) -> ModelView:
        return next(
            (each for each in self.variants if each.status.state is ModelState.ACTIVE), self.variants[0]
        )

    @property
    def active(self) -> bool:
        return self.view.status.state is ModelState.ACTIVE

    @property
    def from_words(self) -> bool:
        return any(not each.options.needs_picture for each in self.variants)

    @property
    def model_id(self) -> str:
        """The variant a request without pictures goes to."""
        words = (each for each in self.variants if not each.options.needs_picture)
        return next(words, self.variants[0]).id


def shelved(views: Sequence[ModelView]) -> list[Shelved]:
    """Models on sale in the catalogue's order; variants (`Kling 2.6 (text)`, `(image)`) are one."""
    found: dict[str, list[ModelView]] = {}
    for view in views:
        if view.sold:
            found.setdefault(view.plain_name, []).append(view)
    return [Shelved(name, tuple(variants)) for name, variants in found.items()]


def pages(shelf: Sequence[Shelved], first: str) -> list[list[list[Shelved]]]:
    """Families, never torn apart, in pages: the one of the model `first` leads, those that are gone come last."""
    families: dict[str, list[Shelved]] = {}
    for each in shelf:
        families.setdefault(each.view.family, []).append(each)
    ordered = sorted(families.values(), key=lambda family: _rank(family, first))
    made: list[list[list[Shelved]]] = [[]]
    for family in ordered:
        if made[-1] and sum(map(len, made[-1])) + len(family) > ENTRIES_A_PAGE:
            made.append([])
        made[-1].append(sorted(family, key=lambda each: not each.active))
    return made


def _rank(family: Sequence[Shelved], first: str) -> int:
    if any(variant.id == first for each in family for variant in each.variants):
        return 0
    if not any(each.active for each in family):
        return 3
    return 1 if any(each.view.tier == "core" for each in family) else 2


def price_words(view: ModelView, markup: Decimal, language: str) -> str:
    """`from 30 credits`, `from 2.4 credits a second`; empty when there is no price."""
    if view.price_from is None:
        return ""
    if "second" in view.unit:
        # rounded only in the sum, as the quote is
        each = (view.price_from * markup).quantize(Decimal("0.01"), ROUND_CEILING)
        return say("info.from_second", language, n=number(each))
    return say(
        "info.from_video", language, price=in_credits(price_in_credits(view.price_from, markup), language)
    )


def entry(each: Shelved, markup: Decimal, name_of: Callable[[str], str], language: str) -> str:
    """What a list says of it: price and what it takes and gives; of one that is gone why, and what to take instead."""
    view = each.view
    if each.active:
        return " · ".join(filter(None, [price_words(view, markup, language), *_good_for(each, language)]))
    status = view.status
    bare = status.since is None or status.since in status.reason
    key = (_STATES_BARE if bare else _STATES)[status.state]
    parts = [say(key, language, date=status.since), status.reason]
    # variants of one stand-in are one model to members
    instead = list(dict.fromkeys(name_of(stand_in) for stand_in in view.stand_ins))[:3]
    if instead:
        parts.append(say("info.instead", language, names=", ".join(instead)))
    return " ".join(filter(None, parts))


def _good_for(each: Shelved, language: str) -> list[str]:
    if each.view.kind != "video":
        return [say("info.video_link", language)]
    options = [variant.options for variant in each.variants]
    lengths = sorted({length for each in options for length in each.lengths})
    takes_picture = any(each.first or each.references_max for each in options)
    if each.from_words:
        found = ["info.words_or_picture" if takes_picture else "info.words_only"]
    else:
        found = ["info.picture_only"]
    if any(each.last for each in options):
        found.append("info.first_and_last")
    if any(each.references_max > 1 for each in options):
        found.append("info.references")
    if any(each.shots_max for each in options):
        found.append("info.scenes")
    sounds = {each.sound for each in options}
    found += [
        key
        for sound, key in (
            ("always", "info.with_sound"),
            ("switch", "info.sound_optional"),
            ("none", "info.silent"),
        )
        if sound in sounds
    ]
    return [*filter(None, [lengths_in_words(lengths)]), *(say(key, language) for key in found)]
