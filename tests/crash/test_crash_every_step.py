"""P1 and P2 with real processes: killed anywhere and started again, a job is delivered or refunded, and asked for once."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.crash_house import MUCH_LATER, CrashHouse, open_crash_house
from support.crash_life import Moment
from support.crash_rounds import random_round
from support.files import put
from support.sources import ROOT

from bot.domain import JobState
from bot.store import Store, jobs


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CrashHouse]:
    async with open_crash_house(tmp_path) as opened:
        yield opened


async def test_killed_after_any_commit_a_job_is_delivered_or_refunded_and_asked_for_at_most_once(
    house: CrashHouse,
) -> None:
    commits = itertools.count(1)
    through = False

    async def kill_and_check() -> None:
        nonlocal through
        while not through:
            died = await house.crash_and_return(replace(house.plan(), commit=next(commits)))
            through = through or not died

    await asyncio.gather(kill_and_check(), kill_and_check())
    assert house.crashes >= 12
    assert set(house.outcomes) == {"video", "lost"}
    assert house.outcomes.count("lost") <= 3  # only between the intent to submit and the answer


@pytest.mark.parametrize(("moment", "made"), [("before", {0}), ("sent", {0, 1}), ("answered", {1})])
async def test_killed_around_the_paid_request_it_is_never_sent_again(
    house: CrashHouse, moment: Moment, made: set[int]
) -> None:
    assert await house.crash_and_return(replace(house.plan(), moment=moment))
    assert len(house.kie.created) in made


@pytest.mark.parametrize("moment", ["downloaded", "copied"])
async def test_killed_with_a_half_finished_file_the_whole_video_is_brought_and_no_rest_stays(
    house: CrashHouse, moment: Moment
) -> None:
    plan = house.plan()
    assert not await house.live(replace(plan, moment=moment))
    put(plan.settings.videos_dir / "of-a-killed-media-process.mp4.4711.part")
    plan = replace(plan, later=MUCH_LATER)
    assert await house.live(plan)
    await house.check(plan)
    assert house.outcomes == ["video"]


async def test_a_paid_task_whose_answer_was_lost_is_found_again_by_kies_call_and_delivered(
    house: CrashHouse,
) -> None:
    house.kie.faults.set("stuck-generating")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    plan = replace(house.plan(), port=port)
    assert not await house.live(replace(plan, moment="answered"))
    second = asyncio.create_task(house.live(plan))
    await until_claimed(plan.settings.database_path, f"ask:{plan.prompts[0]}")
    house.kie.faults.clear()
    assert await second
    await house.check(plan)
    assert house.outcomes == ["video"]


async def until_claimed(database: Path, key: str) -> None:
    """Until the second life has looked at the job, its web server being up by then."""
    async with Store(database) as store:
        lease = None
        while True:
            job = await store.read(lambda tx: jobs.by_key(tx, key))
            assert job
            assert job.state is JobState.SUBMITTING
            lease = lease or job.lease
            if job.lease >= lease + 2:  # freed at the start, then claimed
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", [7, 12, 38])
async def test_killed_at_random_moments_again_and_again_nothing_is_lost(house: CrashHouse, seed: int) -> None:
    await random_round(house, seed)
    assert house.crashes


async def test_after_a_crash_credits_verify_finds_nothing_wrong(house: CrashHouse) -> None:
    plan = replace(house.plan(), moment="sent")
    await house.crash_and_return(plan)
    command = [sys.executable, "-m", "bot", "credits", "verify", "--data", plan.folder]
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
