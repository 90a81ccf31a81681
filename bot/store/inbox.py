"""Updates of the chats: kept before they are confirmed, handled from here, dropped when old."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain import UserRef
from bot.ports import Update
from bot.store.db import Tx

HANDLED_KEPT_MS = 24 * 3_600_000
TROUBLE_KEPT_MS = 7 * 24 * 3_600_000


def put(tx: Tx, update: Update, now: int) -> bool:
    """False when this update was kept before."""
    return bool(
        tx.run(
            "INSERT INTO inbox (platform, id, lane, sender, payload, at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (platform, id) DO NOTHING",
            update.platform,
            update.id,
            update.lane,
            update.sender,
            update.payload,
            now,
        )
    )


def waiting(tx: Tx, platform: str) -> Sequence[Update]:
    """What is not handled yet, as it came."""
    rows = tx.all("SELECT * FROM inbox WHERE platform = ? AND handled_at IS NULL ORDER BY seq", platform)
    return [
        Update(row["platform"], row["id"], row["lane"], row["sender"], row["payload"], row["attempts"])
        for row in rows
    ]


def count(tx: Tx, update: Update) -> None:
    tx.run(
        "UPDATE inbox SET attempts = attempts + 1 WHERE platform = ? AND id = ?", update.platform, update.id
    )


def clear(tx: Tx, update: Update) -> None:
    tx.run("UPDATE inbox SET attempts = 0 WHERE platform = ? AND id = ?", update.platform, update.id)


def handled(tx: Tx, platform: str, update_id: int, now: int, trouble: str | None = None) -> None:
    tx.run(
        "UPDATE inbox SET handled_at = ?, trouble = ? WHERE platform = ? AND id = ? AND handled_at IS NULL",
        now,
        trouble,
        platform,
        update_id,
    )


def forget(tx: Tx, who: UserRef, now: int) -> None:
    """Erase what a person sent. The number stays, so that a repeat is still known as one."""
    tx.run(
        "UPDATE inbox SET payload = '', sender = '', lane = '', handled_at = COALESCE(handled_at, ?)"
        " WHERE platform = ? AND sender = ?",
        now,
        who.platform,
        who.external_id,
    )


def drop_old(tx: Tx, now: int) -> None:
    tx.run("DELETE FROM inbox WHERE handled_at < ? AND trouble IS NULL", now - HANDLED_KEPT_MS)
    tx.run("DELETE FROM inbox WHERE handled_at < ?", now - TROUBLE_KEPT_MS)
