"""Faults of the machine under a whole bot: a disk that does not keep its word, a disk that is full."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support import bad_disk
from support.crash_house import MUCH_LATER, CrashHouse, open_crash_house
from support.sources import ROOT

from bot.store import schema


async def until(true: Callable[[], bool]) -> None:
    while True:
        if true():
            return
        await asyncio.sleep(0.01)


WRITES = """
import asyncio, pathlib, sys
from functools import partial
from bot.domain import UserRef
from bot.store import Store, people

async def main():
    async with Store(pathlib.Path(sys.argv[1]) / "kiebot.db") as store:
        for n in range(50):
            await store.write(partial(people.ensure_user, who=UserRef("web", f"u{n}"), now=1))
            print(n, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CrashHouse]:
    async with open_crash_house(tmp_path / "house") as house:
        yield house


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "house"
    made.mkdir()
    return made


async def test_what_is_committed_is_on_the_disk_before_anybody_is_answered(folder: Path) -> None:
    """Each answer was preceded by an fsync: once that fails, nobody is told that anything was written."""
    written = []
    for nth in (3, 6):
        place = folder / str(nth)
        place.mkdir()
        schema.migrate(place / "kiebot.db")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            WRITES,
            str(place),
            cwd=ROOT,
            env=bad_disk.environment(f"fsync:{nth}", place),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert b"StoreBroken" in complaint
        written.append(len(said.split()))
    assert written[1] - written[0] == 3


@pytest.mark.parametrize("nth", [3, 6, 9])
async def test_a_bot_whose_disk_does_not_keep_its_word_stops_and_after_a_restart_each_job_ends_once(
    house: CrashHouse, nth: int
) -> None:
    plan = house.plan()
    schema.migrate(plan.settings.database_path)  # so that what fails is the life of the job
    trouble = bad_disk.environment(f"fsync:{nth}", Path(plan.folder))
    process = await house.begin(plan, trouble)
    _, complaint = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"in doubt" in complaint
    later = replace(plan, later=MUCH_LATER)
    assert await house.live(later)
    await house.check(later)


async def test_a_full_disk_only_delays_and_nobody_has_to_help(house: CrashHouse, folder: Path) -> None:
    plan, flag = house.plan(), folder / "full"
    process = await house.begin(plan, bad_disk.environment(f"full:{flag}", Path(plan.folder)))
    talk = asyncio.create_task(process.communicate())
    async with asyncio.timeout(30):
        await until(lambda: bool(house.kie.created))
        flag.touch()
        await asyncio.sleep(1.5)
        assert not talk.done()
        flag.unlink()
        await talk
    assert process.returncode == 0
    await house.check(plan)
