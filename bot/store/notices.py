"""What operators are told: kept until one of them has been reached, and never more than a few of a family in an hour.

A notice's kind is its family, or its family and what it is about: `gate:402`, `lost:<job>`. `at` is when there was
something to tell; a time to come was written before the clock was set back, and counts as long ago.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bot.domain import Button
from bot.store.db import Tx
from bot.store.plain import from_text, to_text

HOUR_MS = 3_600_000
FIRST = 3  # of a family in an hour each is told by itself; the others are told of in one message
GATHER_MS = 60_000  # a burst is over before it is summed up
CLAIM_MS = 60_000  # whoever took a notice to tell it has so long, then somebody else may
KEPT_MS = 90 * 86_400_000
SUM = "sum"  # the family of messages that sum up: `sum:lost`


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice by its kind and when it came (Unix ms)."""

    kind: str
    at: int


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that somebody has to be told; `tries` counts the attempts before this one."""

    kind: str
    at: int
    text: str
    buttons: Sequence[Button]
    tries: int


def family(kind: str) -> str:
    return kind.partition(":")[0]


def latest(tx: Tx, limit: int) -> list[Sent]:
    """Newest first."""
    rows = tx.all(
        f"SELECT kind, at FROM notices WHERE kind NOT LIKE '{SUM}:%' ORDER BY at DESC, kind LIMIT ?", limit
    )
    return [Sent(row["kind"], row["at"]) for row in rows]


def put(tx: Tx, kind: str, text: str, buttons: Sequence[Button], now: int, pause_ms: int) -> Due | None:
    """Keep a notice unless its kind came within `pause_ms`; returned when it is to be told now, not summed up later."""
    last = tx.value("SELECT at FROM notices WHERE kind = ?", kind)
    if last is not None and 0 <= now - last < pause_ms:
        return None
    singly = _told_singly(tx, kind, now) < FIRST
    tx.run(
        "INSERT INTO notices (kind, at, state, text, buttons, due_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (kind) DO UPDATE SET at = excluded.at, state = excluded.state, text = excluded.text,"
        " buttons = excluded.buttons, due_at = excluded.due_at, tries = 0, told_at = NULL",
        kind,
        now,
        "due" if singly else "held",
        text,
        to_text([asdict(button) for button in buttons]),
        now + CLAIM_MS,
    )
    return Due(kind, now, text, buttons, 0) if singly else None


def _told_singly(tx: Tx, kind: str, now: int) -> int:
    """Others of its family within the hour that are not summed up."""
    rows = tx.all(
        "SELECT kind FROM notices WHERE at > ? AND at <= ? AND state IN ('due', 'told', 'dropped')",
        now - HOUR_MS,
        now,
    )
    return sum(family(row["kind"]) == family(kind) and row["kind"] != kind for row in rows)


def stands(tx: Tx, name: str) -> bool:
    """Whether something of this family was told, or is to be, that nothing has ended yet."""
    return (
        tx.one("SELECT 1 FROM notices WHERE kind = ? OR kind LIKE ? || ':%' LIMIT 1", name, name) is not None
    )


def over(tx: Tx, name: str) -> None:
    """What this family told no longer holds: the next one is news at once, and what was not told yet is not told."""
    tx.run("DELETE FROM notices WHERE kind = ? OR kind LIKE ? || ':%'", name, name)


def waiting(tx: Tx) -> bool:
    """Whether there is any that nobody was told yet."""
    return tx.one("SELECT 1 FROM notices WHERE state = 'due' OR state = 'held' LIMIT 1") is not None


def take(tx: Tx, now: int, limit: int) -> list[Due]:
    """Those whose time has come, oldest first, taken so that nobody else tells them meanwhile.

    Of a family that could not be told for long only the first few are left; the others wait to be summed up.
    """
    taken: list[Due] = []
    seen: Counter[str] = Counter()
    for row in tx.all("SELECT * FROM notices WHERE state = 'due' ORDER BY at, kind"):
        name = family(row["kind"])
        seen[name] += 1
        if seen[name] > FIRST and row["tries"] and name != SUM:
            tx.run("UPDATE notices SET state = 'held' WHERE kind = ?", row["kind"])
        elif row["due_at"] <= now and len(taken) < limit:
            tx.run("UPDATE notices SET due_at = ? WHERE kind = ?", now + CLAIM_MS, row["kind"])
            buttons = tuple(Button(**each) for each in from_text(row["buttons"]))
            taken.append(Due(row["kind"], row["at"], row["text"], buttons, row["tries"]))
    return taken


def told(tx: Tx, notice: Due, now: int) -> None:
    """Its words are not needed any more: they may be a member's."""
    tx.run(
        "UPDATE notices SET state = 'told', told_at = ?, text = '', buttons = '[]'"
        " WHERE kind = ? AND at = ? AND state = 'due'",
        now,
        notice.kind,
        notice.at,
    )


def later(tx: Tx, notice: Due, due_at: int) -> None:
    """Nobody could be told."""
    tx.run(
        "UPDATE notices SET due_at = ?, tries = tries + 1 WHERE kind = ? AND at = ? AND state = 'due'",
        due_at,
        notice.kind,
        notice.at,
    )


def drop(tx: Tx, notice: Due) -> None:
    tx.run(
        "UPDATE notices SET state = 'dropped', text = '', buttons = '[]' WHERE kind = ? AND at = ? AND state = 'due'",
        notice.kind,
        notice.at,
    )


def held(tx: Tx, now: int) -> dict[str, list[str]]:
    """What is to be summed up now: by family, what each was about. One message a family and hour."""
    rows = tx.all("SELECT kind, at FROM notices WHERE state = 'held' ORDER BY at, kind")
    found: dict[str, list[str]] = {}
    young: set[str] = set()
    for row in rows:
        name, _, subject = row["kind"].partition(":")
        if name not in found and 0 <= now - row["at"] < GATHER_MS:
            young.add(name)
        found.setdefault(name, []).append(subject)
    for name in found:
        last = tx.one("SELECT at, state FROM notices WHERE kind = ?", f"{SUM}:{name}")
        if last and (last["state"] == "due" or 0 <= now - last["at"] < HOUR_MS):
            young.add(name)
    return {name: subjects for name, subjects in found.items() if name not in young}


def sum_up(tx: Tx, name: str, text: str, now: int) -> None:
    """Those held of a family become this one message, which is due now."""
    tx.run(
        "INSERT INTO notices (kind, at, state, text, due_at) VALUES (?, ?, 'due', ?, ?)"
        " ON CONFLICT (kind) DO UPDATE SET at = excluded.at, state = 'due', text = excluded.text,"
        " due_at = excluded.due_at, tries = 0, told_at = NULL",
        f"{SUM}:{name}",
        now,
        text,
        now,
    )
    tx.run(
        "UPDATE notices SET state = 'summed', text = '', buttons = '[]'"
        " WHERE state = 'held' AND (kind = ? OR kind LIKE ? || ':%')",
        name,
        name,
    )


def forget(tx: Tx, user_id: int) -> None:
    """What was to be told about this person's videos holds their words."""
    tx.run(
        "UPDATE notices SET state = 'dropped', text = '', buttons = '[]' WHERE text <> ''"
        " AND SUBSTR(kind, INSTR(kind, ':') + 1) IN (SELECT id FROM jobs WHERE user_id = ?)",
        user_id,
    )


def drop_old(tx: Tx, now: int) -> None:
    tx.run("DELETE FROM notices WHERE at < ? AND state NOT IN ('due', 'held')", now - KEPT_MS)
