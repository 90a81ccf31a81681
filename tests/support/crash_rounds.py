"""Real processes killed at random moments, by seed."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

from support.crash_house import MUCH_LATER, CrashHouse, open_crash_house

# What KIE may do wrong meanwhile, and a job must survive.
TROUBLES: tuple[dict[str, str], ...] = (
    {},
    {"drop-reply": ""},
    {"flaky-polls": ""},
    {"callback-twice": ""},
    {"callback-concurrent": ""},
    {"callback-late": "0.3"},
    {"callback-none": ""},
    {"slow-create": "0.3"},
)
JOBS, KILLS = (1, 3), (1, 4)
LONGEST = 1.5  # seconds until a kill; a life of one job takes about one


async def random_round(house: CrashHouse, seed: int) -> None:
    """One bot, a few jobs, killed a few times, now and then started again only much later; then a whole life."""
    chance = random.Random(seed)
    plan = house.plan(many=chance.randint(*JOBS))
    for _ in range(chance.randint(*KILLS)):
        await house.live(plan, kill_after=chance.uniform(0.2, LONGEST))
        plan = replace(plan, later=plan.later + chance.choice((0, 0, MUCH_LATER)))
    plan = replace(plan, later=plan.later + MUCH_LATER)
    assert await house.live(plan)
    await house.check(plan)


async def rounds(seeds: list[int]) -> None:
    """A round for each seed. Raises AssertionError at the first promise that does not hold."""
    for seed in seeds:
        trouble = random.Random(seed).choice(TROUBLES)
        print(f"seed {seed}", *trouble, end=" ", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            async with open_crash_house(Path(folder), trouble) as house:
                await random_round(house, seed)
                print(f"{house.jobs} jobs, {house.crashes} crashes: {', '.join(house.outcomes)}", flush=True)
