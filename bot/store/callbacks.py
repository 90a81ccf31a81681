"""Callbacks: they wake a job and hint at its task; what is true is only what KIE's own record says."""

from __future__ import annotations

import hmac

from bot.domain import Failure, FailureKind, Job, JobState
from bot.store import deliveries, jobs
from bot.store.db import Tx


def nudge(tx: Tx, job_id: str, token: str, task_id: str | None, now: int) -> bool:
    """A callback came: look now. It carries no truth but the hint of a task id.

    A job that KIE knows and that waits in the queue stood there when a backup was made that was restored since: the hint
    is kept for when it is written off.
    """
    job = jobs.get(tx, job_id)
    if job is None or not hmac.compare_digest(job.callback_token.encode(), token.encode()):
        return False
    if job.state in (JobState.QUEUED, JobState.SUBMITTING, JobState.RUNNING):
        tx.run(
            f"UPDATE jobs SET due_at = ?, hinted_task = COALESCE(?, hinted_task) WHERE id = ? AND state IN {jobs.OPEN}",
            now,
            None if job.task_id else task_id,
            job_id,
        )
    elif (
        task_id
        and is_lost(job)
        and not job.task_id
        and deliveries.watch_for_gift(tx, job_id, task_id, now, now)
    ):
        jobs.add_event(tx, job_id, now, "called back late", task_id=task_id)
    tx.run("UPDATE extras SET due_at = ? WHERE job_id = ? AND ended_at IS NULL", now, job_id)
    return True


def is_lost(job: Job) -> bool:
    """Refunded because nobody knew whether it had a task; it may yet turn out that it has."""
    return isinstance(job.outcome, Failure) and job.outcome.kind is FailureKind.LOST and not job.removed


def hint(tx: Tx, job_id: str) -> str | None:
    """The task that a callback hinted at, if nobody has found another."""
    found: str | None = tx.value("SELECT hinted_task FROM jobs WHERE id = ? AND task_id IS NULL", job_id)
    return found


def found_task(tx: Tx, job: Job, task_id: str) -> bool:
    """KIE's own record proved that a lost job has this task. A hint at another, which came meanwhile, is forgotten."""
    found = tx.run(
        "UPDATE jobs SET task_id = ? WHERE id = ? AND task_id IS NULL AND failure_kind = 'lost'",
        task_id,
        job.id,
    )
    if found:
        tx.run("UPDATE extras SET task_id = ? WHERE job_id = ? AND video IS NULL", task_id, job.id)
    return bool(found)
