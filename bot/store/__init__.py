"""All SQL lives here: one file for each family of tables, functions that take an open transaction."""

from bot.store.db import LOCK_SECONDS, OwnerLock, Row, Store, Tx

__all__ = ["LOCK_SECONDS", "OwnerLock", "Row", "Store", "Tx"]
