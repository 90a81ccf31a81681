"""What every step works with, and the few things all of them do: move on, put down, tell the operator."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bot.catalog import Catalog
from bot.domain import KEPT, Button, Failure, FailureKind, Job, JobState, Progress, Video
from bot.engine import notices, rules
from bot.engine.clockwatch import ClockWatch
from bot.engine.notices import Note
from bot.errors import RetryLater
from bot.meters import Meters
from bot.ports import ChatAdapter, Clock, Media, Provider
from bot.settings import Settings
from bot.store import Store, Tx, callbacks, deliveries, jobs
from bot.store.notices import Due

log = logging.getLogger(__name__)

T = TypeVar("T")

# ends that a clock brings about, not an answer
BY_CLOCK = (FailureKind.EXPIRED, FailureKind.LOST, FailureKind.UNFETCHABLE)


class LeaseLost(Exception):
    """Somebody else moved the job meanwhile; whatever this step still wanted to write is void."""


def free_on_disk(folder: Path) -> int:
    """Bytes left where `folder` lies."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Kit:
    """The doors and settings of the engine; made once, by the composition root."""

    store: Store
    provider: Provider
    media: Media
    clock: Clock
    settings: Settings
    catalog: Catalog
    adapters: Mapping[str, ChatAdapter]
    progress: Callable[[Tx, Job], Progress]
    link: Callable[[Job], str | None]
    meters: Meters = field(default_factory=Meters)
    callback_base: str | None = None
    free_bytes: Callable[[Path], int] = free_on_disk
    watch: ClockWatch = field(default_factory=ClockWatch)

    def callback_url(self, job: Job) -> str | None:
        base = self.callback_base
        return base + rules.callback_path(job.id, job.callback_token) if base else None

    def typical(self, model_id: str) -> float:
        """Seconds that making one usually takes, from the catalogue."""
        model = self.catalog.get(model_id)
        return float(model.usual_seconds) if model else 120.0

    def due_in(self, seconds: float) -> int:
        return self.clock.now() + int(seconds * 1000)

    def video_path(self, name: str) -> Path:
        return self.settings.videos_dir / name

    def fitted_path(self, video: Video) -> Path:
        """Where its smaller copy lies while it is being delivered."""
        return self.video_path(video.file).with_suffix(".fit.mp4")

    async def insist(self, fn: Callable[[Tx], T]) -> T:
        """Write what was learnt outside and cannot be learnt twice (a task's id, a message's): try until it is written.

        Raises what `fn` raises, and StoreBroken.
        """
        tries = 0
        while True:
            try:
                return await self.store.write(fn)
            except RetryLater as error:
                log.error("waiting for the database, with an answer in hand: %s", error)
                await self.clock.sleep(rules.back_off(tries, first=0.5, most=30.0))
                tries += 1

    async def put_down(
        self, job: Job, seconds: float, attempts: int, kind: str | None = None, **detail: Any
    ) -> None:
        """Come back to the job in `seconds`. Raises LeaseLost."""
        now = self.clock.now()

        def write(tx: Tx) -> None:
            if not jobs.later(tx, job, now + int(seconds * 1000), attempts):
                raise LeaseLost(job.id)
            if kind:
                jobs.add_event(tx, job.id, now, kind, **detail)

        await self.store.write(write)

    async def fail(
        self,
        job: Job,
        failure: Failure,
        cost: Any = None,
        gift_task: str | None = None,
        note: Note | None = None,
    ) -> None:
        """Settle a job without a video: its hold goes back, and the operators' `note` is kept, in the same transaction.
        Raises LeaseLost, also when the clock that ends it has just jumped: the job is looked at again."""
        now = self.clock.now()
        by_clock = failure.kind in BY_CLOCK

        def write(tx: Tx) -> Due | None:
            if by_clock and (self.watch.jumped(self.clock) or jobs.clock_moved(tx, job)):
                raise LeaseLost(job.id)
            if not jobs.settle(tx, job, failure, now, cost):
                raise LeaseLost(job.id)
            jobs.add_event(
                tx, job.id, now, "failed", reason=failure.kind, text=failure.text, returned=job.price
            )
            # KIE may have called while this was being given up, and calls but once
            task = gift_task or (callbacks.hint(tx, job.id) if failure.kind is FailureKind.LOST else None)
            if task:
                deliveries.watch_for_gift(tx, job.id, task, now, now + 60_000)
            return note.keep(tx, now) if note else None

        due = await self.insist(write)
        self.meters.count("jobs_ended", outcome=failure.kind)
        await notices.tell_kept(self, due)

    async def show(self, job_id: str) -> None:
        """Bring the chat's status message up to date; its failures are the chat's own affair."""

        def read(tx: Tx) -> tuple[Job, Progress] | None:
            job = jobs.get(tx, job_id)
            open_still = job and (job.state is not JobState.DELIVERED or job.delivered_to == KEPT)
            return (job, self.progress(tx, job)) if job and open_still else None

        found = await self.store.read(read)
        if found is None:
            return
        job, progress = found
        adapter = self.adapters.get(job.chat.platform)
        if adapter is None:
            return
        try:
            await adapter.show(job, progress)
        except Exception:
            log.warning("the status of job %s could not be shown", job_id, exc_info=True)

    async def notice(
        self,
        kind: str,
        text: str,
        pause_ms: int = notices.PAUSE_MS,
        ends: str | None = None,
        buttons: Sequence[Button] = (),
    ) -> None:
        """Tell the operators in their chats, at most once in `pause_ms` for each kind; kept until one has it.

        A kind is a family, or a family and what it is about (`lost:<job>`): beyond the first few of a family in an
        hour they are told in one message. `ends` is the family that this one takes back: the next of those is news.
        """
        await notices.tell(self, kind, text, pause_ms, ends, buttons)
