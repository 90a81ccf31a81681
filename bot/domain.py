"""The words of the product as frozen values. No I/O, no rules that need the outside world."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Any, Self

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(length: int = 10) -> str:
    """A random id in Crockford's base 32 (https://www.crockford.com/base32.html): 5 bits a character."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(length))


# --- who and where -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserRef:
    """A person as a chat names them: `telegram:123`, `web:ada`."""

    platform: str
    external_id: str

    _SHAPE = re.compile(r"(telegram|discord|web|cli):([^\s:]{1,64})")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = cls._SHAPE.fullmatch(text.strip())
        return cls(match[1], match[2]) if match else None

    def __str__(self) -> str:
        return f"{self.platform}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class CommunityRef:
    """A Discord server or Telegram group: `discord-server:9`, `telegram-chat:-100`."""

    platform: str
    external_id: str

    _SHAPE = re.compile(r"(telegram-chat|discord-server):(-?\d{1,32})")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = cls._SHAPE.fullmatch(text.strip())
        return cls(match[1], match[2]) if match else None

    def __str__(self) -> str:
        return f"{self.platform}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class ChatRef:
    """Where to answer. `address` is the adapter's own text (chat, topic, asking message); the core never reads it."""

    platform: str
    address: str
    community: CommunityRef | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press, in any chat. `action` comes back when it is pressed (at most 64 bytes); or it opens `url`.

    `style` is `go`, `danger` or plain.
    """

    label: str
    action: str = ""
    url: str = ""
    style: str = ""


# --- what was asked ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that passed `media`: sniffed, turned upright, stripped, small enough for every model.

    Its bytes lie in `DATA_DIR/pictures/<sha256>`. `size` is in bytes.
    """

    sha256: str
    mime: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One scene of a storyboard. `seconds` None shares what the others leave."""

    text: str
    seconds: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a member asked, in words that hold for every model. None means: not chosen.

    `aspect` is `portrait`, `landscape`, `square` or `W:H`; `quality` is `low`, `standard`, `high`, `max` or the
    model's own word; `extra` holds the model's own fields by name (`--set FIELD=VALUE`).
    """

    model: str
    prompt: str = ""
    first: Picture | None = None
    last: Picture | None = None
    references: tuple[Picture, ...] = ()
    shots: tuple[Shot, ...] = ()
    video_url: str | None = None
    aspect: str | None = None
    seconds: int | None = None
    quality: str | None = None
    sound: bool | None = None
    remove_watermark: bool | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, first frame first."""
        frames = tuple(picture for picture in (self.first, self.last) if picture)
        return frames + self.references

    def to_json(self) -> dict[str, Any]:
        """Plain data for the database and for the details of a job. Choices that were not made are left out."""
        data: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value in (None, "", ()) or value == {}:
                continue
            data[each.name] = _plain(value)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        for name in ("first", "last"):
            if values.get(name):
                values[name] = Picture(**values[name])
        values["references"] = tuple(Picture(**each) for each in values.get("references", ()))
        values["shots"] = tuple(
            Shot(each["text"], None if each.get("seconds") is None else Decimal(each["seconds"]))
            for each in values.get("shots", ())
        )
        return cls(**values)

    def change(self, **choices: Any) -> Self:
        return replace(self, **choices)


def _plain(value: Any) -> Any:
    if isinstance(value, Picture):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Shot):
        return {"text": value.text, "seconds": None if value.seconds is None else str(value.seconds)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


# --- what it costs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quote:
    """A request made exact: what will be sent, what the member sees, and the price with the rule that made it.

    `input` is KIE's `input` object, complete but for picture addresses, which stand as `picture:<sha256>`.
    `kie_credits` is the forecast of KIE's bill, `credits` the member's price. `aspect`, `seconds`, `quality` and
    `sound` are the choices in force, for display; `notes` are sentences the member must see (a shape chosen for them).
    """

    model: str
    kie_model: str
    input: Mapping[str, Any]
    kie_credits: Decimal
    credits: int
    rule: str
    aspect: str | None = None
    seconds: int | None = None
    quality: str | None = None
    sound: bool | None = None
    notes: tuple[str, ...] = ()


def price_in_credits(kie_credits: Decimal, markup: Decimal) -> int:
    """The member's price: KIE credits × PRICE_MARKUP, rounded up, at least 1."""
    return max(1, int((kie_credits * markup).to_integral_value(ROUND_CEILING)))


@dataclass(frozen=True, slots=True)
class Draft:
    """A quoted request awaiting its asker's Confirm. Times are Unix milliseconds.

    `key` names the asking message; `n` is 0 for the request itself, 1 to 3 for the stand-ins offered in its place.
    """

    id: str
    key: str
    n: int
    user_id: int
    payer: str
    chat: ChatRef
    request: Request
    quote: Quote
    created_at: int
    expires_at: int
    job_id: str | None = None

    @property
    def price(self) -> int:
        return self.quote.credits


# --- models ------------------------------------------------------------------------------------------------------


class ModelState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether KIE makes this model's tasks, since when (ISO date) and why not."""

    state: ModelState = ModelState.ACTIVE
    since: str | None = None
    reason: str = ""


# --- jobs --------------------------------------------------------------------------------------------------------


class JobState(StrEnum):
    """`queued` → `submitting` → `running` → `settled` → `delivered`; see contract.md, Job states."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    RUNNING = "running"
    SETTLED = "settled"
    DELIVERED = "delivered"


class FailureKind(StrEnum):
    POLICY = "policy"
    INPUT = "input"
    BUSY = "busy"
    PROVIDER = "provider"
    ACCOUNT = "account"
    LOST = "lost"
    CANCELLED = "cancelled"
    UNFETCHABLE = "unfetchable"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Video:
    """A finished video on our disk. `file` and `thumbnail` are names in `DATA_DIR/videos`; `size` in bytes."""

    file: str
    size: int
    width: int
    height: int
    seconds: Decimal
    sound: bool
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no video. `text` is KIE's own wording or ours, secrets masked."""

    kind: FailureKind
    text: str


Outcome = Video | Failure


# `Job.delivered_to` of a result that its member has not got: no chat would take it, or only a line in public could tell
# that it is there. It waits until they are next seen.
KEPT, NOTICE = "kept", "notice"
WAITING = (KEPT, NOTICE)


@dataclass(frozen=True, slots=True)
class Job:
    """One accepted request, as the database holds it. Times are Unix milliseconds, UTC."""

    id: str
    state: JobState
    user: UserRef
    user_id: int
    payer: str
    chat: ChatRef
    request: Request
    model: str
    kie_model: str
    input: Mapping[str, Any]
    price: int
    kie_credits: Decimal
    created_at: int
    due_at: int
    lease: int = 0
    key: str = ""
    callback_token: str = ""
    video_token: str = ""
    with_callback: bool = False
    hinted_task: str | None = None
    task_id: str | None = None
    key_print: str | None = None
    submitted_at: int | None = None
    settled_at: int | None = None
    ended_at: int | None = None
    attempts: int = 0
    patience_told: bool = False
    kie_cost: Decimal | None = None
    outcome: Outcome | None = None
    refunded: bool = False
    removed: bool = False
    delivered_to: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a job that has not ended; never an invented percentage.

    `place` is its place in the queue (1 is next), `usual` the seconds that nearly all real ones of this model took
    (quartiles), `waiting_for` a sentence when something outside holds it up.
    """

    state: JobState
    elapsed: float
    place: int | None = None
    usual: tuple[float, float] | None = None
    waiting_for: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's life."""

    at: int
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Balance:
    account: str
    available: int
    held: int
