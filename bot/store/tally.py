"""Counting jobs: how many of what kind, what they cost, how long they took."""

from __future__ import annotations

from decimal import Decimal

from bot.domain import Job, JobState
from bot.store.db import Tx
from bot.store.jobs import LIVE, OPEN
from bot.store.plain import from_micro


def counts(tx: Tx) -> dict[JobState, int]:
    """Jobs not yet delivered, by state."""
    rows = tx.all("SELECT state, COUNT(*) AS n FROM jobs WHERE state <> 'delivered' GROUP BY state")
    return {JobState(row["state"]): row["n"] for row in rows}


def outcomes(tx: Tx) -> dict[str, int]:
    """How jobs ended since the first start: `video`, or the kind of failure."""
    rows = tx.all(
        "SELECT COALESCE(failure_kind, outcome) AS ended, COUNT(*) AS n FROM jobs"
        " WHERE outcome IS NOT NULL GROUP BY COALESCE(failure_kind, outcome)"
    )
    return {row["ended"]: row["n"] for row in rows}


def under_way(tx: Tx, user_id: int | None = None) -> int:
    """Jobs at KIE, or whose submission is under way."""
    if user_id is None:
        number: int = tx.value(
            f"SELECT COUNT(*) FROM jobs WHERE state IN ('submitting', 'running') AND {LIVE}"
        )
    else:
        number = tx.value(
            "SELECT COUNT(*) FROM jobs WHERE user_id = ? AND state IN ('submitting', 'running')"
            f" AND state IN {OPEN}",
            user_id,
        )
    return number


def queued_of(tx: Tx, user_id: int) -> int:
    number: int = tx.value(
        f"SELECT COUNT(*) FROM jobs WHERE user_id = ? AND state = 'queued' AND state IN {OPEN}", user_id
    )
    return number


def place(tx: Tx, job: Job) -> int:
    """How many queued jobs were asked before this one, plus one."""
    number: int = tx.value(
        "SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND created_at < ?", job.created_at
    )
    return number + 1


def open_of(tx: Tx, user_id: int) -> int:
    number: int = tx.value(f"SELECT COUNT(*) FROM jobs WHERE user_id = ? AND state IN {OPEN}", user_id)
    return number


def spent_since(tx: Tx, user_id: int, since: int) -> int:
    """Credits a user committed since a moment: all orders but those given back."""
    total: int = tx.value(
        "SELECT COALESCE(SUM(price), 0) FROM jobs WHERE user_id = ? AND created_at >= ?"
        " AND (outcome IS NULL OR (outcome = 'video' AND refunded_at IS NULL))",
        user_id,
        since,
    )
    return total


def kie_spent_since(tx: Tx, since: int, waiting: bool) -> Decimal:
    """KIE credits since a moment: the bill where known, else the forecast; `waiting` adds what is still queued.

    KIE bills no failure of its own. What it does with a task that we lost sight of, nobody knows: that counts as billed.
    """
    total = tx.value(
        "SELECT COALESCE(SUM(COALESCE(kie_cost_micro, CASE WHEN outcome = 'failure'"
        " AND failure_kind NOT IN ('lost', 'expired', 'unfetchable') THEN 0 ELSE kie_credits_micro END)), 0)"
        " FROM jobs WHERE submitted_at >= ? AND state <> 'queued'",
        since,
    )
    if waiting:
        total += tx.value("SELECT COALESCE(SUM(kie_credits_micro), 0) FROM jobs WHERE state = 'queued'")
    return from_micro(total)


def next_forecast(tx: Tx) -> Decimal:
    """KIE credits that the oldest queued job will cost; 0 when none waits."""
    micro = tx.value("SELECT kie_credits_micro FROM jobs WHERE state = 'queued' ORDER BY created_at LIMIT 1")
    return from_micro(micro or 0)


def durations(tx: Tx, model: str, last: int = 50) -> list[float]:
    """Seconds from submission to settlement of a model's latest videos."""
    rows = tx.all(
        "SELECT settled_at - submitted_at AS ms FROM jobs WHERE model = ? AND outcome = 'video'"
        " ORDER BY settled_at DESC LIMIT ?",
        model,
        last,
    )
    return [row["ms"] / 1000 for row in rows]
