"""What every step works with, and the few things all of them do: move on, put down, tell the operator."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bot.catalog import Catalog
from bot.domain import Button, Failure, Job, JobState, Progress, UserRef, Video
from bot.engine import rules
from bot.errors import RetryLater
from bot.meters import Meters
from bot.ports import ChatAdapter, Clock, Media, Provider
from bot.settings import Settings
from bot.store import Store, Tx, deliveries, jobs, people, provider

log = logging.getLogger(__name__)

T = TypeVar("T")

NOTICE_PAUSE_MS = 3_600_000


class LeaseLost(Exception):
    """Somebody else moved the job meanwhile; whatever this step still wanted to write is void."""


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

    async def fail(self, job: Job, failure: Failure, cost: Any = None, gift_task: str | None = None) -> None:
        """Settle a job without a video: its hold goes back, in the same transaction. Raises LeaseLost."""
        now = self.clock.now()

        def write(tx: Tx) -> None:
            if not jobs.settle(tx, job, failure, now, cost):
                raise LeaseLost(job.id)
            jobs.add_event(
                tx, job.id, now, "failed", reason=failure.kind, text=failure.text, returned=job.price
            )
            if gift_task:
                until = now + int(rules.GIFT_HOURS * rules.HOUR * 1000)
                deliveries.watch_for_gift(tx, job, gift_task, now, now + 60_000, until)

        await self.insist(write)
        self.meters.count("jobs_ended", outcome=failure.kind)

    async def show(self, job_id: str) -> None:
        """Bring the chat's status message up to date; its failures are the chat's own affair."""

        def read(tx: Tx) -> tuple[Job, Progress] | None:
            job = jobs.get(tx, job_id)
            return (job, self.progress(tx, job)) if job and job.state is not JobState.DELIVERED else None

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
        pause_ms: int = NOTICE_PAUSE_MS,
        ends: str | None = None,
        buttons: Sequence[Button] = (),
    ) -> None:
        """Tell the operators in their chats, at most once in `pause_ms` for each kind.

        `ends` is the kind of notice that this one takes back: the next of those is news again.
        """
        now = self.clock.now()

        def write(tx: Tx) -> list[UserRef]:
            if not provider.notice_due(tx, kind, now, pause_ms):
                return []
            if ends:
                provider.notice_over(tx, ends)
            return list(dict.fromkeys([*self.settings.operators, *people.operators(tx)]))

        log.warning("notice (%s): %s", kind, text)
        try:
            operators = await self.store.write(write)
        except RetryLater as error:
            log.warning("the operators could not be told: %s", error)
            return
        for who in operators:
            adapter = self.adapters.get(who.platform)
            if adapter is None:
                continue
            try:
                await adapter.tell(who.external_id, text, buttons)
            except Exception:
                log.warning("the operator %s could not be told", who, exc_info=True)
