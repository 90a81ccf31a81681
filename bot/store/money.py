"""Balances and transfers. `post` is the only way credits move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain import Balance
from bot.errors import UserError
from bot.money.ledger import Transfer, is_job, is_payer
from bot.store.db import Tx


class OtherTransfer(ValueError):
    """The reference stands for a transfer with another content."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as it stands in the ledger."""

    id: int
    at: int
    transfer: Transfer


def post(tx: Tx, transfer: Transfer, now: int) -> bool:
    """Move credits, once for each reference; False when this very transfer was made before.

    Raises UserError when the source is a payer with too little, OtherTransfer when the reference stands for another
    transfer: an error of ours, unless the reference is one that a person chose.
    """
    if not _record(tx, transfer, now):
        return False
    if is_payer(transfer.source):
        _take(tx, transfer)
    elif is_job(transfer.source):
        _release(tx, transfer)
    if is_payer(transfer.target):
        _ensure(tx, transfer.target)
        tx.run(
            "UPDATE balances SET available = available + ? WHERE account = ?",
            transfer.amount,
            transfer.target,
        )
    return True


def _record(tx: Tx, transfer: Transfer, now: int) -> bool:
    made = tx.run(
        "INSERT INTO transfers (at, source, target, amount, reference, reason) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (reference) DO NOTHING",
        now,
        transfer.source,
        transfer.target,
        transfer.amount,
        transfer.reference,
        transfer.reason,
    )
    if made:
        return True
    row = tx.one("SELECT source, target, amount FROM transfers WHERE reference = ?", transfer.reference)
    if row is None or (row["source"], row["target"], row["amount"]) != (
        transfer.source,
        transfer.target,
        transfer.amount,
    ):
        raise OtherTransfer(f"the reference {transfer.reference} stands for another transfer")
    return False


def _take(tx: Tx, transfer: Transfer) -> None:
    _ensure(tx, transfer.source)
    held = transfer.amount if is_job(transfer.target) else 0
    if not tx.run(
        "UPDATE balances SET available = available - ?, held = held + ? WHERE account = ? AND available >= ?",
        transfer.amount,
        held,
        transfer.source,
        transfer.amount,
    ):
        available = balance(tx, transfer.source).available
        raise UserError("order.too_poor", missing=transfer.amount - available, available=available)


def _release(tx: Tx, transfer: Transfer) -> None:
    """A hold ends: its payer no longer has these credits set aside."""
    hold = tx.one(
        "SELECT source, amount FROM transfers WHERE reference = ?",
        f"hold:{transfer.source.partition(':')[2]}",
    )
    if hold is None or hold["amount"] != transfer.amount:
        raise ValueError(f"{transfer.reference} does not end the hold of {transfer.source}")
    tx.run("UPDATE balances SET held = held - ? WHERE account = ?", transfer.amount, hold["source"])


def _ensure(tx: Tx, account: str) -> None:
    tx.run("INSERT INTO balances (account) VALUES (?) ON CONFLICT (account) DO NOTHING", account)


def balance(tx: Tx, account: str) -> Balance:
    row = tx.one("SELECT available, held FROM balances WHERE account = ?", account)
    return Balance(account, row["available"], row["held"]) if row else Balance(account, 0, 0)


def sum_of(tx: Tx, account: str) -> int:
    """What lies on an account without a row: the sum of its transfers."""
    total: int = tx.value(
        "SELECT COALESCE((SELECT SUM(amount) FROM transfers WHERE target = ?), 0)"
        " - COALESCE((SELECT SUM(amount) FROM transfers WHERE source = ?), 0)",
        account,
        account,
    )
    return total


def history(tx: Tx, account: str, limit: int | None = None) -> Sequence[Entry]:
    """Transfers from and to an account, newest first."""
    rows = tx.all(
        "SELECT * FROM transfers WHERE source = ? OR target = ? ORDER BY id DESC LIMIT ?",
        account,
        account,
        -1 if limit is None else limit,
    )
    return [
        Entry(
            row["id"],
            row["at"],
            Transfer(row["source"], row["target"], row["amount"], row["reference"], row["reason"]),
        )
        for row in rows
    ]


def exists(tx: Tx, reference: str) -> bool:
    return tx.one("SELECT 1 FROM transfers WHERE reference = ?", reference) is not None
