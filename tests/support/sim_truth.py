"""The reckoning after a whole life: each outcome held against what KIE, the chat and the people know of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from support.house import House
from support.sim_chat import NOTICE, PUBLIC, Arrived, SimChat
from support.sim_kie import HOUR_MS, SimKie, Task
from support.sim_people import People, members

from bot.domain import KEPT, Failure, FailureKind, Job, JobState, UserRef, Video
from bot.engine import rules
from bot.store import Tx, checks, deliveries

UNSURE = " (unsure)"


@dataclass
class Excuses:
    """What only a death or a frozen worker can excuse, by prompt: submissions that it left without an answer, messages
    that another worker may have sent too."""

    cut_off: set[str] = field(default_factory=set)
    sent_beside: Counter[str] = field(default_factory=Counter)


@dataclass
class Reckoning:
    """What was promised, counted from the outside. Raises AssertionError."""

    house: House
    kie: SimKie
    chat: SimChat
    people: People
    excuses: Excuses
    outcomes: Counter[str] = field(default_factory=Counter)
    gifts: int = 0

    async def check(self) -> None:
        await self.house.verify()
        found = list(await self.house.office.jobs())
        assert set(self.people.ordered.values()) <= {job.id for job in found}, "an accepted order is gone"
        for job in found:
            try:
                await self._one(job)
            except AssertionError as error:
                error.add_note(f"{job.id}: {job.outcome}, {job.delivered_to}; KIE: {self._task(job)}")
                raise
        assert sum(self.kie.billed.values()) == len(self.kie.tasks)
        for who in members():
            await self._balance(who, found)
        if not self.kie.climate.frozen:  # two workers at one job are in each other's files
            faults = await self.house.value("SELECT COUNT(*) FROM notices WHERE kind = 'fault'")
            assert not faults, "a step failed in a way that nobody had thought of"
        await self._operators_told(found)
        check_backups(self.house.settings.backups_dir)

    async def _operators_told(self, jobs: Sequence[Job]) -> None:
        """Of each job that was given up, kept or given late a notice was kept, whenever the process died."""
        rows = await self.house.store.read(lambda tx: tx.all("SELECT kind FROM notices"))
        kinds = {row["kind"] for row in rows}
        gifts = {each.job_id for each in self.chat.messages if each.gift}
        for job in jobs:
            failed = job.outcome.kind if isinstance(job.outcome, Failure) else None
            about = {
                "lost": failed is FailureKind.LOST,
                "unfetchable": failed is FailureKind.UNFETCHABLE,
                "kept": job.delivered_to == KEPT,
                "gift": job.id in gifts,
            }
            for family in (each for each, holds in about.items() if holds):
                assert f"{family}:{job.id}" in kinds, f"the operator was not told of {family} {job.id}"

    def _task(self, job: Job) -> Task | None:
        """KIE was paid at most once for a job."""
        made = self.kie.made_for(job.request.prompt)
        assert len(made) <= 1, f"KIE was paid {len(made)} times for {job.id}"
        return made[0] if made else None

    async def _one(self, job: Job) -> None:
        assert job.state is JobState.DELIVERED
        task = self._task(job)
        assert job.task_id is None or (task and task.id == job.task_id), "it holds another's task"
        mine = [each for each in self.chat.messages if each.job_id == job.id]
        match job.outcome:
            case Video():
                self.outcomes["video"] += 1
                self._video(job, task)
            case Failure() as failure:
                self.outcomes[failure.kind] += 1
                self._failure(job, failure, task)
            case None:
                raise AssertionError("it ended without an outcome")
        self._end(job, [each for each in mine if not each.gift])
        await self._gift(job, task, [each for each in mine if each.gift])
        for each in mine:
            assert not (each.private and each.video and each.route in (PUBLIC, NOTICE)), "private in public"
            assert each.url is None or (task and each.url == task.url), "another's video came"

    # --- outcomes ------------------------------------------------------------------------------------------------

    def _video(self, job: Job, task: Task | None) -> None:
        assert task, "a video that KIE never made"
        assert task.ending == "video", "a video that KIE has not"
        assert (job.settled_at or 0) >= task.done_at, "paid before it was done"
        assert job.id not in self.people.cancelled, "cancelled, they said"
        assert not job.refunded or job.id in self.people.refund_tried, "refunded by nobody"

    def _failure(self, job: Job, failure: Failure, task: Task | None) -> None:
        assert len(failure.text.strip()) > 5, "a failure without a reason"
        assert "{" not in failure.text, failure.text
        assert not job.refunded, "refunded twice"
        assert failure.kind is FailureKind.CANCELLED or job.id not in self.people.cancelled
        self._causes()[failure.kind](job, failure.kind, task)

    def _causes(self) -> Mapping[FailureKind, Callable[[Job, FailureKind, Task | None], None]]:
        return {
            FailureKind.POLICY: self._refused,
            FailureKind.INPUT: self._refused,
            FailureKind.BUSY: self._refused,
            FailureKind.ACCOUNT: self._refused,
            FailureKind.CANCELLED: self._cancelled,
            FailureKind.PROVIDER: self._provider,
            FailureKind.EXPIRED: self._expired,
            FailureKind.LOST: self._lost,
            FailureKind.UNFETCHABLE: self._unfetchable,
        }

    def _refused(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        if task:
            assert self._broken(job, kind, task), f"{kind}, and KIE knows nothing of it"
        else:
            assert kind in self.kie.refusals[job.request.prompt], f"{kind}, and KIE never said so"

    def _cancelled(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        assert task is None, "cancelled, though KIE was at it"
        assert job.id in self.people.cancel_tried, "cancelled by nobody"

    def _provider(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        if task:
            over = (job.settled_at or 0) >= task.done_at
            assert self._broken(job, kind, task) or (task.ending == "empty" and over), "KIE did not fail"
        else:
            assert job.kie_model in self.kie.gone, "neither sent nor withdrawn"

    @staticmethod
    def _broken(job: Job, kind: FailureKind, task: Task) -> bool:
        return task.ending == "broken" and task.kind is kind and (job.settled_at or 0) >= task.done_at

    def _expired(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        begun = job.created_at
        if job.task_id:
            begun = job.submitted_at or 0
        else:
            assert task is None, "expired in the queue, though it was sent"
        limit = float(self.house.settings.give_up_hours) * HOUR_MS
        assert (job.settled_at or 0) - begun >= limit, "given up too early"

    def _lost(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        prompt = job.request.prompt
        assert prompt in self.kie.unanswered | self.excuses.cut_off, "lost, though KIE answered"
        waited = ((job.settled_at or 0) - (job.submitted_at or 0)) / 1000
        assert not job.with_callback or waited >= rules.PATIENCE_AT_LEAST, "KIE had no time to call"

    def _unfetchable(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        assert task, "never made, and not to be had"
        assert task.ending == "video"
        age = ((job.settled_at or 0) - (job.submitted_at or 0)) / 1000
        tried_enough = self.kie.kept_back[task.url] >= rules.FETCH_TRIES
        too_late = age > rules.ADDRESS_LIVES and self.kie.broken_off[task.url] > 0
        assert tried_enough or too_late, "it could have been fetched"

    # --- what came -----------------------------------------------------------------------------------------------

    def _end(self, job: Job, ends: list[Arrived]) -> None:
        """One message, or one more for each time that nobody could tell; or the reason why there is none."""
        unsure = self.chat.unsure[job.id, False]
        most = 1 + unsure + self.excuses.sent_beside[job.request.prompt]
        assert len(ends) <= most, f"{job.id} came {len(ends)} times"
        to = job.delivered_to or ""
        if to == "kept":
            waited = ((job.ended_at or 0) - (job.settled_at or 0)) / 1000
            assert self.chat.is_closed(job) or waited > 24 * rules.HOUR, "kept, though a way was open"
        elif to.endswith(UNSURE):
            assert to.removesuffix(UNSURE) in self.chat.routes(job)
            assert unsure >= 2, "unsure, though nothing was"
        else:
            this = [each for each in ends if each.id == job.message_id and each.route == to]
            assert this, f"nothing came by {to!r}"

    async def _gift(self, job: Job, task: Task | None, given: list[Arrived]) -> None:
        """A video that comes after its refund is given, once."""
        self.gifts += len(given) > 0
        if given:
            assert self._may_be_given(job, task), "a gift that nobody owed"
        assert len(given) <= 1 + self.chat.unsure[job.id, True], f"given {len(given)} times"
        if not given and self._must_be_given(job, task):
            assert await self._keeps_gift(job), "a video that came late was not given"

    @staticmethod
    def _may_be_given(job: Job, task: Task | None) -> bool:
        kinds = (FailureKind.EXPIRED, FailureKind.LOST)
        is_over = isinstance(job.outcome, Failure) and job.outcome.kind in kinds
        return bool(is_over and task and task.ending == "video")

    def _must_be_given(self, job: Job, task: Task | None) -> bool:
        """Of a lost one the bot must have heard, by a call that no later one belied."""
        if not self._may_be_given(job, task) or task is None:
            return False
        heard = task.id in self.kie.believed and not self.kie.climate.forged
        return job.task_id is not None or heard

    async def _keeps_gift(self, job: Job) -> bool:
        """It lies in the history because no way led to the member, or it never came in the time it was waited for."""
        row = await self.house.store.read(lambda tx: tx.one("SELECT * FROM extras WHERE job_id = ?", job.id))
        if row is None or row["ended_at"] is None:
            return False
        if row["ended_at"] > row["until"]:
            return True
        has_come = await self.house.store.read(lambda tx: deliveries.gift_of(tx, job.id)) is not None
        return has_come and (self.chat.is_closed(job) or self.chat.unsure[job.id, True] >= 2)

    async def _balance(self, who: UserRef, found: list[Job]) -> None:
        """What was given, less what videos cost that nobody refunded."""
        entries = await self.house.studio.ledger(who, 10_000)
        given = [entry.transfer for entry in entries]
        granted = sum(each.amount for each in given if each.reference.startswith(("grant:", "welcome:")))
        mine = [job for job in found if job.user == who]
        paid = sum(job.price for job in mine if isinstance(job.outcome, Video) and not job.refunded)
        balance = await self.house.studio.balance(who)
        assert (balance.available, balance.held) == (granted - paid, 0), who


def check_backups(folder: Path) -> None:
    """Made in the middle of everything, and yet whole."""
    for file in sorted(folder.glob("*.db"))[-1:]:
        with closing(sqlite3.connect(file)) as connection:
            connection.row_factory = sqlite3.Row
            assert checks.broken(Tx(connection)) == {}, f"{file.name} breaks the ledger's rules"
