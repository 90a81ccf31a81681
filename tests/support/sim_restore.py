"""A simulated operator who puts a backup back: what the world then knows more than the bot does, and what it forgives."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support.sim_chat import SimChat
from support.sim_chronicle import Chronicle
from support.sim_kie import SimKie
from support.sim_people import People
from support.sim_truth import Excuses

from bot.store import Tx, backup


def restore(
    copy: Path,
    database: Path,
    now: int,
    *,
    kie: SimKie,
    chat: SimChat,
    people: People,
    seen: Chronicle,
    excuses: Excuses,
) -> None:
    """Raises StartError. What was ordered, told and promised since the copy was made holds no more; KIE and the chat have
    what they have. A job that stood queued or was being handed over in the copy must never be sent."""
    backup.restore(copy, database, force=True, now=now)
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        tx = Tx(connection)
        seen.restored(tx)
        jobs = {row["id"]: row["failure_kind"] for row in tx.all("SELECT id, failure_kind FROM jobs")}
        waiting = tx.all("SELECT id FROM jobs WHERE state IN ('queued', 'submitting')")
        excuses.unknown |= {row["id"] for row in waiting}
    people.ordered = {key: job_id for key, job_id in people.ordered.items() if job_id in jobs}
    people.cancelled = {job_id for job_id in people.cancelled if jobs.get(job_id) == "cancelled"}
    people.open_drafts.clear()
    people.resent.clear()
    kie.believed.clear()
    chat.earlier += chat.messages
    chat.messages = []
