"""Keeps secrets out of everything that is printed: a type for single ones, and a mask for any text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Never, Self
from urllib.parse import quote

MASK = "***"
# A shorter one would blot out ordinary words, and hides nothing that could not be guessed.
SHORTEST = 4

# Shapes of secrets that we may never have been told: those of other bots, of redirects, of libraries' own messages.
_SHAPES = (
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/-]{16,}=*"), rf"\1{MASK}"),
    (re.compile(r"\d{5,}(?::|%3A)[A-Za-z0-9_-]{30,}"), MASK),  # Telegram: the bot's id, then 35 characters
    (re.compile(r"\b[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}"), MASK),  # Discord
    (
        re.compile(
            r"(/kie/callback/\w+/|/telegram/webhook/|/v/\w+/|/(?:webhooks|interactions)/\d+/)[\w.~-]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(://)[^/@\s:]*:[^/@\s]*@"), rf"\1{MASK}@"),
)


class Secret:
    """A text that shows itself only to who asks for it by `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not written down")


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with each of `secrets`, also in the spelling of an address, and all that looks like one, blotted out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
