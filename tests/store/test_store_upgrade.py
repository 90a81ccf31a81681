"""A database that an earlier version wrote is brought to this one with jobs in flight, and they end as promised."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.clock import START, FakeClock
from support.files import put
from support.house import ADA, BOB, FakeProvider, open_house

from bot.app import prepare
from bot.domain import JobState, Video
from bot.settings import Settings
from bot.store import schema

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))


def as_released(folder: Path, dump: Path) -> Path:
    path = folder / "kiebot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text("utf-8"))
        connection.execute(f"PRAGMA user_version = {int(dump.stem)}")
    return path


def test_every_schema_but_this_ones_has_its_database_here() -> None:
    assert [int(dump.stem) for dump in RELEASED] == list(range(1, schema.latest()))


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
async def test_a_released_database_is_upgraded_with_its_jobs_in_flight(tmp_path: Path, dump: Path) -> None:
    path = as_released(tmp_path, dump)
    prepare(replace(Settings(), data_dir=tmp_path))
    assert schema.version(path) == schema.latest()
    assert schema.version(next((tmp_path / "backups").glob("before-*.db"))) == int(dump.stem)
    clock = FakeClock(START + 200_000)
    kie = FakeProvider(clock, tasks={"task2": START}, callbacks={"task2": None})
    kie.sent += [("earlier", {}, None)] * 2
    async with open_house(tmp_path, clock, kie=kie) as house:
        await house.verify()
        await house.office.resume()
        found = {job.state: job for job in await house.office.jobs()}
        assert set(found) == {JobState.DELIVERED, JobState.RUNNING, JobState.QUEUED}
        put(house.settings.videos_dir / f"{found[JobState.DELIVERED].id}.mp4", b"video")
        sent_again = await house.value("SELECT COUNT(*) FROM extras")
        ended = await house.end(*(job.id for job in found.values()))
        assert all(isinstance(job.outcome, Video) for job in ended)
        assert [await house.available(who) for who in (ADA, BOB)] == [940, 1020]
        assert len(house.chat.messages) == 2 + sent_again
        await house.verify()
