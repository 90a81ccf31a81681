"""P1, P2 and P8 on Discord with real processes: `kiebot run` killed at random and at chosen moments, judged from outside."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.kill_crowd import CONFIRM, judged
from support.kill_discord import DiscordCrowd, Wish, open_crowd
from support.kill_house import NO_WAITING, Life, Zygote
from support.kill_rounds import open_round, random_kills, settled

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEP_SECONDS = 20.0


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(tmp_path: Path, zygote: Zygote) -> AsyncIterator[DiscordCrowd]:
    async with open_crowd(tmp_path, zygote, seed=1, speed=NO_WAITING) as opened:
        opened.discord.world.token_life = 900.0
        yield opened


def public(crowd: DiscordCrowd) -> Wish:
    """One member's wish for a video, in a channel that is open to the bot."""
    return crowd.new(
        user=crowd.people[5], channel=crowd.places[0], private=False, picture=False, cancel=False
    )


async def begin(crowd: DiscordCrowd) -> Life:
    life = await crowd.house.begin()
    await crowd.discord.gateway.ready(within=STEP_SECONDS)
    await crowd.discord.world.registered("video")
    return life


async def end(crowd: DiscordCrowd, life: Life) -> None:
    await settled(crowd.house)
    assert await life.stop() == 0, crowd.house.last_words()


async def test_killed_twenty_times_with_fifty_jobs_under_way_each_video_comes_once_and_nothing_is_asked_for_twice(
    tmp_path: Path, zygote: Zygote
) -> None:
    async with open_crowd(tmp_path, zygote, seed=12) as crowd:
        counts = await random_kills(crowd.house, [crowd], 20, crowd.chance)
    assert counts.kills == 20
    assert counts.jobs >= 50
    assert counts.ends_twice == 0


async def test_telegram_and_discord_in_one_bot_survive_kills_with_one_ledger(
    tmp_path: Path, zygote: Zygote
) -> None:
    chance = random.Random(6)
    async with open_round(tmp_path, zygote, "polling", True, chance) as (house, crowds):
        counts = await random_kills(house, crowds, 5, chance, troubled=True)
    telegram, discord = crowds
    assert len(telegram.orders) == len(discord.orders) == counts.jobs // 2


@pytest.mark.parametrize(
    "after",
    [
        "INSERT INTO drafts",  # its quote stands, and nobody has seen it
        "INSERT INTO jobs",  # it is ordered, and nobody was told
        "INSERT INTO deliveries",  # the video is about to be sent
    ],
)
async def test_killed_right_after_a_commit_on_the_way_from_the_command_to_the_video_it_comes_once(
    crowd: DiscordCrowd, after: str
) -> None:
    life = await crowd.house.begin(after=after)
    order = public(crowd)
    pursuing = asyncio.create_task(crowd.pursue(order))
    await crowd.house.died(life)
    life = await crowd.house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    await end(crowd, life)
    counts = await judged(crowd)
    assert (counts.jobs, counts.refunds, counts.ends_twice) == (1, 0, 0)


@pytest.mark.parametrize(
    ("token_life", "way"),
    [(900.0, "/webhooks/*"), (0.5, "/channels/*")],
    ids=["by the token", "after its death"],
)
@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
async def test_killed_while_a_video_is_being_sent_it_stands_there_once(
    crowd: DiscordCrowd, token_life: float, way: str, taken: bool
) -> None:
    world = crowd.discord.world
    life, order = await begin(crowd), public(crowd)
    await crowd.ask(order)
    assert order.card
    await order.user.click(order.card, CONFIRM).acknowledged()
    world.token_life = token_life
    held = crowd.discord.fault("*", way, hang=30, after=taken, files=True)
    await world.until(lambda: order.shown if taken else held.hits, STEP_SECONDS, "an attempt")
    await crowd.house.kill(life)
    crowd.discord.faults.faults.clear()
    life = await crowd.house.begin()
    await world.until(lambda: order.shown, STEP_SECONDS, "the video")
    await end(crowd, life)
    counts = await judged(crowd)
    assert (counts.jobs, counts.refunds, counts.ends_twice) == (1, 0, 0)
