"""A member's own choices: what stands in for what a request leaves open, the language, and where results go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot import catalog, wording
from bot.catalog import Model
from bot.domain import Button, Quote, Request
from bot.errors import UserError
from bot.talk.base import Base, Pressed, action
from bot.talk.rows import in_rows, turning
from bot.talk.shelf import Shelved, price_words, shelved
from bot.talk.values import Answer, Asker, Fields, Heading, Screen, Small, Text
from bot.texts import languages, say

# What `studio.preferences` may hold, under these names: `model` (an id of the catalogue), `aspect` (landscape, portrait,
# square), `seconds` (int), `quality` (low, standard, high, max), `language` (of texts.languages()), `private` (True: in
# communities results come privately). What is missing is automatic.
PREFERENCES = {
    "model": "info.pref_model",
    "aspect": "info.pref_aspect",
    "seconds": "info.pref_seconds",
    "quality": "info.pref_quality",
    "language": "info.pref_language",
    "private": "info.pref_private",
}
_ABOUT = {
    "model": "info.about_pref_model",
    "aspect": "info.about_pref_aspect",
    "seconds": "info.about_pref_seconds",
    "quality": "info.about_pref_quality",
    "language": "info.about_pref_language",
    "private": "info.about_pref_private",
}
_WORDS = {
    "landscape": "info.landscape",
    "portrait": "info.portrait",
    "square": "info.square",
    "low": "info.quality_low",
    "standard": "info.quality_standard",
    "high": "info.quality_high",
    "max": "info.quality_max",
    "yes": "info.results_private",
}
_AUTOMATIC = "-"
_PAGE = "@"
_MODELS_A_PAGE = 6
_LENGTHS_MOST = 12
_SECONDS_DIGITS = 3
_ROUND_LENGTHS = frozenset({4, 5, 6, 8, 10, 12, 15, 20, 25, 30})


class Prefs(Base):
    """`/settings` and its buttons: `pref:menu`, `pref:<what>`, `pref:model:@<page>`, `pref:<what>:<value>`."""

    def verbs(self) -> Mapping[str, Pressed]:
        return {"pref": self._preference}

    async def settings_screen(self, asker: Asker) -> Screen:
        """What is in force, with what automatic means now."""
        language, prefs = asker.language, await self.studio.preferences(asker.who)
        lines = [
            (say(key, language), self._pref_in_force(what, prefs, language))
            for what, key in PREFERENCES.items()
        ]
        buttons = [Button(say(key, language), action("pref", what)) for what, key in PREFERENCES.items()]
        return Screen(
            (
                Heading(say("info.settings_title", language)),
                Fields(tuple(lines)),
                Small(say("info.settings_about", language)),
            ),
            in_rows(buttons, 3),
            private=True,
        )

    async def _preference(self, asker: Asker, rest: str) -> Answer:
        what, _, value = rest.partition(":")
        if what not in PREFERENCES:
            return Answer(screen=await self.settings_screen(asker))
        if not value or value.startswith(_PAGE):
            page = int(value[1:]) if value[1:].isdecimal() else 1
            return Answer(screen=await self._pref_choices(asker, what, page))
        await self.studio.prefer(asker.who, **{what: self._pref_read(what, value)})
        prefs = await self.studio.preferences(asker.who)
        language = prefs.get("language", asker.language) if what == "language" else asker.language
        now = self._pref_in_force(what, prefs, language)
        toast = say("info.pref_set", language, what=say(PREFERENCES[what], language), value=now)
        heard = replace(asker, language=language)
        return Answer(screen=await self.settings_screen(heard), toast=wording.cut(toast, 200))

    def _pref_read(self, what: str, value: str) -> Any:
        """A button's value as it is kept; None is automatic. Raises UserError for one there is no longer."""
        if value == _AUTOMATIC:
            return None
        match what:
            case "model" if self.studio.catalog.get(value):
                return value
            case "seconds" if value.isdecimal() and len(value) <= _SECONDS_DIGITS:
                return int(value)
            case "private" if value == "yes":
                return True
            case "language" if value in languages():
                return value
            case "aspect" | "quality" if value in _WORDS:
                return value
        raise UserError("talk.old_button")

    # --- what there is to choose ---------------------------------------------------------------------------------

    async def _pref_choices(self, asker: Asker, what: str, page: int) -> Screen:
        language, prefs = asker.language, await self.studio.preferences(asker.who)
        values, pages, width = (
            [(each, self._pref_word(what, each, language)) for each in self._pref_values(what, prefs)],
            1,
            4,
        )
        if what == "model":
            values, width = await self._pref_models_to_choose(language), 2
            pages = max(1, -(-len(values) // _MODELS_A_PAGE))
            page = min(max(page, 1), pages)
            values = values[(page - 1) * _MODELS_A_PAGE : page * _MODELS_A_PAGE]
        now = str(prefs.get(what) or _AUTOMATIC).replace("True", "yes")
        automatic = _choice(what, _AUTOMATIC, self._pref_automatic(what, prefs, language), now, language)
        buttons = [_choice(what, value, label, now, language) for value, label in values]
        back = Button(say("info.back", language), action("pref", "menu"))
        turns = turning(page, pages, language, "pref", "model", before=_PAGE)
        parts = (Heading(say(PREFERENCES[what], language)), Text(say(_ABOUT[what], language)))
        return Screen(parts, ((automatic,), *in_rows(buttons, width), (back, *turns)), private=True)

    async def _pref_models_to_choose(self, language: str) -> list[tuple[str, str]]:
        shelf = [each for each in shelved(await self.studio.models()) if self._may_be_usual(each)]
        return [(each.model_id, f"{each.name} · {self._pref_price(each, language)}") for each in shelf]

    def _may_be_usual(self, each: Shelved) -> bool:
        """What can be ordered with words alone."""
        fits = self._usual_quote(self.studio.catalog[each.model_id]) is not None
        return each.active and each.view.tier == "core" and fits

    def _pref_price(self, each: Shelved, language: str) -> str:
        return price_words(each.view, self.studio.settings.price_markup, language)

    def _pref_values(self, what: str, prefs: Mapping[str, Any]) -> Sequence[str]:
        match what:
            case "aspect":
                return ("landscape", "portrait", "square")
            case "seconds":
                found = catalog.options(self._usual_model(prefs)).lengths
                if len(found) > _LENGTHS_MOST:
                    found = tuple(each for each in found if each in _ROUND_LENGTHS)
                return [str(each) for each in found]
            case "quality":
                return ("low", "standard", "high", "max")
            case "language":
                return languages()
            case "private":
                return ("yes",)
            case _:
                return ()

    # --- what is in force ----------------------------------------------------------------------------------------

    def _pref_in_force(self, what: str, prefs: Mapping[str, Any], language: str) -> str:
        value = prefs.get(what)
        if value is None or value is False:
            return self._pref_automatic(what, prefs, language)
        return self._pref_word(what, "yes" if value is True else str(value), language)

    def _pref_word(self, what: str, value: str, language: str) -> str:
        if what == "seconds":
            return say("words.seconds", language, n=value)
        if what == "language":
            return say("info.language_name", value)
        if what == "model":
            model = self.studio.catalog.get(value)
            return model.group if model else value
        return say(_WORDS[value], language) if value in _WORDS else value

    def _pref_automatic(self, what: str, prefs: Mapping[str, Any], language: str) -> str:
        """`automatic (8 s)`: what stands there when nothing is chosen."""
        if what == "private":
            return say("info.results_public", language)
        if what == "language":
            return say("info.language_automatic", language)
        if what == "model":
            return say("info.automatic", language, value=self._usual_model({}).group)
        quote = self._usual_quote(self._usual_model(prefs))
        value = ""
        if quote:
            value = {
                "aspect": wording.shape(quote.aspect, language) if quote.aspect else "",
                "seconds": say("words.seconds", language, n=quote.seconds) if quote.seconds else "",
                "quality": self._pref_size(prefs, quote.quality or ""),
            }[what]
        if not value:
            return say("info.automatic_bare", language)
        return say("info.automatic", language, value=value)

    def _pref_size(self, prefs: Mapping[str, Any], word: str) -> str:
        """`720p`, also for a model that has its own word for it."""
        sizes = catalog.options(self._usual_model(prefs)).sizes
        return next((f"{size.lines}p" for size in sizes if size.word == word and size.lines < 2160), word)

    def _usual_model(self, prefs: Mapping[str, Any]) -> Model:
        """The model that a request without one goes to."""
        chosen = self.studio.catalog.get(str(prefs.get("model", "")))
        return chosen or self.studio.catalog.find(self.studio.settings.default_model)

    def _usual_quote(self, model: Model) -> Quote | None:
        """A model's own choices for a few words; None when it needs more than words."""
        try:
            return catalog.quote(model, Request(model.id, "a dog"), self.studio.settings.price_markup)
        except UserError:
            return None


def _choice(what: str, value: str, label: str, now: str, language: str) -> Button:
    if value == now:
        label = say("info.chosen", language, value=label)
    return Button(wording.cut(label, 80), action("pref", what, value))
