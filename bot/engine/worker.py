"""The loop: claim due jobs, let each take one step, renew leases. The row is the truth, the worker is disposable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bot.domain import Failure, FailureKind, Job, JobState
from bot.engine import deliver, extras, rules, submit, watch
from bot.engine.gate import remedy
from bot.engine.kit import Kit, LeaseLost
from bot.errors import AccountError, RetryLater, StoreBroken
from bot.store import Tx, backup, clocks, deliveries, jobs, provider, tally
from bot.texts import say

log = logging.getLogger(__name__)

Step = Callable[[Kit, Job], Awaitable[None]]

STEPS: dict[JobState, Step] = {
    JobState.QUEUED: submit.queued,
    JobState.SUBMITTING: submit.submitting,
    JobState.RUNNING: watch.running,
    JobState.SETTLED: deliver.settled,
}
# how many jobs of a state may take a step at the same time
LANES = {JobState.SETTLED: 8, JobState.RUNNING: 16, JobState.SUBMITTING: 4, JobState.QUEUED: 4}

TICK_SECONDS = 1.0
LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0
LONGEST_WAIT = 2 * rules.HOUR  # whoever waits longer was put down before the clock was set back
STOP_SECONDS = 10.0
SUBMISSION_SECONDS = 55.0  # what stops us (systemd, Docker) waits for 60


@dataclass(slots=True)
class _Held:
    job: Job
    work: asyncio.Task[None]


class Engine:
    """Runs until stopped. Tests drive `tick` and `idle` themselves."""

    def __init__(self, kit: Kit, wake: asyncio.Event | None = None) -> None:
        self.kit = kit
        self._held: dict[str, _Held] = {}
        self._extra: asyncio.Task[None] | None = None
        self._giving: deliveries.Extra | None = None
        self._wake = wake or asyncio.Event()
        self._stopping = False
        self._renewed_at = 0.0

    def wake(self) -> None:
        """Something may be due: look now instead of at the next tick."""
        self._wake.set()

    def stop(self) -> None:
        """Claim no more; `run` lets running steps end and returns."""
        self._stopping = True
        self._wake.set()

    @property
    def steps_under_way(self) -> int:
        return len(self._held)

    async def run(self) -> None:
        """Until `stop`."""
        await self.begin()
        try:
            while not self._stopping:
                self._wake.clear()
                await self._try_tick()
                await self._pause()
        finally:
            await self._let_steps_end()

    async def begin(self) -> None:
        """As the only owner of the database: free what whoever died held, and mend what a clock set back left waiting."""
        await self.kit.store.write(jobs.free_all)
        now = self.kit.watch.read(self.kit.clock).now
        await self.kit.store.write(
            lambda tx: clocks.mend(tx, now, int(LONGEST_WAIT * 1000), int(LEASE_SECONDS * 1000))
        )

    async def _try_tick(self) -> None:
        try:
            await self.tick()
        except RetryLater as error:
            log.warning("the queue could not be read, trying again: %s", error)
        except StoreBroken:
            self.stop()

    async def tick(self) -> None:
        """Claim what is due and start its steps; renew the leases of steps under way."""
        await self._mind_the_clock()
        now = self.kit.clock.now()
        await self._renew()
        # counted here: the reading thread must not look at what this thread changes
        free = {state: self._free(state) for state in LANES}
        found = await self.kit.store.read(lambda tx: self._due(tx, now, free))
        claims = [claim for claim in found if claim[0] not in self._held]
        if claims:
            until = now + int(LEASE_SECONDS * 1000)
            for job in await self.kit.store.write(lambda tx: self._claim(tx, claims, now, until)):
                work = asyncio.create_task(self._step(job), name=f"{job.state}-{job.id}")
                self._held[job.id] = _Held(job, work)
        await self._do_extras(now)

    async def _mind_the_clock(self) -> None:
        """A clock that was set, or that stood still while the machine slept, ends nothing and lets nothing wait: what
        waits by it is moved along. Until that is written nothing is judged by it (`ClockWatch.jumped`)."""
        reading = self.kit.watch.read(self.kit.clock)
        if reading.jump:
            log.warning("the clock jumped by %d s; what waits is moved along", reading.jump / 1000)
            lease = int(LEASE_SECONDS * 1000)
            await self.kit.store.write(
                # others may have written since the clocks were read
                lambda tx: clocks.jumped(
                    tx, reading.jump, reading.since, reading.later(self.kit.clock), lease
                )
            )
            self._renewed_at = reading.monotonic - RENEW_SECONDS
        self.kit.watch.mark(reading)

    async def idle(self) -> None:
        """Wait until no step is under way."""
        while self._held or self._extra:
            await asyncio.wait(
                [held.work for held in self._held.values()] + ([self._extra] if self._extra else [])
            )
            await asyncio.sleep(0)

    # --- claiming ------------------------------------------------------------------------------------------------

    def _due(self, tx: Tx, now: int, free: Mapping[JobState, int]) -> list[tuple[str, JobState]]:
        claims: list[tuple[str, JobState]] = []
        for state in (JobState.SETTLED, JobState.RUNNING, JobState.SUBMITTING):
            claims += [(job_id, state) for job_id in jobs.due(tx, state, now, free[state])]
        if provider.get_meta(tx, backup.RESTORED) is not None:
            # what became of these since the backup nobody knows: `resume` settles and names them
            return [claim for claim in claims if claim[1] is not JobState.SUBMITTING]
        claims += [(job_id, JobState.QUEUED) for job_id in self._next_queued(tx, now, free[JobState.QUEUED])]
        return claims

    def _free(self, state: JobState) -> int:
        return LANES[state] - sum(held.job.state is state for held in self._held.values())

    def _next_queued(self, tx: Tx, now: int, free: int) -> list[str]:
        """Whose turn it is to be submitted, and which waited too long."""
        give_up = int(float(self.kit.settings.give_up_hours) * rules.HOUR * 1000)
        expired = jobs.queued_before(tx, now - give_up, now, free)
        if expired:
            return expired
        gates = provider.gates(tx)
        if any(gate.shut(now) for gate in gates) or provider.get_meta(tx, backup.PAUSED) is not None:
            return []
        starting = LANES[JobState.QUEUED] - free
        most = min(free, self.kit.settings.max_running - tally.under_way(tx) - starting)
        if gates:
            most = min(most, 1 - starting)  # ajar: one submission finds out for all
        if most <= 0:
            return []
        return rules.fair_order(jobs.queue_heads(tx, now), self.kit.settings.max_running_per_user)[:most]

    @staticmethod
    def _claim(tx: Tx, claims: list[tuple[str, JobState]], now: int, until: int) -> list[Job]:
        taken = (jobs.claim(tx, job_id, state, now, until) for job_id, state in claims)
        return [job for job in taken if job]

    async def _renew(self) -> None:
        held = [(held.job.id, held.job.lease) for held in self._held.values()]
        giving = self._giving
        if not (held or giving) or self.kit.clock.monotonic() - self._renewed_at < RENEW_SECONDS:
            return
        self._renewed_at = self.kit.clock.monotonic()
        until = self.kit.due_in(LEASE_SECONDS)

        def write(tx: Tx) -> None:
            jobs.renew(tx, held, until)
            if giving:
                deliveries.renew_extra(tx, giving, until)

        await self.kit.store.write(write)

    # --- stepping ------------------------------------------------------------------------------------------------

    async def _step(self, job: Job) -> None:
        try:
            await self._guarded(job)
        finally:
            del self._held[job.id]
            self.wake()

    async def _guarded(self, job: Job) -> None:
        try:
            if job.state is JobState.QUEUED and self._waited_too_long(job):
                await self.kit.fail(job, Failure(FailureKind.EXPIRED, say("failure.expired_queue")))
            else:
                await STEPS[job.state](self.kit, job)
        except LeaseLost:
            log.info("job %s was moved by somebody else", job.id)
        except StoreBroken:
            self.stop()
        except RetryLater as error:
            await self._later(job, str(error), error.after)
        except AccountError as error:
            await self.kit.notice(
                "account",
                say(
                    "notice.account", code=error.code, text=error.message, remedy=say(remedy(error.code).key)
                ),
            )
            await self._later(job, str(error), None)
        except Exception as error:  # one broken step must not take the others down
            log.exception("a step of job %s failed", job.id)
            await self._later(job, f"{type(error).__name__}", None)
            await self.kit.notice(
                "fault", say("notice.fault", job=job.id, state=job.state, text=type(error).__name__)
            )

    async def _later(self, job: Job, reason: str, after: float | None) -> None:
        """Nothing was done: come back. The clocks end a job even if KIE or the chat cannot be asked for long."""
        elapsed = rules.elapsed(job, self.kit.clock.now())
        over = rules.is_over(elapsed, float(self.kit.settings.give_up_hours), asked=False)
        try:
            if job.state is JobState.SETTLED:
                await deliver.wait_or_keep(self.kit, job, reason, after)
            elif job.state is JobState.RUNNING:
                await watch.unasked(self.kit, job, reason, after)
            elif job.state is JobState.SUBMITTING and over:
                await submit.lost(self.kit, job)
            else:
                pause = rules.pause(job.attempts, after)
                await self.kit.put_down(job, pause, job.attempts + 1, "later", reason=reason)
        except (LeaseLost, RetryLater, StoreBroken) as error:
            # the lease runs out by itself
            log.info("job %s could not be put down: %s", job.id, error)

    def _waited_too_long(self, job: Job) -> bool:
        waited = (self.kit.clock.now() - job.created_at) / 1000
        return waited >= float(self.kit.settings.give_up_hours) * rules.HOUR

    async def _do_extras(self, now: int) -> None:
        if self._extra:
            return
        due = await self.kit.store.read(lambda tx: deliveries.due_extras(tx, now, 1))
        if not due:
            return
        until = now + int(LEASE_SECONDS * 1000)
        self._giving = await self.kit.store.write(lambda tx: self._claim_extra(tx, due[0], now, until))
        if self._giving:
            self._extra = asyncio.create_task(self._give(self._giving), name="extra")

    def _claim_extra(self, tx: Tx, extra: deliveries.Extra, now: int, until: int) -> deliveries.Extra | None:
        return deliveries.claim_extra(tx, extra, now, until)

    async def _give(self, extra: deliveries.Extra) -> None:
        try:
            await extras.step(self.kit, extra)
        except LeaseLost:
            log.info("the extra of job %s was moved by somebody else", extra.job_id)
        except StoreBroken:
            self.stop()
        except Exception:
            log.exception("the extra of job %s failed", extra.job_id)
            due_at = self.kit.due_in(600)
            with suppress(RetryLater, StoreBroken):
                await self.kit.store.write(lambda tx: deliveries.extra_later(tx, extra, due_at))
        finally:
            self._extra = self._giving = None

    # --- resting and stopping ------------------------------------------------------------------------------------

    async def _pause(self) -> None:
        """Until woken, a tick at most: commands write from outside."""
        waiting = asyncio.ensure_future(self._wake.wait())
        resting = asyncio.ensure_future(self.kit.clock.sleep(TICK_SECONDS))
        try:
            await asyncio.wait((waiting, resting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            resting.cancel()

    async def _let_steps_end(self) -> None:
        works = [held.work for held in self._held.values()] + ([self._extra] if self._extra else [])
        if not works:
            return
        _, late = await asyncio.wait(works, timeout=STOP_SECONDS)
        at_kie = await self._being_submitted() & late
        for work in late - at_kie:
            work.cancel()
        if at_kie:
            log.info("waiting for KIE's answer to %d submissions", len(at_kie))
            _, cut_off = await asyncio.wait(at_kie, timeout=SUBMISSION_SECONDS - STOP_SECONDS)
            for work in cut_off:
                work.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _being_submitted(self) -> set[asyncio.Task[None]]:
        """Steps that wait for the answer to a paid request: cut off, nobody would know whether KIE took it."""
        held = dict(self._held)

        def read(tx: Tx) -> set[str]:
            found = (
                jobs.get(tx, job_id) for job_id, each in held.items() if each.job.state is JobState.QUEUED
            )
            return {job.id for job in found if job and job.state is JobState.SUBMITTING}

        try:
            return {held[job_id].work for job_id in await self.kit.store.read(read)}
        except (RetryLater, StoreBroken):
            return set()
