"""Whose turn it is, who holds what, and how the engine starts, stops and shares its work with another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.clock import FakeClock
from support.crashing import CrashingStore
from support.house import ADA, BILL, BOB, FakeChat, FakeProvider, House, open_house

from bot.domain import Job, JobState, Progress, UserRef, Video
from bot.errors import StoreBroken
from bot.ports import CreateAnswer, LookAnswer
from bot.store import provider, tally


async def sent_order(house: House, jobs: list[Job]) -> list[str]:
    """Job ids in the order of their submission."""
    found = [await house.job(job.id) for job in jobs]
    return [job.id for job in sorted(found, key=lambda job: job.submitted_at or 0)]


# --- limits and turns ------------------------------------------------------------------------------------------------


async def test_never_more_run_at_once_than_allowed_in_all_or_for_one_user(tmp_path: Path) -> None:
    users = [UserRef("web", f"user{n}") for n in range(4)]
    async with open_house(tmp_path, max_running=5, max_running_per_user=2) as house:
        jobs = [await house.order(who) for _ in range(4) for who in users]
        users_numbers = {job.user_id for job in jobs}
        most = {"all": 0, "one": 0}
        for _ in range(200):
            await house.step()
            each = [await house.store.read(partial(tally.under_way, user_id=n)) for n in users_numbers]
            most = {"all": max(most["all"], sum(each)), "one": max(most["one"], *each)}
            house.clock.advance(5)
        assert most == {"all": 5, "one": 2}
        assert set(await house.states(*(job.id for job in jobs))) == {JobState.DELIVERED}
        assert len(house.kie.sent) == len(jobs)
        await house.verify()


async def test_a_user_with_one_job_does_not_wait_behind_anothers_five(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_running=1) as house:
        many = []
        for _ in range(5):
            many.append(await house.order(ADA))
            house.clock.advance(1)
        one = await house.order(BOB)
        house.clock.advance(1)
        await house.end(*(job.id for job in many), one.id, every=5)
        order = await sent_order(house, [*many, one])
        assert order.index(one.id) <= 1
        assert [each for each in order if each != one.id] == [job.id for job in many]


async def test_a_users_own_jobs_go_in_the_order_they_were_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_running_per_user=1) as house:
        jobs = []
        for _ in range(4):
            jobs.append(await house.order())
            house.clock.advance(0.01)
        await house.end(*(job.id for job in jobs), every=5)
        assert await sent_order(house, jobs) == [job.id for job in jobs]


async def test_the_daily_ceiling_holds_jobs_back_until_midnight(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_house(tmp_path, clock) as house:
        jobs = [await house.order(UserRef("web", f"user{n}")) for n in range(4)]
    ceiling = 2 * max(jobs[0].kie_credits, BILL)
    async with open_house(tmp_path, clock, daily_kie_credits=ceiling, give_up_hours=Decimal(48)) as house:
        await house.live(3600, every=60)
        assert len(house.kie.sent) == 2
        midnight = 86_400_000 - clock.now() % 86_400_000
        clock.advance(midnight / 1000 - 10)
        await house.step()
        assert len(house.kie.sent) == 2
        await house.end(*(job.id for job in jobs))
        assert len(house.kie.sent) == 4
        await house.verify()


async def test_a_queue_that_waits_too_long_is_refunded_even_while_paused(tmp_path: Path) -> None:
    async with open_house(tmp_path, give_up_hours=Decimal(1)) as house:
        jobs = [await house.order(UserRef("web", f"user{n}")) for n in range(6)]
        await house.office.pause()
        ended = await house.end(*(job.id for job in jobs), every=60)
        assert all(3600 <= ((job.ended_at or 0) - job.created_at) / 1000 < 3800 for job in ended)
        assert house.kie.sent == []
        await house.verify()


async def test_old_jobs_do_not_keep_fresh_ones_from_their_turn(tmp_path: Path) -> None:
    async with open_house(tmp_path, give_up_hours=Decimal(1)) as house:
        old = await house.order()
        house.clock.advance(3700)
        until = house.clock.now() + 10_000
        # another worker holds it, and is about to end it
        await house.store.write(
            lambda tx: tx.run("UPDATE jobs SET leased_until = ? WHERE id = ?", until, old.id)
        )
        fresh = await house.order(BOB)
        await house.step()
        assert await house.states(fresh.id) == [JobState.RUNNING]


# --- leases ----------------------------------------------------------------------------------------------------------


async def test_two_engines_on_one_store_never_take_the_same_step_nor_more_than_is_allowed(
    tmp_path: Path,
) -> None:
    users = [UserRef("web", f"user{n}") for n in range(8)]
    async with (
        open_house(tmp_path, max_running=3) as one,
        open_house(tmp_path, one.clock, kie=one.kie, chat=one.chat, max_running=3, own=False) as two,
    ):
        jobs = [await one.order(who) for who in users]
        for _ in range(100):
            await asyncio.gather(one.step(), two.step())
            assert await one.store.read(tally.under_way) <= 3
            one.clock.advance(6)
        assert set(await one.states(*(job.id for job in jobs))) == {JobState.DELIVERED}
        assert len(one.kie.sent) == len(jobs)
        assert len(one.chat.messages) == len(jobs)
        for job in jobs:
            kinds = await one.kinds(job.id)
            assert sorted(kinds) == sorted(set(kinds))
        await one.verify()


class SlowToUpload(FakeProvider):
    """Uploading waits until it is let go."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.go = asyncio.Event()

    async def upload(self, file: Path, mime: str) -> str:
        await self.go.wait()
        return await super().upload(file, mime)


async def test_what_two_engines_claimed_side_by_side_is_bounded_when_it_is_sent(tmp_path: Path) -> None:
    users = [UserRef("web", f"user{n}") for n in range(6)]
    kie = SlowToUpload(FakeClock())
    async with (
        open_house(tmp_path, kie.clock, kie=kie, max_running=3) as one,
        open_house(tmp_path, kie.clock, kie=kie, chat=one.chat, max_running=3, own=False) as two,
    ):
        jobs = [await one.order(who, first=await one.studio.take_picture(who, b"a cat")) for who in users]
        await one.engine.tick()
        await two.engine.tick()
        assert one.engine.steps_under_way == two.engine.steps_under_way == 3
        kie.go.set()
        await asyncio.gather(one.engine.idle(), two.engine.idle())
        assert len(kie.sent) == 3
        await one.end(*(job.id for job in jobs))


async def test_the_limit_of_one_user_is_looked_at_again_right_before_their_job_is_sent(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    slow, quick = SlowToUpload(clock), FakeProvider(clock)
    async with (
        open_house(tmp_path, clock, kie=slow, max_running_per_user=1) as one,
        open_house(tmp_path, clock, kie=quick, chat=one.chat, max_running_per_user=2, own=False) as two,
    ):
        first = await one.order(ADA, first=await one.studio.take_picture(ADA, b"a cat"))
        await one.engine.tick()
        second = await one.order(ADA)
        await two.step()
        assert await one.states(first.id, second.id) == [JobState.QUEUED, JobState.RUNNING]
        slow.go.set()
        await one.engine.idle()
        assert await one.states(first.id) == [JobState.QUEUED]
        assert slow.sent == []
        await two.end(first.id, second.id)


class Held(FakeProvider):
    """Looking waits until it is let go."""

    def __init__(self, kie: FakeProvider) -> None:
        super().__init__(kie.clock, tasks=kie.tasks, callbacks=kie.callbacks)
        self.go = asyncio.Event()

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        await self.go.wait()
        return await super().look(task_id, key_print)


async def test_an_engine_whose_lease_was_taken_over_writes_nothing_more(tmp_path: Path) -> None:
    async with open_house(tmp_path) as one:
        job = await one.order()
        await one.step()
        one.clock.advance(61)
        held = Held(one.kie)
        one.use(held)
        await one.engine.tick()
        await asyncio.sleep(0)
        one.clock.advance(20)
        async with open_house(
            tmp_path,
            one.clock,
            kie=FakeProvider(one.clock, tasks=held.tasks, callbacks=held.callbacks),
            chat=one.chat,
            own=False,
        ) as two:
            (done,) = await two.end(job.id)
            before = await one.kinds(job.id)
            held.go.set()
            await one.engine.idle()
        assert await one.kinds(job.id) == before
        assert await one.job(job.id) == done
        assert len(one.chat.messages) == 1
        await one.verify()


async def test_an_engine_whose_lease_was_taken_over_does_not_put_down_what_another_holds(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as one:
        job = await one.order()
        await one.step()
        one.clock.advance(61)
        slow = Held(one.kie)
        slow.takes = 10_000.0
        one.use(slow)
        await one.engine.tick()
        await asyncio.sleep(0)
        one.clock.advance(20)
        other = Held(slow)
        async with open_house(tmp_path, one.clock, kie=other, chat=one.chat, own=False) as two:
            await two.engine.tick()
            await asyncio.sleep(0)
            slow.go.set()
            await one.engine.idle()
            held_until = await one.value("SELECT leased_until FROM jobs WHERE id = ?", job.id)
            assert held_until > one.clock.now()
            other.go.set()
            await two.engine.idle()


async def test_a_long_step_keeps_its_lease_as_long_as_its_engine_lives(tmp_path: Path) -> None:
    async with open_house(tmp_path) as one:
        job = await one.order()
        await one.step()
        one.clock.advance(61)
        held = Held(one.kie)
        one.use(held)
        async with open_house(tmp_path, one.clock, kie=held, chat=one.chat, own=False) as two:
            for _ in range(30):
                await one.engine.tick()
                await two.engine.tick()
                assert two.engine.steps_under_way == 0
                one.clock.advance(4)
            held.go.set()
            await one.engine.idle()
        (done,) = await one.end(job.id)
        assert isinstance(done.outcome, Video)


async def test_a_job_that_was_put_down_is_free_even_while_its_step_still_shows_it(tmp_path: Path) -> None:
    class SlowToShow(FakeChat):
        def __init__(self) -> None:
            super().__init__()
            self.go = asyncio.Event()

        async def show(self, job: Job, progress: Progress) -> None:
            await self.go.wait()

    chat = SlowToShow()
    async with open_house(tmp_path, chat=chat) as house:
        job = await house.order()
        for _ in range(10):
            await house.engine.tick()
            await asyncio.sleep(0.005)
            house.clock.advance(2)
        assert await house.states(job.id) == [JobState.RUNNING]
        assert await house.value("SELECT leased_until FROM jobs WHERE id = ?", job.id) == 0
        chat.go.set()
        await house.engine.idle()


@pytest.mark.parametrize("turns", [(-30,), (-1,), (3, -3)])
async def test_a_clock_that_is_set_back_keeps_no_job_waiting(
    tmp_path: Path, turns: tuple[float, ...]
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        begun = house.clock.monotonic()
        house.kie.takes = -200 * 3600.0  # KIE has its own clock, by which it is done
        for hours in turns:
            house.clock.set(hours * 3600)
            await house.live(1)
        (done,) = await house.end(job.id, every=1.0, within=40 * 3600)
        assert isinstance(done.outcome, Video)
        assert house.clock.monotonic() - begun < 60


async def test_a_start_frees_what_a_dead_engine_held(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        later = house.clock.now() + 10**9
        await house.store.write(
            lambda tx: tx.run("UPDATE jobs SET lease = 7, leased_until = ? WHERE id = ?", later, job.id)
        )
        await house.live(30)
        assert house.kie.sent == []
        clock = house.clock
    async with open_house(tmp_path, clock) as house:
        await house.step()
        assert await house.states(job.id) == [JobState.RUNNING]
        assert (await house.job(job.id)).lease == 9


# --- running and stopping --------------------------------------------------------------------------------------------


async def until(house: House, job: Job, state: JobState) -> None:
    while (await house.job(job.id)).state is not state:  # noqa: ASYNC110 - the engine runs beside, in virtual time
        await asyncio.sleep(0)


async def test_the_engine_runs_by_itself_and_ends_when_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        engine = asyncio.create_task(house.engine.run())
        job = await house.order()
        await asyncio.wait_for(until(house, job, JobState.DELIVERED), 10)
        house.engine.stop()
        await asyncio.wait_for(engine, 5)
        assert len(house.chat.messages) == 1


async def test_stopping_lets_a_step_under_way_end_and_claims_no_more(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first = await house.order()
        await house.step()
        house.clock.advance(61)
        held = Held(house.kie)
        house.use(held)
        engine = asyncio.create_task(house.engine.run())
        while not house.engine.steps_under_way:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        house.engine.stop()
        second = await house.order(BOB)
        await asyncio.sleep(0.01)
        assert not engine.done()
        held.go.set()
        await asyncio.wait_for(engine, 5)
        assert (await house.job(first.id)).outcome is not None
        assert await house.states(second.id) == [JobState.QUEUED]


class SlowToAnswer(FakeProvider):
    """The answer to a creation waits until it is let go."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.go = asyncio.Event()

    async def create(
        self, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        answer = await super().create(model, body_input, callback_url)
        await self.go.wait()
        return answer


async def test_a_stop_waits_for_the_answer_to_a_paid_request_and_cuts_off_what_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.worker.STOP_SECONDS", 0.01)
    kie = SlowToAnswer(FakeClock())
    async with open_house(tmp_path, kie.clock, kie=kie) as house:
        paid = await house.order()
        engine = asyncio.create_task(house.engine.run())
        await asyncio.wait_for(until(house, paid, JobState.SUBMITTING), 5)
        uploading = SlowToUpload(house.clock)
        house.use(uploading)
        free = await house.order(BOB, first=await house.studio.take_picture(BOB, b"a cat"))
        while house.engine.steps_under_way < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        house.engine.stop()
        while house.engine.steps_under_way == 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        kie.go.set()
        await asyncio.wait_for(engine, 5)
        assert await house.states(paid.id, free.id) == [JobState.RUNNING, JobState.QUEUED]
        assert uploading.uploaded == []


async def test_a_broken_database_stops_the_engine(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.order()
        house.store.broken = StoreBroken("a COMMIT failed")
        with pytest.raises(StoreBroken):
            await asyncio.wait_for(house.engine.run(), 5)
        house.store.broken = None


async def test_a_database_that_is_busy_for_a_while_only_delays(tmp_path: Path) -> None:
    async with open_house(tmp_path, store_class=CrashingStore) as house:
        assert isinstance(house.store, CrashingStore)
        job = await house.order()
        engine = asyncio.create_task(house.engine.run())
        await asyncio.wait_for(until(house, job, JobState.RUNNING), 10)
        house.store.busy = 12
        await asyncio.wait_for(until(house, job, JobState.DELIVERED), 10)
        house.engine.stop()
        await engine
        assert len(house.kie.sent) == 1
        assert await house.store.read(provider.gates) == []
        await house.verify()
