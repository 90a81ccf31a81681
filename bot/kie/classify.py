"""What KIE's failure texts mean, by loose key words (kie-api.md 9): they come from many upstreams and vary."""

from __future__ import annotations

import re

from bot.domain import FailureKind

_POLICY = re.compile(
    r"guard ?rail|polic(?:y|ies)|violat|prohibited|photorealistic|nudity|nsfw|flagged|third[- ]party (?:content|material|rights)"
    r"|moderat|sensitive (?:content|word|information)|inappropriate|unsafe|safety|copyright|real people",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"\bmodel\b(?: name)?(?: you \w+)?(?: ['\"`]?[\w./:-]+['\"`]?)? (?:is |was |does )?not (?:supported|found|exist)"
    r"|\b(?:unknown|unsupported|invalid) model\b",
    re.IGNORECASE,
)
_PAUSED = re.compile(r"temporarily paused|interface is paused|model is paused", re.IGNORECASE)
_MISSING_INPUT = re.compile(r"\bis required\b|not within the range", re.IGNORECASE)
_INPUT = re.compile(
    r"\bis required\b|not within the range|post is null|invalid(?! (?:response|reply|upstream))|unsupported|not supported"
    r"|too (?:long|large|small|short)|exceeds? (?:the )?(?:max|limit|allowed)"
    r"|(?:image|video|file|url|media|picture)s?\b.*\b(?:fetch|download|load|decod|format|size|ratio)"
    r"|\b(?:fetch|download|load|decod)\w*\b.*\b(?:image|video|file|url|media|picture)",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"\bbusy\b|overload|high demand|capacity|too many|rate limit|frequen|maintenance|timed? ?out|queue is full",
    re.IGNORECASE,
)
_INPUT_CODES = {"400", "413", "415", "422", "451"}
_BUSY_CODES = {"408", "429", "430", "455"}


def failure_kind(text: str, code: str = "") -> FailureKind:
    """Policy, input, busy or provider, from KIE's words and its code, which may itself be a word."""
    words = f"{code} {text}".replace("_", " ")
    if _POLICY.search(words):
        return FailureKind.POLICY
    if is_unknown_model(words) or is_paused(words):
        return FailureKind.PROVIDER
    if _INPUT.search(words) or code in _INPUT_CODES:
        return FailureKind.INPUT
    if _BUSY.search(words) or code in _BUSY_CODES:
        return FailureKind.BUSY
    return FailureKind.PROVIDER


def is_unknown_model(text: str) -> bool:
    """`The model name you specified is not supported`, and its kin; not a field that a model does not support."""
    return _NO_MODEL.search(text) is not None


def is_paused(text: str) -> bool:
    """`This interface is temporarily paused.`: the model is switched off."""
    return _PAUSED.search(text) is not None


def is_refused_input(text: str) -> bool:
    """The two texts that are surely a refused input even under code 500 (kie-api.md 1)."""
    return _MISSING_INPUT.search(text) is not None
