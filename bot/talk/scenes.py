"""Reads the scenes of a storyboard as people type them: one to a line, with or without seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from bot.domain import Shot
from bot.errors import UserError

_NUMBER = r"\d{1,3}(?:[.,]\d{1,2})?"
_UNIT = r"(?:seconds?|secs?|s)\b\.?"
# `5 seconds later` tells a story; `5 seconds of rain` gives a length.
_STORY = r"(?!\s*(?:later|after|before|ago|earlier|into|long|old)\b)"

_BULLET = re.compile(r"[-–—*•·▪]\s+")
_NUMBERED = re.compile(r"(?:scene|shot)\s*\d{1,2}\s*[:.)–—-]\s*|\d{1,2}[.)]\s+", re.IGNORECASE)
_COUNTED = re.compile(r"(\d{1,2}):\s+")
_FRONT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"({_NUMBER})\s*(?:{_UNIT})?\s*\|\s*",
        rf"[(\[]\s*({_NUMBER})\s*{_UNIT}\s*[)\]]\s*[:–—-]?\s*",
        rf"({_NUMBER})\s*{_UNIT}{_STORY}\s*[:–—-]?\s*",
        rf"({_NUMBER}):\s+",
    )
]
_SPAN = re.compile(rf"({_NUMBER})\s*s?\s*[-–—]\s*({_NUMBER})\s*{_UNIT}\s*[:|–—-]\s*", re.IGNORECASE)
_END = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\s*[(\[]\s*({_NUMBER})\s*{_UNIT}\s*[)\]]\.?$",
        rf"\s*\|\s*({_NUMBER})\s*(?:{_UNIT})?$",
        rf"\s+[–—-]\s+({_NUMBER})\s*{_UNIT}$",
    )
]


def read(text: str) -> tuple[Shot, ...]:
    """The scenes of a text: `7.5 | a kitten`, `7,5s a kitten`, `- a kitten`, `a kitten (7.5 s)`; blank lines drop out.

    A number is seconds where it has a unit or a sign behind it; `2 dogs run` are two dogs, and `1:`, `2:`, `3:` in a
    row only count the scenes. Raises UserError for a line that has seconds but no words.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    counted = [_COUNTED.match(line) for line in lines]
    if len(lines) > 1 and all(found and int(found[1]) == n for n, found in enumerate(counted, 1)):
        lines = [_COUNTED.sub("", line, count=1) for line in lines]
    return tuple(_scene(line) for line in lines)


def opens(text: str) -> bool:
    """Whether a text begins the way only a scene does."""
    rest = _without_marks(text)
    return rest != text or any(pattern.match(rest) for pattern in (_SPAN, *_FRONT[:2]))


def written(shots: Iterable[Shot]) -> str:
    """The scenes as `read` reads them, one to a line."""
    return "\n".join(
        shot.text if shot.seconds is None else f"{shot.seconds.normalize():f} | {shot.text}" for shot in shots
    )


def _without_marks(line: str) -> str:
    for mark in (_BULLET, _NUMBERED):
        found = mark.match(line)
        line = line[found.end() :] if found else line
    return line


def _scene(line: str) -> Shot:
    shot = _timed(_without_marks(line))
    if not shot.text:
        raise UserError("talk.scene_wordless", line=line)
    return shot


def _timed(line: str) -> Shot:
    span = _SPAN.match(line)
    if span and _decimal(span[2]) > _decimal(span[1]):
        return Shot(line[span.end() :].strip(), _decimal(span[2]) - _decimal(span[1]))
    for pattern in _FRONT:
        found = pattern.match(line)
        if found:
            return Shot(line[found.end() :].strip(), _decimal(found[1]))
    for pattern in _END:
        found = pattern.search(line)
        if found:
            return Shot(line[: found.start()].strip(), _decimal(found[1]))
    return Shot(line)


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))
