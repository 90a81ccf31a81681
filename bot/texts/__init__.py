"""Every sentence a person can read, by key: `say("order.too_poor", missing=...)`.

Sentences live in `texts/<language>/<area>.toml`; the key is `<area>.<name>`. A language may be incomplete: what it
lacks is said in English. Values are put in with `{name}`; amounts of credits are made into words by `in_credits`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

DEFAULT_LANGUAGE = "en"
_FOLDER = Path(__file__).parent


@cache
def _language(language: str) -> Mapping[str, str]:
    sentences: dict[str, str] = {}
    for file in sorted((_FOLDER / language).glob("*.toml")):
        for name, text in tomllib.loads(file.read_text(encoding="utf-8")).items():
            sentences[f"{file.stem}.{name}"] = text
    return sentences


def languages() -> list[str]:
    """The languages there are, as ISO 639-1 codes."""
    return sorted(
        folder.name for folder in _FOLDER.iterdir() if folder.is_dir() and (folder / "words.toml").exists()
    )


def sentences(language: str = DEFAULT_LANGUAGE) -> Mapping[str, str]:
    """All sentences of a language by key, as templates."""
    return _language(language)


def say(key: str, /, language: str = DEFAULT_LANGUAGE, **values: object) -> str:
    """The sentence `key` with its values filled in.

    Raises KeyError for a key that English lacks: a programming error, caught by a test over all sources.
    """
    template = _language(language).get(key) or _language(DEFAULT_LANGUAGE)[key]
    return template.format(**values)


def in_credits(amount: int, language: str = DEFAULT_LANGUAGE) -> str:
    """`1 credit`, `45 credits`."""
    return say("words.credit" if amount == 1 else "words.credits", language, n=f"{amount:,}")


def duration(seconds: float, language: str = DEFAULT_LANGUAGE) -> str:
    """A rounded length of time in words: `40 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return say("words.seconds", language, n=max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 120:
        return say("words.minutes", language, n=minutes)
    return say("words.hours", language, hours=minutes // 60, minutes=minutes % 60)
