"""Online backup and restore of the database file."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from pathlib import Path

from bot.errors import StartError
from bot.store import provider, schema
from bot.store.db import OwnerLock, Tx

PAUSED = "paused"
RESTORED = "restored"


def backup(database: Path, target: Path) -> int:
    """Copy the live database while it is written to; returns the size in bytes. Blocking: call it in a thread.

    One reader's snapshot: writers go on (engines.md, rule 9). The target appears whole or not at all, and may only take
    the place of an older backup. Nobody else on this machine may read it.
    """
    _refuse(target, database)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        try:
            copy = sqlite3.connect(part)
            try:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                fault = copy.execute("PRAGMA quick_check").fetchone()[0]
                if fault != "ok":
                    raise sqlite3.DatabaseError(f"the copy is damaged: {fault}")
            finally:
                copy.close()
        finally:
            source.close()
    except sqlite3.Error as error:
        raise StartError(f"{database} could not be copied to {target}: {error}") from error
    else:
        _sync(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)
    return target.stat().st_size


def _refuse(target: Path, database: Path) -> None:
    """Raises StartError where a backup would write over the live database or over what is no backup."""
    live = [database.with_name(database.name + end) for end in ("", "-wal", "-shm", ".lock")]
    if target.resolve() in [each.resolve() for each in live]:
        raise StartError(f"{target} belongs to the live database; choose another file")
    if target.is_dir():
        raise StartError(f"{target} is a folder; give the name of a file")
    if target.exists() and not _is_backup(target):
        raise StartError(f"{target} exists and is not a backup of kiebot; choose another file")


def _is_backup(file: Path) -> bool:
    try:
        return schema.version(file) > 0
    except StartError:
        return False


def restore(source: Path, database: Path, force: bool, now: int) -> Path | None:
    """Put a backup in the database's place; it starts paused. Returns where what it replaced is kept, if there was
    anything. Raises StartError and changes nothing.

    What was QUEUED or SUBMITTING at backup time may have been sent since: `resume` settles that, never submits it.
    """
    if not source.exists():
        raise StartError(f"there is no {source}")
    if schema.version(source) > schema.latest():
        raise StartError(f"{source} was made by a newer kiebot; install that version first")
    if schema.version(source) == 0:
        raise StartError(f"{source} is not a backup of kiebot")
    database.parent.mkdir(parents=True, exist_ok=True)
    lock = OwnerLock(database)
    if not lock.take():
        raise StartError("the bot is running; stop it first")
    part = database.with_name(database.name + ".restoring")
    aside = _free_name(database.with_name(database.name + ".replaced")) if database.exists() else None
    try:
        if aside and not force:
            raise StartError(f"{database} exists; add --force to replace it (it is kept as {aside.name})")
        backup(source, part)
        schema.migrate(part)
        _mark_paused(part, now)
        if aside:
            _keep_aside(database, aside)
        for name in ("-wal", "-shm"):
            database.with_name(database.name + name).unlink(missing_ok=True)
        part.replace(database)
        _sync(database.parent)
    finally:
        for name in ("", "-wal", "-shm"):
            part.with_name(part.name + name).unlink(missing_ok=True)
        lock.free()
    return aside


def _free_name(wanted: Path) -> Path:
    """What an earlier restore has replaced may be the only copy of something: it stays."""
    names = (wanted.with_name(f"{wanted.name}-{n}") for n in itertools.count(2))
    return next(name for name in itertools.chain((wanted,), names) if not name.exists())


def _keep_aside(database: Path, aside: Path) -> None:
    """A copy of what is replaced; of a damaged database, which is why one restores, a copy of its bytes."""
    try:
        backup(database, aside)
    except StartError:
        for name in ("", "-wal"):
            file = database.with_name(database.name + name)
            if file.exists():
                shutil.copyfile(file, aside.with_name(aside.name + name))


def _mark_paused(path: Path, now: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN IMMEDIATE")
        tx = Tx(connection)
        provider.set_meta(tx, PAUSED, "restored from a backup")
        provider.set_meta(tx, RESTORED, str(now))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StartError(f"{path.name} is not a backup of kiebot: {error}") from error
    finally:
        connection.close()
    _sync(path)


def empty_log(database: Path) -> None:
    """Bring the write-ahead log into the database and cut it off: what was erased still stands there. Blocking.

    Does what it can beside readers and writers; a log that is in use is emptied by the next call, or by SQLite.
    """
    connection = sqlite3.connect(database, timeout=1)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
