"""What autocomplete offers: it fires at every key, so it is served from memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

from discord.app_commands import Choice

from adapters.discord.buttons import shortened
from bot.studio import Studio
from bot.talk.shelf import Shelved, price_words, shelved
from bot.texts import DEFAULT_LANGUAGE, say

CHOICES_MOST, NAME_MOST = 25, 100  # discord.md 3
QUALITIES = {
    "low": "info.quality_low",
    "standard": "info.quality_standard",
    "high": "info.quality_high",
    "max": "info.quality_max",
}


class Shelf:
    """The models on sale, as they were when last looked at."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._shelf: Sequence[Shelved] = ()

    async def refresh(self) -> None:
        """Raises RetryLater."""
        found = [each for each in shelved(await self._studio.models()) if each.active]
        self._shelf = sorted(found, key=lambda each: each.view.tier != "core")

    def models(self, typed: str) -> list[Choice[str]]:
        """Those whose name or family holds what is typed, names that begin with it first, each with its price."""
        wanted = _squeezed(typed)
        found = [each for each in self._shelf if wanted in _squeezed(f"{each.name} {each.view.family}")]
        found.sort(key=lambda each: not _squeezed(each.name).startswith(wanted))
        return [Choice(name=self._line(each), value=each.model_id) for each in found[:CHOICES_MOST]]

    def _line(self, each: Shelved) -> str:
        price = price_words(each.view, self._studio.settings.price_markup, DEFAULT_LANGUAGE)
        return shortened(" · ".join(filter(None, (each.name, price))), NAME_MOST)

    def qualities(self, model: str, typed: str) -> list[Choice[str]]:
        """The sizes of the model that is chosen, in its own words; those that hold for every model when none is."""
        sizes = next((each.view.options.sizes for each in self._shelf if each.model_id == model), ())
        lines = {size.word: say("discord.size", word=size.word, lines=size.lines) for size in sizes}
        choices = lines or {word: say(key) for word, key in QUALITIES.items()}
        found = [(word, line) for word, line in choices.items() if typed.lower() in f"{word} {line}".lower()]
        return [Choice(name=shortened(line, NAME_MOST), value=word) for word, line in found[:CHOICES_MOST]]


def _squeezed(name: str) -> str:
    """Without case, spaces and signs, as people type."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())
