"""Reads a command's text: options as words at its front, in any order, and the prompt behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from bot.catalog import Catalog, sold
from bot.talk import scenes
from bot.talk.values import Wish

# Signs that phones and word processors put in, by the plain one they stand for: one for one, so that places stay.
_PLAIN = str.maketrans(
    "\u00a0\u2009\u202f\u2011\u2212\u00d7\uff1a\u2236\uff0c\u201c\u201d\u201e", '   --x::,"""'
)

_MODEL_WORDS = 4
# Names of models that are English words too.
_COMMON_NAMES = frozenset({"runway", "gemini", "wan", "storyboard", "minimax"})
_PREPOSITION = re.compile(
    r"\s*(about|above|across|after|against|along|amid|among|around|as|at|before|behind|below|beneath|beside|between"
    r"|beyond|by|during|for|from|in|inside|into|like|near|of|off|on|onto|out|outside|over|past|through|to|towards?"
    r"|under|upon|versus|via|vs|while|with|without)\b",
    re.IGNORECASE,
)
# What begins anew, so that the word before it stands alone: an article, a number, a sign.
_OPENING = re.compile(
    r"\s*([,;:|]|[^\w\s]|\d|(an?|the|my|our|your|his|her|its|their|this|that|these|those|one|two|three|four|five|some"
    r"|many)\b)",
    re.IGNORECASE,
)
_GAP = re.compile(r"[\s,;]*")
_WORD = re.compile(r"[^\s,;]+")
_END = r"(?=[\s,;:|]|$)"


class Care(Enum):
    """How far words can be taken for an option."""

    NONE = auto()  # nothing else can be meant: `720p`
    PREPOSITION = auto()  # unless a preposition follows: `10 seconds before midnight`
    WORD = auto()  # so, and it proves nothing about the words beside it: `portrait`
    SHY = auto()  # so, and only beside another option or before a new beginning: `silent a forest`


@dataclass(frozen=True, slots=True)
class _Option:
    name: str
    pattern: re.Pattern[str]
    value: Callable[[re.Match[str]], Any]
    care: Care


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    value: Any
    end: int
    care: Care


def _option(name: str, pattern: str, value: Any, care: Care = Care.NONE) -> _Option:
    read_value = value if callable(value) else lambda _: value
    return _Option(name, re.compile(f"(?:{pattern}){_END}", re.IGNORECASE), read_value, care)


_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
_MODE = r"(?:\s+(?:mode|format))?"
_OPTIONS = (
    _option(
        "seconds",
        r"(\d{1,3})[\s-]*(?:seconds?|secs?|s)(?:\s+of\b)?",
        lambda found: int(found[1]),
        Care.PREPOSITION,
    ),
    *(_option("aspect", each.replace(":", r"\s?[:x/]\s?"), each) for each in _RATIOS),
    _option("aspect", rf"(?:portrait|vertical){_MODE}", "portrait", Care.WORD),
    _option("aspect", rf"(?:landscape|horizontal){_MODE}", "landscape", Care.WORD),
    _option("aspect", rf"square{_MODE}", "square", Care.SHY),
    _option("quality", r"\d{3,4}p|[24]k", lambda found: found[0].lower()),
    _option("quality", r"full[\s-]?hd", "1080p"),
    _option("quality", r"(low|standard|high|max) quality", lambda found: found[1].lower(), Care.PREPOSITION),
    _option("quality", r"low|standard|high|max", lambda found: found[0].lower(), Care.SHY),
    _option("remove_watermark", r"(?:no|without|remove)\s+(?:the\s+)?watermark", True),
    _option("remove_watermark", r"(?:with|keep)\s+(?:the\s+)?watermark", False),
    _option("remove_watermark", "watermark", False, Care.SHY),
    _option("sound", r"(?:no|without) (?:sound|audio)|(?:sound|audio) off", False, Care.PREPOSITION),
    _option("sound", r"with (?:sound|audio)|(?:sound|audio) on", True, Care.PREPOSITION),
    _option("sound", r"silent|muted?", False, Care.SHY),
    _option("sound", "sound", True, Care.SHY),
)
_TIERS = (
    _option("tier", r"pro[\s-]?hd", "pro-hd", Care.WORD),
    _option("tier", "pro", "pro", Care.WORD),
    _option("tier", "hd", "pro-hd", Care.WORD),
)


def read(command: str, text: str, catalog: Catalog) -> Wish:
    """What a member wants by `/command text`; with command "" the text is the prompt as it stands.

    Options stand at the front in any order (`15s portrait a happy dog`), or anywhere as `length=15` or `--ar 9:16`.
    Whatever is no option is the prompt, in its order; a text of nothing but plain English words is a prompt too. The
    lines of a storyboard become scenes. Raises UserError for scenes that cannot be read.
    """
    text = text.strip()
    if not command:
        return Wish(prompt=text)
    if command == "unwatermark":
        return Wish(command, video_url=address(text))
    reading = _Reading(command, catalog)
    text = reading.without_keys(text)
    if command == "storyboard":
        return Wish(command, shots=_scenes(reading, text), model=reading.model, choices=reading.choices)
    prompt = reading.without_front(text)
    return Wish(command, prompt, reading.model, reading.choices)


def _scenes(reading: _Reading, text: str) -> tuple[Any, ...]:
    """Options fill the first line, or stand before what is plainly a scene; every other line is one."""
    first, _, others = text.partition("\n")
    ahead = _Reading(reading.command, reading.catalog)
    ahead.choices, ahead.model = dict(reading.choices), reading.model
    rest = ahead.without_front(first)
    if rest != first and (not rest or scenes.opens(rest)):
        reading.choices, reading.model, first = ahead.choices, ahead.model, rest
    return scenes.read(f"{first}\n{others}")


def address(text: str) -> str | None:
    """The web address in a text, if there is one."""
    found = re.search(r"https?://\S+|\bsora\.chatgpt\.com/\S+", text, re.IGNORECASE)
    if not found:
        return None
    link = found[0].rstrip(").,;>]\"'»”")
    return link if "://" in link else f"https://{link}"


class _Reading:
    """What was found so far in one text."""

    def __init__(self, command: str, catalog: Catalog) -> None:
        self.command = command
        self.catalog = catalog
        self.choices: dict[str, Any] = {}
        self.model = ""

    # --- at the front --------------------------------------------------------------------------------------------

    def without_front(self, text: str) -> str:
        """Take the options off the front; what is left."""
        plain, at = text.translate(_PLAIN), 0
        sure = bool(self.choices or self.model)
        taken: list[_Found] = []
        while found := self._next(plain, _skip(_GAP, plain, at), sure or bool(taken)):
            self._put(found.name, found.value)
            taken.append(found)
            at = found.end
            sure = sure or found.name == "model" or found.care in (Care.NONE, Care.PREPOSITION)
        rest = re.sub(r"^[\s,;:|]*(?:[-–—]+\s+)?", "", text[at:]) if taken else text
        if taken and not rest and not sure:
            for found in taken:
                del self.choices[found.name]
            return text
        return rest

    def _next(self, plain: str, start: int, beside_another: bool) -> _Found | None:
        """The option that begins at `start`, if one does."""
        for found in self._candidates(plain, start):
            if found.name in self.choices or (found.name == "model" and self.model):
                continue
            if self._is_meant(found, plain, beside_another):
                return found
        return None

    def _is_meant(self, found: _Found, plain: str, beside_another: bool) -> bool:
        if found.care is Care.NONE:
            return True
        behind = found.end
        if _PREPOSITION.match(plain, behind) or (
            found.care is Care.SHY
            and not beside_another
            and plain[behind:].strip()
            and not _OPENING.match(plain, behind)
        ):
            return any(self._candidates(plain, _skip(_GAP, plain, behind)))
        return True

    def _candidates(self, plain: str, start: int) -> Iterator[_Found]:
        """What might be an option there, the likeliest first."""
        if self.command == "sora":
            yield from _matches(_TIERS, plain, start)
        else:
            yield from self._models(plain, start)
        yield from _matches(_OPTIONS, plain, start)

    def _models(self, plain: str, start: int) -> Iterator[_Found]:
        ends: list[int] = []
        at = start
        while len(ends) < _MODEL_WORDS and (word := _WORD.match(plain, at)):
            ends.append(word.end())
            at = _skip(re.compile(r"[^\S\n]*"), plain, word.end())
        for end in reversed(ends):
            name = plain[start:end].rstrip(":|").strip()
            if self._is_model(name):
                care = Care.SHY if name.lower() in _COMMON_NAMES else Care.NONE
                yield _Found("model", name, start + len(name), care)

    def _is_model(self, name: str) -> bool:
        model = self.catalog.named(name)
        return bool(model and model.kind == "video" and sold(model))

    def _put(self, name: str, value: Any) -> None:
        if name == "model":
            self.model = value
        else:
            self.choices[name] = value

    # --- anywhere ------------------------------------------------------------------------------------------------

    def without_keys(self, text: str) -> str:
        """Take out every `length=8` and `--ar 9:16`; what is left."""
        for pattern in (_KEY_AND_VALUE, _DASHED):
            kept, at = "", 0
            plain = text.translate(_PLAIN)
            for found in pattern.finditer(plain):
                name, value = self._key(found[1].lower(), found[2].strip('"').rstrip(",;"))
                if value is None or name in self.choices or found.start() < at:
                    continue
                end = found.end()
                if name == "model":
                    value, end = self._model_value(plain, found, value)
                self._put(name, value)
                kept, at = _joined(kept, text[at : found.start()]), end
            text = _joined(kept, text[at:]).strip() if at else text
        return text

    def _key(self, key: str, value: str) -> tuple[str, Any]:
        """The name and value of an option written as key and value; None for a value that makes no sense."""
        name = _KEYS.get(key, "")
        word = value.lower()
        if name == "tier" and self.command != "sora":
            return name, None
        if name in ("model", "quality", "tier"):
            return name, (value if name == "model" else word) or None
        return name, _VALUES[name](word) if name else None

    def _model_value(self, plain: str, found: re.Match[str], value: str) -> tuple[str, int]:
        """A model's name may have several words: `--model veo fast`."""
        longest = None if '"' in found[2] else next(self._models(plain, found.start(2)), None)
        return (longest.value, longest.end) if longest else (value, found.end())


def _matches(options: tuple[_Option, ...], plain: str, start: int) -> Iterator[_Found]:
    for option in options:
        found = option.pattern.match(plain, start)
        if found:
            yield _Found(option.name, option.value(found), found.end(), option.care)


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _joined(left: str, right: str) -> str:
    """What stands before and behind something taken out, with one gap between them."""
    if left and right and left[-1].isspace() and right[0] in " \t":
        return left + right.lstrip(" \t")
    return left + right


_KEYS = {
    **dict.fromkeys(("length", "len", "seconds", "duration"), "seconds"),
    **dict.fromkeys(("aspect", "ar", "shape", "ratio"), "aspect"),
    **dict.fromkeys(("quality", "size", "resolution"), "quality"),
    **dict.fromkeys(("sound", "audio"), "sound"),
    "watermark": "remove_watermark",
    "model": "model",
    "tier": "tier",
    "seed": "seed",
}
_YES, _NO = (
    frozenset({"on", "yes", "true", "1", "keep", "with"}),
    frozenset({"off", "no", "false", "0", "remove"}),
)
_KEY_AND_VALUE = re.compile(rf'(?<!\S)(?:-{{1,2}}|[—–])?({"|".join(_KEYS)})=("[^"]+"|\S+)', re.IGNORECASE)
_DASHED = re.compile(rf'(?<!\S)(?:--|[—–])({"|".join(_KEYS)})(?:[=:]|\s+)("[^"]+"|\S+)', re.IGNORECASE)


def _switch(word: str) -> bool | None:
    return word in _YES if word in _YES | _NO else None


def _seconds(word: str) -> int | None:
    found = re.fullmatch(r"(\d{1,3})(?:s|secs?|seconds?)?", word)
    return int(found[1]) if found else None


def _shape(word: str) -> str | None:
    found = re.fullmatch(r"(\d{1,2})[:x/](\d{1,2})", word)
    if found:
        return f"{found[1]}:{found[2]}"
    return {"vertical": "portrait", "horizontal": "landscape"}.get(
        word, word if word in ("portrait", "landscape", "square") else None
    )


def _removal(word: str) -> bool | None:
    kept = _switch(word)
    return None if kept is None else not kept


_VALUES: dict[str, Callable[[str], Any]] = {
    "seconds": _seconds,
    "aspect": _shape,
    "sound": _switch,
    "remove_watermark": _removal,
    "seed": lambda word: int(word) if re.fullmatch(r"\d{1,10}", word) else None,
}
