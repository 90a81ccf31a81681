"""`make soak`: simulated lives and real kills by turns, with new seeds, until a promise breaks or it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import secrets
import sys
from collections.abc import Callable, Iterable
from functools import partial

from support import crash_rounds, kill_rounds, sim_rounds
from support.sim_life import LIVES, ORDERS

SEEDS, KILLS, CHAT_KILLS = 500, 5, 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this simulated life")
    parser.add_argument("--seeds", type=int, help="so many simulated lives, and no kills")
    parser.add_argument("--orders", type=int, default=ORDERS, help="how many orders a simulated life has")
    parser.add_argument("--lives", type=int, default=LIVES, help="how often its bot begins anew")
    parser.add_argument("--kills", type=int, metavar="SEED", help="replay these real kills")
    given = parser.parse_args()
    workers = multiprocessing.cpu_count()
    lives = partial(sim_rounds.rounds, orders=given.orders, lives=given.lives)
    try:
        if given.kills is not None:
            asyncio.run(crash_rounds.rounds([given.kills]))
            return 0
        if given.seed is not None:
            return 0 if lives([given.seed], 1) else 1
        if given.seeds is not None:
            return 0 if lives(fresh(given.seeds), workers) else 1
        return by_turns(lives, workers)
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


def by_turns(lives: Callable[[Iterable[int], int], bool], workers: int) -> int:
    for turn in itertools.count(1):
        print(f"turn {turn}: simulated lives", flush=True)
        if not lives(fresh(SEEDS), workers):
            return 1
        print(f"turn {turn}: real kills", flush=True)
        asyncio.run(crash_rounds.rounds([secrets.randbelow(1_000_000) for _ in range(KILLS)]))
        asyncio.run(kill_rounds.rounds([secrets.randbelow(1_000_000)], CHAT_KILLS))
    return 0


def fresh(number: int) -> range:
    first = secrets.randbelow(1_000_000_000)
    return range(first, first + number)


if __name__ == "__main__":
    sys.exit(main())
