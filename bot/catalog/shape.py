"""The shape of a picture or video: words, ratios, and what lies nearest."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from bot.domain import Picture

WORDS = {"portrait": "9:16", "landscape": "16:9", "square": "1:1"}
_COMMON = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
_RATIO = re.compile(r"(\d{1,5})\s*[:x/]\s*(\d{1,5})")
# Closer than this (on the logarithm of the ratio) counts as the same shape: 3 %.
_SAME = 0.03


def ratio(shape: str) -> float | None:
    """Width by height of `16:9`, `portrait` ...; None for words like `auto`."""
    match = _RATIO.fullmatch(WORDS.get(shape.lower(), shape).strip())
    return int(match[1]) / int(match[2]) if match and int(match[1]) and int(match[2]) else None


def in_numbers(shape: str) -> str | None:
    """`portrait` as `9:16`; None for words like `auto`."""
    return WORDS.get(shape.lower(), shape) if ratio(shape) else None


def distance(one: float, other: float) -> float:
    return abs(math.log(one / other))


def nearest(wanted: float, shapes: Iterable[str]) -> str:
    """The shape closest to the ratio `wanted`, by the logarithm of the ratio. Words without a ratio do not count."""
    return min(
        (shape for shape in shapes if ratio(shape)), key=lambda shape: distance(wanted, ratio(shape) or 1)
    )


def picture_shape(picture: Picture) -> str:
    """A picture's shape as people name it: a common ratio within 3 %, else the exact one."""
    wanted = picture.width / picture.height
    common = nearest(wanted, _COMMON)
    if distance(wanted, ratio(common) or 1) < _SAME:
        return common
    divisor = math.gcd(picture.width, picture.height)
    width, height = picture.width // divisor, picture.height // divisor
    return f"{width}:{height}" if max(width, height) < 100 else f"{wanted:.2f}:1"


def agrees(wish: str, picture: Picture) -> bool:
    """Whether a picture has the shape that was asked for; a word asks for an orientation only."""
    actual = picture.width / picture.height
    if wish.lower() in WORDS:
        turned = 0 if distance(actual, 1) < _SAME else math.copysign(1, actual - 1)
        return turned == {"portrait": -1, "landscape": 1, "square": 0}[wish.lower()]
    wanted = ratio(wish)
    return wanted is not None and distance(wanted, actual) < 2 * _SAME
