"""QUEUED and SUBMITTING: hand the pictures over, write down the paid step, take it once, and read the answer."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bot import catalog
from bot.domain import Failure, FailureKind, Job, JobState, ModelState, ModelStatus
from bot.engine import rules
from bot.engine.gate import remedy
from bot.engine.kit import Kit, LeaseLost
from bot.engine.notices import Note
from bot.errors import AccountError, ProviderError, RetryLater
from bot.money import limits
from bot.ports import Accepted, CreateAnswer, Missing, Refused, Unknown
from bot.store import Tx, backup, drafts, jobs, provider, tally
from bot.texts import say

log = logging.getLogger(__name__)

WAIT_SECONDS = 30.0


async def queued(kit: Kit, job: Job) -> None:
    """Upload, wait for a turn at KIE, commit SUBMITTING, and only then create: a death while it waits costs no job.

    Raises RetryLater before the paid step, LeaseLost any time.
    """
    try:
        addresses = await _addresses(kit, job)
    except AccountError as error:
        await _close_gate(kit, error.code, error.message)
        await kit.put_down(job, 1.0, job.attempts)
        return
    except ProviderError as error:
        await kit.fail(job, Failure(FailureKind.PROVIDER, error.message))
        return
    except FileNotFoundError as error:
        log.warning("job %s cannot be made, a picture is not on the disk: %s", job.id, error)
        await kit.fail(job, Failure(FailureKind.INPUT, say("failure.picture_gone")))
        return
    if await _withdrawn(kit, job):
        return
    try:
        create = await kit.provider.turn()
    except RetryLater as error:
        await kit.put_down(job, error.after or 1.0, job.attempts)
        return
    body = catalog.with_addresses(job.input, addresses)
    callback = kit.callback_url(job)
    sent = await _begin(kit, job, body, with_callback=callback is not None)
    if not sent:
        return
    started = kit.clock.monotonic()
    answer = await create(job.kie_model, body, callback)
    kit.meters.span("step", kit.clock.monotonic() - started, step="create")
    await _conclude(kit, sent, answer)


async def _begin(kit: Kit, job: Job, body: dict[str, Any], *, with_callback: bool) -> Job | None:
    """Write the paid step down; returns the job as it now stands, or None if it must wait."""
    now = kit.clock.now()

    def write(tx: Tx) -> bool:
        if _must_wait(kit, tx, job, now):
            jobs.later(tx, job, now + int(WAIT_SECONDS * 1000), job.attempts)
            return False
        if not jobs.submitting(tx, job, now, with_callback=with_callback):
            raise LeaseLost(job.id)
        jobs.add_event(tx, job.id, now, "submitting", model=job.kie_model, input=body)
        return True

    if not await kit.store.write(write):
        return None
    return replace(job, state=JobState.SUBMITTING, submitted_at=now, due_at=now, with_callback=with_callback)


async def submitting(kit: Kit, job: Job) -> None:
    """Found after a crash or a lost answer: nobody knows whether KIE took it, so it is never sent again."""
    if job.hinted_task and await _adopt(kit, job, job.hinted_task):
        return
    waited = rules.elapsed(job, kit.clock.now())
    deadline = rules.lost_after(kit.typical(job.model), job.with_callback)
    if job.with_callback and waited < deadline:
        # after a hint that KIE could not confirm yet, ask again soon; else only the deadline matters
        soon = rules.back_off(job.attempts, first=5.0, most=60.0) if job.hinted_task else deadline
        await kit.put_down(job, min(soon, max(1.0, deadline - waited)), job.attempts + 1)
        return
    await lost(kit, job)


async def lost(kit: Kit, job: Job) -> None:
    """Given up: the credits go back, and the operator looks whether KIE billed it."""
    note = Note(f"lost:{job.id}", say("notice.lost", job=job.id, model=job.model))
    await kit.fail(job, Failure(FailureKind.LOST, say("failure.lost_answer")), note=note)


async def _addresses(kit: Kit, job: Job) -> dict[str, str]:
    """An address at KIE for each picture; one under 20 h old is used again. Raises FileNotFoundError for a picture that
    is no longer on our disk: erased with its member, or lost with an older one."""
    fresh = kit.clock.now() - int(rules.UPLOAD_GOOD_FOR * 1000)
    names = [picture.sha256 for picture in job.request.pictures]
    addresses = await kit.store.read(lambda tx: drafts.uploaded(tx, names, fresh))
    for picture in job.request.pictures:
        if picture.sha256 not in addresses:
            file = kit.settings.pictures_dir / picture.sha256
            if not file.exists():
                raise FileNotFoundError(file)
            url = await kit.provider.upload(file, picture.mime)
            await kit.store.write(
                partial(drafts.remember_upload, sha256=picture.sha256, url=url, now=kit.clock.now())
            )
            addresses[picture.sha256] = url
    return addresses


def _must_wait(kit: Kit, tx: Tx, job: Job, now: int) -> bool:
    """Looked at again in the very transaction that begins the submission: another may have taken the last place."""
    settings = kit.settings
    if provider.get_meta(tx, backup.PAUSED) is not None or any(gate.shut(now) for gate in provider.gates(tx)):
        return True
    if tally.under_way(tx) >= settings.max_running:
        return True
    if tally.under_way(tx, job.user_id) >= settings.max_running_per_user:
        return True
    spent = tally.kie_spent_since(tx, limits.day_start(now), waiting=False)
    return not limits.fits_the_day(spent, job.kie_credits, settings.daily_kie_credits)


async def _withdrawn(kit: Kit, job: Job) -> bool:
    """A model that died while the job waited costs nothing and is not asked for again."""
    model = kit.catalog.get(job.model)
    states = await kit.store.read(lambda tx: provider.model_states(tx, kit.settings.kie_api_url))
    status = states.get(job.model, model.status if model else ModelStatus(ModelState.RETIRED))
    if status.state is ModelState.ACTIVE:
        return False
    await kit.fail(job, Failure(FailureKind.PROVIDER, status.reason or say("failure.withdrawn")))
    return True


async def _conclude(kit: Kit, job: Job, answer: CreateAnswer) -> None:
    match answer:
        case Accepted():
            await _run(kit, job, answer.task_id, answer.key_print, rules.first_look(kit.typical(job.model)))
        case Refused():
            await _refused(kit, job, answer)
        case Unknown():
            await _note(kit, job, "answer lost", text=answer.text)
            await submitting(kit, job)


async def _note(kit: Kit, job: Job, kind: str, **detail: Any) -> None:
    now = kit.clock.now()
    await kit.insist(lambda tx: jobs.add_event(tx, job.id, now, kind, **detail))


async def _run(kit: Kit, job: Job, task_id: str, key_print: str | None, look_in: float) -> None:
    now = kit.clock.now()

    def write(tx: Tx) -> tuple[bool, bool]:
        moved = jobs.running(tx, job, task_id, key_print, now + int(look_in * 1000))
        jobs.add_event(tx, job.id, now, "accepted" if moved else "accepted too late", task_id=task_id)
        # a submission from before the gate closed tells nothing about now
        proven = [gate for gate in provider.gates(tx) if (job.submitted_at or 0) > gate.closed_at]
        for gate in proven:
            provider.open_gate(tx, gate.account)
        return moved, bool(proven)

    moved, opened = await kit.insist(write)
    if opened:
        await gate_opened(kit)
    if not moved:
        await kit.notice(f"orphan:{job.id}", say("notice.orphan", job=job.id, task=task_id))
        raise LeaseLost(job.id)
    await kit.media.warm()
    await kit.show(job.id)


async def _refused(kit: Kit, job: Job, answer: Refused) -> None:
    """Surely no task: back into the queue when asking again may help, else the end."""
    await _note(kit, job, "refused", code=answer.code, text=answer.text)
    if answer.account:
        await _close_gate(kit, answer.code, answer.text)
        await _requeue(kit, job, 1.0, job.attempts)
    elif answer.withdrawn:
        await _withdraw(kit, job, answer)
        await kit.fail(job, Failure(FailureKind.PROVIDER, answer.text))
    elif answer.retry:
        await _requeue(kit, job, rules.back_off(job.attempts), job.attempts + 1)
    else:
        await kit.fail(job, Failure(answer.kind, answer.text))


async def _requeue(kit: Kit, job: Job, seconds: float, attempts: int) -> None:
    due_at = kit.due_in(seconds)
    if not await kit.insist(lambda tx: jobs.back_to_queue(tx, job, due_at, attempts)):
        raise LeaseLost(job.id)
    await kit.show(job.id)


async def _close_gate(kit: Kit, code: int, text: str) -> None:
    """No more submissions until the account is well again. Those that were under way already add nothing new."""
    now = kit.clock.now()

    def write(tx: Tx) -> bool:
        known = provider.gates(tx)
        if any(gate.shut(now) for gate in known):
            return False
        tries = max((gate.tries for gate in known if gate.code == code), default=0)
        retry_at = now + int(remedy(code).pause(tries + 1) * 1000)
        return provider.close_gate(tx, "kie", code, text, now, retry_at)

    if await kit.insist(write):
        remedy_text = say(remedy(code).key)
        await kit.notice(f"gate:{code}", say("notice.gate_closed", code=code, text=text, remedy=remedy_text))


async def gate_opened(kit: Kit) -> None:
    await kit.notice("gate-open", say("notice.gate_open"), ends="gate")


async def _withdraw(kit: Kit, job: Job, answer: Refused) -> None:
    now = kit.clock.now()
    since = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    gone = ModelState.RETIRED if answer.code in (404, 422) else ModelState.PAUSED
    status = ModelStatus(gone, since, answer.text)
    url = kit.settings.kie_api_url
    if await kit.insist(lambda tx: provider.set_model_state(tx, url, job.model, status, now)):
        await kit.notice(f"withdrawn:{job.model}", say("notice.withdrawn", model=job.model, text=answer.text))


async def _adopt(kit: Kit, job: Job, task_id: str) -> bool:
    """A callback hinted a task: it is ours only if KIE's own record holds our job and token."""
    answer = await kit.provider.look(task_id)
    if isinstance(answer, Missing):
        return False
    if not rules.same_callback(answer.callback_url, job):
        log.warning("a callback for job %s hinted at a task that is not its own", job.id)
        return False
    await _run(kit, job, task_id, None, 0.0)
    return True
