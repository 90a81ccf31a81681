"""The ledger's checks: what they read, and that nobody waits behind them."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.house import ADA, House, open_house

from bot.money import ledger
from bot.store import Store, Tx, checks

# walked over in an index alone, or few: balances, open jobs, and what is never there
CHEAP = r"COVERING INDEX|\bb$|jobs_open_user|jobs_nowhere"


@asynccontextmanager
async def a_long_read(store: Store) -> AsyncIterator[None]:
    """Somebody goes over whole tables meanwhile."""
    begun, end = threading.Event(), threading.Event()

    def read(tx: Tx) -> None:
        begun.set()
        end.wait(10)

    reading = asyncio.create_task(store.read_long(read))
    assert await asyncio.to_thread(begun.wait, 5)
    try:
        yield
    finally:
        end.set()
        await reading


async def test_who_reads_a_little_does_not_wait_for_who_reads_whole_tables(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, a_long_read(house.store):
        assert await asyncio.wait_for(house.available(), 2) == 0
        await asyncio.wait_for(house.quote(), 2)
        assert await asyncio.wait_for(house.available(), 2) == 1000


@pytest.mark.parametrize(
    "check",
    [lambda house: house.office.verify(), lambda house: house.keeper.check()],
    ids=["verify", "keeper"],
)
async def test_the_checks_are_such_a_long_read(
    tmp_path: Path, check: Callable[[House], Awaitable[object]]
) -> None:
    async with open_house(tmp_path) as house:
        async with a_long_read(house.store):
            checking = asyncio.ensure_future(check(house))
            await asyncio.wait_for(house.available(ADA), 2)
            assert not checking.done()
        await checking


async def test_a_store_that_is_closed_lets_a_long_read_end(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.quote()
        checking = asyncio.create_task(house.office.verify())
        await asyncio.sleep(0)
    assert await checking == {}


@pytest.mark.parametrize("rule", checks.CHECKS)
async def test_no_check_walks_over_the_rows_of_jobs_or_transfers(tmp_path: Path, rule: str) -> None:
    """The plan is what makes a million transfers a matter of a second (docs/figures.md)."""
    query = f"EXPLAIN QUERY PLAN {checks.CHECKS[rule]} LIMIT 10"
    async with open_house(tmp_path) as house:
        plan = await house.store.read(lambda tx: [str(row["detail"]) for row in tx.all(query)])
    assert [step for step in plan if re.match("SCAN ", step) and not re.search(CHEAP, step)] == []
    assert [step for step in plan if "PRIMARY KEY (rowid" in step] == []


async def test_a_transfer_of_a_job_that_is_neither_its_hold_nor_its_settlement_is_noticed(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.end(job.id)
        stray = ledger.Transfer(f"job:{job.id}", "house", job.price, "a stray one")
        sql = "INSERT INTO transfers (at, source, target, amount, reference) VALUES (1, ?, ?, ?, ?)"
        await house.store.write(
            lambda tx: tx.run(sql, stray.source, stray.target, stray.amount, stray.reference)
        )
        assert await house.office.verify() != {}
