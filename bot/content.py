"""The content gate: one built-in rule that cannot be removed, and the operator's own words.

Pure: text and rules in, the name of the broken rule out. It runs before any credit is held, and nobody stores the text.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import StartError

BUILT_IN = Path(__file__).parent / "rules.toml"

_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")


@dataclass(frozen=True, slots=True)
class Rule:
    """Broken when each of its groups has at least one word in the text. Words end in `*` to match beginnings."""

    name: str
    groups: tuple[re.Pattern[str], ...]

    def broken_by(self, readings: Sequence[str]) -> bool:
        # each word in whatever reading gives it away: "n4ked" by one, the "12" of an age by another
        return all(any(group.search(text) for text in readings) for group in self.groups)


def load(own: Path | None = None) -> tuple[Rule, ...]:
    """The built-in rules and, if the file exists, the operator's. Raises StartError naming what is wrong."""
    rules = _read(BUILT_IN)
    if own is not None and own.exists():
        rules += _read(own)
    return rules


def broken_rule(texts: Iterable[str], rules: Sequence[Rule]) -> str | None:
    """The name of the first rule that these texts, taken together, break."""
    text = "\n".join(texts)
    plain = _plain(text)
    readings = (plain, plain.translate(_LOOKALIKES), re.sub(r"(?<=\b\w)[.\-_*]+(?=\w\b)", "", plain))
    return next((rule.name for rule in rules if rule.broken_by(readings)), None)


def _read(file: Path) -> tuple[Rule, ...]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        return tuple(_rule(each) for each in data["rules"])
    except (
        OSError,
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        KeyError,
        TypeError,
        AttributeError,
        re.error,
    ) as error:
        raise StartError(
            f"{file} cannot be read as content rules ({error}). Each rule is a [[rules]] table with a name and"
            ' words = ["...", ...], or groups = [[...], [...]] that must all occur.'
        ) from error


def _rule(data: dict[str, Any]) -> Rule:
    groups = data.get("groups") or [data["words"]]
    return Rule(data["name"], tuple(_pattern(group) for group in groups))


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    if not words or isinstance(words, str):
        raise TypeError("words must be a list of words")
    parts = []
    for word in words:
        stem = _plain(word.strip("/*")).strip()
        if not stem:
            raise TypeError("an empty word")
        if word.startswith("/"):
            parts.append(word.strip("/"))
        else:
            end = "" if word.endswith("*") else _edge(stem[-1])
            parts.append(_edge(stem[0]) + re.escape(stem).replace(r"\ ", r"[\s\-_]+") + end)
    return re.compile("|".join(parts))


def _edge(char: str) -> str:
    """A word's border; scripts written without spaces (from U+2E80 on: Chinese, Japanese) have none."""
    return r"\b" if char.isalnum() and char < "\u2e80" else ""


def _plain(text: str) -> str:
    """Lower case, without accents, invisible characters and doubled spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = (char for char in decomposed if unicodedata.category(char) not in ("Mn", "Cf"))
    return re.sub(r"[ \t]+", " ", "".join(kept))
