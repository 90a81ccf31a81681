"""`python -m support.kill_rounds --kills 100`: `kiebot run` with members on Telegram, killed at random moments, by seed."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from support.kill_house import Zygote, open_zygote
from support.kill_telegram import LINES, Counts, Crowd, members, open_crowd

SHORTEST, LONGEST = 0.1, 1.5  # seconds until a kill; a start takes a third of one
ORDERS_PER_KILL, FIRST_ORDERS = 2, 50
END_SECONDS = 90.0
LOOKS = 300
MUCH_LATER = 31 * 60.0  # a submission whose answer was lost is given up by then

# What else may go wrong in a life, and must only delay. What loses the answer to a video may send it once more.
MISHAPS = 0.6
AT_KIE = (
    ("fail", "policy"),
    ("fail", "busy"),
    ("drop-reply", ""),
    ("slow-create", "0.3"),
    ("flaky-polls", "500"),
)
AT_TELEGRAM: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sendVideo", "drop_after", {}),
    ("sendVideo", "drop_before", {}),
    ("sendVideo", "flood", {"retry_after": 1}),
    ("getUpdates", "bad_gateway", {}),
    ("getUpdates", "repeat", {}),
    ("editMessageText", "drop_after", {}),
    ("answerCallbackQuery", "drop_before", {}),
    ("deleteMessage", "bad_gateway", {}),
)
LOSING = "drop_after"


async def random_kills(crowd: Crowd, kills: int, *, troubled: bool = False) -> Counts:
    """So many lives cut short while members order; then one that may end what is left."""
    chance, house = crowd.chance, crowd.house
    ordering = asyncio.create_task(members(crowd, FIRST_ORDERS + ORDERS_PER_KILL * kills))
    life = await house.begin()
    for kill in range(1, kills + 1):
        if troubled and chance.random() < MISHAPS:
            crowd.lost_answers += go_wrong(crowd)
        await asyncio.wait([ordering], timeout=chance.uniform(SHORTEST, LONGEST))
        await house.kill(life)
        if kill == kills:
            house.kie.faults.clear()
            if house.has_callbacks:
                house.pass_time(MUCH_LATER)
        life = await house.begin()
    await asyncio.wait([ordering], timeout=END_SECONDS)
    if not ordering.done():
        ordering.cancel()
        raise AssertionError(
            f"after the last start something never ended: {unfinished(crowd)}\n{house.errors()}"
        )
    await ordering
    await settled(crowd)
    assert await life.stop() == 0, house.last_words()
    return await crowd.check()


def go_wrong(crowd: Crowd) -> bool:
    """One thing, once. Whether it may bring a result twice."""
    if crowd.chance.random() < 0.5:
        fault, value = crowd.chance.choice(AT_KIE)
        crowd.house.kie.faults.set(fault, value, times=2)
        return False
    method, kind, details = crowd.chance.choice(AT_TELEGRAM)
    crowd.telegram.fault(method, kind, **details)
    return (method, kind) == ("sendVideo", LOSING)


def unfinished(crowd: Crowd) -> list[object]:
    open_ones = [each for each in crowd.orders if not each.has_ended]
    return list(open_ones[:5])


async def settled(crowd: Crowd) -> None:
    """Until every job is noted as delivered, which comes right after its message."""
    for _ in range(LOOKS):
        if all(job["state"] == "delivered" for job in await crowd.house.jobs()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not all that has ended is noted as delivered: {await crowd.house.jobs()}")


async def rounds(seeds: list[int], kills: int) -> None:
    """A round for each seed. Raises AssertionError at the first promise that does not hold."""
    async with open_zygote() as zygote:
        for seed in seeds:
            await one_round(zygote, seed, kills)


async def one_round(zygote: Zygote, seed: int, kills: int) -> None:
    """The seed also chooses how the bot is reached, and whether more goes wrong than that it dies."""
    line, troubled = LINES[seed % len(LINES)], seed // len(LINES) % 2 == 1
    began = time.monotonic()
    print(f"seed {seed} ({line}{', troubled' * troubled})", end=" ", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        async with open_crowd(Path(folder), zygote, seed, line) as crowd:
            counts = await random_kills(crowd, kills, troubled=troubled)
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
