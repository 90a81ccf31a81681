"""Jobs: the rows that only move forward, the events they leave, and the lease a worker holds while it steps one.

Every state change names the state and lease it expects; no row changed means that somebody else was faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain import (
    Event,
    Failure,
    FailureKind,
    Job,
    JobState,
    Outcome,
    Request,
    UserRef,
    Video,
)
from bot.money import ledger
from bot.store import money, people
from bot.store.db import Row, Tx
from bot.store.drafts import chat_of, chat_text
from bot.store.plain import from_micro, from_text, to_micro, to_text, video_of, video_text

# SQLite takes a partial index only where a query repeats the index's condition word for word: so these two.
OPEN = "('queued', 'submitting', 'running')"
LIVE = "state <> 'delivered'"


def insert(tx: Tx, job: Job) -> None:
    tx.run(
        "INSERT INTO jobs (id, key, user_id, payer, chat, request, model, kie_model, input, price,"
        " kie_credits_micro, state, created_at, due_at, callback_token, video_token)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
        job.id,
        job.key,
        job.user_id,
        job.payer,
        chat_text(job.chat),
        to_text(job.request.to_json()),
        job.model,
        job.kie_model,
        to_text(dict(job.input)),
        job.price,
        to_micro(job.kie_credits),
        job.created_at,
        job.due_at,
        job.callback_token,
        job.video_token,
    )


def get(tx: Tx, job_id: str) -> Job | None:
    row = tx.one("SELECT * FROM jobs WHERE id = ?", job_id)
    return job_of(tx, row) if row else None


def by_key(tx: Tx, key: str) -> Job | None:
    row = tx.one("SELECT * FROM jobs WHERE key = ?", key)
    return job_of(tx, row) if row else None


def listed(
    tx: Tx,
    *,
    user_id: int | None = None,
    state: JobState | None = None,
    limit: int | None = None,
    before: int | None = None,
) -> Sequence[Job]:
    """Jobs, newest first."""
    rows = tx.all(
        "SELECT * FROM jobs WHERE (? IS NULL OR user_id = ?) AND (? IS NULL OR state = ?)"
        " AND (? IS NULL OR created_at < ?) ORDER BY created_at DESC, id LIMIT ?",
        user_id,
        user_id,
        state,
        state,
        before,
        before,
        -1 if limit is None else limit,
    )
    return [job_of(tx, row) for row in rows]


def job_of(tx: Tx, row: Row) -> Job:
    chat = chat_of(row["chat"])
    user = people.identity(tx, row["user_id"], chat.platform)
    return Job(
        id=row["id"],
        key=row["key"],
        state=JobState(row["state"]),
        user=user or UserRef("gone", str(row["user_id"])),
        user_id=row["user_id"],
        payer=row["payer"],
        chat=chat,
        request=_request(row),
        model=row["model"],
        kie_model=row["kie_model"],
        input=from_text(row["input"]),
        price=row["price"],
        kie_credits=from_micro(row["kie_credits_micro"]),
        created_at=row["created_at"],
        due_at=row["due_at"],
        lease=row["lease"],
        attempts=row["attempts"],
        callback_token=row["callback_token"],
        video_token=row["video_token"],
        with_callback=bool(row["with_callback"]),
        hinted_task=row["hinted_task"],
        task_id=row["task_id"],
        key_print=row["key_print"],
        submitted_at=row["submitted_at"],
        patience_told=bool(row["patience_told"]),
        settled_at=row["settled_at"],
        ended_at=row["ended_at"],
        kie_cost=None if row["kie_cost_micro"] is None else from_micro(row["kie_cost_micro"]),
        outcome=_outcome(row),
        refunded=row["refunded_at"] is not None,
        removed=row["removed_at"] is not None,
        delivered_to=row["delivered_to"],
        message_id=row["message_id"],
    )


def _request(row: Row) -> Request:
    data = from_text(row["request"])
    return Request.from_json(data) if data else Request(row["model"])


def _outcome(row: Row) -> Outcome | None:
    if row["outcome"] is None:
        return None
    if row["outcome"] == "failure":
        return Failure(FailureKind(row["failure_kind"]), row["failure_text"])
    return video_of(row["video"])


# --- the lease ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """A user's oldest queued job, with what fairness needs to know of its user."""

    job_id: str
    user_id: int
    created_at: int
    running: int
    last_turn: int = 0


def due(tx: Tx, state: JobState, now: int, limit: int) -> list[str]:
    """Jobs of a state whose time has come and which nobody holds, longest due first."""
    rows = tx.all(
        f"SELECT id FROM jobs WHERE state = ? AND {LIVE} AND due_at <= ? AND leased_until <= ?"
        " ORDER BY due_at LIMIT ?",
        state,
        now,
        now,
        limit,
    )
    return [row["id"] for row in rows]


def queued_before(tx: Tx, moment: int, now: int, limit: int) -> list[str]:
    """Queued jobs asked before a moment, which nobody holds: they waited too long."""
    rows = tx.all(
        "SELECT id FROM jobs WHERE state = 'queued' AND created_at <= ? AND leased_until <= ?"
        " ORDER BY created_at LIMIT ?",
        moment,
        now,
        limit,
    )
    return [row["id"] for row in rows]


def queue_heads(tx: Tx, now: int) -> list[Head]:
    """Each user's oldest due queued job that nobody holds, with how many of theirs are under way and when one was
    last submitted."""
    rows = tx.all(
        "SELECT q.id, q.user_id, q.created_at,"
        " (SELECT COUNT(*) FROM jobs r WHERE r.user_id = q.user_id AND (r.state IN ('submitting', 'running')"
        f"  OR (r.state = 'queued' AND r.leased_until > ?)) AND r.state IN {OPEN}) AS running,"
        # only turns later than the head's asking matter, and no job waits for a day
        " COALESCE((SELECT MAX(s.submitted_at) FROM jobs s WHERE s.user_id = q.user_id"
        "  AND s.created_at > q.created_at - 86400000), 0) AS last_turn"
        " FROM jobs q JOIN (SELECT user_id, MIN(created_at) AS first FROM jobs"
        f"  WHERE state = 'queued' AND {LIVE} AND due_at <= ? AND leased_until <= ? GROUP BY user_id) f"
        " ON f.user_id = q.user_id AND f.first = q.created_at AND q.state = 'queued' AND q.due_at <= ?"
        " AND q.leased_until <= ?",
        now,
        now,
        now,
        now,
        now,
    )
    return [
        Head(row["id"], row["user_id"], row["created_at"], row["running"], row["last_turn"]) for row in rows
    ]


def claim(tx: Tx, job_id: str, state: JobState, now: int, until: int) -> Job | None:
    """Take the lease under a new number; None when somebody else was faster."""
    changed = tx.run(
        "UPDATE jobs SET lease = lease + 1, leased_until = ? WHERE id = ? AND state = ? AND leased_until <= ?",
        until,
        job_id,
        state,
        now,
    )
    return get(tx, job_id) if changed else None


def renew(tx: Tx, held: Sequence[tuple[str, int]], until: int) -> None:
    """Jobs whose step has put them down already stay free."""
    for job_id, lease in held:
        tx.run(
            "UPDATE jobs SET leased_until = ? WHERE id = ? AND lease = ? AND leased_until > 0",
            until,
            job_id,
            lease,
        )


def holds(tx: Tx, job: Job) -> bool:
    """Whether the job is still held under this number."""
    return tx.one("SELECT 1 FROM jobs WHERE id = ? AND lease = ?", job.id, job.lease) is not None


def free_all(tx: Tx) -> int:
    """An exclusive start: whoever held these, and the extras, is dead. The number goes up, so a survivor's writes miss."""
    tx.run(
        "UPDATE extras SET lease = lease + 1, leased_until = 0 WHERE leased_until > 0 AND ended_at IS NULL"
    )
    return tx.run(
        "UPDATE jobs SET lease = lease + 1, leased_until = 0 WHERE leased_until > 0 AND state <> 'delivered'"
    )


def clock_moved(tx: Tx, job: Job) -> bool:
    """Whether its times were moved along with the machine's clock since it was read (bot.store.clocks)."""
    return bool(tx.value("SELECT created_at <> ? FROM jobs WHERE id = ?", job.created_at, job.id))


# --- moves -------------------------------------------------------------------------------------------------------


def add_event(tx: Tx, job_id: str, now: int, kind: str, **detail: Any) -> None:
    tx.run(
        "INSERT INTO events (job_id, at, kind, detail) VALUES (?, ?, ?, ?)",
        job_id,
        now,
        kind,
        to_text(detail),
    )


def events(tx: Tx, job_id: str) -> list[Event]:
    rows = tx.all("SELECT at, kind, detail FROM events WHERE job_id = ? ORDER BY id", job_id)
    return [Event(row["at"], row["kind"], from_text(row["detail"])) for row in rows]


def count_events(tx: Tx, job_id: str, kind: str) -> int:
    number: int = tx.value("SELECT COUNT(*) FROM events WHERE job_id = ? AND kind = ?", job_id, kind)
    return number


def later(tx: Tx, job: Job, due_at: int, attempts: int) -> bool:
    """Put the job down until `due_at`. A wake-up that came meanwhile wins: it lowered due_at below the claim's."""
    return bool(
        tx.run(
            "UPDATE jobs SET due_at = CASE WHEN due_at <> ? THEN due_at ELSE ? END, attempts = ?, leased_until = 0"
            " WHERE id = ? AND state = ? AND lease = ?",
            job.due_at,
            due_at,
            attempts,
            job.id,
            job.state,
            job.lease,
        )
    )


def submitting(tx: Tx, job: Job, now: int, with_callback: bool) -> bool:
    """The paid step is about to be taken; from here on it is never taken again."""
    return bool(
        tx.run(
            "UPDATE jobs SET state = 'submitting', submitted_at = ?, with_callback = ?, attempts = 0, due_at = ?"
            " WHERE id = ? AND state = 'queued' AND lease = ?",
            now,
            int(with_callback),
            now,
            job.id,
            job.lease,
        )
    )


def back_to_queue(tx: Tx, job: Job, due_at: int, attempts: int) -> bool:
    """Surely no task was made: the only way back."""
    return bool(
        tx.run(
            "UPDATE jobs SET state = 'queued', submitted_at = NULL, with_callback = 0, hinted_task = NULL,"
            " attempts = ?, due_at = ?, leased_until = 0 WHERE id = ? AND state = 'submitting' AND lease = ?",
            attempts,
            due_at,
            job.id,
            job.lease,
        )
    )


def running(tx: Tx, job: Job, task_id: str, key_print: str | None, due_at: int) -> bool:
    return bool(
        tx.run(
            "UPDATE jobs SET state = 'running', task_id = ?, key_print = ?, attempts = 0, leased_until = 0,"
            # a callback that was faster than the answer: look now
            " due_at = CASE WHEN hinted_task IS NULL THEN ? ELSE due_at END"
            " WHERE id = ? AND state = 'submitting' AND lease = ?",
            task_id,
            key_print,
            due_at,
            job.id,
            job.lease,
        )
    )


def settle(tx: Tx, job: Job, outcome: Outcome, now: int, cost: Decimal | None) -> bool:
    """Outcome and money in one: the hold goes to the house for a video, back to the payer for a failure."""
    video = outcome if isinstance(outcome, Video) else None
    failure = outcome if isinstance(outcome, Failure) else None
    changed = tx.run(
        "UPDATE jobs SET state = 'settled', settled_at = ?, outcome = ?, failure_kind = ?, failure_text = ?,"
        " video = ?, kie_cost_micro = ?, attempts = 0, due_at = ?, leased_until = 0"
        " WHERE id = ? AND state = ? AND lease = ?",
        now,
        "video" if video else "failure",
        failure.kind if failure else None,
        failure.text if failure else None,
        video_text(video) if video else None,
        None if cost is None else to_micro(cost),
        now,
        job.id,
        job.state,
        job.lease,
    )
    if changed:
        money.post(tx, ledger.settle(job.id, job.payer, job.price, earned=video is not None), now)
    return bool(changed)


def delivered(tx: Tx, job: Job, to: str, message_id: str | None, now: int) -> bool:
    return bool(
        tx.run(
            "UPDATE jobs SET state = 'delivered', ended_at = ?, delivered_to = ?, message_id = ?, leased_until = 0"
            " WHERE id = ? AND state = 'settled' AND lease = ?",
            now,
            to,
            message_id,
            job.id,
            job.lease,
        )
    )


def cancel_queued(tx: Tx, job: Job, now: int, text: str) -> bool:
    """Cancelling is free while nothing was sent. A worker that holds the job loses its lease."""
    if not tx.run(
        "UPDATE jobs SET lease = lease + 1, leased_until = 0 WHERE id = ? AND state = 'queued'", job.id
    ):
        return False
    fresh = get(tx, job.id)
    return fresh is not None and settle(tx, fresh, Failure(FailureKind.CANCELLED, text), now, None)


def refund(tx: Tx, job: Job, now: int, reason: str) -> bool:
    """Give back what a delivered or settled video cost, once."""
    if not tx.run(
        "UPDATE jobs SET refunded_at = ? WHERE id = ? AND outcome = 'video' AND refunded_at IS NULL",
        now,
        job.id,
    ):
        return False
    money.post(tx, ledger.refund(job.id, job.payer, job.price, reason), now)
    add_event(tx, job.id, now, "refunded", credits=job.price, reason=reason)
    return True


def set_patience_told(tx: Tx, job: Job) -> None:
    tx.run("UPDATE jobs SET patience_told = 1 WHERE id = ? AND lease = ?", job.id, job.lease)


def seen(tx: Tx, job_id: str, now: int) -> None:
    tx.run("UPDATE jobs SET seen_at = ? WHERE id = ? AND seen_at IS NULL", now, job_id)


def details(tx: Tx, job_id: str) -> Mapping[str, Any]:
    """What was sent to KIE and what came back, newest of each kind."""
    found: dict[str, Any] = {}
    for event in events(tx, job_id):
        if event.kind in ("submitting", "accepted", "refused", "answered"):
            found[event.kind] = dict(event.detail)
    return found
