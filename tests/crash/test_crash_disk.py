"""A disk that turns read-only or runs full under `kiebot run`: a sentence, nothing lost, and no hand needed afterwards."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support import bad_disk
from support.files import drop, make, put
from support.kill_crowd import CONFIRM, judged
from support.kill_house import NO_WAITING, Life, Zygote, open_kill_house, open_zygote
from support.kill_rounds import settled
from support.kill_telegram import Order, TelegramCrowd, open_telegram

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEP_SECONDS = 20.0
SIZE, LITTLE = 560, 460  # MB: on either side of the 500 below which no order is taken
UNUSABLE = "cannot be used"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygote() -> AsyncIterator[Zygote]:
    async with open_zygote(LD_PRELOAD=str(bad_disk.library())) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(tmp_path: Path, zygote: Zygote) -> AsyncIterator[TelegramCrowd]:
    async with (
        open_kill_house(tmp_path, zygote, speed=NO_WAITING) as house,
        open_telegram(house, random.Random(1), "callbacks") as opened,
    ):
        yield opened


@pytest.fixture
def flag(crowd: TelegramCrowd) -> Path:
    """While this exists, the data directory is read-only."""
    flag = crowd.house.folder / "read-only"
    crowd.house.connect(BAD_DISK=f"readonly:{flag}", BAD_DISK_DIR=str(crowd.house.data))
    return flag


def wish(crowd: TelegramCrowd, member: int = 0) -> Order:
    user = crowd.people[member]
    return crowd.new(user=user, chat=crowd.telegram.world.private(user), picture=False, cancel=False)


async def under_way(crowd: TelegramCrowd) -> Order:
    """A job that KIE is stuck with until the faults are cleared, and whose task is written down."""
    crowd.house.kie.faults.set("stuck-generating")
    order = wish(crowd)
    await crowd.ask(order)
    await crowd.confirm(order)
    async with asyncio.timeout(STEP_SECONDS):
        state = ""
        while state != "running":
            (job,) = await crowd.house.jobs()
            state = job["state"]
    return order


async def end(crowd: TelegramCrowd, life: Life) -> None:
    """Every job is a video that came once."""
    await settled(crowd.house)
    assert await life.stop() == 0, crowd.house.last_words()
    counts = await judged(crowd)
    assert (counts.jobs, counts.refunds, counts.ends_twice) == (len(crowd.orders), 0, 0)


async def test_a_data_directory_that_turns_read_only_stops_the_bot_with_a_sentence_and_nothing_is_lost(
    crowd: TelegramCrowd, flag: Path
) -> None:
    house, life = crowd.house, await crowd.house.begin()
    order = await under_way(crowd)
    put(flag)
    house.kie.faults.clear()
    assert "the database is in doubt" in await house.stopped(life)
    again = await house.begin()
    words = await house.stopped(again)
    assert f"{house.data} {UNUSABLE} (not writable). Set DATA_DIR to a folder" in words
    drop(flag)
    life = await house.begin()
    await crowd.telegram.world.wait_until(lambda: order.has_ended, STEP_SECONDS)
    await end(crowd, life)


async def test_a_bot_whose_folder_is_read_only_from_the_start_says_so_and_starts_once_it_is_not(
    crowd: TelegramCrowd, flag: Path
) -> None:
    house = crowd.house
    put(flag)
    assert f"{house.data} {UNUSABLE} (Read-only file system)" in await house.stopped(await house.begin())
    drop(flag)
    make(house.data)
    put(flag)
    assert f"{UNUSABLE} (Read-only file system)" in await house.stopped(await house.begin())
    drop(flag)
    life, order = await house.begin(), wish(crowd)
    await asyncio.wait_for(crowd.pursue(order), STEP_SECONDS)
    await end(crowd, life)


async def test_below_the_low_water_mark_new_orders_stop_with_a_sentence_while_running_jobs_end(
    crowd: TelegramCrowd,
) -> None:
    house, world = crowd.house, crowd.telegram.world
    with bad_disk.small_disk(house.data, SIZE) as disk:
        house.connect(BAD_DISK=disk.trouble, BAD_DISK_DIR=str(house.data))
        life, order = await house.begin(), await under_way(crowd)
        disk.leave(LITTLE)
        second = wish(crowd, member=1)
        card = await crowd.ask(second)
        press = await second.chat.press(second.user, card, CONFIRM)
        assert "disk is nearly full" in ((await press.answer(STEP_SECONDS)).text or "")
        assert not second.is_ordered
        house.kie.faults.clear()
        await world.wait_until(lambda: order.has_ended, STEP_SECONDS)
        assert len(order.videos) == 1
        disk.make_room()
        await asyncio.wait_for(crowd.confirm(second), STEP_SECONDS)
        await world.wait_until(lambda: second.has_ended, STEP_SECONDS)
        await end(crowd, life)
