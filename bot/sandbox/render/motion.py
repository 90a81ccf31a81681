"""What moves behind the words: a picture slowly approached, or soft light in colours taken from the prompt."""

from __future__ import annotations

import colorsys
import hashlib
import math
from collections.abc import Sequence

from PIL import Image, ImageOps

from bot.sandbox.render.planes import Planes, Size, from_values

ZOOM = 1.14
FADE_SECONDS = 1.2
_GRID = 24
_Colour = tuple[float, float, float]


class Approach:
    """Ken Burns: begins with the whole picture, ends a little closer; the last picture fades in at the end."""

    def __init__(self, first: Image.Image, last: Image.Image | None, size: Size, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        large = (_even(size[0] * ZOOM), _even(size[1] * ZOOM))
        self._first = Planes.of(_covering(first, large))
        self._last = Planes.of(_covering(last, size)) if last else None

    def at(self, moment: float) -> Planes:
        """The frame at `moment` seconds."""
        width, height = self._first.size
        share = _smooth(moment / self._seconds)
        gone_x, gone_y = (width - self._size[0]) * share, (height - self._size[1]) * share
        left, top = gone_x * 0.6, gone_y * 0.4
        frame = self._first.view((left, top, left + width - gone_x, top + height - gone_y), self._size)
        if self._last is None:
            return frame
        fade = min(FADE_SECONDS, self._seconds / 2)
        arrived = (moment - (self._seconds - fade)) / (fade * 0.85)
        return frame.blended(self._last, _smooth(arrived)) if arrived > 0 else frame


class Light:
    """Three slow clouds of light on a dark ground; the colours are the prompt's own."""

    def __init__(self, words: str, size: Size) -> None:
        seed = hashlib.sha256(words.encode()).digest()
        hue = seed[0] / 256
        self._ground = _yuv(colorsys.hsv_to_rgb(hue, 0.62, 0.24))
        self._clouds = [
            (
                _yuv(colorsys.hsv_to_rgb((hue + step) % 1, 0.66, 0.95)),
                seed[1 + index] / 40,
                0.35 + seed[4 + index] / 900,
            )
            for index, step in enumerate((0.04, 0.14, 0.86))
        ]
        self._size = size
        long_side = max(size)
        self._grid = (max(4, _even(_GRID * size[0] / long_side)), max(4, _even(_GRID * size[1] / long_side)))

    def at(self, moment: float) -> Planes:
        """The frame at `moment` seconds."""
        columns, rows = self._grid
        spots = [
            (
                0.5 + 0.42 * math.sin(phase + moment * pace),
                0.5 + 0.40 * math.cos(phase * 1.7 + moment * pace * 0.8),
                colour,
            )
            for colour, phase, pace in self._clouds
        ]
        shape = columns / rows
        values = [
            self._value((column + 0.5) / columns, (row + 0.5) / rows, spots, shape)
            for row in range(rows)
            for column in range(columns)
        ]
        tiny = from_values(values, self._grid)
        half = (self._size[0] // 2, self._size[1] // 2)
        soft = Image.Resampling.BICUBIC
        return Planes(tiny.y.resize(self._size, soft), tiny.u.resize(half, soft), tiny.v.resize(half, soft))

    def _value(
        self, x: float, y: float, spots: Sequence[tuple[float, float, _Colour]], shape: float
    ) -> tuple[int, int, int]:
        luma, blue, red = self._ground
        for spot_x, spot_y, colour in spots:
            near = math.exp(
                -(((x - spot_x) * shape) ** 2 + (y - spot_y) ** 2) * (7 if shape >= 1 else 7 / shape**2)
            )
            share = 0.78 * near
            luma += (colour[0] - luma) * share
            blue += (colour[1] - blue) * share
            red += (colour[2] - red) * share
        return round(luma), round(blue), round(red)


def _yuv(rgb: tuple[float, float, float]) -> _Colour:
    """BT.709, limited range, from RGB between 0 and 1."""
    red, green, blue = rgb
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748


def _covering(picture: Image.Image, size: Size) -> Image.Image:
    return ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.BICUBIC)


def _smooth(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _even(value: float) -> int:
    return 2 * round(value / 2)
