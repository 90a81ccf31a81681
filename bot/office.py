"""The use cases of operators: credits, access, jobs, the pause switch. Same doors as the studio, other rights."""

from __future__ import annotations

import hmac
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.catalog import Catalog
from bot.domain import (
    Balance,
    CommunityRef,
    Event,
    Failure,
    FailureKind,
    Job,
    JobState,
    ModelState,
    ModelStatus,
    UserRef,
    Video,
    new_id,
)
from bot.errors import UserError
from bot.money import ledger, limits
from bot.ports import Clock, Provider
from bot.settings import Settings
from bot.store import (
    Store,
    Tx,
    backup,
    checks,
    deliveries,
    jobs,
    money,
    notices,
    people,
    provider,
    tally,
)
from bot.studio.person import delete_files, remove_video
from bot.texts import say

PAUSE_DEFAULT = "paused by the operator"
GRANT_MOST = 1_000_000_000  # far from where sums leave 64 bits
LEARNT_LATELY_MS = 86_400_000
NOTICES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Status:
    """The bot at a glance; `kie_today` is in KIE credits since 00:00 UTC, `kie_balance` too (None: not asked yet),
    `free_bytes` what the disk has left, `notices` the last ones sent to operators, newest first."""

    jobs: Mapping[JobState, int]
    paused: str | None
    gates: Sequence[provider.ClosedGate]
    kie_today: str
    kie_balance: Decimal | None
    free_bytes: int
    notices: Sequence[notices.Sent]


def who_of(text: str) -> UserRef | CommunityRef:
    """Raises UserError."""
    found = UserRef.parse(text) or CommunityRef.parse(text)
    if found is None:
        raise UserError("office.who", who=text)
    return found


def user_of(text: str) -> UserRef:
    """Raises UserError."""
    found = UserRef.parse(text)
    if found is None:
        raise UserError("office.who_user", who=text)
    return found


class Office:
    """What operators can do. Every method may raise UserError."""

    def __init__(
        self,
        *,
        store: Store,
        catalog: Catalog,
        clock: Clock,
        settings: Settings,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self._wake = wake
        # the composition root puts in what the keeper asked KIE last
        self.kie_balance: Callable[[], Decimal | None] = lambda: None

    # --- credits -------------------------------------------------------------------------------------------------

    async def grant(
        self, who: UserRef | CommunityRef, amount: int, reason: str, key: str | None = None
    ) -> Balance:
        """Give credits, or with a negative amount take them back. The same `key` grants once, and only the same."""
        if not 0 < abs(amount) <= GRANT_MOST:
            raise UserError("office.amount", most=f"{GRANT_MOST:,}")
        now = self._clock.now()
        reference = f"grant:{key or new_id(16)}"

        def write(tx: Tx) -> Balance:
            account = self._account(tx, who, now)
            try:
                money.post(tx, ledger.grant(account, amount, reference, reason), now)
            except UserError as poor:
                raise UserError("office.too_little", who=who, available=poor.values["available"]) from None
            except money.OtherTransfer:
                raise UserError("office.key_used", key=key) from None
            return money.balance(tx, account)

        return await self._store.write(write)

    async def balance(self, who: UserRef | CommunityRef) -> Balance:
        found = await self._store.read(lambda tx: self._known_account(tx, who))
        return await self._store.read(lambda tx: money.balance(tx, found))

    async def credit_history(
        self, who: UserRef | CommunityRef, limit: int | None = None
    ) -> Sequence[money.Entry]:
        account = await self._store.read(lambda tx: self._known_account(tx, who))
        return await self._store.read(lambda tx: money.history(tx, account, limit))

    async def verify(self) -> Mapping[str, list[str]]:
        """The rules of the ledger that do not hold, over one snapshot."""
        return await self._store.read_long(checks.broken)

    @staticmethod
    def _account(tx: Tx, who: UserRef | CommunityRef, now: int) -> str:
        if isinstance(who, UserRef):
            return people.ensure_user(tx, who, now).account
        return f"pool:{people.ensure_community(tx, who, now)}"

    @staticmethod
    def _known_account(tx: Tx, who: UserRef | CommunityRef) -> str:
        if isinstance(who, UserRef):
            user = people.find_user(tx, who)
            found = user.account if user else None
        else:
            number = people.find_community(tx, who)
            found = f"pool:{number}" if number is not None else None
        if found is None:
            raise UserError("office.unknown_user", who=str(who))
        return found

    # --- who may come in -----------------------------------------------------------------------------------------

    async def allow(self, who: UserRef | CommunityRef, allowed: bool = True) -> None:
        now = self._clock.now()
        await self._store.write(lambda tx: people.set_access(tx, who, allowed, now))

    async def access(self) -> Sequence[Mapping[str, Any]]:
        return await self._store.read(people.access_list)

    async def block(self, who: UserRef, blocked: bool = True) -> None:
        now = self._clock.now()

        def write(tx: Tx) -> None:
            if blocked:
                people.set_blocked(tx, people.ensure_user(tx, who, now).id, now)
            else:
                people.unblock(tx, who)

        await self._store.write(write)

    async def users(self) -> Sequence[Mapping[str, Any]]:
        return await self._store.read(people.listed)

    async def claim_code(self) -> str | None:
        """A one-time code that makes its sender the operator; None when there is one already."""

        def write(tx: Tx) -> str | None:
            if self._settings.operators or people.operators(tx):
                provider.set_meta(tx, "claim", None)  # an old one lies in some log
                return None
            code = new_id(8)
            provider.set_meta(tx, "claim", code)
            return code

        return await self._store.write(write)

    async def claim(self, who: UserRef, code: str) -> None:
        """Make `who` the operator. A name chosen on the page never gets there."""
        now = self._clock.now()

        def write(tx: Tx) -> None:
            right = provider.get_meta(tx, "claim")
            given = code.strip().upper().encode()
            if who.platform == "web" or not right or not hmac.compare_digest(right.encode(), given):
                raise UserError("office.bad_code")
            provider.set_meta(tx, "claim", None)
            people.make_operator(tx, people.ensure_user(tx, who, now).id, now)

        await self._store.write(write)

    # --- jobs ----------------------------------------------------------------------------------------------------

    async def jobs(
        self, state: JobState | None = None, user: UserRef | None = None, limit: int | None = None
    ) -> Sequence[Job]:
        def read(tx: Tx) -> Sequence[Job]:
            found = people.find_user(tx, user) if user else None
            if user and found is None:
                raise UserError("office.unknown_user", who=str(user))
            return jobs.listed(tx, user_id=found.id if found else None, state=state, limit=limit)

        return await self._store.read(read)

    async def job(self, job_id: str) -> tuple[Job, Sequence[Event]]:
        """A job's whole life."""

        def read(tx: Tx) -> tuple[Job, Sequence[Event]]:
            job = self._job(tx, job_id)
            return job, jobs.events(tx, job.id)

        return await self._store.read(read)

    @staticmethod
    def _job(tx: Tx, job_id: str) -> Job:
        job = jobs.get(tx, job_id.strip().upper())
        if job is None:
            raise UserError("office.no_job", job=job_id)
        return job

    async def refund(self, job_id: str, reason: str) -> Job:
        """Give back what a video cost, once."""
        now = self._clock.now()

        def write(tx: Tx) -> Job:
            job = self._job(tx, job_id)
            if not jobs.refund(tx, job, now, reason):
                raise UserError("office.not_refundable", job=job.id)
            return self._job(tx, job_id)

        return await self._store.write(write)

    async def resend(self, job_id: str) -> None:
        """Deliver a job's video once more, as the running bot finds it."""
        now = self._clock.now()

        def write(tx: Tx) -> None:
            job = self._job(tx, job_id)
            video = job.outcome if isinstance(job.outcome, Video) else deliveries.gift_of(tx, job.id)
            if video is None or job.removed or job.state is not JobState.DELIVERED:
                raise UserError("office.not_sendable", job=job.id)
            deliveries.send_again(tx, job, video, now)

        await self._store.write(write)
        self._wake()

    async def remove(self, job_id: str) -> None:
        """Delete a job's video from our disk; the money stays as it is."""
        now = self._clock.now()

        def write(tx: Tx) -> list[Video]:
            return remove_video(tx, self._job(tx, job_id), now, "operator")

        delete_files(self._settings.videos_dir, await self._store.write(write))

    # --- switches ------------------------------------------------------------------------------------------------

    async def pause(self, reason: str | None = None) -> None:
        """No new submissions, at once; what runs goes on, what waits waits."""
        await self._store.write(lambda tx: provider.set_meta(tx, backup.PAUSED, reason or PAUSE_DEFAULT))

    async def resume(self) -> Sequence[Job]:
        """Submissions again. After a restore: returns the jobs refunded because nobody knows what became of them."""
        now = self._clock.now()

        def write(tx: Tx) -> Sequence[Job]:
            provider.set_meta(tx, backup.PAUSED, None)
            if provider.get_meta(tx, backup.RESTORED) is None:
                return ()
            provider.set_meta(tx, backup.RESTORED, None)
            return self._write_off(tx, now)

        lost = await self._store.write(write)
        self._wake()
        return lost

    @staticmethod
    def _write_off(tx: Tx, now: int) -> Sequence[Job]:
        """QUEUED and SUBMITTING at backup time may have been sent since: refunded, never submitted."""
        lost = [*jobs.listed(tx, state=JobState.QUEUED), *jobs.listed(tx, state=JobState.SUBMITTING)]
        for job in lost:
            failure = Failure(FailureKind.LOST, say("office.restored_loss"))
            jobs.settle(tx, job, failure, now, None)
            jobs.add_event(
                tx, job.id, now, "failed", reason=failure.kind, text=failure.text, returned=job.price
            )
            if job.hinted_task:
                deliveries.watch_for_gift(tx, job.id, job.hinted_task, now, now)
        return lost

    async def status(self) -> Status:
        now = self._clock.now()
        free = shutil.disk_usage(self._settings.data_dir).free

        def read(tx: Tx) -> Status:
            return Status(
                jobs=tally.counts(tx),
                paused=provider.get_meta(tx, backup.PAUSED),
                gates=provider.gates(tx),
                kie_today=str(tally.kie_spent_since(tx, limits.day_start(now), waiting=False)),
                kie_balance=self.kie_balance(),
                free_bytes=free,
                notices=notices.latest(tx, NOTICES_SHOWN),
            )

        return await self._store.read(read)

    # --- models --------------------------------------------------------------------------------------------------

    async def refresh_models(self, kie: Provider) -> Sequence[str]:
        """Listed means active; absence alone changes nothing. Returns the ids whose state changed.

        What a create answer taught within a day weighs more than a list that may lag behind. Raises RetryLater,
        ProviderError.
        """
        listed = await kie.models()
        now = self._clock.now()
        url = self._settings.kie_api_url

        def write(tx: Tx) -> Sequence[str]:
            known = provider.model_states(tx, url)
            changed = []
            for model in self._catalog:
                state = known.get(model.id, model.status).state
                if model.kie not in listed or state is ModelState.ACTIVE:
                    continue
                if provider.learnt_at(tx, url, model.id) > now - LEARNT_LATELY_MS:
                    continue
                provider.set_model_state(tx, url, model.id, ModelStatus(), now)
                changed.append(model.id)
            return changed

        return await self._store.write(write)

    async def probe_model(self, kie: Provider, name: str) -> ModelStatus | None:
        """Ask KIE for free whether a model lives (kie-models.md 3.4), and remember. None: it cannot be told."""
        model = self._catalog.find(name)
        status = await kie.probe(model.kie)
        if status is not None:
            now = self._clock.now()
            url = self._settings.kie_api_url
            await self._store.write(lambda tx: provider.set_model_state(tx, url, model.id, status, now))
        return status

    # --- communities ---------------------------------------------------------------------------------------------

    async def moved(self, old: CommunityRef, new: CommunityRef) -> None:
        """The chat gave a community another id; access and pool go along. Hearing it twice does nothing twice."""
        now = self._clock.now()

        def write(tx: Tx) -> None:
            merged = people.move_community(tx, old, new)
            if merged is None:
                return
            pool, gone = (f"pool:{number}" for number in merged)
            if left := money.balance(tx, gone).available:
                money.post(tx, ledger.Transfer(gone, pool, left, f"moved:{gone}", "the group moved"), now)

        await self._store.write(write)
