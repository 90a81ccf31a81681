"""Requests for catalogue tests: pictures, plain requests every model takes, and examples turned neutral."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any

from bot.catalog import Model
from bot.domain import Picture, Request, Shot

SORA_LINK = "https://sora.chatgpt.com/p/s_0123456789abcdef"


def picture(width: int = 1600, height: int = 900, seed: str = "", mime: str = "image/jpeg") -> Picture:
    """A picture that every model takes, unless its sides say otherwise."""
    digest = sha256(f"{width}x{height}{seed}".encode()).hexdigest()
    return Picture(digest, mime, width, height, 400_000)


def plain(model: Model, **choices: Any) -> Request:
    """The least a member must give: words, and the pictures, scenes or video without which the model cannot start."""
    request = Request(model.id, prompt="A happy dog running in the garden")
    if model.role("prompt") is None:
        request = request.change(prompt="")
    if model.shots and model.role("prompt") is None:
        request = request.change(shots=(Shot("One"), Shot("Two")))
    if model.needs_picture and model.takes_first:
        request = request.change(first=picture())
    elif model.needs_picture:
        request = request.change(references=(picture(),))
    last = model.role("last_frame")
    if last and last.required:
        request = request.change(last=picture(seed="last"))
    if model.id == "sora-watermark-remover":
        request = request.change(video_url=SORA_LINK)
    return request.change(**choices)


@dataclass
class Neutral:
    """A KIE example read back into neutral choices; `addresses` says where its pictures came from."""

    request: Request
    addresses: Mapping[str, str] = field(default_factory=dict)


def neutral(model: Model) -> Neutral:
    """The request behind a model's example input."""
    addresses: dict[str, str] = {}
    choices: dict[str, Any] = {"extra": {}}
    for name, value in model.example.items():
        role = model.fields[name].role
        if role in _PICTURES:
            pictures = [_picture(url, addresses) for url in ([value] if isinstance(value, str) else value)]
            choices.update(_PICTURES[role](pictures))
        elif role in _CHOICES:
            choices.update(_CHOICES[role](value))
        elif name not in model.fixed and model.typical.get(name) != value and role != "mode":
            choices["extra"][name] = value
    return Neutral(Request(model.id, **choices), addresses)


def _picture(url: str, addresses: dict[str, str]) -> Picture:
    made = picture(seed=url)
    addresses[made.sha256] = url
    return made


def _frames(pictures: list[Picture]) -> dict[str, Any]:
    return dict(zip(("first", "last"), pictures, strict=False))


def _shots(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    pairs = [tuple(item.values()) for item in items]
    return {"shots": tuple(Shot(text, Decimal(str(seconds))) for text, seconds in pairs)}


_PICTURES: Mapping[str, Callable[[list[Picture]], dict[str, Any]]] = {
    "first_frame": _frames,
    "first_last_frames": _frames,
    "last_frame": lambda pictures: {"last": pictures[0]},
    "reference_images": lambda pictures: {"references": tuple(pictures)},
}
_CHOICES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "prompt": lambda value: {"prompt": value},
    "aspect": lambda value: {"aspect": value},
    "duration": lambda value: {"seconds": int(value)},
    "resolution": lambda value: {"quality": value},
    "audio_toggle": lambda value: {"sound": value},
    "watermark_removal": lambda value: {"remove_watermark": value},
    "source_video": lambda value: {"video_url": value},
    "shots": _shots,
}
