"""What a member may look at: jobs, balance, progress, videos, models."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from bot import catalog
from bot.domain import Balance, Event, Job, JobState, Progress, UserRef, Video
from bot.engine import rules, watch
from bot.store import Tx, backup, callbacks, deliveries, jobs, money, people, provider, tally
from bot.store.plain import from_text, to_text
from bot.studio.base import Base
from bot.studio.values import ModelView

_UNDER_WAY = (JobState.QUEUED, JobState.SUBMITTING, JobState.RUNNING)


class Looks(Base):
    """Reading, and being seen."""

    async def history(self, who: UserRef, limit: int = 10, before: int | None = None) -> Sequence[Job]:
        """The user's jobs, newest first; `before` is the created_at of the last one seen."""

        def find(tx: Tx) -> Sequence[Job]:
            user = people.find_user(tx, who)
            return jobs.listed(tx, user_id=user.id, limit=limit, before=before) if user else ()

        return await self._store.read(find)

    async def under_way(self, who: UserRef) -> Sequence[Job]:
        """The user's jobs that have not ended, oldest first."""

        def find(tx: Tx) -> Sequence[Job]:
            user = people.find_user(tx, who)
            if user is None:
                return ()
            found = [job for state in _UNDER_WAY for job in jobs.listed(tx, user_id=user.id, state=state)]
            return sorted(found, key=lambda job: job.created_at)

        return await self._store.read(find)

    async def balance(self, who: UserRef) -> Balance:
        """What the user has and what is set aside. New users get their welcome credits on the first quote."""

        def find(tx: Tx) -> Balance:
            user = people.find_user(tx, who)
            return money.balance(tx, user.account) if user else Balance(str(who), 0, 0)

        return await self._store.read(find)

    async def ledger(self, who: UserRef, limit: int = 20) -> Sequence[money.Entry]:
        """The user's transfers, newest first."""

        def find(tx: Tx) -> Sequence[money.Entry]:
            user = people.find_user(tx, who)
            return money.history(tx, user.account, limit) if user else ()

        return await self._store.read(find)

    async def progress(self, job: Job) -> Progress:
        """What is known of a job now."""
        return await self._store.read(lambda tx: self.progress_in(tx, job))

    def progress_in(self, tx: Tx, job: Job) -> Progress:
        waiting = None
        if job.state is JobState.QUEUED:
            if provider.get_meta(tx, backup.PAUSED) is not None:
                waiting = "progress.paused"
            elif provider.gates(tx):
                waiting = "progress.gate"
        elif job.state is JobState.RUNNING and any(
            jobs.count_events(tx, job.id, kind) for kind in (watch.UNFETCHED, watch.FETCH_LATER)
        ):
            waiting = "progress.fetching"
        return Progress(
            state=job.state,
            elapsed=rules.elapsed(job, self._clock.now()),
            place=tally.place(tx, job) if job.state is JobState.QUEUED else None,
            usual=self._usual(tx, job.model),
            waiting_for=waiting,
        )

    async def details(self, who: UserRef, job_id: str) -> Mapping[str, Any]:
        """The exact JSON sent to KIE and received, and the job's events."""
        job = await self.job(who, job_id)

        def find(tx: Tx) -> tuple[Mapping[str, Any], list[Event]]:
            return jobs.details(tx, job.id), jobs.events(tx, job.id)

        found, events = await self._store.read(find)
        # the record repeats the callback address, whose last part only KIE and we should know
        found = from_text(to_text(found).replace(job.callback_token, "•••"))
        return {"exchange": found, "events": [{"at": each.at, "kind": each.kind} for each in events]}

    async def video(self, job: Job) -> Video | None:
        """The job's video, or the gift that came after its refund; None when there is none (any more)."""
        if job.removed:
            return None
        if isinstance(job.outcome, Video):
            return job.outcome
        return await self._store.read(lambda tx: deliveries.gift_of(tx, job.id))

    async def public_video(self, job_id: str, token: str) -> Video | None:
        """The video behind a link, if the token is its own."""
        job = await self._store.read(lambda tx: jobs.get(tx, job_id))
        if job is None or not hmac.compare_digest(job.video_token.encode(), token.encode()):
            return None
        return await self.video(job)

    async def kept(self, who: UserRef) -> Sequence[Job]:
        """Jobs whose end no chat would take, oldest first: tell the member when they are next met, then call `seen`.

        None for whoever is blocked or denied: nothing is brought to them, and what stays unseen is refunded (P3).
        """

        def find(tx: Tx) -> list[Job]:
            user = people.find_user(tx, who)
            if user is None or self.is_shut_out(tx, who, user):
                return []
            found = (jobs.get(tx, each) for each in deliveries.kept_for(tx, user.id))
            return [job for job in found if job]

        return await self._store.read(find)

    async def seen(self, job_id: str) -> None:
        """The member has had the result before their eyes."""
        now = self._clock.now()
        await self._store.write(lambda tx: jobs.seen(tx, job_id, now))

    def link(self, job: Job) -> str | None:
        """The public address of the job's video, if there is a public address at all."""
        base = self.settings.public_url
        return f"{base}/v/{job.id}/{job.video_token}" if base else None

    async def called_back(self, job_id: str, token: str, task_id: str | None) -> bool:
        """A callback came: look now. False when it is not for a job of ours."""
        now = self._clock.now()
        known = await self._store.write(lambda tx: callbacks.nudge(tx, job_id, token, task_id, now))
        if known:
            self._wake()
        return known

    async def models(self) -> Sequence[ModelView]:
        """The whole catalogue with states and prices."""
        states = await self._store.read(self._states)
        views = []
        for model in self.catalog:
            price, unit = catalog.price_from(model)
            views.append(
                ModelView(
                    model.id,
                    model.name,
                    model.plain_name,
                    model.family,
                    model.kind,
                    model.tier,
                    self.status_of(model, states),
                    catalog.sold(model),
                    tuple(each.model for each in model.stand_ins),
                    price,
                    unit,
                    catalog.options(model),
                )
            )
        return views
