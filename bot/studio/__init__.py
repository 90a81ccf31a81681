"""The use cases a chat may call for its members; each one transaction over the store, the rules pure beside it."""

from __future__ import annotations

from bot.studio.base import LOCAL_PLATFORMS, LOW_WATER_BYTES, TERMINAL_OPERATOR
from bot.studio.looks import Looks
from bot.studio.orders import Orders
from bot.studio.person import Person
from bot.studio.quotes import Quotes
from bot.studio.values import Ask, ModelView, Quoted, Unavailable


class Studio(Quotes, Orders, Looks, Person):
    """What members can do."""


__all__ = [
    "LOCAL_PLATFORMS",
    "LOW_WATER_BYTES",
    "TERMINAL_OPERATOR",
    "Ask",
    "ModelView",
    "Quoted",
    "Studio",
    "Unavailable",
]
