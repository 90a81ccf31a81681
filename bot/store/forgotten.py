"""What outlives a person's erasure, under a mark that only this installation can make again from the platform's id."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from bot.domain import UserRef
from bot.store import provider
from bot.store.db import Tx

KEY = "forgotten_key"


@dataclass(frozen=True, slots=True)
class Kept:
    """`spent` are the credits of the UTC day that began at `day` (Unix ms), as all times here."""

    blocked_at: int | None = None
    denied_at: int | None = None
    welcomed: bool = False
    day: int = 0
    spent: int = 0


NOTHING = Kept()


def keep(tx: Tx, who: UserRef, kept: Kept) -> None:
    """Beside what an earlier erasure left. Writes nothing where there is nothing to keep."""
    if kept == Kept(day=kept.day):
        return
    if provider.get_meta(tx, KEY) is None:
        provider.set_meta(tx, KEY, secrets.token_hex(32))
    tx.run(
        "INSERT INTO forgotten (mark, blocked_at, denied_at, welcomed, day, spent) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (mark) DO UPDATE SET blocked_at = excluded.blocked_at, denied_at = excluded.denied_at,"
        " welcomed = CASE WHEN excluded.welcomed = 1 THEN 1 ELSE forgotten.welcomed END, day = excluded.day,"
        " spent = excluded.spent + CASE WHEN forgotten.day = excluded.day THEN forgotten.spent ELSE 0 END",
        _mark(tx, who),
        kept.blocked_at,
        kept.denied_at,
        int(kept.welcomed),
        kept.day,
        kept.spent,
    )


def find(tx: Tx, who: UserRef) -> Kept:
    """What is kept of this person; `NOTHING` for one who was never erased."""
    row = tx.one("SELECT * FROM forgotten WHERE mark = ?", _mark(tx, who))
    if row is None:
        return NOTHING
    return Kept(row["blocked_at"], row["denied_at"], bool(row["welcomed"]), row["day"], row["spent"])


def spent(tx: Tx, who: UserRef, today: int) -> int:
    """Credits of this UTC day that earlier lives of this person used up."""
    kept = find(tx, who)
    return kept.spent if kept.day == today else 0


def lift_block(tx: Tx, who: UserRef) -> None:
    tx.run("UPDATE forgotten SET blocked_at = NULL WHERE mark = ?", _mark(tx, who))


def came_back(tx: Tx, who: UserRef) -> Kept:
    """The person has a row of their own again, where block and denial stand from now on."""
    kept = find(tx, who)
    if kept.blocked_at is not None or kept.denied_at is not None:
        tx.run("UPDATE forgotten SET blocked_at = NULL, denied_at = NULL WHERE mark = ?", _mark(tx, who))
    return kept


def drop_old(tx: Tx, today: int) -> None:
    """The spending of earlier days, and rows with nothing left to keep. `today` is when the UTC day began."""
    tx.run("UPDATE forgotten SET spent = 0 WHERE day < ? AND spent > 0", today)
    tx.run(
        "DELETE FROM forgotten WHERE blocked_at IS NULL AND denied_at IS NULL AND welcomed = 0 AND spent = 0"
    )


def _mark(tx: Tx, who: UserRef) -> str | None:
    """None, which no row has, before anybody was erased."""
    key = provider.get_meta(tx, KEY)
    return hmac.new(bytes.fromhex(key), str(who).encode(), hashlib.sha256).hexdigest() if key else None
