"""Bring a database to this version's schema, step by numbered step, each in a transaction of its own."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import StartError

_FOLDER = Path(__file__).parent / "migrations"


def migrations() -> list[tuple[int, Path]]:
    """Numbered files, in order: `0001_spine.sql`. A released one never changes."""
    return [(int(file.name[:4]), file) for file in sorted(_FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))]


def latest() -> int:
    return migrations()[-1][0]


def version(path: Path) -> int:
    """The schema version of a database file; 0 when it does not exist or is empty. Raises StartError."""
    if not path.exists():
        return 0
    try:
        connection = sqlite3.connect(path)
        try:
            number: int = connection.execute("PRAGMA user_version").fetchone()[0]
            return number
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise StartError(
            f"{path} is damaged or not a database of kiebot ({error}). Restore a backup: kiebot db restore FILE."
        ) from error


def refuse_newer(path: Path, backups: Path) -> None:
    """A database of a newer kiebot is not touched. Raises StartError that names the backup to go back to."""
    found = version(path)
    if found <= latest():
        return
    kept = sorted(backups.glob("before-*.db")) if backups.exists() else []
    fitting = [file for file in kept if _is_readable(file)]
    hint = (
        f"or go back: kiebot db restore {fitting[-1]} --force"
        if fitting
        else "or restore a backup made with this version"
    )
    raise StartError(
        f"{path} was written by a newer kiebot (schema {found}, this one knows {latest()}). "
        f"Install the newer version again, {hint}."
    )


def _is_readable(backup: Path) -> bool:
    try:
        return 0 < version(backup) <= latest()
    except StartError:
        return False


def migrate(path: Path) -> list[int]:
    """Apply what is missing; returns the numbers applied. A failing step leaves the version before it. Raises StartError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(path.parent):
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            try:
                return _apply(connection)
            finally:
                connection.close()
    except (sqlite3.Error, OSError) as error:
        raise StartError(f"{path} could not be brought to this version's schema: {error}.") from error


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two first starts at once: changing a new file to WAL does not wait for SQLite's own lock, it fails."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _apply(connection: sqlite3.Connection) -> list[int]:
    applied: list[int] = []
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    for number, file in migrations():
        connection.execute("BEGIN IMMEDIATE")
        if number > connection.execute("PRAGMA user_version").fetchone()[0]:
            for statement in _statements(file.read_text(encoding="utf-8")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            applied.append(number)
        connection.execute("COMMIT")
    return applied


def _statements(script: str) -> list[str]:
    """A script cut into statements; executescript would commit in between."""
    statements: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return [*statements, rest] if rest.strip() else statements
