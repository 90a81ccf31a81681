"""SETTLED: bring the end of a job into its chat. A row stands before each attempt; after a crash, look first."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

from bot.domain import KEPT, Job, Video
from bot.engine import rules
from bot.engine.kit import Kit, LeaseLost
from bot.engine.notices import Note, tell_kept
from bot.errors import DeliveryUnknown, KiebotError, RetryLater, RouteClosed, TooLarge
from bot.ports import ChatAdapter, Delivery
from bot.store import Tx, deliveries, jobs
from bot.store.deliveries import Attempt
from bot.store.notices import Due
from bot.texts import say

log = logging.getLogger(__name__)

# A chat that stays unreachable for a day keeps nobody else waiting; but after a long downtime the day is over before the
# first attempt, so it also takes some tries, half an hour of them.
KEEP_AFTER, KEEP_TRIES = 24 * rules.HOUR, 12
UNSURE_MOST = 2
CLOSED = "closed"
UNSURE = "unsure"
NOT_THERE = "not there"


async def settled(kit: Kit, job: Job) -> None:
    """One attempt, or the end of them. Raises LeaseLost, RetryLater."""
    adapter = kit.adapters.get(job.chat.platform)
    if adapter is None:
        await wait_or_keep(kit, job, f"no adapter for {job.chat.platform or 'a forgotten person'}")
        return
    past = await kit.store.read(lambda tx: deliveries.attempts(tx, job.id))
    if past and past[-1].ended_at is None and await _found(kit, adapter, job, past[-1]):
        return
    past = await kit.store.read(lambda tx: deliveries.attempts(tx, job.id))
    if sum(each.error == UNSURE for each in past) >= UNSURE_MOST:
        await _delivered(kit, job, f"{past[-1].route} ({UNSURE})", None, None)
        return
    closed = {each.route for each in past if each.error == CLOSED}
    route = next((each for each in adapter.routes(job) if each not in closed), None)
    if route is None:
        await _keep(kit, job, "every route is closed")
        return
    await _attempt(kit, adapter, job, route)


async def _found(kit: Kit, adapter: ChatAdapter, job: Job, open_attempt: Attempt) -> bool:
    """Nobody knows how the last attempt ended: ask the chat before anything is sent again."""
    delivery = _delivery(kit, job, open_attempt.route, open_attempt.number)
    try:
        message_id = await adapter.find(delivery)
    except DeliveryUnknown:
        await _end(kit, job, open_attempt.number, UNSURE)
        return False
    if message_id is None:
        await _end(kit, job, open_attempt.number, NOT_THERE)
        return False
    await _delivered(kit, job, open_attempt.route, message_id, open_attempt.number)
    return True


async def _attempt(kit: Kit, adapter: ChatAdapter, job: Job, route: str) -> None:
    now = kit.clock.now()
    number = await kit.store.write(lambda tx: deliveries.begin(tx, job, route, now))
    if number is None:
        raise LeaseLost(job.id)
    delivery = _delivery(kit, job, route, number)
    started = kit.clock.monotonic()
    try:
        message_id = await send(kit, adapter, delivery)
    except (RouteClosed, TooLarge) as error:
        await _end(kit, job, number, CLOSED)
        await kit.put_down(job, 0, 0, "route closed", route=route, reason=str(error))
    except RetryLater as error:
        await _end(kit, job, number, "later")
        await wait_or_keep(kit, job, str(error), error.after)
    except DeliveryUnknown as error:
        # the row stays open: the next step looks first
        await kit.put_down(
            job, rules.back_off(job.attempts), job.attempts + 1, "delivery unsure", reason=str(error)
        )
    except FileNotFoundError:
        fresh = await kit.store.read(lambda tx: jobs.get(tx, job.id))
        if fresh and fresh.removed:  # its member was forgotten in this very moment
            raise LeaseLost(job.id) from None
        raise
    else:
        kit.meters.span("step", kit.clock.monotonic() - started, step="deliver")
        await _delivered(kit, job, route, message_id, number)


async def send(kit: Kit, adapter: ChatAdapter, delivery: Delivery) -> str:
    """Send as is, else fitted to what the chat takes, else as a link (P8). Raises what the adapter raises."""
    attempt: Delivery | None = delivery
    limit = math.inf
    while attempt:
        try:
            return await adapter.deliver(attempt)
        except TooLarge as error:
            # a chat may refuse what it said it takes, and say less then
            attempt = await _smaller(kit, delivery, error.limit) if error.limit < limit else None
            limit = error.limit
    if delivery.link is None:
        raise RouteClosed("too large for this chat, and without PUBLIC_URL there is no link to give")
    return await adapter.deliver(replace(delivery, file=None))


async def _smaller(kit: Kit, delivery: Delivery, limit: int) -> Delivery | None:
    if delivery.file is None or delivery.video is None:
        return None
    target = kit.fitted_path(delivery.video)
    try:
        video = await kit.media.fit(delivery.file, target, limit)
    except KiebotError as error:
        log.warning("job %s could not be fitted to %d bytes: %s", delivery.job.id, limit, error)
        return None
    return replace(delivery, file=target, video=video, fitted=True)


def _delivery(kit: Kit, job: Job, route: str, number: int) -> Delivery:
    if not isinstance(job.outcome, Video):
        return Delivery(job, route, number)
    return with_video(kit, Delivery(job, route, number), job.outcome)


def with_video(kit: Kit, delivery: Delivery, video: Video) -> Delivery:
    return replace(
        delivery,
        file=kit.video_path(video.file),
        thumbnail=kit.video_path(video.thumbnail) if video.thumbnail else None,
        video=video,
        link=kit.link(delivery.job),
    )


async def _end(kit: Kit, job: Job, number: int, error: str) -> None:
    """Raises LeaseLost: then it may be another's attempt, which has to be looked for."""
    now = kit.clock.now()

    def write(tx: Tx) -> None:
        if not jobs.holds(tx, job):
            raise LeaseLost(job.id)
        deliveries.end(tx, job.id, number, now, error=error)

    await kit.store.write(write)


async def _delivered(
    kit: Kit, job: Job, to: str, message_id: str | None, number: int | None, note: Note | None = None
) -> None:
    now = kit.clock.now()

    def write(tx: Tx) -> tuple[bool, Due | None]:
        if number is not None:
            deliveries.end(tx, job.id, number, now, message_id)
        moved = jobs.delivered(tx, job, to, message_id, now)
        jobs.add_event(
            tx, job.id, now, "delivered" if moved else "delivered twice", to=to, message=message_id
        )
        return moved, note.keep(tx, now) if moved and note else None

    moved, due = await kit.insist(write)
    if not moved:
        await kit.notice(f"twice:{job.id}", say("notice.delivered_twice", job=job.id))
        raise LeaseLost(job.id)
    if isinstance(job.outcome, Video):
        kit.fitted_path(job.outcome).unlink(missing_ok=True)
    await tell_kept(kit, due)


async def wait_or_keep(kit: Kit, job: Job, reason: str, after: float | None = None) -> None:
    """Try again later; after a day of that, the result is kept for when the member is next seen."""
    if job.attempts >= KEEP_TRIES and _waited(kit, job) > KEEP_AFTER and not kit.watch.jumped(kit.clock):
        # the attempt took its time: the clock may have been set meanwhile, and the job moved along
        fresh = await kit.store.read(lambda tx: jobs.get(tx, job.id))
        if fresh and _waited(kit, fresh) > KEEP_AFTER:
            await _keep(kit, job, reason)
            return
    await kit.put_down(
        job, rules.pause(job.attempts, after), job.attempts + 1, "delivery later", reason=reason
    )


def _waited(kit: Kit, job: Job) -> float:
    return (kit.clock.now() - (job.settled_at or 0)) / 1000


async def _keep(kit: Kit, job: Job, reason: str) -> None:
    """No way left: the result stays with us and is offered when the member is next seen."""
    note = Note(f"kept:{job.id}", say("notice.kept", job=job.id, reason=reason))
    await _delivered(kit, job, KEPT, None, None, note)
    await kit.show(job.id)
