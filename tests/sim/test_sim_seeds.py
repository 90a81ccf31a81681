"""P1, P2, P3: whole lives of the bot by seed, with crashes at every door; `make soak` goes on with new seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sim_life import CLIMATES, Sim, Sum

SEEDS = range(1, 241)
BUNCHES = 12


def folder_of(tmp_path: Path, seed: int) -> Path:
    return tmp_path / str(seed)


async def lived(folder: Path, seed: int) -> Sim:
    """A short life: what is rare in it comes with the number of seeds."""
    sim = Sim(folder, seed, orders=8, lives=4)
    await sim.live()
    return sim


@pytest.mark.parametrize("bunch", range(BUNCHES))
async def test_whatever_happens_each_accepted_order_is_delivered_or_refunded_once_and_paid_for_once(
    tmp_path: Path, bunch: int
) -> None:
    total = Sum()
    for seed in SEEDS[bunch::BUNCHES]:
        total.add((await lived(folder_of(tmp_path, seed), seed)).sum)
    assert total.jobs > 50
    assert total.crashes > 10


async def test_a_seed_lives_the_same_life_every_time(tmp_path: Path) -> None:
    one, two = [await lived(tmp_path / name, 4711) for name in ("one", "two")]
    assert one.fate.doors == two.fate.doors > 200
    assert one.chat.messages == two.chat.messages
    assert one.kie.billed == two.kie.billed


async def test_every_kind_of_trouble_is_met_somewhere(tmp_path: Path) -> None:
    met = {Sim(tmp_path, seed).name for seed in SEEDS}
    assert met == set(CLIMATES)
