"""What a sandbox clip is to show, as plain data that travels to the renderer's process as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

RATIOS = {"landscape": "16:9", "portrait": "9:16", "square": "1:1"}
WIDEST = 8.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene. Pictures are paths; `missing` is the address of a first picture that could not be had."""

    text: str
    seconds: float
    first: str | None = None
    last: str | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole clip, or a still picture when `still`.

    `lines` is the short side in pixels. `aspect` is `W:H`; None takes the shape of the first picture.
    """

    target: str
    title: str
    scenes: tuple[Scene, ...]
    lines: int = 720
    aspect: str | None = None
    sound: bool = True
    facts: str = ""
    references: tuple[str, ...] = ()
    still: bool = False

    def at(self, target: str, lines: int) -> Spec:
        """The same in another file and size."""
        return replace(self, target=target, lines=lines)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data: dict[str, Any] = json.loads(text)
        scenes: list[Mapping[str, Any]] = data.pop("scenes")
        references = tuple(data.pop("references"))
        return cls(scenes=tuple(Scene(**each) for each in scenes), references=references, **data)


def ratio_of(aspect: str | None) -> float | None:
    """`16:9` or `portrait` as a number, width over height; None for `auto`, `adaptive` and the like."""
    width, _, height = RATIOS.get(aspect or "", aspect or "").partition(":")
    try:
        ratio = float(width) / float(height)
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if 1 / WIDEST <= ratio <= WIDEST else None


def frame_size(aspect: str | None, lines: int, picture: tuple[int, int] | None = None) -> tuple[int, int]:
    """Width and height in pixels, both even: the short side is `lines`.

    Without an aspect the shape is the picture's, kept between 9:21 and 21:9; without a picture it is 16:9.
    """
    ratio = ratio_of(aspect)
    if ratio is None and picture:
        ratio = min(max(picture[0] / picture[1], 9 / 21), 21 / 9)
    ratio = ratio or 16 / 9
    width, height = (lines * ratio, lines) if ratio >= 1 else (lines, lines / ratio)
    return 2 * round(width / 2), 2 * round(height / 2)
