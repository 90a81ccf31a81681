"""When the machine's clock was set: what waits by it moves along, so that nobody waits longer or ends sooner for it."""

from __future__ import annotations

from bot.store import jobs
from bot.store.db import Tx


def jumped(tx: Tx, jump: int, now: int, lease: int) -> None:
    """The clock moved by `jump` ms beyond the time that passed (negative: back), and says `now`.

    Open jobs and gifts count their time from moments moved along; how long each has waited stays what it was.
    """
    back = min(jump, 0)
    for row in tx.all("SELECT id FROM jobs WHERE state <> 'delivered'"):
        jobs.add_event(tx, row["id"], now, "clock jumped", ms=jump)
    tx.run(
        "UPDATE jobs SET created_at = created_at + ?, submitted_at = submitted_at + ?, settled_at = settled_at + ?"
        " WHERE state <> 'delivered'",
        jump,
        jump,
        jump,
    )
    # attempts of before must stay later than the asking, or they would not be counted
    tx.run(
        "UPDATE extras SET until = until + ?, asked_at = asked_at + ? WHERE ended_at IS NULL",
        jump,
        back,
    )
    tx.run("UPDATE gates SET closed_at = closed_at + ?, retry_at = retry_at + ?", jump, back)
    if back:
        _due_within(tx, now, 0, lease)


def mend(tx: Tx, now: int, most: int, lease: int) -> None:
    """At a start: nothing began later than now, and nothing waits longer than `most` ms; else the clock was set back
    while nobody looked."""
    for moment in ("created_at", "submitted_at", "settled_at"):
        tx.run(f"UPDATE jobs SET {moment} = ? WHERE {moment} > ? AND state <> 'delivered'", now, now)
    tx.run("UPDATE extras SET asked_at = ? WHERE asked_at > ? AND ended_at IS NULL", now, now)
    tx.run("UPDATE gates SET closed_at = ? WHERE closed_at > ?", now, now)
    _due_within(tx, now, most, lease)


def _due_within(tx: Tx, now: int, most: int, lease: int) -> None:
    for table, open_still in (
        ("jobs", "state <> 'delivered'"),
        ("extras", "ended_at IS NULL"),
        ("notices", "state = 'due'"),
    ):
        tx.run(f"UPDATE {table} SET due_at = ? WHERE due_at > ? AND {open_still}", now, now + most)
    tx.run("UPDATE gates SET retry_at = ? WHERE retry_at > ?", now, now + most)
    tx.run(
        "UPDATE jobs SET leased_until = ? WHERE leased_until > ? AND state <> 'delivered'",
        now + lease,
        now + lease,
    )
