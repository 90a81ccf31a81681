"""What operators were told last."""

from __future__ import annotations

from dataclasses import dataclass

from bot.store.db import Tx


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice by its kind (`gate`, `kept:<job>`) and when it was last sent (Unix ms)."""

    kind: str
    at: int


def latest(tx: Tx, limit: int) -> list[Sent]:
    """Newest first."""
    return [
        Sent(row["kind"], row["at"])
        for row in tx.all("SELECT kind, at FROM notices ORDER BY at DESC, kind LIMIT ?", limit)
    ]
