"""Delivery attempts, extras (gifts after a refund, videos sent again), and the files on our disk."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain import WAITING, Job, Video
from bot.store.db import Row, Tx
from bot.store.plain import video_of, video_text

WATCHED_MS = 48 * 3_600_000
BROUGHT_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the outbox; without `ended_at` nobody knows how it ended."""

    number: int
    route: str
    ended_at: int | None
    message_id: str | None
    error: str | None


def attempts(tx: Tx, job_id: str, extra: bool = False, since: int = 0) -> list[Attempt]:
    rows = tx.all(
        "SELECT * FROM deliveries WHERE job_id = ? AND extra = ? AND at >= ? ORDER BY number",
        job_id,
        int(extra),
        since,
    )
    return [
        Attempt(row["number"], row["route"], row["ended_at"], row["message_id"], row["error"]) for row in rows
    ]


def begin(tx: Tx, job: Job, route: str, now: int) -> int | None:
    """Write down that an attempt begins; returns its number, from 1. None: somebody else moved the job, or its member was
    forgotten meanwhile: send nothing."""
    number = _next(tx, job.id)
    begun = tx.run(
        "INSERT INTO deliveries (job_id, number, route, at) SELECT id, ?, ?, ? FROM jobs"
        " WHERE id = ? AND state = 'settled' AND lease = ? AND removed_at IS NULL",
        number,
        route,
        now,
        job.id,
        job.lease,
    )
    return number if begun else None


def _next(tx: Tx, job_id: str) -> int:
    number: int = tx.value("SELECT COALESCE(MAX(number), 0) + 1 FROM deliveries WHERE job_id = ?", job_id)
    return number


def end(
    tx: Tx, job_id: str, number: int, now: int, message_id: str | None = None, error: str | None = None
) -> None:
    """An attempt ends once: whoever comes later knows no better."""
    tx.run(
        "UPDATE deliveries SET ended_at = ?, message_id = ?, error = ?"
        " WHERE job_id = ? AND number = ? AND ended_at IS NULL",
        now,
        message_id,
        error,
        job_id,
        number,
    )


# --- extras ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Extra:
    """A video to hand over beside its job's own end; with a `task_id` it is a gift. It is watched, then handed over, until
    `until`. Like a job it is claimed under a new `lease`, and every write of a step names it; a lease of another number
    means that somebody else holds it, or that another task or an operator's wish has taken its place."""

    job_id: str
    task_id: str | None
    asked_at: int
    until: int
    video: Video | None
    lease: int


def watch_for_gift(tx: Tx, job_id: str, task_id: str, now: int, due_at: int) -> bool:
    """A refunded job's task may still end well: look at it for two days. False when nothing new was learnt.

    Another task takes the place of one that gave no video: of a lost job only hints are known, and they may be wrong.
    """
    return bool(
        tx.run(
            "INSERT INTO extras (job_id, task_id, asked_at, due_at, until) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (job_id) DO UPDATE SET task_id = excluded.task_id, asked_at = excluded.asked_at,"
            " due_at = excluded.due_at, until = excluded.until, ended_at = NULL, lease = extras.lease + 1,"
            " leased_until = 0 WHERE extras.video IS NULL AND extras.task_id <> excluded.task_id",
            job_id,
            task_id,
            now,
            due_at,
            now + WATCHED_MS,
        )
    )


def send_again(tx: Tx, job: Job, video: Video, now: int) -> None:
    tx.run(
        "INSERT INTO extras (job_id, asked_at, due_at, until, video) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (job_id) DO UPDATE SET asked_at = excluded.asked_at, due_at = excluded.due_at,"
        " until = excluded.until, video = excluded.video, ended_at = NULL, lease = extras.lease + 1, leased_until = 0",
        job.id,
        now,
        now,
        now + BROUGHT_MS,
        video_text(video),
    )


def due_extras(tx: Tx, now: int, limit: int) -> list[Extra]:
    """Extras whose time has come and which nobody holds, longest due first."""
    rows = tx.all(
        "SELECT * FROM extras WHERE ended_at IS NULL AND due_at <= ? AND leased_until <= ? ORDER BY due_at LIMIT ?",
        now,
        now,
        limit,
    )
    return [_extra_of(row) for row in rows]


def _extra_of(row: Row) -> Extra:
    video = video_of(row["video"]) if row["video"] else None
    return Extra(row["job_id"], row["task_id"], row["asked_at"], row["until"], video, row["lease"])


# --- their lease: every write of a step names it, and False means that somebody else was faster ------------------


_HELD = "job_id = ? AND lease = ? AND ended_at IS NULL"


def claim_extra(tx: Tx, extra: Extra, now: int, until: int) -> Extra | None:
    """Take the lease under a new number; None when somebody else was faster."""
    taken = tx.run(
        f"UPDATE extras SET lease = lease + 1, leased_until = ? WHERE {_HELD} AND leased_until <= ?",
        until,
        extra.job_id,
        extra.lease,
        now,
    )
    row = tx.one("SELECT * FROM extras WHERE job_id = ?", extra.job_id) if taken else None
    return _extra_of(row) if row else None


def renew_extra(tx: Tx, extra: Extra, until: int) -> None:
    """One whose step has put it down already stays free."""
    tx.run(
        f"UPDATE extras SET leased_until = ? WHERE {_HELD} AND leased_until > 0",
        until,
        extra.job_id,
        extra.lease,
    )


def holds_extra(tx: Tx, extra: Extra) -> bool:
    """Whether the extra is still held under this number."""
    return tx.one(f"SELECT 1 FROM extras WHERE {_HELD}", extra.job_id, extra.lease) is not None


def begin_extra(tx: Tx, extra: Extra, route: str, now: int) -> int | None:
    """Like `begin`."""
    number = _next(tx, extra.job_id)
    begun = tx.run(
        "INSERT INTO deliveries (job_id, number, route, extra, at) SELECT job_id, ?, ?, 1, ? FROM extras"
        f" WHERE {_HELD}",
        number,
        route,
        now,
        extra.job_id,
        extra.lease,
    )
    return number if begun else None


def extra_later(tx: Tx, extra: Extra, due_at: int) -> bool:
    return bool(
        tx.run(
            f"UPDATE extras SET due_at = ?, leased_until = 0 WHERE {_HELD}", due_at, extra.job_id, extra.lease
        )
    )


def gift_arrived(tx: Tx, extra: Extra, video: Video, now: int) -> bool:
    """From now on it waits to be handed over."""
    return bool(
        tx.run(
            "UPDATE extras SET video = ?, asked_at = ?, due_at = ?, until = ?, leased_until = 0"
            f" WHERE {_HELD}",
            video_text(video),
            now,
            now,
            now + BROUGHT_MS,
            extra.job_id,
            extra.lease,
        )
    )


def extra_ended(tx: Tx, extra: Extra, now: int) -> bool:
    return bool(
        tx.run(
            f"UPDATE extras SET ended_at = ?, leased_until = 0 WHERE {_HELD}", now, extra.job_id, extra.lease
        )
    )


def gift_of(tx: Tx, job_id: str) -> Video | None:
    text = tx.value("SELECT video FROM extras WHERE job_id = ? AND task_id IS NOT NULL", job_id)
    return video_of(text) if text else None


# --- what may be deleted -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """A video on our disk, with what retention needs to know; `kept`: its member has not got it (WAITING)."""

    job_id: str
    video: Video
    ended_at: int
    seen: bool
    kept: bool


def videos_on_disk(tx: Tx) -> list[KeptVideo]:
    """Videos of ended jobs, gifts among them, oldest first."""
    rows = tx.all(
        "SELECT j.id, COALESCE(j.video, e.video) AS video, COALESCE(e.ended_at, j.ended_at) AS ended_at,"
        " j.seen_at, j.delivered_to FROM jobs j LEFT JOIN extras e ON e.job_id = j.id"
        " WHERE COALESCE(j.video, e.video) IS NOT NULL AND j.removed_at IS NULL AND j.ended_at IS NOT NULL"
        " ORDER BY ended_at"
    )
    return [
        KeptVideo(
            row["id"],
            video_of(row["video"]),
            row["ended_at"],
            row["seen_at"] is not None,
            row["delivered_to"] in WAITING,
        )
        for row in rows
    ]


def video_files(tx: Tx) -> set[str]:
    """Names of all files that jobs and extras still own."""
    names: set[str] = set()
    for row in tx.all(
        "SELECT video FROM jobs WHERE video IS NOT NULL AND removed_at IS NULL"
        " UNION ALL SELECT e.video FROM extras e JOIN jobs j ON j.id = e.job_id"
        " WHERE e.video IS NOT NULL AND j.removed_at IS NULL"
    ):
        video = video_of(row["video"])
        names.update(name for name in (video.file, video.thumbnail) if name)
    return names


def removed(tx: Tx, job_id: str, now: int) -> None:
    tx.run("UPDATE jobs SET removed_at = ? WHERE id = ?", now, job_id)


def waits(tx: Tx, job_id: str) -> bool:
    """Whether the job's result still waits for its user, who may be fetching it right now."""
    found = tx.one(
        "SELECT 1 FROM jobs WHERE id = ? AND delivered_to IN ('kept', 'notice') AND seen_at IS NULL", job_id
    )
    return found is not None


def kept_for(tx: Tx, user_id: int) -> list[str]:
    """Jobs whose result waits for its user."""
    rows = tx.all(
        "SELECT id FROM jobs WHERE user_id = ? AND delivered_to IN ('kept', 'notice') AND seen_at IS NULL AND removed_at IS NULL"
        " ORDER BY created_at",
        user_id,
    )
    return [row["id"] for row in rows]
