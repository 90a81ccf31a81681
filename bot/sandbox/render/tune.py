"""The sound of a sandbox clip: a soft chord with a slow music-box line over it, from nothing but sines."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator

RATE = 24_000
BAR_SECONDS = 2
_SCALE = (0, 4, 7, 11, 14, 16)
_CHORD = (0, 7, 16)
_NOTES_PER_BAR = 4
_FADE_SECONDS = 0.25


def melody(words: str, seconds: float) -> Iterator[array[int]]:
    """Mono 16-bit samples at RATE in pieces of about a second, `seconds` long; the key is the prompt's own."""
    bar = _bar(hashlib.sha256(words.encode()).digest())
    total = round(seconds * RATE)
    fade = min(round(_FADE_SECONDS * RATE), total // 2)
    for start in range(0, total, RATE):
        offset = start % len(bar)
        piece = bar[offset : offset + min(RATE, total - start)]
        _fade(piece, start, total, fade)
        yield piece


def _fade(piece: array[int], start: int, total: int, fade: int) -> None:
    for index in range(max(0, fade - start) if start < fade else 0):
        if index < len(piece):
            piece[index] = piece[index] * (start + index) // fade
    first = max(0, total - fade - start)
    for index in range(first, len(piece)):
        piece[index] = piece[index] * (total - start - index) // fade


def _bar(seed: bytes) -> array[int]:
    """Two seconds that can be repeated without a click: chord tones complete whole waves in them."""
    root = 196.0 * 2 ** (seed[0] % 8 / 12)
    length = RATE * BAR_SECONDS
    waves = [round(root * 2 ** (step / 12) * BAR_SECONDS) for step in _CHORD]
    table = [math.sin(2 * math.pi * index / length) for index in range(length)]
    low, middle, high = waves
    samples = array(
        "h",
        (
            int(
                2300
                * (
                    table[index * low % length]
                    + 0.6 * table[index * middle % length]
                    + 0.35 * table[index * high % length]
                )
            )
            for index in range(length)
        ),
    )
    for number in range(_NOTES_PER_BAR):
        step = _SCALE[seed[1 + number] % len(_SCALE)] + 12
        _pluck(samples, number * length // _NOTES_PER_BAR, root * 2 ** (step / 12), length // _NOTES_PER_BAR)
    return samples


def _pluck(samples: array[int], start: int, pitch: float, length: int) -> None:
    turn = 2 * math.pi * pitch / RATE
    for index in range(length):
        loudness = min(index / 400, 1.0) * math.exp(-7 * index / length) * (1 - index / length)
        samples[start + index] += int(4200 * loudness * math.sin(turn * index))
