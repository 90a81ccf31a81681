"""From a draft to a job: hold exactly the quote, once; and cancelling."""

from __future__ import annotations

import shutil

from bot import catalog
from bot.domain import Draft, Job, JobState, ModelState, UserRef, new_id
from bot.errors import Stale, UserError
from bot.money import ledger, limits
from bot.store import Tx, backup, drafts, forgotten, jobs, money, people, provider, tally
from bot.studio.base import LOW_WATER_BYTES, Base


class Orders(Base):
    """Ordering and cancelling."""

    async def order(self, who: UserRef, draft_id: str, price: int | None = None) -> Job:
        """Hold exactly the quote and insert the job, in one transaction; any number of presses, one job.

        `price` is what the pressed card says, in credits. Raises Stale when it is another one by now, or when time or
        the model's price has passed: quote again in the same message.
        """
        job = await self._store.write(lambda tx: self._order(tx, who, draft_id, price))
        self._wake()
        return job

    def _order(self, tx: Tx, who: UserRef, draft_id: str, price: int | None) -> Job:
        now = self._clock.now()
        user = people.find_user(tx, who)
        draft = drafts.get(tx, draft_id)
        if draft is None or user is None or draft.user_id != user.id:
            raise UserError("order.no_draft")
        done = jobs.get(tx, draft.job_id) if draft.job_id else jobs.by_key(tx, draft.key)
        if done and done.user_id != user.id:
            raise UserError("order.no_draft")
        if done:
            return done
        self._check_access(tx, who, draft.chat)
        if now > draft.expires_at or price not in (None, draft.price) or self._price_moved(draft):
            raise Stale("order.stale")
        self._check_order(tx, who, draft, now)
        job_id = new_id()
        if self.is_operator(who, user):
            self._top_up(tx, draft, job_id, now)
        money.post(tx, ledger.hold(job_id, draft.payer, draft.price), now)
        job = Job(
            id=job_id,
            key=draft.key,
            state=JobState.QUEUED,
            user=who,
            user_id=user.id,
            payer=draft.payer,
            chat=draft.chat,
            request=draft.request,
            model=draft.quote.model,
            kie_model=draft.quote.kie_model,
            input=draft.quote.input,
            price=draft.price,
            kie_credits=draft.quote.kie_credits,
            created_at=now,
            due_at=now,
            callback_token=new_id(26),
            video_token=new_id(26),
        )
        jobs.insert(tx, job)
        drafts.became(tx, draft.id, job_id)
        jobs.add_event(tx, job_id, now, "ordered", price=draft.price, rule=draft.quote.rule)
        return job

    def _price_moved(self, draft: Draft) -> bool:
        model = self.catalog.get(draft.quote.model)
        if model is None:
            return True
        try:
            return catalog.quote(model, draft.request, self.settings.price_markup).credits != draft.price
        except UserError:
            return True

    def _check_order(self, tx: Tx, who: UserRef, draft: Draft, now: int) -> None:
        """Everything that refuses an order before credits are held."""
        settings = self.settings
        if self._space_left() < LOW_WATER_BYTES:
            raise UserError("order.disk_low")
        states = provider.model_states(tx, settings.kie_api_url)
        status = self.status_of(self.catalog[draft.quote.model], states)
        if status.state is not ModelState.ACTIVE:
            raise Stale("order.model_gone", reason=status.reason)
        paused = provider.get_meta(tx, backup.PAUSED)
        if paused is not None:
            raise UserError("order.paused", reason=paused)
        if provider.gates(tx):  # ajar is not open: those who wait find out first
            raise UserError("order.gate_closed")
        limits.check_queue(tally.queued_of(tx, draft.user_id), settings.max_queued_per_user)
        today = limits.day_start(now)
        if settings.user_daily_credits is not None:
            spent = tally.spent_since(tx, draft.user_id, today) + forgotten.spent(tx, who, today)
            limits.check_user_day(spent, draft.price, settings.user_daily_credits)
        if settings.daily_kie_credits is not None:
            committed = tally.kie_spent_since(tx, today, waiting=True)
            if not limits.fits_the_day(committed, draft.quote.kie_credits, settings.daily_kie_credits):
                raise UserError("order.day_full")

    def _top_up(self, tx: Tx, draft: Draft, job_id: str, now: int) -> None:
        missing = draft.price - money.balance(tx, draft.payer).available
        if missing > 0:
            money.post(tx, ledger.top_up(job_id, draft.payer, missing), now)

    def _space_left(self) -> int:
        return shutil.disk_usage(self.settings.data_dir).free

    async def cancel(self, who: UserRef, job_id: str) -> bool:
        """Cancel for free while queued. False: KIE is at work, cannot be stopped and bills it; the video will come.

        Raises UserError when the job has ended.
        """
        job = await self.job(who, job_id)
        now = self._clock.now()

        def cancel(tx: Tx) -> bool:
            fresh = jobs.get(tx, job.id)
            if fresh is None or fresh.outcome is not None:
                raise UserError("cancel.ended")
            if jobs.cancel_queued(tx, fresh, now, "cancelled by the member"):
                jobs.add_event(tx, job.id, now, "cancelled")
                return True
            jobs.add_event(tx, job.id, now, "cancel asked too late")
            return False

        if await self._store.write(cancel):
            self._wake()
            return True
        return False
