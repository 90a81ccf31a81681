"""How a quote looks: its card, the menus of its options, and the offers in a dead model's place. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot import catalog
from bot.catalog import Catalog, Choice, Model, Offer
from bot.domain import Button, Quote, Request, Shot
from bot.studio import Quoted, Unavailable
from bot.talk.base import action
from bot.talk.rows import in_rows
from bot.talk.values import Fields, Heading, Part, Screen, Small, Text, Words
from bot.texts import in_credits, say
from bot.wording import confirm_label, cut, shape, units, wait

WORDS_MOST = 600  # characters of a prompt on a card
SCENE_MOST = 240  # characters of a scene: ten of them fit a message
LABEL_MOST = 40  # characters; a phone shows some 24 of them
PER_PAGE = 8
_ROUND_LENGTHS = (4, 5, 6, 8, 10, 12, 15, 20, 25, 30)

# An option's name in an action, and the field of a request it is.
FIELD_OF = {"len": "seconds", "shape": "aspect", "size": "quality", "sound": "sound"}
_NAMES = {
    "len": "talk.length",
    "shape": "talk.shape",
    "size": "talk.quality",
    "sound": "talk.sound",
    "model": "talk.model",
}


@dataclass(frozen=True, slots=True)
class Card:
    """All that a quote's card tells of. `options` are those of FIELD_OF with something to choose; `pictures` tells
    whether it may have one; `cheaper` is the cheapest variant, looked for when credits are missing; `lead` are sentences
    that come first."""

    quoted: Quoted
    models: Catalog
    options: tuple[str, ...]
    pictures: bool
    language: str
    in_public: bool = False
    cheaper: Offer | None = None
    support: str | None = None
    lead: tuple[str, ...] = ()

    @property
    def model(self) -> Model:
        return self.models[self.quoted.draft.quote.model]

    def screen(self) -> Screen:
        """At most five rows, for no chat takes more."""
        return Screen(tuple(self._parts()), tuple(self._rows()))

    # --- what it says --------------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[Part]:
        draft, language = self.quoted.draft, self.language
        yield from map(Text, self.lead)
        yield Heading(say("talk.card", language))
        said = asked(draft.request, language)
        if said:
            yield Words(said)
        yield Fields(tuple(self._lines()))
        if self.quoted.covered:
            yield Text(say("talk.covered", language))
        elif self.quoted.missing:
            yield Text(self._poor())
        notes = list(draft.quote.notes)
        if self.quoted.tell_privacy:
            notes.append(say("talk.privacy", language))
        yield from map(Small, notes)

    def _lines(self) -> Iterator[tuple[str, str]]:
        draft, language = self.quoted.draft, self.language
        quote = draft.quote
        values = {
            "talk.model": self.model.plain_name,
            "talk.length": say("words.seconds", language, n=quote.seconds) if quote.seconds else "",
            "talk.shape": shape(quote.aspect, language) if quote.aspect else "",
            "talk.quality": quality_words(self.model, quote.quality),
            "talk.sound": "" if quote.sound is None else _switch(quote.sound, language),
            "talk.pictures": _pictures(draft.request, language),
            "talk.price": in_credits(quote.credits, language),
            "talk.after": self._after(),
            "talk.wait": wait(self.quoted.usual, language),
        }
        return ((say(label, language), value) for label, value in values.items() if value)

    def _after(self) -> str:
        """A balance is nobody else's business, and an operator's says nothing."""
        if self.in_public or self.quoted.covered or self.quoted.missing:
            return ""
        return in_credits(self.quoted.after, self.language)

    def _poor(self) -> str:
        language = self.language
        missing = in_credits(self.quoted.missing, language)
        if self.in_public:
            sentences = [say("talk.missing", language, missing=missing)]
        else:
            have = in_credits(self.quoted.available, language)
            sentences = [say("talk.missing_of", language, missing=missing, have=have)]
        sentences.append(say("talk.cheaper" if self.cheaper else "talk.nothing_cheaper", language))
        if self.support:
            sentences.append(say("talk.more_credits", language, contact=self.support))
        elif self.cheaper is None:
            sentences.append(say("info.more_credits_operator", language))
        return " ".join(sentences)

    # --- what can be pressed -------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[tuple[Button, ...]]:
        draft, language = self.quoted.draft, self.language
        if not self.quoted.missing:
            label = confirm_label(draft.price, language)
            yield (Button(label, action("ok", draft.id, draft.price), style="go"),)
        elif self.cheaper:
            label = variant_label(self.cheaper, draft.quote, self.models, language)
            yield (Button(label, action("cut", draft.id), style="go"),)
        options = [self._option(what) for what in self.options]
        if self.model.kind == "video":
            value = self.model.group
            options.append(_option_button("model", draft.id, value, language))
        if self.pictures:
            key = "talk.change_picture" if draft.request.pictures else "talk.add_picture"
            options.append(Button(say(key, language), action("pic", draft.id)))
        yield from in_rows(options, 2)
        last = [Button(say("talk.cancel", language), action("no", draft.id))]
        if self.model.role("prompt") or self.model.shots:
            key = "talk.change_scenes" if draft.request.shots else "talk.change_words"
            last.insert(0, Button(say(key, language), action("txt", draft.id)))
        yield tuple(last)

    def _option(self, what: str) -> Button:
        draft = self.quoted.draft
        value = in_force(self.model, draft.quote, what, self.language)
        return _option_button(what, draft.id, value, self.language)


def _option_button(what: str, draft_id: str, value: str, language: str) -> Button:
    label = say("talk.option", language, name=say(_NAMES[what], language), value=value)
    return Button(short(label), action("ask", draft_id, what))


# --- menus -------------------------------------------------------------------------------------------------------


def menu(quoted: Quoted, model: Model, what: str, found: Sequence[Choice], language: str) -> Screen:
    """The values of one option, each with its price; long lists are thinned out."""
    shown = thinned(found) if what == "len" else list(found)
    buttons = []
    for choice in shown:
        value = in_force(model, choice.quote, what, language)
        label = _priced(value, choice.quote.credits, language)
        if choice.changes:
            label = say("talk.choice_changes", language, label=label, changes=", ".join(choice.changes))
        buttons.append(
            _choice_button(label, choice.chosen, quoted.draft.id, what, spelled(choice.value), language)
        )
    note = ""
    if len(shown) < len(found):
        lengths = [each.quote.seconds for each in found]
        note = say("talk.other_lengths", language, first=lengths[0], last=lengths[-1])
    across = next(n for n in (1, 2, 3) if len(buttons) <= 4 * n)
    return _menu_screen(quoted, what, [*in_rows(buttons, across)], (), note, language)


def model_menu(quoted: Quoted, offers: Sequence[Offer], models: Catalog, page: int, language: str) -> Screen:
    """One page of the models that take this very request, cheapest first."""
    last = max(0, (len(offers) - 1) // PER_PAGE)
    page = min(max(page, 0), last)
    shown = offers[page * PER_PAGE : (page + 1) * PER_PAGE]
    groups = [models[each.quote.model].group for each in offers]
    buttons = []
    for offer in shown:
        model = models[offer.quote.model]
        name = model.group if groups.count(model.group) == 1 else model.name
        label = _priced(name, offer.quote.credits, language)
        chosen = model.id == quoted.draft.quote.model
        buttons.append(_choice_button(label, chosen, quoted.draft.id, "model", short_id(model.id), language))
    turns = []
    if page:
        turns.append(Button(say("talk.earlier", language), action("ask", quoted.draft.id, "model", page - 1)))
    if page < last:
        turns.append(Button(say("talk.more", language), action("ask", quoted.draft.id, "model", page + 1)))
    note = say("talk.page", language, page=page + 1, pages=last + 1) if last else ""
    return _menu_screen(quoted, "model", [*in_rows(buttons, 2)], turns, note, language)


def _menu_screen(
    quoted: Quoted,
    what: str,
    rows: list[tuple[Button, ...]],
    turns: Sequence[Button],
    note: str,
    language: str,
) -> Screen:
    said = asked(quoted.draft.request, language)
    parts: list[Part] = [Heading(say("talk.choose", language, name=say(_NAMES[what], language)))]
    if said:
        parts.append(Words(said))
    if note:
        parts.append(Small(note))
    back = Button(say("talk.back", language), action("card", quoted.draft.id))
    return Screen(tuple(parts), (*rows, (*turns, back)))


def _choice_button(label: str, chosen: bool, draft_id: str, what: str, value: str, language: str) -> Button:
    if chosen:
        label = say("talk.chosen", language, label=label)
    return Button(short(label), action("set", draft_id, what, value))


def thinned(found: Sequence[Choice]) -> list[Choice]:
    """At most a page of lengths: the first, the last, the chosen one, and round ones between."""
    if len(found) <= PER_PAGE:
        return list(found)
    must = {0, len(found) - 1} | {n for n, each in enumerate(found) if each.chosen}
    for wanted in _ROUND_LENGTHS:
        place = next((n for n, each in enumerate(found) if each.quote.seconds == wanted), None)
        if place is not None and len(must) < PER_PAGE:
            must.add(place)
    return [found[n] for n in sorted(must)]


def short_id(model_id: str) -> str:
    """A model's name for a button: short, and the same whatever else is in the catalogue."""
    return hashlib.sha256(model_id.encode()).hexdigest()[:8]


# --- offers ------------------------------------------------------------------------------------------------------


def offers_screen(
    gone: Unavailable, request: Request, models: Catalog, language: str, lead: Sequence[str] = ()
) -> Screen:
    """Why a model cannot be had, since when, and what is offered in its place, with the same words and pictures."""
    parts: list[Part] = [
        *map(Text, lead),
        Heading(say("talk.gone_model", language, model=gone.name)),
    ]
    if gone.status.reason:
        parts.append(Text(gone.status.reason))
    if gone.status.since and gone.status.since not in gone.status.reason:
        parts.append(Small(say("talk.gone_since", language, date=gone.status.since)))
    said = asked(request, language)
    if said:
        parts.append(Words(said))
    if not gone.offers:
        parts.append(Text(say("talk.no_offers", language)))
        return Screen(tuple(parts))
    parts.append(Text(say("talk.offers", language)))
    rows: list[tuple[Button, ...]] = []
    lines = []
    for offer in gone.offers:
        draft = offer.draft
        name = models[draft.quote.model].group
        label = _priced(name, draft.price, language)
        rows.append((Button(label, action("take", draft.id), style="" if rows else "go"),))
        lines.append((name, ", ".join(offer.changes) or say("talk.no_changes", language)))
    parts.append(Fields(tuple(lines)))
    if any(offer.tell_privacy for offer in gone.offers):
        parts.append(Small(say("talk.privacy", language)))
    cancel = Button(say("talk.cancel", language), action("no", gone.offers[0].draft.id))
    return Screen(tuple(parts), (*rows, (cancel,)))


# --- values in words ---------------------------------------------------------------------------------------------


def asked(request: Request, language: str) -> str:
    """The words of a request, its scenes counted, cut to a readable length."""
    if request.shots:
        said = scene_lines(request.shots, language)
    else:
        said = request.prompt.strip() or request.video_url or ""
    return cut(said, WORDS_MOST)


def scene_lines(shots: Sequence[Shot], language: str) -> str:
    """`1. 7.5 s: a kitten`, one to a line."""
    return "\n".join(_scene_line(n, shot, language) for n, shot in enumerate(shots, 1))


def _scene_line(n: int, shot: Shot, language: str) -> str:
    text = cut(shot.text, SCENE_MOST)
    if shot.seconds is None:
        return say("talk.scene_line_open", language, n=n, text=text)
    return say("talk.scene_line", language, n=n, seconds=f"{shot.seconds.normalize():f}", text=text)


def variant_label(offer: Offer, before: Quote, models: Catalog, language: str) -> str:
    """`4 s · 480p · 12 credits`: another variant of a request, with the name of its model if that changes too."""
    quote = offer.quote
    model = models[quote.model]
    values = [
        model.group if quote.model != before.model else "",
        say("words.seconds", language, n=quote.seconds) if quote.seconds else "",
        quality_words(model, quote.quality),
        _switch(False, language) if quote.sound is False and before.sound else "",
    ]
    values = list(filter(None, values))
    # the card that comes of it tells the rest
    while len(values) > 1 and units(" · ".join(values)) > _room(quote.credits, language):
        values.pop()
    return _priced(" · ".join(values), quote.credits, language)


def _priced(value: str, amount: int, language: str) -> str:
    """A value with its price, which is never cut off."""
    price = in_credits(amount, language)
    return say("talk.choice", language, value=cut(value, _room(amount, language)), price=price)


def _room(amount: int, language: str) -> int:
    """What a label has for a value beside its price and the mark of the chosen one, in UTF-16 units."""
    around = say("talk.choice", language, value="", price=in_credits(amount, language))
    return LABEL_MOST - units(say("talk.chosen", language, label=around))


def quality_words(model: Model, word: str | None) -> str:
    """A size in the model's own word, with its lines where the word does not say them: `std 720p`."""
    if not word:
        return ""
    lines = next((size.lines for size in catalog.options(model).sizes if size.word == word), 0)
    plain = not lines or any(each.isdigit() for each in word)
    return word if plain else f"{word} {lines}p"


def in_force(model: Model, quote: Quote, what: str, language: str) -> str:
    """The value of an option as its button says it."""
    if what == "len":
        return say("words.seconds", language, n=quote.seconds)
    if what == "shape":
        return shape(quote.aspect or "", language)
    if what == "size":
        return quality_words(model, quote.quality)
    return say("talk.on" if quote.sound else "talk.off", language)


def _switch(on: bool, language: str) -> str:
    return say("chat.sound_on" if on else "chat.sound_off", language)


def _pictures(request: Request, language: str) -> str:
    if request.references:
        count = len(request.pictures)
        return say("talk.one_reference" if count == 1 else "talk.references", language, n=count)
    if request.first and request.last:
        return say("talk.first_and_last", language)
    key = "talk.only_first" if request.first else "talk.only_last"
    return say(key, language) if request.pictures else ""


def spelled(value: int | str | bool) -> str:
    """A value as an action carries it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def short(label: str) -> str:
    """A button's label, cut where no phone would show it anyway."""
    return cut(label, LABEL_MOST)
