"""Two workers on one database: neither sends what the other holds, be it a job's end, a gift, or a video sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.house import ADA, FakeChat, FakeProvider, House, open_house

from bot.domain import Failure, Job, JobState, UserRef
from bot.errors import DeliveryUnknown
from bot.ports import Delivery, LookAnswer, Open
from bot.store import deliveries

HOURS = 3600.0
TOM = UserRef("telegram", "77")


@asynccontextmanager
async def two_houses(folder: Path, **settings: Any) -> AsyncIterator[tuple[House, House]]:
    """Two workers with the same KIE and chat."""
    async with (
        open_house(folder, max_queued_per_user=9, max_running_per_user=9, **settings) as one,
        open_house(folder, one.clock, kie=one.kie, chat=one.chat, own=False, **settings) as two,
    ):
        yield one, two


async def expired(house: House, number: int = 1) -> list[Job]:
    """Jobs that the end clock refunded, their receipts delivered, their videos ready now."""
    house.kie.takes = 7 * HOURS
    jobs = [await house.order() for _ in range(number)]
    ended = await house.end(*(job.id for job in jobs), every=300)
    assert all(isinstance(job.outcome, Failure) for job in ended)
    house.chat.messages.clear()
    house.kie.takes = 0
    return ended


async def both(one: House, two: House, rounds: int, every: float) -> None:
    for _ in range(rounds):
        await asyncio.gather(one.step(), two.step())
        one.clock.advance(every)


def given(chat: FakeChat) -> list[str]:
    return sorted(each.job.id for each in chat.messages)


class Slow(FakeChat):
    """Answers when it is let go; `asked` tells that somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.asked = asyncio.Event()

    async def deliver(self, delivery: Delivery) -> str:
        self.asked.set()
        await self.go.wait()
        return await super().deliver(delivery)

    async def find(self, delivery: Delivery) -> str | None:
        self.asked.set()
        await self.go.wait()
        return await super().find(delivery)


def use(house: House, chat: FakeChat) -> None:
    house.chat = house.adapters["web"] = chat


async def test_two_engines_never_give_the_same_gift_nor_send_the_same_video_again_twice(
    tmp_path: Path,
) -> None:
    async with two_houses(tmp_path) as (one, two):
        jobs = await expired(one, 6)
        await both(one, two, 40, 60)
        assert given(one.chat) == sorted(job.id for job in jobs)
        one.chat.messages.clear()
        for job in jobs:
            await one.office.resend(job.id)
        await both(one, two, 20, 1)
        assert given(one.chat) == sorted(job.id for job in jobs)
        for job in jobs:
            assert (await one.kinds(job.id)).count("gift given") == 2
        await one.verify()


async def test_an_extra_that_two_engines_found_due_is_claimed_by_one_until_its_lease_runs_out(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        await expired(house)
        house.clock.advance(700)

        async def due() -> list[deliveries.Extra]:
            now = house.clock.now()
            return await house.store.read(lambda tx: deliveries.due_extras(tx, now, 9))

        async def claim(extra: deliveries.Extra) -> deliveries.Extra | None:
            now = house.clock.now()
            return await house.store.write(lambda tx: deliveries.claim_extra(tx, extra, now, now + 15_000))

        (found,) = await due()
        first = await claim(found)
        assert first
        assert await claim(found) is None
        assert await claim(first) is None, "it is held"
        assert await due() == []
        house.clock.advance(16)
        assert await claim(found) is None, "it is another's by now"
        (again,) = await due()
        second = await claim(again)
        assert second
        assert [first.lease - found.lease, second.lease - first.lease] == [1, 1]


async def test_a_long_gift_keeps_its_lease_as_long_as_its_engine_lives(tmp_path: Path) -> None:
    async with two_houses(tmp_path) as (one, two):
        jobs = await expired(one, 2)
        slow = Slow()
        use(one, slow)
        one.clock.advance(700)
        for _ in jobs:
            await one.step()
        await one.engine.tick()
        await asyncio.wait_for(slow.asked.wait(), 2)
        for _ in range(30):
            await one.engine.tick()
            await two.step()
            one.clock.advance(4)
        assert len(two.chat.messages) == 1, "it waits behind the long one"
        slow.go.set()
        await one.engine.idle()
        assert sorted(given(slow) + given(two.chat)) == sorted(job.id for job in jobs)


async def test_an_engine_whose_gift_was_taken_over_sends_and_writes_nothing_more(tmp_path: Path) -> None:
    class SlowToLoad(FakeProvider):
        go = asyncio.Event()

        async def download(self, url: str, target: Path, max_bytes: int) -> int:
            await self.go.wait()
            return await super().download(url, target, max_bytes)

    async with two_houses(tmp_path) as (one, two):
        (job,) = await expired(one)
        one.clock.advance(700)
        slow = SlowToLoad(one.clock, tasks=one.kie.tasks, callbacks=one.kie.callbacks, takes=0)
        one.use(slow)
        await one.engine.tick()
        await asyncio.sleep(0.01)
        one.clock.advance(20)
        await two.live(30)
        before = await one.kinds(job.id)
        assert before[-1] == "gift given"
        slow.go.set()
        await one.engine.idle()
        await one.live(700, every=100)
        assert await one.kinds(job.id) == before
        assert given(one.chat) == [job.id]


class SlowToTell(FakeProvider):
    """Looking takes until it is let go; then the task is still at work."""

    def __init__(self, house: House) -> None:
        super().__init__(house.clock)
        self.go = asyncio.Event()
        self.asked = asyncio.Event()

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        self.asked.set()
        await self.go.wait()
        return Open("generating")


async def test_an_engine_whose_gift_was_taken_over_does_not_put_down_what_another_holds(
    tmp_path: Path,
) -> None:
    async with two_houses(tmp_path) as (one, two):
        await expired(one)
        one.clock.advance(700)
        slow = SlowToTell(one), SlowToTell(two)
        for house, kie in zip((one, two), slow, strict=True):
            house.use(kie)
            await house.engine.tick()
            await asyncio.wait_for(kie.asked.wait(), 2)
            one.clock.advance(20)
        due = await one.value("SELECT due_at FROM extras")
        slow[0].go.set()
        await one.engine.idle()
        assert await one.value("SELECT due_at FROM extras") == due
        slow[1].go.set()
        await two.engine.idle()
        assert await one.value("SELECT due_at FROM extras") == one.clock.now() + 600_000


async def test_what_an_overtaken_engine_brought_all_the_same_is_written_down_and_told(tmp_path: Path) -> None:
    async with two_houses(tmp_path, operators=(TOM,)) as (one, two):
        (job,) = await expired(one)
        slow = Slow()
        use(one, slow)
        one.adapters["telegram"] = slow
        one.clock.advance(700)
        await one.step()
        await one.engine.tick()
        await asyncio.wait_for(slow.asked.wait(), 2)
        one.clock.advance(20)
        await two.live(5)
        slow.go.set()
        await one.engine.idle()
        assert given(slow) + given(two.chat) == [job.id] * 2
        assert (await one.kinds(job.id))[-1] == "delivered twice"
        assert [text for _, text in slow.told if "may have been delivered twice" in text]
        assert await one.value("SELECT COUNT(*) FROM extras WHERE ended_at IS NULL") == 0


async def unsure(house: House, *, arrived: bool) -> Job:
    """Its video was sent, and nobody knows whether it arrived: whoever comes next looks first."""
    faults = house.chat.after if arrived else house.chat.faults
    faults.append(DeliveryUnknown("timeout"))
    job = await house.order()
    await house.step()
    house.clock.advance(61)
    await house.step()
    await house.step()
    assert await house.states(job.id) == [JobState.SETTLED]
    house.clock.advance(10)
    return job


async def test_an_engine_that_looked_for_a_message_too_long_sends_none_while_another_holds_the_job(
    tmp_path: Path,
) -> None:
    async with two_houses(tmp_path) as (one, two):
        job = await unsure(one, arrived=False)
        chats = Slow(), Slow()
        for house, chat in zip((one, two), chats, strict=True):
            use(house, chat)
            await house.engine.tick()
            await asyncio.wait_for(chat.asked.wait(), 2)
            one.clock.advance(20)
        chats[0].go.set()
        await one.engine.idle()
        assert chats[0].messages == []
        (attempt,) = await one.store.read(lambda tx: deliveries.attempts(tx, job.id))
        assert attempt.ended_at is None, "the other is still looking for it"
        chats[1].go.set()
        await two.engine.idle()
        await two.end(job.id)
        assert given(chats[1]) == [job.id]


async def test_what_another_found_out_about_an_attempt_is_not_written_over(tmp_path: Path) -> None:
    async with two_houses(tmp_path) as (one, two):
        job = await unsure(one, arrived=True)
        blind = Slow()
        use(one, blind)
        await one.engine.tick()
        await asyncio.wait_for(blind.asked.wait(), 2)
        one.clock.advance(20)
        (done,) = await two.end(job.id)
        blind.go.set()
        await one.engine.idle()
        (attempt,) = await one.store.read(lambda tx: deliveries.attempts(tx, job.id))
        assert (attempt.message_id, attempt.error) == ("m1", None)
        assert blind.messages == []
        assert await one.job(job.id) == done


async def test_a_video_asked_for_again_while_it_is_being_given_comes_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        (job,) = await expired(house)
        slow = Slow()
        use(house, slow)
        house.clock.advance(700)
        await house.step()
        await house.engine.tick()
        await asyncio.wait_for(slow.asked.wait(), 2)
        await house.office.resend(job.id)
        slow.go.set()
        await house.live(30)
        assert given(slow) == [job.id] * 2


@pytest.mark.parametrize("own", [True, False], ids=["the only owner", "a second worker"])
async def test_what_a_dead_engine_was_giving_is_given_by_the_next(tmp_path: Path, own: bool) -> None:
    async with open_house(tmp_path) as house:
        (job,) = await expired(house)
        house.clock.advance(700)
        until = house.clock.now() + 15_000
        await house.store.write(lambda tx: tx.run("UPDATE extras SET lease = 7, leased_until = ?", until))
        clock, kie = house.clock, house.kie
    async with open_house(tmp_path, clock, kie=kie, own=own) as house:
        await house.live(5)
        assert given(house.chat) == ([job.id] if own else [])
        await house.live(15)
        assert given(house.chat) == [job.id]
        assert await house.studio.video(await house.job(job.id)) is not None
        assert await house.available(ADA) == 1000
