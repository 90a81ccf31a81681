"""P1 to P3 on Telegram with real processes: `kiebot run` killed at random and at chosen moments, judged from outside."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from support.kill_crowd import judged
from support.kill_house import NO_WAITING, Life, Zygote
from support.kill_rounds import random_kills, settled
from support.kill_telegram import Order, TelegramCrowd, open_crowd

from bot.store import schema

pytestmark = pytest.mark.asyncio(loop_scope="module")

RELEASED = Path(__file__).parents[1] / "store" / "released" / "0001.sql"
STEP_SECONDS = 20.0


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(tmp_path: Path, zygote: Zygote) -> AsyncIterator[TelegramCrowd]:
    async with open_crowd(tmp_path, zygote, seed=1, speed=NO_WAITING) as opened:
        yield opened


def private(crowd: TelegramCrowd) -> Order:
    """One member's wish for a video, in their own chat."""
    ada = crowd.people[0]
    return crowd.new(user=ada, chat=crowd.telegram.world.private(ada), picture=False, cancel=False)


async def end(crowd: TelegramCrowd, life: Life) -> None:
    await settled(crowd.house)
    assert await life.stop() == 0, crowd.house.last_words()


async def test_killed_twenty_times_with_fifty_jobs_under_way_nothing_is_lost_and_nothing_asked_for_twice(
    tmp_path: Path, zygote: Zygote
) -> None:
    async with open_crowd(tmp_path, zygote, seed=20) as crowd:
        counts = await random_kills(crowd.house, [crowd], 20, crowd.chance)
    assert counts.kills == 20
    assert counts.jobs >= 50


@pytest.mark.parametrize(
    ("after", "times"),
    [
        ("INSERT INTO inbox", 1),  # the command is kept
        ("INSERT INTO drafts", 1),  # its quote stands, and nobody has seen it
        ("INSERT INTO inbox", 2),  # the press of Confirm is kept
        ("INSERT INTO jobs", 1),  # it is ordered, and nobody was told
        ("INSERT INTO deliveries", 1),  # the video is about to be sent
    ],
)
async def test_killed_right_after_a_commit_on_the_way_from_the_command_to_the_video_it_goes_on_there(
    crowd: TelegramCrowd, after: str, times: int
) -> None:
    life = await crowd.house.begin(after=after, times=times)
    order = private(crowd)
    pursuing = asyncio.create_task(crowd.pursue(order))
    await crowd.house.died(life)
    life = await crowd.house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    await end(crowd, life)
    counts = await judged(crowd)
    assert (counts.refunds, counts.ends_twice) == (0, 0)


async def test_killed_during_the_upload_the_video_is_sent_once(crowd: TelegramCrowd) -> None:
    crowd.telegram.fault("sendVideo", "slow", seconds=30)
    life, order = await crowd.house.begin(), private(crowd)
    pursuing = asyncio.create_task(crowd.pursue(order))
    await crowd.telegram.world.wait_until(lambda: crowd.telegram.world.calls_of("sendVideo"), STEP_SECONDS)
    await crowd.house.kill(life)
    life = await crowd.house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    await end(crowd, life)
    counts = await judged(crowd)
    assert (counts.refunds, counts.ends_twice, counts.unsure) == (0, 0, 0)


async def test_killed_between_the_video_and_its_answer_it_is_sent_at_most_once_more(
    crowd: TelegramCrowd,
) -> None:
    crowd.telegram.fault("sendVideo", "hang_after", seconds=30)
    life, order = await crowd.house.begin(), private(crowd)
    await crowd.ask(order)
    await crowd.confirm(order)
    await crowd.telegram.world.wait_until(lambda: order.videos, STEP_SECONDS)
    await crowd.house.kill(life)
    life = await crowd.house.begin()
    await end(crowd, life)
    counts = await judged(crowd)
    assert (counts.refunds, counts.ends_twice) == (0, 1)


async def test_killed_before_the_card_is_known_to_have_arrived_the_same_order_has_one_more_card(
    crowd: TelegramCrowd,
) -> None:
    crowd.telegram.fault("sendMessage", "hang_after", seconds=30)
    life, order = await crowd.house.begin(), private(crowd)
    await crowd.ask(order)
    await crowd.house.kill(life)
    life = await crowd.house.begin()
    await crowd.telegram.world.wait_until(lambda: len(order.cards) == 2, STEP_SECONDS)
    first, second = order.cards
    for card in (second, first):
        await (await order.chat.press(order.user, card, "✅ Confirm")).answer(STEP_SECONDS)
    await crowd.telegram.world.wait_until(lambda: order.has_ended, STEP_SECONDS)
    await end(crowd, life)
    counts = await judged(crowd)
    assert (counts.jobs, counts.ends_twice, counts.cards_twice) == (1, 0, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PRAGMA quick_check", ""),
        ("CREATE TABLE inbox", ""),
        ("PRAGMA user_version =", ""),
        ("", "CREATE TABLE inbox"),
    ],
    ids=["its backup half made", "begun", "done but not committed", "committed"],
)
async def test_killed_during_an_upgrade_the_next_start_upgrades_and_finishes_the_jobs_of_before(
    crowd: TelegramCrowd, before: str, after: str
) -> None:
    house = crowd.house
    house.data.mkdir()
    path = house.data / "kiebot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(RELEASED.read_text("utf-8"))
        connection.execute("PRAGMA user_version = 1")
    await house.died(await house.begin(before=before, after=after))
    assert schema.version(path) in (1, 2)
    life, order = await house.begin(), private(crowd)
    await crowd.telegram.world.wait_until(lambda: crowd.telegram.world.calls_of("getUpdates"), STEP_SECONDS)
    resuming = await house.begin("resume")  # its operator had paused it
    assert await resuming.ended() == 0
    await asyncio.wait_for(crowd.pursue(order), STEP_SECONDS)
    assert schema.version(path) == schema.latest()
    await settled(crowd.house)
    assert await house.tell("credits", "verify") == {"ok": True, "broken": {}}
    kept = list((house.data / "backups").glob("before-*.db"))
    # a start that finds some steps done makes a backup before the others
    assert {1} <= {schema.version(each) for each in kept} <= {1, 2}
    assert await life.stop() == 0
    house.check_files()


async def test_killed_during_a_backup_no_half_one_stands_there_and_the_bot_goes_on(
    crowd: TelegramCrowd,
) -> None:
    house, target = crowd.house, crowd.house.folder / "copy.db"
    life, order = await house.begin(), private(crowd)
    await asyncio.wait_for(crowd.pursue(order), STEP_SECONDS)
    copying = await house.begin("db", "backup", str(target), before="PRAGMA quick_check")
    await house.died(copying)
    assert not target.exists()
    again = await house.begin("db", "backup", str(target))
    assert await again.ended() == 0, house.last_words()
    await asyncio.wait_for(crowd.pursue(private(crowd)), STEP_SECONDS)
    await end(crowd, life)
    await judged(crowd)
    assert schema.version(target) == schema.latest()
