"""What is known of KIE: which models it makes, which of our accounts it serves; and the bot's own switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain import ModelState, ModelStatus
from bot.store.db import Tx


@dataclass(frozen=True, slots=True)
class ClosedGate:
    """Why an account takes no submissions, and when to try again (Unix ms).

    From `retry_at` on it stands ajar: one submission may try. After 402 only a balance that suffices opens it.
    """

    account: str
    code: int
    text: str
    closed_at: int
    tries: int
    retry_at: int

    def shut(self, now: int) -> bool:
        return self.code == 402 or now < self.retry_at


def gates(tx: Tx) -> list[ClosedGate]:
    return [
        ClosedGate(row["account"], row["code"], row["text"], row["closed_at"], row["tries"], row["retry_at"])
        for row in tx.all("SELECT * FROM gates ORDER BY closed_at")
    ]


def close_gate(tx: Tx, account: str, code: int, text: str, now: int, retry_at: int) -> bool:
    """True when it was open before, or another cause keeps it closed now: tell the operator."""
    known = tx.value("SELECT code FROM gates WHERE account = ?", account)
    tx.run(
        "INSERT INTO gates (account, code, text, closed_at, tries, retry_at) VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT (account) DO UPDATE SET code = excluded.code, text = excluded.text,"
        " tries = CASE WHEN gates.code = excluded.code THEN gates.tries + 1 ELSE 1 END, retry_at = excluded.retry_at",
        account,
        code,
        text,
        now,
        retry_at,
    )
    return bool(known != code)


def gate_later(tx: Tx, account: str, retry_at: int) -> None:
    tx.run("UPDATE gates SET retry_at = ?, tries = tries + 1 WHERE account = ?", retry_at, account)


def set_gates_ajar(tx: Tx, now: int) -> None:
    """Let one submission try each closed account at once: whoever started the bot may have mended it."""
    tx.run("UPDATE gates SET retry_at = ? WHERE retry_at > ?", now, now)


def open_gate(tx: Tx, account: str) -> bool:
    return bool(tx.run("DELETE FROM gates WHERE account = ?", account))


def model_states(tx: Tx, provider: str) -> Mapping[str, ModelStatus]:
    """What this provider's answers taught, by model; overlays the bundled facts."""
    rows = tx.all("SELECT * FROM model_states WHERE provider = ?", provider)
    return {row["model"]: ModelStatus(ModelState(row["state"]), row["since"], row["reason"]) for row in rows}


def learnt_at(tx: Tx, provider: str, model: str) -> int:
    """When this provider last taught us a model's state (Unix ms); 0 if never."""
    at: int | None = tx.value("SELECT at FROM model_states WHERE provider = ? AND model = ?", provider, model)
    return at or 0


def set_model_state(tx: Tx, provider: str, model: str, status: ModelStatus, now: int) -> bool:
    """True when this is news."""
    old = tx.value("SELECT state FROM model_states WHERE provider = ? AND model = ?", provider, model)
    tx.run(
        "INSERT INTO model_states (provider, model, state, since, reason, at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (provider, model) DO UPDATE SET state = excluded.state, since = excluded.since,"
        " reason = excluded.reason, at = excluded.at",
        provider,
        model,
        status.state,
        status.since,
        status.reason,
        now,
    )
    return bool(old != status.state)


def forget_models(tx: Tx, provider: str) -> None:
    """Unlearn what this provider's answers taught."""
    tx.run("DELETE FROM model_states WHERE provider = ?", provider)


# --- switches ----------------------------------------------------------------------------------------------------


def get_meta(tx: Tx, key: str) -> str | None:
    value: str | None = tx.value("SELECT value FROM meta WHERE key = ?", key)
    return value


def set_meta(tx: Tx, key: str, value: str | None) -> None:
    if value is None:
        tx.run("DELETE FROM meta WHERE key = ?", key)
    else:
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key,
            value,
        )
