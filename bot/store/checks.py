"""Queries that must return nothing. Run by tests, after migrating, every ten minutes, and by `credits verify`.

They go over the whole ledger, so they are written for its indexes (0004): each walks one index in its order and looks
beside it, so that what it reads next is at hand already; no row of a job or a transfer is read. Where the planner would
take another way, a comparison stands in WHERE behind a LEFT JOIN, out of its reach.
"""

from __future__ import annotations

from bot.store.db import Tx
from bot.store.jobs import OPEN

CHECKS: dict[str, str] = {
    "a balance equals the sum of its transfers": """
        SELECT b.account, b.available FROM balances b
        WHERE b.available <> COALESCE((SELECT SUM(t.amount) FROM transfers t WHERE t.target = b.account), 0)
          - COALESCE((SELECT SUM(t.amount) FROM transfers t WHERE t.source = b.account), 0)""",
    # ';' comes right after ':'
    "every payer that transfers name has a balance": """
        SELECT DISTINCT source FROM transfers WHERE source >= 'user:' AND source < 'user;' UNION
        SELECT DISTINCT target FROM transfers WHERE target >= 'user:' AND target < 'user;' UNION
        SELECT DISTINCT source FROM transfers WHERE source >= 'pool:' AND source < 'pool;' UNION
        SELECT DISTINCT target FROM transfers WHERE target >= 'pool:' AND target < 'pool;' EXCEPT
        SELECT account FROM balances""",
    "what a payer holds is what its open jobs cost": f"""
        SELECT b.account, b.held, j.total FROM balances b
        LEFT JOIN (SELECT payer, SUM(price) AS total FROM jobs WHERE state IN {OPEN} GROUP BY payer) j
          ON j.payer = b.account
        WHERE b.held <> COALESCE(j.total, 0)""",
    "every job has the hold of its price": """
        SELECT j.id FROM jobs j LEFT JOIN transfers t ON t.target = 'job:' || j.id
        WHERE t.id IS NULL OR t.amount <> j.price OR t.source <> j.payer
          OR t.id <> COALESCE((SELECT r.id FROM transfers r WHERE r.reference = 'hold:' || j.id), 0)""",
    "a settled job gave its hold to the house for a video, back for a failure": """
        SELECT j.id FROM jobs j LEFT JOIN transfers t ON t.source = 'job:' || j.id
        WHERE j.outcome IS NOT NULL AND (t.id IS NULL OR t.amount <> j.price
          OR t.target <> CASE WHEN j.outcome = 'video' THEN 'house' ELSE j.payer END
          OR t.id <> COALESCE((SELECT r.id FROM transfers r WHERE r.reference = 'settle:' || j.id), 0))""",
    "an open job is not settled": f"""
        SELECT j.id FROM jobs j WHERE j.state IN {OPEN}
          AND (EXISTS (SELECT 1 FROM transfers t WHERE t.reference = 'settle:' || j.id)
            OR EXISTS (SELECT 1 FROM transfers t WHERE t.source = 'job:' || j.id))""",
    "a refund stands in the job and in the ledger": """
        SELECT j.id FROM jobs j LEFT JOIN transfers t ON t.reference = 'refund:' || j.id
        WHERE j.refunded_at IS NOT NULL
          AND (t.id IS NULL OR t.amount <> j.price OR t.source <> 'house' OR t.target <> j.payer)
        UNION ALL
        SELECT t.reference FROM transfers t LEFT JOIN jobs j ON j.id = SUBSTR(t.reference, 8)
        WHERE t.reference >= 'refund:' AND t.reference < 'refund;' AND j.refunded_at IS NULL""",
    # Where each job has its hold, and each settled one its settlement, and nothing else (above), their numbers tell
    # whether there are others: only then is it worth looking for them.
    "a transfer of a job belongs to one": """
        SELECT t.reference FROM transfers t WHERE t.target >= 'job:' AND t.target < 'job;'
          AND (SELECT COUNT(*) FROM transfers WHERE target >= 'job:' AND target < 'job;')
            <> (SELECT COUNT(*) FROM jobs)
          AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = SUBSTR(t.target, 5))
        UNION ALL
        SELECT t.reference FROM transfers t WHERE t.source >= 'job:' AND t.source < 'job;'
          AND (SELECT COUNT(*) FROM transfers WHERE source >= 'job:' AND source < 'job;')
            <> (SELECT COUNT(*) FROM jobs WHERE outcome IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = SUBSTR(t.source, 5))""",
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
