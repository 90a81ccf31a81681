"""Migrations: numbered, whole or not at all, harmless to repeat; and a schema that keeps its own rules."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from support.files import put
from support.house import open_house

from bot.errors import StartError
from bot.store import Tx, schema


def open_file(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def as_newer(path: Path, number: int = 0) -> None:
    schema.migrate(path)
    with open_file(path) as connection:
        connection.execute(f"PRAGMA user_version = {number or schema.latest() + 1}")


def test_steps_are_numbered_from_one_without_a_gap() -> None:
    numbers = [number for number, _ in schema.migrations()]
    assert numbers == list(range(1, schema.latest() + 1))


def test_migrating_twice_does_nothing_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kiebot.db"
    assert schema.version(path) == 0
    assert schema.migrate(path) == list(range(1, schema.latest() + 1))
    assert schema.migrate(path) == []
    assert schema.version(path) == schema.latest()


async def test_two_processes_that_migrate_at_once_apply_each_step_once(tmp_path: Path) -> None:
    path = tmp_path / "kiebot.db"
    schema.version(path)
    applied = await asyncio.gather(*(asyncio.to_thread(schema.migrate, path) for _ in range(4)))
    assert sorted(number for each in applied for number in each) == list(range(1, schema.latest() + 1))


def test_a_step_that_fails_leaves_the_version_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = tmp_path / "steps"
    put(steps / "0001_good.sql", b"CREATE TABLE a (x INTEGER) STRICT;")
    put(steps / "0002_bad.sql", b"CREATE TABLE b (x INTEGER) STRICT;\nCREATE TABLE a (x INTEGER) STRICT;")
    monkeypatch.setattr(schema, "_FOLDER", steps)
    path = tmp_path / "kiebot.db"
    with pytest.raises(StartError, match="could not be brought"):
        schema.migrate(path)
    assert schema.version(path) == 1
    with open_file(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("a",)]
    # a last statement without its semicolon counts as well
    put(steps / "0002_bad.sql", b"CREATE TABLE b (x INTEGER) STRICT;\nCREATE TABLE c (x INTEGER) STRICT")
    assert schema.migrate(path) == [2]
    with open_file(path) as connection:
        assert len(connection.execute("SELECT name FROM sqlite_schema").fetchall()) == 3


def test_a_newer_database_is_refused_and_the_backup_to_go_back_to_is_named(tmp_path: Path) -> None:
    path, backups = tmp_path / "kiebot.db", tmp_path / "backups"
    as_newer(path)
    with pytest.raises(StartError, match=r"newer kiebot.*or restore a backup made with this version"):
        schema.refuse_newer(path, backups)
    schema.migrate(backups / "before-0002-20260101-000000.db")
    as_newer(backups / "before-0003-20260201-000000.db")
    put(backups / "before-0004-20260301-000000.db", b"damaged" * 1000)
    with pytest.raises(StartError, match=r"kiebot db restore .*before-0002-20260101-000000\.db --force"):
        schema.refuse_newer(path, backups)
    assert schema.version(path) == schema.latest() + 1


def test_a_database_of_this_version_or_an_older_one_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "kiebot.db"
    schema.refuse_newer(path, tmp_path / "backups")
    schema.migrate(path)
    schema.refuse_newer(path, tmp_path / "backups")
    assert schema.version(path) == schema.latest()


def test_every_table_is_strict_and_a_word_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "kiebot.db"
    schema.migrate(path)
    with open_file(path) as connection:
        tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
        assert [name for name, strict in tables if not strict and not name.startswith("sqlite_")] == []
        with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"):
            connection.execute("INSERT INTO balances (account, available) VALUES ('user:1', 'much')")
        with pytest.raises(sqlite3.IntegrityError, match="cannot store REAL"):
            connection.execute("INSERT INTO balances (account, available) VALUES ('user:1', 0.5)")


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'video'",
        "state = 'running'",
        "state = 'submitting'",
        "state = 'delivered'",
        "state = 'lost'",
        "price = 0",
        "refunded_at = 1",
        "settled_at = 1",
        "kie_cost_micro = -1",
    ],
)
async def test_the_schema_itself_refuses_a_job_that_contradicts_itself(tmp_path: Path, change: str) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            await house.store.write(lambda tx: tx.run(f"UPDATE jobs SET {change} WHERE id = ?", job.id))


async def test_no_balance_falls_below_zero_whoever_writes_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.quote()
        for column in ("available", "held"):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                await house.store.write(partial(Tx.run, sql=f"UPDATE balances SET {column} = -1"))
