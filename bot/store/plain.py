"""Values to columns and back: JSON text, and KIE credits as integer millionths."""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal
from typing import Any

from bot.domain import Video

MICRO = 1_000_000


def to_text(data: Any) -> str:
    """Compact JSON. A Decimal becomes the JSON number it stands for."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_number)


def from_text(text: str) -> Any:
    return json.loads(text)


def _number(value: Any) -> int | float | str:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if hasattr(value, "items"):
        raise TypeError(f"not plain data: {type(value).__name__}")
    return str(value)


def to_micro(amount: Decimal) -> int:
    """KIE credits as millionths, rounded up: a forecast must not be too low."""
    return int((amount * MICRO).to_integral_value(ROUND_CEILING))


def from_micro(amount: int) -> Decimal:
    value = Decimal(amount) / MICRO
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def video_text(video: Video) -> str:
    return to_text(
        {
            "file": video.file,
            "size": video.size,
            "width": video.width,
            "height": video.height,
            "seconds": str(video.seconds),
            "sound": video.sound,
            "thumbnail": video.thumbnail,
        }
    )


def video_of(text: str) -> Video:
    data = from_text(text)
    return Video(**{**data, "seconds": Decimal(data["seconds"])})
