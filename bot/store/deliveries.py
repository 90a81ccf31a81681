"""Delivery attempts, extras (gifts after a refund, videos sent again), and the files on our disk."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain import KEPT, Job, Video
from bot.store.db import Tx
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


def begin(tx: Tx, job_id: str, route: str, now: int, extra: bool = False) -> int:
    """Write down that an attempt begins; returns its number, from 1."""
    number: int = tx.value("SELECT COALESCE(MAX(number), 0) + 1 FROM deliveries WHERE job_id = ?", job_id)
    tx.run(
        "INSERT INTO deliveries (job_id, number, route, extra, at) VALUES (?, ?, ?, ?, ?)",
        job_id,
        number,
        route,
        int(extra),
        now,
    )
    return number


def end(
    tx: Tx, job_id: str, number: int, now: int, message_id: str | None = None, error: str | None = None
) -> None:
    tx.run(
        "UPDATE deliveries SET ended_at = ?, message_id = ?, error = ? WHERE job_id = ? AND number = ?",
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
    `until`."""

    job_id: str
    task_id: str | None
    asked_at: int
    until: int
    video: Video | None


def watch_for_gift(tx: Tx, job_id: str, task_id: str, now: int, due_at: int) -> bool:
    """A refunded job's task may still end well: look at it for two days. False when nothing new was learnt.

    Another task takes the place of one that gave no video: of a lost job only hints are known, and they may be wrong.
    """
    return bool(
        tx.run(
            "INSERT INTO extras (job_id, task_id, asked_at, due_at, until) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (job_id) DO UPDATE SET task_id = excluded.task_id, asked_at = excluded.asked_at,"
            " due_at = excluded.due_at, until = excluded.until, ended_at = NULL"
            " WHERE extras.video IS NULL AND extras.task_id <> excluded.task_id",
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
        " until = excluded.until, video = excluded.video, ended_at = NULL",
        job.id,
        now,
        now,
        now + BROUGHT_MS,
        video_text(video),
    )


def due_extras(tx: Tx, now: int, limit: int) -> list[Extra]:
    rows = tx.all(
        "SELECT * FROM extras WHERE ended_at IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?", now, limit
    )
    return [
        Extra(
            row["job_id"],
            row["task_id"],
            row["asked_at"],
            row["until"],
            video_of(row["video"]) if row["video"] else None,
        )
        for row in rows
    ]


# Meanwhile another task may have been hinted at; what was learnt of this one says nothing of that one.
_SAME = "job_id = ? AND COALESCE(task_id, '') = COALESCE(?, '')"


def extra_later(tx: Tx, extra: Extra, due_at: int) -> None:
    tx.run(
        f"UPDATE extras SET due_at = ? WHERE ended_at IS NULL AND {_SAME}",
        due_at,
        extra.job_id,
        extra.task_id,
    )


def gift_arrived(tx: Tx, extra: Extra, video: Video, now: int) -> None:
    """From now on it waits to be handed over."""
    tx.run(
        f"UPDATE extras SET video = ?, asked_at = ?, due_at = ?, until = ? WHERE {_SAME}",
        video_text(video),
        now,
        now,
        now + BROUGHT_MS,
        extra.job_id,
        extra.task_id,
    )


def extra_ended(tx: Tx, extra: Extra, now: int) -> None:
    tx.run(f"UPDATE extras SET ended_at = ? WHERE {_SAME}", now, extra.job_id, extra.task_id)


def gift_of(tx: Tx, job_id: str) -> Video | None:
    text = tx.value("SELECT video FROM extras WHERE job_id = ? AND task_id IS NOT NULL", job_id)
    return video_of(text) if text else None


# --- what may be deleted -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """A video on our disk, with what retention needs to know."""

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
            row["delivered_to"] == KEPT,
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


def kept_for(tx: Tx, user_id: int) -> list[str]:
    """Jobs whose result waits for its user."""
    rows = tx.all(
        "SELECT id FROM jobs WHERE user_id = ? AND delivered_to = 'kept' AND seen_at IS NULL AND removed_at IS NULL"
        " ORDER BY created_at",
        user_id,
    )
    return [row["id"] for row in rows]
