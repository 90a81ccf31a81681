"""Videos beside a job's own end: one that comes after its refund is a gift (P9), one an operator sends again is not.

Outcome and ledger stay as they are.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from bot.domain import Job, Video
from bot.engine import rules
from bot.engine.deliver import CLOSED, NOT_THERE, UNSURE, send, with_video
from bot.engine.kit import Kit, LeaseLost
from bot.engine.notices import Note, tell_kept
from bot.engine.watch import fetch
from bot.errors import DeliveryUnknown, ProviderError, RetryLater, RouteClosed, TooLarge
from bot.ports import Broken, Delivery, Done, Missing
from bot.store import Tx, callbacks, deliveries, jobs
from bot.store.deliveries import Attempt, Extra
from bot.store.notices import Due
from bot.texts import say

log = logging.getLogger(__name__)

PAUSE = 600.0
UNSURE_MOST = 2
LATER = "later"


async def step(kit: Kit, extra: Extra) -> None:
    """One look at a refunded job's task, or one attempt to hand its video over. Raises LeaseLost."""
    job = await kit.store.read(lambda tx: jobs.get(tx, extra.job_id))
    over = extra.video is None and kit.clock.now() > extra.until
    if over and kit.watch.jumped(kit.clock):
        return
    if job is None or job.removed or over:
        await _end(kit, extra, "extra ended")
        return
    try:
        if extra.video:
            await _give(kit, job, extra, extra.video)
        else:
            await _look(kit, job, extra)
    except (RetryLater, ProviderError) as error:
        log.info("the extra of job %s has to wait: %s", job.id, error)
        await _later(kit, extra, PAUSE)


async def _look(kit: Kit, job: Job, extra: Extra) -> None:
    assert extra.task_id is not None
    answer = await kit.provider.look(extra.task_id, job.key_print)
    if job.task_id != extra.task_id and not isinstance(answer, Missing):
        if not rules.same_callback(answer.callback_url, job):
            log.warning("a late callback for job %s hinted at a task that is not its own", job.id)
            await _end(kit, extra, "extra ended")
            return
        await _found(kit, job, extra.task_id)
    if isinstance(answer, Broken):
        await _end(kit, extra, "extra ended")
        return
    if not isinstance(answer, Done) or not answer.urls:
        await _later(kit, extra, PAUSE)
        return
    video = await fetch(kit, answer.urls, f"{job.id}.gift.mp4")
    now = kit.clock.now()
    if not await kit.store.write(lambda tx: deliveries.gift_arrived(tx, extra, video, now)):
        raise LeaseLost(extra.job_id)


async def _found(kit: Kit, job: Job, task_id: str) -> None:
    """Of a lost job only a hint was known; now KIE's own record names the job and its token."""
    now = kit.clock.now()

    def write(tx: Tx) -> None:
        if callbacks.found_task(tx, job, task_id):
            jobs.add_event(tx, job.id, now, "task found", task_id=task_id)

    await kit.store.write(write)


async def _give(kit: Kit, job: Job, extra: Extra, video: Video) -> None:
    """One attempt. Whatever happens, the video is in the member's history."""
    past = await kit.store.read(lambda tx: deliveries.attempts(tx, job.id, extra=True, since=extra.asked_at))
    adapter = kit.adapters.get(job.chat.platform)
    if adapter and past and past[-1].ended_at is None:
        last = past.pop()
        try:
            message_id = await adapter.find(_delivery(kit, job, extra, video, last.route, last.number))
        except DeliveryUnknown:
            past.append(await _end_attempt(kit, extra, last, UNSURE))
        else:
            if message_id is not None:
                await _given(kit, extra, video, last.number, message_id)
                return
            past.append(await _end_attempt(kit, extra, last, NOT_THERE))
    closed = {each.route for each in past if each.error == CLOSED}
    route = next((each for each in adapter.routes(job) if each not in closed), None) if adapter else None
    if adapter is None or route is None or _is_enough(kit, extra, past):
        await _end(kit, extra, "extra ended", told=say("notice.gift_kept", job=job.id))
        return
    now = kit.clock.now()
    number = await kit.store.write(lambda tx: deliveries.begin_extra(tx, extra, route, now))
    if number is None:
        raise LeaseLost(extra.job_id)
    try:
        message_id = await send(kit, adapter, _delivery(kit, job, extra, video, route, number))
    except (RouteClosed, TooLarge, RetryLater) as error:
        result = LATER if isinstance(error, RetryLater) else CLOSED
        await _end_attempt(kit, extra, Attempt(number, route, None, None, None), result)
        await _later(kit, extra, PAUSE if result == LATER else 0)
    except DeliveryUnknown as error:
        log.warning("the extra of job %s may not have arrived: %s", job.id, error)
        await _later(kit, extra, 60)
    else:
        await _given(kit, extra, video, number, message_id)


def _is_enough(kit: Kit, extra: Extra, past: list[Attempt]) -> bool:
    """Sent twice without knowing, or tried for a day."""
    unsure = sum(each.error == UNSURE for each in past)
    return unsure >= UNSURE_MOST or kit.clock.now() > extra.until


def _delivery(kit: Kit, job: Job, extra: Extra, video: Video, route: str, number: int) -> Delivery:
    return with_video(kit, Delivery(job, route, number, gift=extra.task_id is not None), video)


async def _end_attempt(kit: Kit, extra: Extra, attempt: Attempt, error: str) -> Attempt:
    """Raises LeaseLost, as for a job."""
    now = kit.clock.now()

    def write(tx: Tx) -> None:
        if not deliveries.holds_extra(tx, extra):
            raise LeaseLost(extra.job_id)
        deliveries.end(tx, extra.job_id, attempt.number, now, error=error)

    await kit.store.write(write)
    return replace(attempt, ended_at=now, error=error)


async def _given(kit: Kit, extra: Extra, video: Video, number: int, message_id: str) -> None:
    kit.fitted_path(video).unlink(missing_ok=True)
    told = say("notice.gift", job=extra.job_id)
    await _end(kit, extra, "gift given" if extra.task_id else "sent again", number, message_id, told)


async def _later(kit: Kit, extra: Extra, seconds: float) -> None:
    due_at = kit.due_in(seconds)
    if not await kit.store.write(lambda tx: deliveries.extra_later(tx, extra, due_at)):
        raise LeaseLost(extra.job_id)


async def _end(
    kit: Kit,
    extra: Extra,
    event: str,
    number: int | None = None,
    message_id: str | None = None,
    told: str = "",
) -> None:
    """`told`: what the operators are told of a gift. Raises LeaseLost."""
    now = kit.clock.now()
    note = Note(f"gift:{extra.job_id}", told) if told and extra.task_id else None

    twice = Note(f"twice:{extra.job_id}", say("notice.delivered_twice", job=extra.job_id))

    def write(tx: Tx) -> tuple[bool, Due | None]:
        ended = deliveries.extra_ended(tx, extra, now)
        job = jobs.get(tx, extra.job_id)
        named = job is not None and not job.removed  # of a forgotten member nothing is written any more
        if number is not None and named:
            deliveries.end(tx, extra.job_id, number, now, message_id)
        if ended:
            jobs.add_event(tx, extra.job_id, now, event)
            return True, note.keep(tx, now) if note else None
        if message_id is None or not named:
            return False, None
        jobs.add_event(tx, extra.job_id, now, "delivered twice", message=message_id)
        return False, twice.keep(tx, now)

    ended, due = await kit.insist(write)
    await tell_kept(kit, due)
    if not ended:
        raise LeaseLost(extra.job_id)
