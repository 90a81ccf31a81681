"""The ledger: credits move once for each reference, nobody falls below zero, and nothing gets lost."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.house import ADA, BOB, open_house

from bot.domain import UserRef
from bot.errors import UserError
from bot.money import ledger
from bot.money.ledger import HOUSE, ISSUANCE, OPERATOR, Transfer
from bot.store import Store, Tx, money, people, schema

USERS = [UserRef("web", name) for name in ("ada", "bob", "cy")]


class Ledger(RuleBasedStateMachine):
    """Against a model that is a handful of numbers; several callers write at the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "kiebot.db"
        schema.migrate(path)
        self._runner = asyncio.Runner()
        self._store = self._runner.run(self._open(path))
        self.available = dict.fromkeys(range(1, len(USERS) + 1), 0)
        self.held: dict[str, tuple[int, int]] = {}
        self.earned: dict[str, tuple[int, int]] = {}
        self.house = 0
        self.issued = 0
        self.made: list[Transfer] = []
        self._n = 0

    async def _open(self, path: Path) -> Store:
        store = Store(path)
        for who in USERS:
            await store.write(partial(people.ensure_user, who=who, now=1))
        return store

    def post(self, *transfers: Transfer) -> list[bool | BaseException]:
        """All at the same moment, as from as many callers."""

        async def together() -> list[bool | BaseException]:
            writes = [self._store.write(partial(money.post, transfer=each, now=1)) for each in transfers]
            return await asyncio.gather(*writes, return_exceptions=True)

        return self._runner.run(together())

    @rule(user=st.sampled_from([1, 2, 3]), amount=st.integers(1, 500))
    def grant(self, user: int, amount: int) -> None:
        self._n += 1
        transfer = ledger.grant(f"user:{user}", amount, f"grant:{self._n}", "gift")
        assert self.post(transfer) == [True]
        self.available[user] += amount
        self.issued += amount
        self.made.append(transfer)

    @rule(user=st.sampled_from([1, 2, 3]), amount=st.integers(1, 500))
    def take_back(self, user: int, amount: int) -> None:
        self._n += 1
        transfer = ledger.grant(f"user:{user}", -amount, f"grant:{self._n}", "mistake")
        (result,) = self.post(transfer)
        if amount > self.available[user]:
            assert isinstance(result, UserError)
            return
        assert result is True
        self.available[user] -= amount
        self.issued -= amount
        self.made.append(transfer)

    @rule(user=st.sampled_from([1, 2, 3]), prices=st.lists(st.integers(1, 200), min_size=1, max_size=6))
    def hold_several_at_once(self, user: int, prices: list[int]) -> None:
        wanted = []
        for price in prices:
            self._n += 1
            wanted.append((f"J{self._n}", price))
        results = self.post(*(ledger.hold(job, f"user:{user}", price) for job, price in wanted))
        for (job, price), result in zip(wanted, results, strict=True):
            if result is True:
                self.available[user] -= price
                self.held[job] = (user, price)
                self.made.append(ledger.hold(job, f"user:{user}", price))
            else:
                assert isinstance(result, UserError)
                assert price > self.available[user]
        assert self.available[user] >= 0

    @precondition(lambda self: self.held)
    @rule(data=st.data(), earned=st.booleans(), callers=st.integers(1, 4))
    def settle(self, data: st.DataObject, earned: bool, callers: int) -> None:
        job = data.draw(st.sampled_from(sorted(self.held)))
        user, price = self.held.pop(job)
        transfer = ledger.settle(job, f"user:{user}", price, earned=earned)
        assert sum(result is True for result in self.post(*[transfer] * callers)) == 1
        self.made.append(transfer)
        if earned:
            self.house += price
            self.earned[job] = (user, price)
        else:
            self.available[user] += price

    @precondition(lambda self: self.earned)
    @rule(data=st.data(), callers=st.integers(1, 4))
    def refund(self, data: st.DataObject, callers: int) -> None:
        job = data.draw(st.sampled_from(sorted(self.earned)))
        user, price = self.earned.pop(job)
        transfer = ledger.refund(job, f"user:{user}", price, "sorry")
        assert sum(result is True for result in self.post(*[transfer] * callers)) == 1
        self.made.append(transfer)
        self.house -= price
        self.available[user] += price

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def repeat_something_old(self, data: st.DataObject) -> None:
        assert self.post(data.draw(st.sampled_from(self.made))) == [False]

    @precondition(lambda self: self.made)
    @rule(data=st.data(), more=st.integers(1, 9))
    def reuse_a_reference(self, data: st.DataObject, more: int) -> None:
        old = data.draw(st.sampled_from(self.made))
        (result,) = self.post(Transfer(old.source, old.target, old.amount + more, old.reference))
        assert isinstance(result, ValueError)

    @invariant()
    def every_number_is_what_it_should_be(self) -> None:
        def read(tx: Tx) -> None:
            for user, available in self.available.items():
                held = sum(price for owner, price in self.held.values() if owner == user)
                found = money.balance(tx, f"user:{user}")
                assert (found.available, found.held) == (available, held)
                assert money.sum_of(tx, f"user:{user}") == available
            assert money.sum_of(tx, HOUSE) == self.house
            assert money.sum_of(tx, ISSUANCE) == -self.issued
            assert all(money.sum_of(tx, f"job:{job}") == price for job, (_, price) in self.held.items())
            everything = sum(self.available.values()) + sum(price for _, price in self.held.values())
            assert everything + self.house == self.issued

        self._runner.run(self._store.read(read))

    def teardown(self) -> None:
        self._runner.run(self._store.close())
        self._runner.close()
        self._folder.cleanup()


Ledger.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)

TestTheLedgerKeepsItsNumbers = Ledger.TestCase


async def test_a_transfer_can_be_neither_changed_nor_deleted(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.quote()
        for sql in ("UPDATE transfers SET amount = 1", "DELETE FROM transfers"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                await house.store.write(partial(Tx.run, sql=sql))
        assert await house.available() == 1000


async def test_the_same_reference_moves_credits_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first = await house.office.grant(ADA, 50, "a gift", key="monday")
        again = await asyncio.gather(*(house.office.grant(ADA, 50, "a gift", key="monday") for _ in range(3)))
        assert {each.available for each in (first, *again)} == {50}
        with pytest.raises(UserError, match="was used before"):
            await house.office.grant(ADA, 60, "a gift", key="monday")
        await house.verify()


async def test_a_settlement_that_does_not_match_its_hold_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        for wrong in (
            ledger.settle(job.id, job.payer, job.price + 1, earned=False),
            ledger.settle("NOBODY", job.payer, job.price, earned=False),
        ):
            with pytest.raises(ValueError, match="does not end the hold"):
                await house.store.write(partial(money.post, transfer=wrong, now=1))
        await house.verify()


async def test_a_new_user_is_welcomed_once_even_if_the_gift_is_changed_later(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=100) as house:
        await asyncio.gather(*(house.quote() for _ in range(5)))
        assert await house.available() == 100
    async with open_house(tmp_path, new_user_credits=250) as house:
        house.clock.advance(7200)
        await house.quote(prompt="another dog")
        await house.quote(BOB)
        assert await house.available() == 100
        assert await house.available(BOB) == 250
        (entry,) = await house.studio.ledger(BOB)
        assert entry.at == house.clock.now()
        await house.verify()


async def test_an_operators_own_order_is_topped_up_with_just_what_is_missing(tmp_path: Path) -> None:
    me = UserRef("telegram", "7")
    async with open_house(tmp_path, new_user_credits=0, operators=(me,)) as house:
        await house.office.grant(me, 10, "some")
        job = await house.order(me)
        assert await house.available(me) == 0
        assert await house.store.read(lambda tx: money.sum_of(tx, OPERATOR)) == 10 - job.price
        await house.verify()


async def test_others_are_not_topped_up(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=0, operators=(UserRef("telegram", "7"),)) as house:
        quoted = await house.quote(ADA)
        with pytest.raises(UserError, match="more are needed"):
            await house.studio.order(ADA, quoted.draft.id)
        assert await house.value("SELECT COUNT(*) FROM transfers") == 0
