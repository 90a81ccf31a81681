"""The durable inbox and memory of the chats: nothing kept twice, nothing forgotten by a restart, people erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from support.clock import FakeClock

from bot.domain import UserRef
from bot.durable import DurableInbox, DurableMemory
from bot.ports import Update
from bot.store import Store, Tx, inbox, memory, schema

DAY = 24 * 3600
ADA = UserRef("telegram", "7")


def said(number: int, lane: str = "chat:1", sender: str = "7") -> Update:
    return Update("telegram", number, lane, sender, f'{{"update_id": {number}}}')


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    schema.migrate(tmp_path / "kiebot.db")
    async with Store(tmp_path / "kiebot.db") as store:
        yield store


async def rows(store: Store) -> int:
    def count(tx: Tx) -> int:
        number: int = tx.value("SELECT COUNT(*) FROM inbox")
        return number

    return await store.read(count)


async def test_an_update_that_comes_twice_is_kept_once(store: Store, clock: FakeClock) -> None:
    box = DurableInbox(store, clock)
    assert await box.put([said(1), said(2)]) == [said(1), said(2)]
    assert await box.put([said(2), said(3)]) == [said(3)]


async def test_what_was_not_handled_is_found_again_after_a_restart_in_its_order(
    store: Store, clock: FakeClock
) -> None:
    box = DurableInbox(store, clock)
    await box.put([said(9), said(4), said(5)])
    await box.handled(said(4))
    waiting = await DurableInbox(store, clock).waiting("telegram")
    assert [(each.id, each.attempts) for each in waiting] == [(9, 0), (5, 0)]


async def test_attempts_are_counted_until_they_are_forgiven(store: Store, clock: FakeClock) -> None:
    box = DurableInbox(store, clock)
    await box.put([said(1), said(2)])
    await box.count([said(1), said(2)])
    await box.count([said(1)])
    await box.clear(said(2))
    assert [each.attempts for each in await box.waiting("telegram")] == [2, 0]


async def test_the_inboxes_of_two_chats_do_not_mix(store: Store, clock: FakeClock) -> None:
    box = DurableInbox(store, clock)
    await box.put([said(1)])
    assert await box.waiting("discord") == []
    assert await box.put([Update("discord", 1, "c", "8", "{}")])


async def test_handled_updates_go_after_a_day_and_quarantined_ones_after_a_week(
    store: Store, clock: FakeClock
) -> None:
    box = DurableInbox(store, clock)
    await box.put([said(1), said(2), said(3)])
    await box.handled(said(1))
    await box.handled(said(2), trouble="unreadable")
    left = []
    for days in (0, 1, 6):
        clock.advance(days * DAY + 1)
        await store.write(partial(inbox.drop_old, now=clock.now()))
        left.append(await rows(store))
    assert left == [3, 2, 1]  # what nobody handled stays


async def test_a_note_lives_until_its_time_is_over(store: Store, clock: FakeClock) -> None:
    notes = DurableMemory(store, clock)
    await notes.put("telegram:status:J", {"message": 5}, seconds=60)
    assert await notes.get("telegram:status:J") == {"message": 5}
    clock.advance(61)
    assert await notes.get("telegram:status:J") is None


async def test_something_is_said_only_once_an_hour(store: Store, clock: FakeClock) -> None:
    notes = DurableMemory(store, clock)
    assert await notes.put_first("told:1", True, seconds=3600)
    assert not await notes.put_first("told:1", True, seconds=3600)
    clock.advance(3601)
    assert await notes.put_first("told:1", True, seconds=3600)


async def test_a_forgotten_person_leaves_neither_words_nor_notes_behind(
    store: Store, clock: FakeClock
) -> None:
    box, notes = DurableInbox(store, clock), DurableMemory(store, clock)
    await box.put([said(1), said(2, sender="8")])
    await notes.put("telegram:pending:7", "a secret wish", owner=ADA)
    await notes.put("telegram:pending:8", "another's", owner=UserRef("telegram", "8"))

    def forget(tx: Tx) -> None:
        inbox.forget(tx, ADA, clock.now())
        memory.forget(tx, ADA)

    await store.write(forget)
    assert [each.id for each in await box.waiting("telegram")] == [2]
    assert await notes.get("telegram:pending:7") is None
    assert await notes.get("telegram:pending:8") == "another's"
    assert await box.put([said(1)]) == []  # a repeat is still known as one
