"""RUNNING: look until the task ends, bring the video onto our disk, and settle. Slow is not failed."""

from __future__ import annotations

import logging

from bot.domain import Failure, FailureKind, Job, Video
from bot.engine import rules
from bot.engine.kit import Kit, LeaseLost
from bot.engine.notices import Note
from bot.errors import AccountError, ProviderError, RetryLater
from bot.ports import Broken, Done, Missing, Open
from bot.store import Tx, jobs, tally
from bot.texts import say

log = logging.getLogger(__name__)

VIDEO_MAX_BYTES = 2_000_000_000
FREE_BYTES = 200_000_000

# events that are counted: how often a success was without a result, a result not to be had
EMPTY = "success without a result"
UNFETCHED = "not fetched"
FETCH_LATER = "fetch later"


async def running(kit: Kit, job: Job) -> None:
    """One look. Raises RetryLater for flickers; only KIE's word or a clock ends a task."""
    assert job.task_id is not None
    elapsed = rules.elapsed(job, kit.clock.now())
    started = kit.clock.monotonic()
    answer = await kit.provider.look(job.task_id, job.key_print)
    kit.meters.span("step", kit.clock.monotonic() - started, step="look")
    match answer:
        case Done(urls=urls) if urls:
            await _finish(kit, job, answer)
        case Done():
            await _empty(kit, job, answer)
        case Broken():
            await _note_answer(kit, job, answer)
            await kit.fail(job, Failure(answer.kind, answer.text), answer.cost)
        case Open() | Missing():
            await _wait_on(kit, job, elapsed, missing=isinstance(answer, Missing))


async def _wait_on(kit: Kit, job: Job, elapsed: float, missing: bool) -> None:
    """Not finished: tell once when patience ends, refund at the end clock, else look again later."""
    if rules.is_over(elapsed, float(kit.settings.give_up_hours)):
        await kit.fail(job, Failure(FailureKind.EXPIRED, say("failure.expired")), gift_task=job.task_id)
        return
    await _mind_patience(kit, job, elapsed)
    at_work = (await kit.store.read(tally.counts)).get(job.state, 0)
    pause = rules.poll_interval(elapsed, kit.typical(job.model), at_work)
    if missing and elapsed > rules.MISSING_GRACE:
        pause = max(pause, rules.back_off(job.attempts, first=5.0))
    await kit.put_down(job, pause, job.attempts + 1 if missing else 0)
    await kit.show(job.id)


async def unasked(kit: Kit, job: Job, reason: str, after: float | None) -> None:
    """KIE could not be asked, or what it said not be used: look again. The end clock alone proves nothing, since the
    video may lie there; only when nothing can lie there any more the credits go back."""
    elapsed = rules.elapsed(job, kit.clock.now())
    if rules.is_over(elapsed, float(kit.settings.give_up_hours), asked=False):
        note = Note(f"unasked:{job.id}", say("notice.unasked", job=job.id, text=reason))
        failure = Failure(FailureKind.EXPIRED, say("failure.expired_unasked"))
        await kit.fail(job, failure, gift_task=job.task_id, note=note)
        return
    told = await _mind_patience(kit, job, elapsed)
    await kit.put_down(job, rules.pause(job.attempts, after), job.attempts + 1, "later", reason=reason)
    if told:
        await kit.show(job.id)


async def _mind_patience(kit: Kit, job: Job, elapsed: float) -> bool:
    """Whether the member is told now that it takes longer."""
    if job.patience_told or elapsed <= rules.PATIENCE_AT_LEAST:
        return False
    if elapsed <= rules.patience(await kit.store.read(lambda tx: tally.durations(tx, job.model))):
        return False
    now = kit.clock.now()

    def write(tx: Tx) -> None:
        jobs.set_patience_told(tx, job)
        jobs.add_event(tx, job.id, now, "slow")

    await kit.store.write(write)
    return True


async def _empty(kit: Kit, job: Job, answer: Done) -> None:
    """Succeeded without a result: look a few more times, then say so (kie-api.md 9)."""
    tries = await kit.store.read(lambda tx: jobs.count_events(tx, job.id, EMPTY))
    if tries < rules.EMPTY_TRIES:
        await kit.put_down(job, rules.back_off(tries, first=3.0), job.attempts + 1, EMPTY)
        return
    await _note_answer(kit, job, answer)
    note = Note(f"no-result:{job.id}", say("notice.no_result", job=job.id, task=job.task_id))
    failure = Failure(FailureKind.PROVIDER, say("failure.no_result"))
    await kit.fail(job, failure, answer.cost, gift_task=job.task_id, note=note)


async def _finish(kit: Kit, job: Job, answer: Done) -> None:
    """Members pay only for a video that we hold."""
    started = kit.clock.monotonic()
    try:
        video = await fetch(kit, answer.urls, f"{job.id}.mp4")
    except ProviderError as error:
        tries = await kit.store.read(lambda tx: jobs.count_events(tx, job.id, UNFETCHED)) + 1
        await _unfetched(kit, job, answer, str(error), UNFETCHED, final=tries >= rules.FETCH_TRIES)
        return
    except RetryLater as error:
        late = rules.elapsed(job, kit.clock.now()) > rules.ADDRESS_LIVES
        tries = await kit.store.read(lambda tx: jobs.count_events(tx, job.id, FETCH_LATER)) + 1
        # after a long downtime the first try comes that late
        final = late and tries >= rules.FETCH_TRIES
        await _unfetched(kit, job, answer, str(error), FETCH_LATER, final)
        return
    kit.meters.span("step", kit.clock.monotonic() - started, step="fetch")
    now = kit.clock.now()

    def write(tx: Tx) -> None:
        jobs.add_event(tx, job.id, now, "answered", record=answer.raw or {})
        if not jobs.settle(tx, job, video, now, answer.cost):
            raise LeaseLost(job.id)
        cost = None if answer.cost is None else str(answer.cost)
        jobs.add_event(
            tx,
            job.id,
            now,
            "settled",
            charged=job.price,
            kie_cost=cost,
            kie_seconds=answer.seconds,
            size=video.size,
        )

    await kit.store.write(write)
    kit.meters.count("jobs_ended", outcome="video")


async def _unfetched(kit: Kit, job: Job, answer: Done, reason: str, event: str, final: bool) -> None:
    if not final:
        await kit.put_down(job, rules.back_off(job.attempts), job.attempts + 1, event, reason=reason)
        return
    await _note_answer(kit, job, answer)
    note = Note(f"unfetchable:{job.id}", say("notice.unfetchable", job=job.id, text=reason))
    await kit.fail(job, Failure(FailureKind.UNFETCHABLE, reason), answer.cost, note=note)


async def fetch(kit: Kit, urls: tuple[str, ...], name: str) -> Video:
    """Stream the first address that works to our disk and make it playable. Raises ProviderError or RetryLater."""
    folder = kit.settings.videos_dir
    folder.mkdir(parents=True, exist_ok=True)
    if kit.free_bytes(folder) < FREE_BYTES:
        raise RetryLater("the disk is nearly full")
    part = folder / f"{name}.part"
    await kit.media.warm()
    problem: ProviderError | RetryLater | None = None
    for url in urls:
        try:
            await kit.provider.download(url, part, VIDEO_MAX_BYTES)
            return await kit.media.video(part, folder / name)
        except AccountError:
            raise
        except (ProviderError, RetryLater) as error:
            problem = problem if isinstance(problem, RetryLater) else error
        finally:
            part.unlink(missing_ok=True)
    raise problem or ProviderError(0, "no address")


async def _note_answer(kit: Kit, job: Job, answer: Done | Broken) -> None:
    now = kit.clock.now()
    await kit.store.write(lambda tx: jobs.add_event(tx, job.id, now, "answered", record=answer.raw or {}))
