"""When the machine's clock was set: what waits by it moves along, so that nobody waits longer or ends sooner for it."""

from __future__ import annotations

from bot.store import jobs
from bot.store.db import Tx


def jumped(tx: Tx, jump: int, since: int, now: int, lease: int) -> None:
    """The clock moved by `jump` ms beyond the time that passed (negative: back), at `since` of its new time or later, and
    says `now`.

    Open jobs and gifts count their time from moments moved along; how long each has waited stays what it was. Moments
    from `since` on stay where they are: the new clock wrote them before anybody noticed.
    """
    back = min(jump, 0)
    for row in tx.all("SELECT id FROM jobs WHERE state <> 'delivered'"):
        jobs.add_event(tx, row["id"], now, "clock jumped", ms=jump)
    for moment in ("created_at", "submitted_at", "settled_at"):
        tx.run(
            f"UPDATE jobs SET {moment} = {moment} + ? WHERE state <> 'delivered' AND {_BY_THE_OLD.format(moment)}",
            jump,
            since,
            now,
        )
    # attempts of before must stay later than the asking, or they would not be counted
    tx.run(
        "UPDATE extras SET until = until + ?, asked_at = asked_at + ?"
        f" WHERE ended_at IS NULL AND {_BY_THE_OLD.format('asked_at')}",
        jump,
        back,
        since,
        now,
    )
    tx.run(
        f"UPDATE gates SET closed_at = closed_at + ?, retry_at = retry_at + ? WHERE {_BY_THE_OLD.format('closed_at')}",
        jump,
        back,
        since,
        now,
    )
    if back:
        _due_within(tx, now, 0, lease)


_BY_THE_OLD = "NOT {} BETWEEN ? AND ?"


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
    for table, open_still in (("jobs", "state <> 'delivered'"), ("extras", "ended_at IS NULL")):
        tx.run(
            f"UPDATE {table} SET leased_until = ? WHERE leased_until > ? AND {open_still}",
            now + lease,
            now + lease,
        )
