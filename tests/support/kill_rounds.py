"""`python -m support.kill_rounds --kills 100`: `kiebot run` with members in its chats, killed at random moments, by seed."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from support.kill_crowd import Counts, Crowd, judged, members
from support.kill_discord import open_discord
from support.kill_house import KillHouse, Zygote, open_kill_house, open_zygote
from support.kill_telegram import Line, open_telegram

SHORTEST, LONGEST = 0.1, 1.5  # seconds until a kill; a start takes a third of one
ORDERS_PER_KILL, FIRST_ORDERS = 2, 50
END_SECONDS, LOOK_SECONDS = 90.0, 2.0
LOOKS = 300
MUCH_LATER = 31 * 60.0  # a submission whose answer was lost is given up by then
MISHAPS, FAULT_TIMES = 0.6, 2
AT_KIE = (
    ("fail", "policy"),
    ("fail", "busy"),
    ("drop-reply", ""),
    ("slow-create", "0.3"),
    ("flaky-polls", "500"),
)
# How the bot is reached: the line of its Telegram, if it has one, and whether it has a Discord.
CHATS: tuple[tuple[Line | None, bool], ...] = (
    ("polling", False),
    (None, True),
    ("callbacks", False),
    ("callbacks", True),
    ("webhook", False),
    (None, True),
    ("polling", True),
)


async def random_kills(
    house: KillHouse, crowds: Sequence[Crowd], kills: int, chance: random.Random, *, troubled: bool = False
) -> Counts:
    """So many lives cut short while members order; then one that may end what is left. `troubled`: more goes wrong."""
    ordering = asyncio.create_task(members(crowds, FIRST_ORDERS + ORDERS_PER_KILL * kills))
    life = await house.begin()
    for kill in range(1, kills + 1):
        if troubled and chance.random() < MISHAPS:
            go_wrong(house, crowds, chance)
        await asyncio.wait([ordering], timeout=chance.uniform(SHORTEST, LONGEST))
        await house.kill(life)
        if kill == kills:
            house.kie.faults.clear()
            if house.has_callbacks:
                house.pass_time(MUCH_LATER)
        life = await house.begin()
    until = time.monotonic() + END_SECONDS
    while not ordering.done() and time.monotonic() < until:
        for job in await house.jobs():
            if job["state"] == "delivered":
                for crowd in crowds:
                    crowd.away.add(job["prompt"])
        await asyncio.wait([ordering], timeout=LOOK_SECONDS)
    if not ordering.done():
        ordering.cancel()
        raise AssertionError(
            f"after the last start something never ended: {unfinished(crowds)}\n{house.errors()}"
        )
    await ordering
    jobs = await settled(house)
    for crowd in crowds:
        await crowd.collect(jobs)
    assert await life.stop() == 0, house.last_words()
    return await judged(*crowds)


def go_wrong(house: KillHouse, crowds: Sequence[Crowd], chance: random.Random) -> None:
    if chance.random() < 0.5:
        fault, value = chance.choice(AT_KIE)
        house.kie.faults.set(fault, value, times=FAULT_TIMES)
        house.answers_lost += FAULT_TIMES * (fault == "drop-reply")
    else:
        chance.choice(crowds).go_wrong()


def unfinished(crowds: Sequence[Crowd]) -> list[object]:
    return [each for crowd in crowds for each in crowd.orders if not each.has_ended][:5]


async def settled(house: KillHouse) -> list[dict[str, object]]:
    """All jobs, once every one is noted as delivered, which comes right after its message."""
    for _ in range(LOOKS):
        jobs = await house.jobs()
        if all(job["state"] == "delivered" for job in jobs):
            return jobs
        await asyncio.sleep(0.1)
    raise AssertionError(f"not all that has ended is noted as delivered: {await house.jobs()}")


@asynccontextmanager
async def open_round(
    folder: Path, zygote: Zygote, line: Line | None, discord: bool, chance: random.Random
) -> AsyncIterator[tuple[KillHouse, list[Crowd]]]:
    """A new bot with a Telegram reached by `line`, or none, and perhaps a Discord."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_kill_house(folder, zygote))
        crowds: list[Crowd] = []
        if line:
            crowds.append(await stack.enter_async_context(open_telegram(house, chance, line)))
        if discord:
            crowds.append(await stack.enter_async_context(open_discord(house, chance)))
        yield house, crowds


async def rounds(seeds: list[int], kills: int) -> None:
    """A round for each seed. Raises AssertionError at the first promise that does not hold."""
    async with open_zygote() as zygote:
        for seed in seeds:
            await one_round(zygote, seed, kills)


async def one_round(zygote: Zygote, seed: int, kills: int) -> None:
    """The seed also chooses the chats, and whether more goes wrong than that the bot dies."""
    (line, discord), troubled = CHATS[seed % len(CHATS)], seed // len(CHATS) % 2 == 1
    chance, began = random.Random(seed), time.monotonic()
    names = " and ".join(filter(None, (f"Telegram by {line}" if line else "", "Discord" if discord else "")))
    print(f"seed {seed} ({names}{', troubled' * troubled})", end=" ", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        async with open_round(Path(folder), zygote, line, discord, chance) as (house, crowds):
            counts = await random_kills(house, crowds, kills, chance, troubled=troubled)
    print(f"{counts} in {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="kill_rounds", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="so many in each round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, help="of the first round")
    given = parser.parse_args()
    logging.disable()  # of the stand-ins, whose clients break off all the time
    first = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    asyncio.run(rounds(list(range(first, first + given.rounds)), given.kills))


if __name__ == "__main__":
    main()
