"""The doors: what the core needs from the outside, as Protocols with two implementations each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from bot.domain import Button, FailureKind, Job, ModelStatus, Picture, Progress, UserRef, Video


class Clock(Protocol):
    """The only teller of time."""

    def now(self) -> int:
        """Unix time in milliseconds, UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring spans within this process."""

    async def sleep(self, seconds: float) -> None: ...


# --- the provider ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """KIE made a task. `key_print` tells which key it belongs to, without revealing it."""

    task_id: str
    key_print: str


@dataclass(frozen=True, slots=True)
class Refused:
    """KIE surely made no task. `withdrawn`: the model itself is paused or gone. `retry`: the same body may pass
    later (rate limit, maintenance of one model). `account`: the account needs its operator (`code` says which way).
    """

    kind: FailureKind
    code: int
    text: str
    withdrawn: bool = False
    retry: bool = False
    account: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer was lost: nobody knows whether a task exists. Never send again."""

    text: str


CreateAnswer = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Open:
    """The task is waiting or running; `state` is KIE's word."""

    state: str
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The task succeeded. `urls` may be empty: succeeded without a result, look again a few times.

    `seconds` is how long it took at KIE, as far as its record tells.
    """

    urls: tuple[str, ...]
    cost: Decimal | None = None
    callback_url: str | None = None
    raw: Mapping[str, Any] | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """The task failed for good. `text` is KIE's own."""

    kind: FailureKind
    text: str
    cost: Decimal | None = None
    callback_url: str | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """KIE knows no such task. Right after creation this is normal for up to a minute."""


LookAnswer = Open | Done | Broken | Missing


Create = Callable[
    [str, Mapping[str, Any], str | None], Awaitable[CreateAnswer]
]  # model, input, callback address


class Provider(Protocol):
    """KIE, or a fake of it. Reads raise RetryLater (flicker) or AccountError (the account is sick)."""

    async def turn(self) -> Create:
        """Wait, shortly, until a creation can be sent at once; returns what sends that one. Raises RetryLater."""

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        """`key_print`, from Accepted, tells which account made the task."""

    async def models(self) -> frozenset[str]:
        """The KIE strings of all models it lists now."""

    async def probe(self, model: str) -> ModelStatus | None:
        """Ask for free whether a model lives; None: it cannot be told."""

    async def upload(self, file: Path, mime: str) -> str:
        """Hand a picture over; returns its address, good for at least 20 hours."""

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        """Stream a result to `target`; returns its size in bytes. Raises ProviderError when it cannot be had."""

    async def balance(self) -> Decimal:
        """KIE credits left on the account."""


# --- media -------------------------------------------------------------------------------------------------------


class Media(Protocol):
    """Pictures in, videos out; each piece of work in a process of its own."""

    async def warm(self) -> None:
        """A video is expected: get ready."""

    async def picture(self, data: bytes, name: str = "") -> Picture:
        """Check and clean a picture and store it, fsynced, under its hash. Raises UserError."""

    async def video(self, source: Path, target: Path) -> Video:
        """Check a downloaded file, move it to `target` playable and with its index in front, make a thumbnail
        beside it. Raises ProviderError (code 0) when it is not a playable video."""

    async def fit(self, source: Path, target: Path, max_bytes: int) -> Video:
        """Make a smaller copy of at most `max_bytes`. Raises TooLarge when that cannot be done decently."""

    async def last_frame(self, source: Path) -> Picture:
        """The last picture of a video, stored like any other. Raises UserError when there is none to be had."""


# --- chats -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to bring a job's end into a chat. `number` counts the job's attempts from 1.

    For a Video outcome `file` is the file to send and `fitted` tells that it is a smaller copy; `link` is an address
    of the original, if there is one; with `file` None only the link is sent. `gift` marks a video that came after its
    refund.
    """

    job: Job
    route: str
    number: int
    file: Path | None = None
    thumbnail: Path | None = None
    video: Video | None = None
    fitted: bool = False
    link: str | None = None
    gift: bool = False


class ChatAdapter(Protocol):
    """A chat, as far as the engine needs one. The engine calls nothing else."""

    platform: str

    def routes(self, job: Job) -> Sequence[str]:
        """The ways of delivering this job, best first. Never empty."""

    async def show(self, job: Job, progress: Progress) -> None:
        """Bring the job's status message up to date. May be dropped; must not raise for a closed chat."""

    async def deliver(self, delivery: Delivery) -> str:
        """Send the end of a job; returns the message id. Raises TooLarge, RouteClosed, RetryLater, DeliveryUnknown."""

    async def find(self, delivery: Delivery) -> str | None:
        """After a crash or a lost answer: the id of the message that attempt left, or None when it left none.

        Raises DeliveryUnknown when the chat cannot tell.
        """

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        """A private word to a user (operator notices, grants). False when they cannot be reached."""


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that a chat told us, as it came. `id` is the chat's own number for it; order is kept within a `lane`;
    `sender` is the user's id there, if one sent it; `attempts` counts the processes that began with it and ended before
    it was handled."""

    platform: str
    id: int
    lane: str
    sender: str
    payload: str
    attempts: int = 0


class Inbox(Protocol):
    """Updates that must survive this process. What is put is committed."""

    async def put(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Keep them; returns those that were not there yet. Nothing is kept twice."""

    async def waiting(self, platform: str) -> Sequence[Update]:
        """At start: what an earlier process kept and did not handle, as it came."""

    async def count(self, updates: Sequence[Update]) -> None:
        """One attempt more for each, before it is made."""

    async def clear(self, update: Update) -> None:
        """Forget its attempts: it does no harm."""

    async def handled(self, update: Update, trouble: str | None = None) -> None:
        """Done with it. With `trouble` it is quarantined: kept a week for whoever looks into it."""


class Memory(Protocol):
    """Durable notes of a chat by name (`telegram:status:<job>`); values are plain data.

    A note ends after `seconds`; one with an `owner` is erased with that person.
    """

    async def get(self, name: str) -> Any: ...

    async def put(
        self, name: str, value: Any, *, seconds: float | None = None, owner: UserRef | None = None
    ) -> None: ...

    async def put_first(self, name: str, value: Any, *, seconds: float | None = None) -> bool:
        """False, and nothing changed, when a note of this name lives: for what is said once an hour."""

    async def drop(self, name: str) -> None: ...
