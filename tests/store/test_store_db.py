"""The database: what is promised to those who write and read at the same moment, and when the machine fails."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.files import put, read

from bot.errors import RetryLater, StartError, StoreBroken
from bot.store import OwnerLock, Store, Tx, db, schema
from bot.store.backup import empty_log
from bot.store.provider import get_meta, set_meta


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    schema.migrate(tmp_path / "kiebot.db")
    async with Store(tmp_path / "kiebot.db") as opened:
        yield opened


def setting(key: str, value: str = "1") -> Callable[[Tx], None]:
    return lambda tx: set_meta(tx, key, value)


def failing(key: str) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        set_meta(tx, key, "half")
        raise KeyError(key)

    return write


async def keys(store: Store) -> list[str]:
    return [row["key"] for row in await store.read(lambda tx: tx.all("SELECT key FROM meta ORDER BY key"))]


class Slow:
    """A write that waits inside its transaction until it is let go."""

    def __init__(self, store: Store, key: str = "slow") -> None:
        self.begun = threading.Event()
        self._go = threading.Event()
        self._key = key
        self.done = asyncio.ensure_future(store.write(self._write))

    def _write(self, tx: Tx) -> None:
        set_meta(tx, self._key, "1")
        self.begun.set()
        self._go.wait(5)

    async def under_way(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 5)

    def go(self) -> None:
        self._go.set()


# --- together --------------------------------------------------------------------------------------------------------


async def test_one_failing_function_in_a_group_hurts_none_of_the_others(store: Store) -> None:
    slow = Slow(store)
    await slow.under_way()
    writes = [store.write(failing(f"bad{n}") if n % 3 == 0 else setting(f"good{n}")) for n in range(12)]
    together = asyncio.gather(*writes, return_exceptions=True)
    await asyncio.sleep(0)
    slow.go()
    results = await together
    assert [isinstance(each, KeyError) for each in results] == [n % 3 == 0 for n in range(12)]
    assert await keys(store) == sorted(["slow", *(f"good{n}" for n in range(12) if n % 3)])


async def test_those_who_wait_at_the_same_moment_share_one_commit(store: Store) -> None:
    slow = Slow(store)
    await slow.under_way()
    together = asyncio.gather(*(store.write(setting(f"k{n}")) for n in range(40)))
    await asyncio.sleep(0)
    commits: list[str] = []
    store._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    slow.go()
    await together
    assert len(commits) == 2
    assert len(await keys(store)) == 41


async def test_a_function_that_raises_leaves_nothing_behind_and_its_error_is_its_own(store: Store) -> None:
    with pytest.raises(KeyError):
        await store.write(failing("half"))
    with pytest.raises(sqlite3.IntegrityError):
        await store.write(lambda tx: tx.run("INSERT INTO meta (key, value) VALUES ('a', NULL)"))
    await store.write(setting("whole"))
    assert await keys(store) == ["whole"]


async def test_a_caller_who_gives_up_before_the_turn_comes_has_changed_nothing(store: Store) -> None:
    slow = Slow(store)
    await slow.under_way()
    waiting = asyncio.ensure_future(store.write(setting("late")))
    await asyncio.sleep(0)
    waiting.cancel()
    slow.go()
    await slow.done
    assert await keys(store) == ["slow"]


async def test_a_caller_who_gives_up_while_it_is_written_has_it_written_whole(store: Store) -> None:
    slow = Slow(store)
    await slow.under_way()
    slow.done.cancel()
    await asyncio.sleep(0)
    slow.go()
    await store.write(setting("next"))
    assert await keys(store) == ["next", "slow"]


async def test_readers_see_what_is_committed_and_do_not_wait_for_the_writer(store: Store) -> None:
    slow = Slow(store)
    await slow.under_way()
    assert await store.read(lambda tx: get_meta(tx, "slow")) is None
    slow.go()
    await slow.done
    assert await store.read(lambda tx: get_meta(tx, "slow")) == "1"


async def test_reading_changes_nothing_even_by_mistake(store: Store) -> None:
    with pytest.raises(RetryLater, match="readonly"):
        await store.read(setting("oops"))
    assert await keys(store) == []


async def test_what_was_asked_before_the_end_is_done_and_nothing_hangs_after_it(tmp_path: Path) -> None:
    schema.migrate(tmp_path / "kiebot.db")
    store = Store(tmp_path / "kiebot.db")
    asked = [asyncio.ensure_future(store.write(setting(f"k{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*asked)
    with pytest.raises(RetryLater, match="closed"):
        await store.write(setting("late"))
    async with Store(tmp_path / "kiebot.db") as again:
        assert len(await keys(again)) == 5


# --- when the machine fails ------------------------------------------------------------------------------------------


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """What a full disk looks like to this process: no file grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_fails_stops_everything_for_nobody_knows_its_result(store: Store) -> None:
    told = threading.Event()
    store.when_broken(told.set)
    await store.write(setting("before"))
    with files_up_to(400_000), pytest.raises(StoreBroken):
        await store.write(setting("big", "x" * 900_000))
    assert told.is_set()
    with pytest.raises(StoreBroken):
        await store.write(setting("after"))
    async with Store(store.path) as again:
        assert (await keys(again))[-1] == "before"
        await again.write(setting("works"))


async def test_a_disk_that_fills_up_within_a_function_is_a_later_and_nothing_is_kept(store: Store) -> None:
    def spilling(tx: Tx) -> None:
        for n in range(40):
            set_meta(tx, f"big{n}", "x" * 400_000)

    with files_up_to(2_000_000):
        slow = Slow(store)
        await slow.under_way()
        others = [asyncio.ensure_future(store.write(setting(f"k{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        full = asyncio.ensure_future(store.write(spilling))
        await asyncio.sleep(0)
        slow.go()
        with pytest.raises(RetryLater):
            await full
        await asyncio.gather(*others, return_exceptions=True)
    await store.write(setting("room again"))
    assert not [key for key in await keys(store) if key.startswith("big")]


async def test_a_database_that_another_process_holds_is_a_later_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_SECONDS", 0.1)
    schema.migrate(tmp_path / "kiebot.db")
    async with Store(tmp_path / "kiebot.db") as store:
        other = sqlite3.connect(tmp_path / "kiebot.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryLater, match="busy"):
            await store.write(setting("mine"))
        assert await keys(store) == []
        other.execute("ROLLBACK")
        other.close()
        await store.write(setting("mine"))
        assert await keys(store) == ["mine"]


async def test_a_file_that_breaks_while_it_is_open_stops_the_bot_and_leaves_nobody_waiting(
    store: Store,
) -> None:
    await store.write(setting("before"))
    await asyncio.to_thread(empty_log, store.path)
    put(store.path, b"\0" * 8192)
    with pytest.raises((StoreBroken, RetryLater, sqlite3.DatabaseError)):
        await asyncio.wait_for(store.write(setting("after")), 5)


# --- damage ---------------------------------------------------------------------------------------------------------


PAGES = 10 * 4096


async def grown(path: Path) -> Path:
    """A database whose last pages are damaged: it opens, and what lies there cannot be read."""
    async with Store(path) as store:
        await store.write(lambda tx: tx.run("CREATE TABLE words (word TEXT)"))
        await store.write(lambda tx: [tx.run("INSERT INTO words VALUES (?)", "x" * 3000) for _ in range(50)])
    whole = read(path)
    return put(path, whole[:-PAGES] + b"\xff" * PAGES)


@pytest.mark.parametrize("how", ["read", "read_long", "write"])
async def test_a_file_that_turns_out_to_be_damaged_stops_the_process_with_its_remedy(
    tmp_path: Path, how: str
) -> None:
    schema.migrate(tmp_path / "kiebot.db")
    stopped: list[bool] = []
    async with Store(await grown(tmp_path / "kiebot.db")) as store:
        store.when_broken(lambda: stopped.append(True))
        with pytest.raises(StoreBroken, match=r"is damaged .* Restore a backup: kiebot db restore FILE"):
            await getattr(store, how)(lambda tx: tx.value("SELECT SUM(LENGTH(word)) FROM words"))
        assert stopped == [True]
        with pytest.raises(StoreBroken, match="is damaged"):
            await store.write(lambda tx: tx.run("DELETE FROM words"))


# --- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path / "kiebot.db", content)
    with pytest.raises(StartError, match="damaged or not a database") as caught:
        Store(path)
    assert "kiebot db restore FILE" in str(caught.value)
    with pytest.raises(StartError, match=r"kiebot\.db"):
        schema.migrate(path)
    assert path.read_bytes() == content


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root may write everywhere; nobody may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_file_is_named_before_anything_is_asked_of_it() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "kiebot.db"
        schema.migrate(path)
        folder.chmod(0o777)
        path.chmod(0o444)
        with as_somebody_else(), pytest.raises(StartError, match="cannot be opened for writing"):
            Store(path)
        folder.chmod(0o700)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="Check that the folder exists"):
        Store(tmp_path / "nowhere" / "kiebot.db")


def test_a_second_bot_does_not_get_the_lock_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "kiebot.db"
    script = (
        "import sys; from pathlib import Path; from bot.store import OwnerLock\n"
        "print(OwnerLock(Path(sys.argv[1])).take(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline().strip() == "True"
        mine = OwnerLock(path)
        assert not mine.take()
        first.kill()
        first.wait()
        assert mine.take()
        assert not OwnerLock(path).take()
        mine.free()
        again = OwnerLock(path)
        assert again.take()
        again.free()
