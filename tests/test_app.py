"""Starting and stopping the whole bot: one owner, upgrades with a backup, and clear sentences otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import open_bot, open_core, prepare, sandboxed
from bot.clock import SystemClock
from bot.errors import StartError
from bot.settings import Settings
from bot.store import OwnerLock, schema


def settings_in(folder: Path) -> Settings:
    made = sandboxed(Settings(), "http://127.0.0.1:9", folder)
    return replace(made, http_port=0)


async def test_a_second_bot_on_the_same_database_says_so_and_stops(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with open_bot(settings):
        with pytest.raises(StartError, match="already running"):
            async with open_bot(settings):
                raise AssertionError("two owners")


async def test_a_bot_that_starts_beside_the_last_child_of_a_killed_one_waits_for_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    prepare(settings)
    dying = OwnerLock(settings.database_path)

    class Waiting(SystemClock):
        async def sleep(self, seconds: float) -> None:
            dying.free()

    assert dying.take()
    async with open_bot(settings, clock=Waiting()):
        assert not OwnerLock(settings.database_path).take()


async def test_without_a_key_the_bot_refuses_and_names_the_sandbox(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"KIE_API_KEY is not set.*--sandbox"):
        async with open_bot(Settings(data_dir=tmp_path)):
            raise AssertionError("no key")


async def test_a_folder_that_cannot_be_used_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartError, match="Set DATA_DIR"):
        async with open_core(Settings(data_dir=tmp_path / "file" / "data")):
            raise AssertionError("a file is no folder")


def test_an_older_database_is_backed_up_before_it_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    prepare(settings)
    add_migration(tmp_path, monkeypatch)
    prepare(settings)
    (kept,) = settings.backups_dir.glob("before-*.db")
    assert schema.version(kept) == schema.latest() - 1
    assert schema.version(settings.database_path) == schema.latest()


def test_nothing_is_upgraded_under_a_bot_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path)
    prepare(settings)
    old = schema.version(settings.database_path)
    add_migration(tmp_path, monkeypatch)
    running = OwnerLock(settings.database_path)
    assert running.take()
    try:
        with pytest.raises(StartError, match="Stop that one first"):
            prepare(settings)
        assert schema.version(settings.database_path) == old
    finally:
        running.free()


def add_migration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This version knows one step more than the one that wrote the database."""
    number = schema.latest() + 1
    step = folder / f"{number:04d}_more.sql"
    step.write_text("CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\n")
    known = schema.migrations()
    monkeypatch.setattr(schema, "migrations", lambda: [*known, (number, step)])
