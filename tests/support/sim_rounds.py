"""Many simulated lives side by side in processes of their own, with a sum of what was lived."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from support.sim_life import LIVES, ORDERS, Sum, one_seed

from bot.errors import KiebotError

# A disk in memory, where there is one: what is proven here is the order of things, not the disk.
MEMORY = Path("/dev/shm")


def run(seed: int, *, orders: int, lives: int) -> Sum | str:
    """One seed in this process; what broke, as text, if something did."""
    logging.disable(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="sim-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        return asyncio.run(one_seed(folder, seed, orders=orders, lives=lives))
    except (AssertionError, KiebotError, sqlite3.Error, OSError, LookupError, TypeError, ValueError):
        return traceback.format_exc()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rounds(seeds: Iterable[int], workers: int, *, orders: int = ORDERS, lives: int = LIVES) -> bool:
    """Until the seeds end or one breaks; prints what was lived so far."""
    total, begun = Sum(), time.monotonic()
    live = partial(run, orders=orders, lives=lives)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for number, result in enumerate(pool.imap_unordered(live, seeds), 1):
            if isinstance(result, str):
                print(result, file=sys.stderr)
                pool.terminate()
                return False
            total.add(result)
            if number % 100 == 0:
                print(f"{time.monotonic() - begun:.0f} s: {total}", flush=True)
    print(f"{time.monotonic() - begun:.0f} s: {total}", flush=True)
    return True
