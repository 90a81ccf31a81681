"""The database: one writing thread with group commit, one reading thread, one for what reads long, and nothing else
that opens the file.

A transaction is one synchronous function `fn(tx)`. Functions that wait at the same moment share one COMMIT, each in a
savepoint of its own, so that a slow disk costs one fsync for all of them (engines.md, "Measured").
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from bot.errors import RetryLater, StartError, StoreBroken

T = TypeVar("T")
Row = sqlite3.Row

BUSY_SECONDS = 10
GROUP_MAX = 64


class Tx:
    """One open transaction. Only `bot.store` writes SQL."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: Any) -> int:
        """Execute; returns how many rows changed."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> Row | None:
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]


@dataclass(slots=True)
class _Work(Generic[T]):
    fn: Callable[[Tx], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    result: Any = None
    error: BaseException | None = None


class Store:
    """Opens the database file; `async with` owns the threads and closes them last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken: StoreBroken | None = None
        self._works: queue.SimpleQueue[_Work[Any] | None] = queue.SimpleQueue()
        self._writer = _connect(path)
        self._reader = _connect(path, reading=True)
        self._thread = threading.Thread(target=self._write_forever, name="store-writer", daemon=True)
        self._reading = ThreadPoolExecutor(1, "store-reader")
        self._long_reader: sqlite3.Connection | None = None
        self._reading_long = ThreadPoolExecutor(1, "store-long-reader")
        self._on_broken: Callable[[], None] = lambda: None
        self._closed = False
        self._thread.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def when_broken(self, call: Callable[[], None]) -> None:
        """`call` runs, in the writer's thread, as soon as a COMMIT's result is unknown: stop the process."""
        self._on_broken = call

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in a transaction; it is committed when this returns.

        Once begun it is committed or rolled back whole, even if the caller is cancelled meanwhile. Raises what `fn`
        raised (rolled back), RetryLater when another process held the database or the disk is full (rolled back), or
        StoreBroken when nobody knows.
        """
        if self.broken:
            raise self.broken
        if self._closed:
            raise RetryLater("the database is closed")
        loop = asyncio.get_running_loop()
        work: _Work[T] = _Work(fn, loop, loop.create_future())
        self._works.put(work)
        return await work.future

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` over one consistent snapshot, beside the writer. Raises RetryLater when the file cannot be read,
        StoreBroken when it is damaged."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._read, fn)

    async def read_long(self, fn: Callable[[Tx], T]) -> T:
        """`read` for what goes over whole tables: nobody waits behind it but others of its kind."""
        return await asyncio.get_running_loop().run_in_executor(self._reading_long, self._read_long, fn)

    async def close(self) -> None:
        """What was asked before is still done."""
        self._closed = True
        self._works.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reading.shutdown()
        await asyncio.to_thread(self._reading_long.shutdown)
        if self._long_reader:
            self._long_reader.close()
        self._reader.close()
        self._writer.close()

    def _read(self, fn: Callable[[Tx], T]) -> T:
        return self._read_by(self._reader, fn)

    def _read_long(self, fn: Callable[[Tx], T]) -> T:
        """Its connection is opened at the first need: most commands have none."""
        if self._long_reader is None:
            try:
                self._long_reader = _connect(self.path, reading=True)
            except StartError as error:
                raise RetryLater(str(error)) from error
        return self._read_by(self._long_reader, fn)

    def _read_by(self, connection: sqlite3.Connection, fn: Callable[[Tx], T]) -> T:
        """One snapshot for all that `fn` asks."""
        try:
            connection.execute("BEGIN")
            return fn(Tx(connection))
        except sqlite3.OperationalError as error:
            raise RetryLater(f"the database could not be read: {error}") from error
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            raise self._break(error) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    # --- the writer's thread -------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        while True:
            work = self._works.get()
            if work is None:
                return
            group = [work]
            last = False
            while len(group) < GROUP_MAX and not self._works.empty():
                more = self._works.get()
                if more is None:
                    last = True
                    break
                group.append(more)
            # a caller that gave up before its turn came has changed nothing
            group = [each for each in group if not each.future.cancelled()]
            if group:
                self._write_whole(group)
                _answer(group)
            if last:
                return

    def _write_whole(self, group: Sequence[_Work[Any]]) -> None:
        """Whatever goes wrong is answered: a writer that died silently would leave its callers waiting for ever."""
        try:
            if self.broken:
                raise self.broken
            self._write(group)
        except (sqlite3.Error, StoreBroken) as error:
            _fail(group, self._break(error))

    def _break(self, error: Exception) -> StoreBroken:
        """From now on nothing is written by this process, which is told to stop."""
        if not self.broken:
            in_doubt = f"the database is in doubt, the last result is unknown: {error}"
            self.broken = StoreBroken(_explain(self.path, error) if _is_damage(error) else in_doubt)
            self._on_broken()
        return self.broken

    def _write(self, group: Sequence[_Work[Any]]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            _fail(group, RetryLater(f"the database is busy or read-only: {error}"))
            return
        tx = Tx(self._writer)
        for work in group:
            self._run(work, tx, alone=len(group) == 1)
            if work.error and _is_damage(work.error):
                raise work.error
            if not self._writer.in_transaction:
                if len(group) > 1 or work.error is None:
                    # SQLite itself rolled everything back (disk full, I/O error): nobody's work was kept
                    _fail(group, RetryLater(f"the database could not be written: {work.error}"))
                return
        try:
            self._writer.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            # The one failure whose result is known: without room the record that makes it a commit was not written.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            _fail(group, RetryLater(f"the database could not be written: {error}"))

    def _run(self, work: _Work[Any], tx: Tx, alone: bool) -> None:
        connection = self._writer
        try:
            if not alone:
                connection.execute("SAVEPOINT work")
            work.result = work.fn(tx)
            if not alone:
                connection.execute("RELEASE work")
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            work.error = _translate(error)
            if connection.in_transaction:
                connection.execute("ROLLBACK TO work" if not alone else "ROLLBACK")
                if alone:
                    connection.execute("BEGIN")  # so that the one COMMIT below has something to end
                else:
                    connection.execute("RELEASE work")


def _connect(path: Path, reading: bool = False) -> sqlite3.Connection:
    """Raises StartError for a file that is damaged or cannot be written."""
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        # what is erased is overwritten, not only forgotten (product.md: erasing a person)
        connection.execute("PRAGMA secure_delete = ON")
        if reading:
            connection.execute("PRAGMA query_only = ON")
        else:
            _try_to_write(connection)
    except sqlite3.DatabaseError as error:
        raise StartError(_explain(path, error)) from error
    return connection


def _try_to_write(connection: sqlite3.Connection) -> None:
    """A read-only file would otherwise show only with the first order."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA user_version = {version}")
    finally:
        connection.execute("ROLLBACK")


def _is_damage(error: BaseException) -> bool:
    """Of the file: "malformed", "not a database". What the driver says of anything else has a class of its own."""
    return type(error) is sqlite3.DatabaseError


def _explain(path: Path, error: Exception) -> str:
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return f"{path} is damaged or not a database of kiebot ({text}). Restore a backup: kiebot db restore FILE."
    if "readonly" in text or "unable to open" in text:
        return f"{path} cannot be opened for writing ({text}). Check that the folder exists and belongs to this user."
    return f"{path} cannot be used: {text}."


def _translate(error: BaseException) -> BaseException:
    """Errors of the machine become ours; broken rules stay what they are."""
    if isinstance(error, sqlite3.OperationalError):
        return RetryLater(f"the database could not be written: {error}")
    return error


def _fail(group: Sequence[_Work[Any]], error: BaseException) -> None:
    for work in group:
        work.error = error


def _answer(group: Sequence[_Work[Any]]) -> None:
    """Hand all results to their loops, one wake-up a loop."""
    for loop in {work.loop for work in group}:
        works = [work for work in group if work.loop is loop]
        with suppress(RuntimeError):  # a loop that has ended has nobody left who waits
            loop.call_soon_threadsafe(_resolve, works)


def _resolve(works: Sequence[_Work[Any]]) -> None:
    for work in works:
        if work.future.cancelled():
            continue
        if work.error is not None:
            work.future.set_exception(work.error)
        else:
            work.future.set_result(work.result)


class OwnerLock:
    """One bot for one database: an OS lock beside the file, gone with the process however it ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def take(self) -> bool:
        """False when another process is the owner."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._file = descriptor
        return True

    def free(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
