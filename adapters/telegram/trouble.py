"""What a failing call to Telegram means for the intake, and how long to wait then. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aiogram.exceptions import (
    AiogramError,
    TelegramAPIError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)


class Kind(Enum):
    """LOST: nobody or nonsense answers. REFUSED: the token is not accepted. TAKEN: someone else takes the updates.
    FLOOD: slower, please."""

    LOST = "lost"
    REFUSED = "refused"
    TAKEN = "taken"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class Trouble:
    """`pause` is in seconds, `text` what Telegram said."""

    kind: Kind
    pause: float
    text: str


REFUSED_PAUSE = 300.0
# the shortest and longest pause, doubling in between
_PAUSES = {Kind.LOST: (1.0, 60.0), Kind.TAKEN: (5.0, 60.0)}


def trouble(error: AiogramError, tries: int = 0) -> Trouble:
    """`tries` counts the same kind of trouble in a row before this one (telegram.md 4)."""
    text = error.message if isinstance(error, TelegramAPIError) else type(error).__name__
    if isinstance(error, TelegramRetryAfter):
        return Trouble(Kind.FLOOD, float(error.retry_after), text)
    kind = kind_of(error)
    if kind is Kind.REFUSED:
        return Trouble(kind, REFUSED_PAUSE, text)
    first, most = _PAUSES[kind]
    return Trouble(kind, min(most, first * 2.0 ** min(tries, 10)), text)


def kind_of(error: AiogramError) -> Kind:
    if isinstance(error, TelegramRetryAfter):
        return Kind.FLOOD
    if isinstance(error, TelegramConflictError):
        return Kind.TAKEN
    # 404 is what a token of a wrong shape gets
    if isinstance(error, TelegramUnauthorizedError | TelegramNotFound):
        return Kind.REFUSED
    return Kind.LOST
