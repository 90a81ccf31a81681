"""The reckoning after a whole life: each outcome held against what KIE, the chat and the people know of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from support.house import House
from support.sim_chat import NOTICE, PRIVATE, PUBLIC, Arrived, SimChat
from support.sim_chronicle import Chronicle
from support.sim_kie import SimKie, Task
from support.sim_people import People, members

from bot.domain import KEPT, Failure, FailureKind, Job, JobState, UserRef, Video
from bot.engine import rules
from bot.ports import Broken, Done, Missing, Open
from bot.store import Tx, checks, deliveries, money
from bot.texts import say

UNSURE = " (unsure)"
ROUTES = (PUBLIC, PRIVATE, NOTICE)
SLACK = 180.0  # seconds from when a step reads the clock until what it writes is seen here


@dataclass
class Excuses:
    """What only a death or a frozen worker can excuse: submissions that it left without an answer, by prompt; messages
    that another worker may have sent too, by job; seconds that the clock had gained when it died without noticing; and
    jobs that waited, or were being handed over, in a backup that was restored."""

    cut_off: set[str] = field(default_factory=set)
    sent_beside: Counter[str] = field(default_factory=Counter)
    unnoticed: float = 0.0
    unknown: set[str] = field(default_factory=set)


@dataclass
class Reckoning:
    """What was promised, counted from the outside. Raises AssertionError."""

    house: House
    kie: SimKie
    chat: SimChat
    people: People
    chronicle: Chronicle
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
            await self._balances(who, found)
        await self._erased()
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
                "lost": failed is FailureKind.LOST and job.id not in self.excuses.unknown,
                "unfetchable": failed is FailureKind.UNFETCHABLE,
                "kept": job.delivered_to == KEPT,
                # of somebody who was forgotten while it was being given nothing more is written
                "gift": job.id in gifts and not self._is_erased(job),
            }
            for family in (each for each, holds in about.items() if holds):
                assert f"{family}:{job.id}" in kinds, f"the operator was not told of {family} {job.id}"

    def _task(self, job: Job) -> Task | None:
        """KIE was paid at most once for a job."""
        made = self.kie.made_for(self._prompt(job))
        assert len(made) <= 1, f"KIE was paid {len(made)} times for {job.id}"
        return made[0] if made else None

    def _prompt(self, job: Job) -> str:
        return self.chronicle.prompts[job.id]

    def _is_erased(self, job: Job) -> bool:
        return job.id in self.chronicle.erased

    def _passed(self, job: Job, first: JobState, last: JobState) -> float:
        """Seconds that surely passed between two states, whatever was done to the clock, as far as the bot could know."""
        return self.chronicle.between(job.id, first, last) + SLACK + self.excuses.unnoticed

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
        await self._again(job, mine)
        await self._gift(job, task, [each for each in mine if each.gift])
        for each in mine:
            assert not (each.private and each.video and each.route in (PUBLIC, NOTICE)), "private in public"
            assert each.url is None or (task and each.url == task.url), "another's video came"

    # --- outcomes ------------------------------------------------------------------------------------------------

    def _video(self, job: Job, task: Task | None) -> None:
        assert job.id not in self.excuses.unknown, "nobody knew what became of it"
        assert task, "a video that KIE never made"
        assert task.ending == "video", "a video that KIE has not"
        assert Done in self.kie.told[task.id], "paid before it was done"
        assert job.id not in self.people.cancelled, "cancelled, they said"
        assert not job.refunded or job.id in self.people.refund_tried, "refunded by nobody"

    def _failure(self, job: Job, failure: Failure, task: Task | None) -> None:
        assert self._is_erased(job) or len(failure.text.strip()) > 5, "a failure without a reason"
        assert "{" not in failure.text, failure.text
        assert not job.refunded, "refunded twice"
        assert failure.kind is FailureKind.CANCELLED or job.id not in self.people.cancelled
        if job.id in self.excuses.unknown:
            assert failure.kind in (FailureKind.LOST, FailureKind.CANCELLED), "not refunded as unknown"
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
        elif kind not in self.kie.refusals[self._prompt(job)]:
            assert self._without_its_picture(job), f"{kind}, and KIE never said so"
            owner = next(each for each in self.chronicle.numbers.values() if job.user_id in each)
            assert len(owner) > 1, "the picture of somebody who was not forgotten is gone"

    def _without_its_picture(self, job: Job) -> bool:
        """Ordered by somebody who was forgotten in the middle of it."""
        if self._is_erased(job):
            return job.outcome == Failure(FailureKind.INPUT, "")
        return job.outcome == Failure(FailureKind.INPUT, say("failure.picture_gone")) and bool(
            job.request.pictures
        )

    def _cancelled(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        assert task is None or job.id in self.excuses.unknown, "cancelled, though KIE was at it"
        assert job.id in self.people.cancel_tried, "cancelled by nobody"

    def _provider(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        if task:
            empty = task.ending == "empty" and Done in self.kie.told[task.id]
            assert empty or self._broken(job, kind, task), "KIE did not fail"
        else:
            assert job.kie_model in self.kie.gone, "neither sent nor withdrawn"

    def _broken(self, job: Job, kind: FailureKind, task: Task) -> bool:
        return task.ending == "broken" and task.kind is kind and Broken in self.kie.told[task.id]

    def _expired(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        """By KIE's own word that there is no video yet, or long after its time."""
        limit = float(self.house.settings.give_up_hours) * rules.HOUR
        begun = JobState.SUBMITTING if job.task_id else JobState.QUEUED
        if task is None:
            assert job.task_id is None, "of a task that KIE does not have"
        else:
            assert job.task_id, "expired in the queue, though it was sent"
            if self.kie.last_word[task.id] not in (Open, Missing):
                limit += rules.UNASKED_GRACE
        waited = ((job.settled_at or 0) - ((job.submitted_at if job.task_id else job.created_at) or 0)) / 1000
        # a start after the clock was set back puts moments that have not come yet to now
        assert self.kie.fate.jumped or waited >= limit, "given up too early, by the clock"
        assert self._passed(job, begun, JobState.SETTLED) >= limit, "given up too early"

    def _lost(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        if job.id in self.excuses.unknown:
            return
        assert self._prompt(job) in self.kie.unanswered | self.excuses.cut_off, "lost, though KIE answered"
        waited = self._passed(job, JobState.SUBMITTING, JobState.SETTLED)
        assert not job.with_callback or waited >= rules.PATIENCE_AT_LEAST, "KIE had no time to call"

    def _unfetchable(self, job: Job, kind: FailureKind, task: Task | None) -> None:
        assert task, "never made, and not to be had"
        assert task.ending == "video"
        tried_enough = self.kie.kept_back[task.url] >= rules.FETCH_TRIES
        late = self._passed(job, JobState.SUBMITTING, JobState.SETTLED) > rules.ADDRESS_LIVES
        assert tried_enough or (late and self.kie.broken_off[task.url] > 0), "it could have been fetched"

    # --- what came -----------------------------------------------------------------------------------------------

    def _end(self, job: Job, ends: list[Arrived]) -> None:
        """One message, or one more for each time that nobody could tell; or the reason why there is none."""
        unsure = self.chat.unsure[job.id, False]
        most = 1 + unsure + self.excuses.sent_beside[job.id] + self.people.resend_tried[job.id]
        assert len(ends) <= most, f"{job.id} came {len(ends)} times"
        to = job.delivered_to or ""
        if to == "kept":
            waited = self._passed(job, JobState.SETTLED, JobState.DELIVERED)
            assert self._is_closed(job) or waited > 24 * rules.HOUR, "kept, though a way was open"
        elif to.endswith(UNSURE):
            assert to.removesuffix(UNSURE) in ROUTES
            assert unsure >= 2, "unsure, though nothing was"
        else:
            nameless = self._is_erased(job) and job.message_id is None
            all_ends = ends + [each for each in self.chat.earlier if each.job_id == job.id]
            this = [each for each in all_ends if each.route == to and (nameless or each.id == job.message_id)]
            assert this, f"nothing came by {to!r}"

    def _is_closed(self, job: Job) -> bool:
        """Of a job without its words nobody knows whether it was private."""
        if not self._is_erased(job):
            return self.chat.is_closed(job)
        ways = [
            self.chat.routes(replace(job, chat=replace(job.chat, private=each))) for each in (True, False)
        ]
        return any(all((job.id, route) in self.chat.closed for route in each) for each in ways)

    async def _again(self, job: Job, mine: list[Arrived]) -> None:
        """What an operator sends again comes again, unless no way is open, nobody can tell, or it was tried for a day."""
        before = self.people.resent.get(job.id)
        unsure = max(self.chat.unsure[job.id, gift] for gift in (True, False))
        if before is None or self._is_erased(job) or self.chat.is_closed(job) or unsure >= 2:
            return
        if any(each.job_id == job.id for each in self.chat.earlier):
            return  # an attempt of the same number, made after the backup, may be taken for this one
        row = await self.house.store.read(lambda tx: tx.one("SELECT * FROM extras WHERE job_id = ?", job.id))
        assert row, "sent again, and forgotten"
        assert len(mine) > before or row["ended_at"] > row["until"], "sent again, and nothing came"

    async def _gift(self, job: Job, task: Task | None, given: list[Arrived]) -> None:
        """A video that comes after its refund is given, once."""
        self.gifts += len(given) > 0
        if given:
            assert self._may_be_given(job, task), "a gift that nobody owed"
        most = 1 + self.chat.unsure[job.id, True] + self.excuses.sent_beside[job.id]
        assert len(given) <= most + self.people.resend_tried[job.id], f"given {len(given)} times"
        earlier = any(each.job_id == job.id and each.gift for each in self.chat.earlier)
        if not (given or earlier or self._is_erased(job)) and self._must_be_given(job, task):
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

    async def _balances(self, who: UserRef, found: list[Job]) -> None:
        """What was given, less what videos cost that nobody refunded; of each number that this member ever had, but
        one welcome in all."""
        welcomes = 0
        for number in self.chronicle.numbers[who.external_id]:
            account = f"user:{number}"
            rows = await self.house.store.read(partial(money.history, account=account))
            given = [row.transfer for row in rows]
            granted = sum(each.amount for each in given if each.reference.startswith(("grant:", "welcome:")))
            welcomes += sum(each.reference.startswith("welcome:") for each in given)
            mine = [job for job in found if job.payer == account]
            paid = sum(job.price for job in mine if isinstance(job.outcome, Video) and not job.refunded)
            balance = await self.house.store.read(partial(money.balance, account=account))
            assert (balance.available, balance.held) == (granted - paid, 0), who
        assert welcomes <= 1, f"{who} was welcomed {welcomes} times"

    async def _erased(self) -> None:
        """Of a forgotten member no word is left, and nothing more was brought to them."""
        texts = await self.house.store.read(all_texts)
        for job_id, attempts in self.chronicle.erased.items():
            words = self.chronicle.prompts[job_id]
            assert not any(words in text for text in texts), f"{words!r} was forgotten, and still stands"
            now = await self.house.value("SELECT COUNT(*) FROM deliveries WHERE job_id = ?", job_id)
            assert now == attempts, "brought to somebody who is forgotten"


def all_texts(tx: Tx) -> list[str]:
    tables = [row["name"] for row in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    rows = [row for table in tables for row in tx.all(f"SELECT * FROM {table}")]
    return [value for row in rows for value in row if isinstance(value, str)]


def check_backups(folder: Path) -> None:
    """Made in the middle of everything, and yet whole."""
    for file in sorted(folder.glob("*.db"))[-1:]:
        with closing(sqlite3.connect(file)) as connection:
            connection.row_factory = sqlite3.Row
            assert checks.broken(Tx(connection)) == {}, f"{file.name} breaks the ledger's rules"
