"""P1, P2, P3: whole lives of the bot by seed, with crashes at every door; `make soak` goes on with new seeds."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

import pytest
from support import files
from support.sim_climate import CLIMATES
from support.sim_life import Sim, Sum, one_seed
from support.sources import ROOT

SEEDS = range(1, 241)
BUNCHES = 12
ORDERS, LIVES = 8, 4  # short lives: what is rare in them comes with the number of seeds


@pytest.mark.parametrize("bunch", range(BUNCHES))
async def test_whatever_happens_each_accepted_order_is_delivered_or_refunded_once_and_paid_for_once(
    tmp_path: Path, bunch: int
) -> None:
    total = Sum()
    for seed in SEEDS[bunch::BUNCHES]:
        total.add(await one_seed(tmp_path / str(seed), seed, orders=ORDERS, lives=LIVES))
    assert total.jobs > 50
    assert total.crashes > 10
    assert total.amid > 50
    assert total.again > 20
    assert total.erased > 5


async def test_a_seed_lives_the_same_life_every_time(tmp_path: Path) -> None:
    lives = []
    for name in ("one", "two"):
        sim = Sim(tmp_path / name, 4711, orders=ORDERS, lives=LIVES)
        await sim.live()
        lives.append((sim.fate.doors, sim.fate.amid, sim.chat.messages, sim.kie.billed, sim.chat.told))
    assert lives[0] == lives[1]
    assert lives[0][0] > 200


async def test_a_seed_that_fails_carries_the_line_that_replays_exactly_its_life(tmp_path: Path) -> None:
    no_folder = files.put(tmp_path / "file") / "life"
    with pytest.raises(NotADirectoryError) as failed:
        await one_seed(no_folder, 4711, orders=ORDERS, lives=LIVES)
    (note,) = failed.value.__notes__
    args = note.partition('make soak ARGS="')[2].partition('"')[0]
    soak = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "support.soak", *shlex.split(args), cwd=ROOT / "tests", stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    printed, _ = await soak.communicate()
    lived = await one_seed(tmp_path / "life", 4711, orders=ORDERS, lives=LIVES)
    assert soak.returncode == 0
    assert str(lived) in printed.decode()


async def test_every_kind_of_trouble_is_met_somewhere(tmp_path: Path) -> None:
    met = {Sim(tmp_path, seed).name for seed in SEEDS}
    assert met == set(CLIMATES)


@pytest.mark.parametrize(
    ("climate", "of"), [("jumping", "jumps"), ("restored", "restored"), ("away", "gifts")]
)
async def test_what_a_climate_is_named_after_happens_in_it(tmp_path: Path, climate: str, of: str) -> None:
    seeds = [seed for seed in SEEDS if Sim(tmp_path, seed).name == climate][:5]
    total = Sum()
    for seed in seeds:
        total.add(await one_seed(tmp_path / str(seed), seed, orders=ORDERS, lives=LIVES))
    assert getattr(total, of) > 0
