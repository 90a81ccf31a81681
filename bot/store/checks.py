"""Queries that must return nothing. Run by tests, after migrating, every ten minutes, and by `credits verify`."""

from __future__ import annotations

from bot.store.db import Tx

CHECKS: dict[str, str] = {
    "a balance equals the sum of its transfers": """
        SELECT b.account, b.available, s.total FROM balances b
        LEFT JOIN (SELECT account, SUM(amount) AS total FROM (
            SELECT target AS account, amount FROM transfers UNION ALL
            SELECT source AS account, -amount AS amount FROM transfers) m GROUP BY account) s
          ON s.account = b.account
        WHERE b.available <> COALESCE(s.total, 0)""",
    "every payer that transfers name has a balance": """
        SELECT t.account FROM (SELECT source AS account FROM transfers UNION SELECT target FROM transfers) t
        LEFT JOIN balances b ON b.account = t.account
        WHERE b.account IS NULL AND (t.account LIKE 'user:%' OR t.account LIKE 'pool:%')""",
    "what a payer holds is what its open jobs cost": """
        SELECT b.account, b.held, j.total FROM balances b
        LEFT JOIN (SELECT payer, SUM(price) AS total FROM jobs WHERE outcome IS NULL GROUP BY payer) j
          ON j.payer = b.account
        WHERE b.held <> COALESCE(j.total, 0)""",
    "every job has the hold of its price": """
        SELECT j.id FROM jobs j LEFT JOIN transfers t ON t.reference = 'hold:' || j.id
        WHERE t.id IS NULL OR t.amount <> j.price OR t.source <> j.payer OR t.target <> 'job:' || j.id""",
    "a settled job gave its hold to the house for a video, back for a failure": """
        SELECT j.id FROM jobs j LEFT JOIN transfers t ON t.reference = 'settle:' || j.id
        WHERE j.outcome IS NOT NULL AND (t.id IS NULL OR t.amount <> j.price OR t.source <> 'job:' || j.id
          OR t.target <> CASE WHEN j.outcome = 'video' THEN 'house' ELSE j.payer END)""",
    "an open job is not settled": """
        SELECT j.id FROM jobs j JOIN transfers t ON t.reference = 'settle:' || j.id WHERE j.outcome IS NULL""",
    "a refund stands in the job and in the ledger": """
        SELECT j.id FROM jobs j LEFT JOIN transfers t ON t.reference = 'refund:' || j.id
        WHERE (j.refunded_at IS NULL) <> (t.id IS NULL)
          OR (t.id IS NOT NULL AND (t.amount <> j.price OR t.source <> 'house' OR t.target <> j.payer))""",
    "a transfer of a job belongs to one": """
        SELECT t.reference FROM transfers t LEFT JOIN jobs j
          ON j.id = SUBSTR(CASE WHEN t.source LIKE 'job:%' THEN t.source ELSE t.target END, 5)
        WHERE (t.source LIKE 'job:%' OR t.target LIKE 'job:%') AND j.id IS NULL""",
    "one task belongs to one job": """
        SELECT task_id FROM jobs WHERE task_id IS NOT NULL GROUP BY task_id HAVING COUNT(*) > 1""",
    "a delivered job says where": """
        SELECT id FROM jobs WHERE state = 'delivered' AND delivered_to IS NULL""",
}


def broken(tx: Tx) -> dict[str, list[str]]:
    """The rules that do not hold, each with at most ten rows that break it."""
    found: dict[str, list[str]] = {}
    for rule, query in CHECKS.items():
        rows = tx.all(f"{query} LIMIT 10")
        if rows:
            found[rule] = [", ".join(str(value) for value in row) for row in rows]
    return found


def damage(tx: Tx) -> str | None:
    """What SQLite finds wrong with the file itself; None when it is whole."""
    found = str(tx.value("PRAGMA quick_check(1)"))
    return None if found == "ok" else found
