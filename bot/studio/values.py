"""What the use cases take and give, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.catalog import ModelOptions
from bot.domain import ChatRef, Draft, ModelStatus, Request, UserRef


@dataclass(frozen=True, slots=True)
class Ask:
    """A member's request as it came from a chat. `key` names the asking message, so that a repeat makes no second."""

    who: UserRef
    chat: ChatRef
    key: str
    request: Request


@dataclass(frozen=True, slots=True)
class Quoted:
    """A draft with what its card shows: the balance after it, the usual wait in seconds, and whether this user still
    has to be told where words and pictures go. `changes` (of an offer) tells how it differs from what was asked."""

    draft: Draft
    available: int
    usual: tuple[float, float]
    tell_privacy: bool = False
    changes: tuple[str, ...] = ()
    covered: bool = False

    @property
    def after(self) -> int:
        return self.available - self.draft.price

    @property
    def missing(self) -> int:
        """Credits that must come from somewhere before this can be ordered."""
        return 0 if self.covered else max(0, -self.after)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The model is not active: why, and up to three complete drafts in its place."""

    model: str
    name: str
    status: ModelStatus
    offers: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model as a list shows it, `plain_name` to members. `price_from` is in KIE credits for each `unit`."""

    id: str
    name: str
    plain_name: str
    family: str
    kind: str
    tier: str
    status: ModelStatus
    sold: bool
    stand_ins: tuple[str, ...]
    price_from: Decimal | None
    unit: str
    options: ModelOptions
