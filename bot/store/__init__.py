"""All SQL lives here: one file for each family of tables, functions that take an open transaction."""

from bot.store.db import OwnerLock, Row, Store, Tx

__all__ = ["OwnerLock", "Row", "Store", "Tx"]
