"""Backups: taken while the bot writes, whole or not at all; restored ones start paused and submit nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.files import make, mode, names, put, read
from support.house import ADA, House, open_house

from bot.domain import Failure, FailureKind, JobState, Video
from bot.errors import StartError, UserError
from bot.store import OwnerLock, backup, schema

NOW = 1_795_000_000_000


async def copied(house: House, target: Path) -> Path:
    await asyncio.to_thread(backup.backup, house.store.path, target)
    return target


async def test_a_backup_taken_while_the_bot_writes_is_one_whole_moment(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a", max_queued_per_user=1000, new_user_credits=100_000) as house:
        ordering = asyncio.gather(*(house.order() for _ in range(60)))
        sizes = [
            await asyncio.to_thread(backup.backup, house.store.path, tmp_path / f"{n}.db") for n in range(5)
        ]
        await ordering
    assert all(sizes)
    for n in range(5):
        async with open_house(tmp_path / f"from{n}") as empty:
            database = empty.store.path
        backup.restore(tmp_path / f"{n}.db", database, force=True, now=NOW)
        async with open_house(tmp_path / f"from{n}") as house:
            await house.verify()


async def test_a_restored_bot_is_paused_and_holds_what_the_backup_held(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_house(tmp_path / "a", clock) as house:
        job = await house.order()
        taken = await copied(house, tmp_path / "taken.db")
        await house.end(job.id)
        database = house.store.path
    backup.restore(taken, database, force=True, now=clock.now())
    async with open_house(tmp_path / "a", clock) as house:
        assert (await house.office.status()).paused == "restored from a backup"
        assert await house.states(job.id) == [JobState.QUEUED]
        quoted = await house.quote()
        with pytest.raises(UserError, match="paused by the operator"):
            await house.studio.order(ADA, quoted.draft.id)
        await house.live(120, every=10)
        assert house.kie.sent == []
        assert await house.states(job.id) == [JobState.QUEUED]


async def test_resuming_writes_off_what_may_have_been_sent_and_goes_on_with_what_runs(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_house(
        tmp_path / "a", clock, max_running_per_user=2, callback_base="https://bot"
    ) as house:
        running = await house.order()
        await house.step()
        house.kie.creates = [RuntimeError("the process dies here")]
        lost = await house.order()
        await house.step()
        queued = await house.order()
        states = await house.states(running.id, lost.id, queued.id)
        assert states == [JobState.RUNNING, JobState.SUBMITTING, JobState.QUEUED]
        kie = house.kie
        taken = await copied(house, tmp_path / "taken.db")
        database = house.store.path
    backup.restore(taken, database, force=True, now=clock.now())
    async with open_house(tmp_path / "a", clock, kie=kie, callback_base="https://bot") as house:
        sent = len(kie.sent)
        await house.live(2 * 3600, every=300)
        assert await house.states(lost.id, queued.id) == [JobState.SUBMITTING, JobState.QUEUED]
        written_off = await house.office.resume()
        assert {job.id for job in written_off} == {lost.id, queued.id}
        assert await house.office.resume() == ()
        done, gone, never = await house.end(running.id, lost.id, queued.id)
        assert isinstance(done.outcome, Video)
        for job in (gone, never):
            assert isinstance(job.outcome, Failure)
            assert job.outcome.kind is FailureKind.LOST
        assert len(kie.sent) == sent
        assert await house.available() == 1000 - done.price
        await house.verify()
        fresh = await house.order()
        await house.end(fresh.id)


async def test_what_kie_calls_about_between_restore_and_resume_still_comes_as_a_gift(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_house(tmp_path / "a", clock, callback_base="https://bot") as house:
        job = await house.order()
        taken = await copied(house, tmp_path / "taken.db")
        await house.step()
        database, kie = house.store.path, house.kie
    backup.restore(taken, database, force=True, now=clock.now())
    async with open_house(tmp_path / "a", clock, kie=kie, callback_base="https://bot") as house:
        assert await house.studio.called_back(job.id, job.callback_token, "task1")
        await house.live(120, every=10)
        assert await house.states(job.id) == [JobState.QUEUED]
        assert await house.office.resume()
        await house.live(1200, every=60)
        assert [each.gift for each in house.chat.messages] == [False, True]
        assert await house.available() == 1000
        assert len(kie.sent) == 1
        await house.verify()


async def test_what_is_replaced_is_kept_beside_it(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a") as house:
        await house.order()
        database = house.store.path
        taken = await copied(house, tmp_path / "taken.db")
        await house.order()
    backup.restore(taken, database, force=True, now=NOW)
    count = "SELECT COUNT(*) FROM jobs"
    for file, jobs in ((database, 1), (database.with_name("kiebot.db.replaced"), 2)):
        connection = sqlite3.connect(file)
        assert connection.execute(count).fetchone() == (jobs,)
        connection.close()
    assert names(tmp_path / "a") == ["kiebot.db", "kiebot.db.lock", "kiebot.db.replaced"]


async def test_what_an_earlier_restore_replaced_stays_when_another_backup_is_tried(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a") as house:
        database = house.store.path
        taken = await copied(house, tmp_path / "taken.db")
        await house.order()
    kept = [backup.restore(taken, database, force=True, now=NOW) for _ in range(3)]
    assert [each and each.name for each in kept] == [
        "kiebot.db.replaced",
        "kiebot.db.replaced-2",
        "kiebot.db.replaced-3",
    ]
    connection = sqlite3.connect(kept[0] or "")
    assert connection.execute("SELECT COUNT(*) FROM jobs").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("end", ["", "-wal", "-shm", ".lock"])
async def test_a_backup_never_takes_the_place_of_the_live_database(tmp_path: Path, end: str) -> None:
    async with open_house(tmp_path / "a") as house:
        live = house.store.path
        (tmp_path / "link").symlink_to(live.parent)
        for target in (live.with_name(live.name + end), tmp_path / "link" / (live.name + end)):
            with pytest.raises(StartError, match="belongs to the live database; choose another file"):
                await copied(house, target)
        job = await house.order()
        await house.end(job.id)
    async with open_house(tmp_path / "a") as house:
        assert (await house.job(job.id)).outcome is not None


async def test_a_backup_takes_the_place_of_an_older_one_and_of_nothing_else(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a") as house:
        taken = await copied(house, tmp_path / "taken.db")
        await house.order()
        assert schema.version(await copied(house, taken)) == schema.latest()
        diary = put(tmp_path / "diary.txt", b"dear diary")
        with pytest.raises(StartError, match="is not a backup of kiebot; choose another file"):
            await copied(house, diary)
        with pytest.raises(StartError, match="is a folder; give the name of a file"):
            await copied(house, make(tmp_path / "folder"))
    assert read(diary) == b"dear diary"
    assert names(tmp_path) == ["a", "diary.txt", "folder", "taken.db"]
    assert names(tmp_path / "folder") == []


async def test_a_backup_is_for_nobody_else_on_the_machine_to_read(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a") as house:
        taken = await copied(house, tmp_path / "taken.db")
    assert mode(taken) == 0o600


async def test_a_damaged_database_can_be_replaced_and_its_bytes_are_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a") as house:
        taken = await copied(house, tmp_path / "taken.db")
        database = house.store.path
    put(database, b"damaged" * 1000)
    backup.restore(taken, database, force=True, now=NOW)
    assert read(database.with_name("kiebot.db.replaced")) == b"damaged" * 1000
    async with open_house(tmp_path / "a") as house:
        await house.verify()


async def test_restoring_refuses_while_the_bot_runs_or_without_force(tmp_path: Path) -> None:
    async with open_house(tmp_path / "a") as house:
        taken = await copied(house, tmp_path / "taken.db")
        database = house.store.path
    before = read(database)
    with pytest.raises(StartError, match="add --force"):
        backup.restore(taken, database, force=False, now=NOW)
    lock = OwnerLock(database)
    assert lock.take()
    with pytest.raises(StartError, match="the bot is running; stop it first"):
        backup.restore(taken, database, force=True, now=NOW)
    lock.free()
    assert read(database) == before


def foreign(path: Path, version: int) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE somebody_elses (x)")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    return path


@pytest.mark.parametrize("kind", ["missing", "no database", "foreign", "foreign with a number", "newer"])
async def test_what_is_no_backup_of_ours_is_refused_and_changes_nothing(tmp_path: Path, kind: str) -> None:
    async with open_house(tmp_path / "a") as house:
        database = house.store.path
    before = read(database)
    source = tmp_path / "source.db"
    if kind == "no database":
        put(source, b"words" * 2000)
    elif kind != "missing":
        foreign(source, {"foreign": 0, "newer": schema.latest() + 1}.get(kind, schema.latest()))
    with pytest.raises(StartError):
        backup.restore(source, database, force=True, now=NOW)
    assert read(database) == before
    assert set(names(tmp_path / "a")) <= {"kiebot.db", "kiebot.db.lock"}


def test_a_backup_that_fails_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="could not be copied"):
        backup.backup(tmp_path / "nothing.db", tmp_path / "backups" / "copy.db")
    damaged = put(tmp_path / "damaged.db", b"SQLite format 3\0" + b"\xff" * 9000)
    with pytest.raises(StartError, match="could not be copied"):
        backup.backup(damaged, tmp_path / "backups" / "copy.db")
    assert names(tmp_path / "backups") == []
