"""Small notes of the chats by name, each with an end and an owner if it has them."""

from __future__ import annotations

from typing import Any

from bot.domain import UserRef
from bot.store.db import Tx
from bot.store.plain import from_text, to_text


def get(tx: Tx, name: str, now: int) -> Any:
    """The value, or None when there is none (any more)."""
    found = tx.value(
        "SELECT value FROM memory WHERE name = ? AND (expires IS NULL OR expires > ?)", name, now
    )
    return None if found is None else from_text(found)


def put(tx: Tx, name: str, value: Any, owner: UserRef | None, expires: int | None) -> None:
    tx.run(
        "INSERT INTO memory (name, value, owner, expires) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET value = excluded.value, owner = excluded.owner, expires = excluded.expires",
        name,
        to_text(value),
        None if owner is None else str(owner),
        expires,
    )


def drop(tx: Tx, name: str) -> None:
    tx.run("DELETE FROM memory WHERE name = ?", name)


def forget(tx: Tx, who: UserRef) -> None:
    tx.run("DELETE FROM memory WHERE owner = ?", str(who))


def drop_old(tx: Tx, now: int) -> None:
    tx.run("DELETE FROM memory WHERE expires <= ?", now)
