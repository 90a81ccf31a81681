"""The machine's clock is set, or stands still while the machine sleeps: nothing ends, waits or is deleted for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.files import names
from support.house import ADA, BOB, FakeChat, FakeProvider, House, open_house

from bot.domain import ChatRef, Failure, FailureKind, Job, JobState, UserRef, Video
from bot.engine import extras
from bot.errors import DeliveryUnknown, Hush, RetryLater, RouteClosed, UserError
from bot.ports import CreateAnswer, Delivery, LookAnswer, Open, Refused, Unknown
from bot.store import Tx, deliveries, provider

TOM = UserRef("telegram", "77")
HOUR, DAY = 3600.0, 86_400.0
JUMPS = [8 * HOUR, -8 * HOUR, 32 * DAY, -DAY]


def sick(code: int) -> Refused:
    return Refused(FailureKind.ACCOUNT, code, f"refused with {code}", account=True)


def told(house: House) -> list[str]:
    return [text for _, text in house.chat.told]


def kie_knows(house: House, job: Job, seconds: float) -> None:
    """KIE has its own clock: the task ends so many seconds of real time from now."""
    end = house.clock.monotonic() + seconds

    class Own(FakeProvider):
        async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
            if house.clock.monotonic() < end:
                self.looked.append(task_id)
                return Open("generating", None)
            self.takes = -(10**9)
            return await super().look(task_id, key_print)

    house.use(Own(house.clock, tasks=house.kie.tasks, callbacks=house.kie.callbacks, sent=house.kie.sent))


async def real(house: House, seconds: float, every: float = 20.0) -> None:
    """So much time passes, whatever the clock says."""
    end = house.clock.monotonic() + seconds
    while house.clock.monotonic() < end:
        await house.step()
        house.clock.advance(every)
    await house.step()


# --- jobs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_running_job_outlives_the_jump_and_ends_as_kie_ends_it(tmp_path: Path, jump: float) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        kie_knows(house, job, 3 * HOUR)
        await real(house, 600)
        house.clock.set(jump)
        await real(house, 2 * HOUR)
        assert await house.states(job.id) == [JobState.RUNNING]
        await real(house, HOUR + 150)
        done = await house.job(job.id)
        assert isinstance(done.outcome, Video)
        assert (await house.kinds(job.id)).count("clock jumped") == 1
        assert await house.available() == 1000 - job.price


@pytest.mark.parametrize("jump", JUMPS)
async def test_the_end_clock_counts_the_time_that_really_passed(tmp_path: Path, jump: float) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        kie_knows(house, job, 10**9)
        await real(house, 3 * HOUR)
        house.clock.set(jump)
        await real(house, 3 * HOUR - 300)
        assert await house.states(job.id) == [JobState.RUNNING]
        await real(house, 900)
        done = await house.job(job.id)
        assert isinstance(done.outcome, Failure)
        assert done.outcome.kind is FailureKind.EXPIRED


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_queued_job_is_refunded_for_time_that_passed_only(tmp_path: Path, jump: float) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.office.pause()
        await real(house, 3 * HOUR, every=60)
        house.clock.set(jump)
        await real(house, 3 * HOUR - 120, every=60)
        assert await house.states(job.id) == [JobState.QUEUED]
        await real(house, 300, every=60)
        done = await house.job(job.id)
        assert isinstance(done.outcome, Failure)
        assert done.outcome.kind is FailureKind.EXPIRED


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_lost_answer_is_waited_for_as_long_as_ever(tmp_path: Path, jump: float) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:
        house.kie.creates = [Unknown("dead")]
        job = await house.order()
        await real(house, 600)
        house.clock.set(jump)
        await real(house, 900)
        assert await house.states(job.id) == [JobState.SUBMITTING]
        await real(house, 900)
        assert isinstance((await house.job(job.id)).outcome, Failure)


class Meddled(FakeProvider):
    """KIE, with `meddle` called within the first step of the kind named."""

    step = ""
    meddle: Callable[[], Awaitable[None]]

    async def first(self, step: str) -> bool:
        if step != self.step:
            return False
        self.step = ""
        await self.meddle()
        return True

    async def create(
        self, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        answer = await super().create(model, body_input, callback_url)
        return Unknown("dead") if await self.first("create") else answer

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        if await self.first("look"):
            return Open("generating", None)
        self.takes = -(10**9)
        return await super().look(task_id, key_print)

    async def upload(self, file: Path, mime: str) -> str:
        await self.first("upload")
        return await super().upload(file, mime)


@dataclass
class MeddledChat(FakeChat):
    kie: Meddled | None = None

    async def deliver(self, delivery: Delivery) -> str:
        assert self.kie
        if await self.kie.first("deliver"):
            raise RetryLater("flood")
        return await super().deliver(delivery)


@pytest.mark.parametrize("noticed", [False, True], ids=["before the tick", "after it"])
@pytest.mark.parametrize("step", ["look", "create", "deliver"])
async def test_a_jump_during_a_step_ends_nothing_either(tmp_path: Path, step: str, noticed: bool) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:

        async def jump() -> None:
            house.clock.set(32 * DAY)
            if noticed:
                await house.engine._mind_the_clock()

        kie = Meddled(house.clock)
        kie.step, kie.meddle = step, jump
        house.use(kie)
        house.chat = MeddledChat(kie=kie)
        house.adapters["web"] = house.chat
        job = await house.order()
        await real(house, 50, every=5)
        if step == "create":
            assert await house.states(job.id) == [JobState.SUBMITTING]
            await real(house, 1500)
            assert await house.states(job.id) == [JobState.SUBMITTING]
            await real(house, 400)
            lost = (await house.job(job.id)).outcome
            assert isinstance(lost, Failure)
            assert lost.kind is FailureKind.LOST
        else:
            await real(house, 60, every=5)
            done = await house.job(job.id)
            assert isinstance(done.outcome, Video)
            assert done.delivered_to == "message"


@pytest.mark.parametrize("jump", JUMPS)
async def test_what_is_written_between_the_jump_and_its_notice_counts_from_then(
    tmp_path: Path, jump: float
) -> None:
    async with open_house(tmp_path) as house:

        async def set_clock() -> None:
            house.clock.advance(0.5)
            house.clock.set(jump)

        kie = Meddled(house.clock)
        kie.step, kie.meddle = "upload", set_clock
        house.use(kie)
        await house.step()
        house.clock.advance(1)
        job = await house.order(first=await house.studio.take_picture(ADA, b"a cat"))
        await house.step()
        late = await house.order(BOB)
        kie_knows(house, job, 10**9)
        await house.office.pause()
        await real(house, 5.8 * HOUR, every=60)
        assert await house.states(job.id, late.id) == [JobState.RUNNING, JobState.QUEUED]
        await real(house, 0.4 * HOUR, every=60)
        for each in (job, late):
            outcome = (await house.job(each.id)).outcome
            assert isinstance(outcome, Failure)
            assert outcome.kind is FailureKind.EXPIRED


async def test_a_jump_between_a_start_and_its_first_look_round_is_noticed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        clock, kie = house.clock, house.kie
    kie.takes = 10**9
    async with open_house(tmp_path, clock, kie=kie) as house:
        await house.engine.begin()
        clock.set(8 * HOUR)
        await real(house, HOUR)
        assert await house.states(job.id) == [JobState.RUNNING]


async def test_a_machine_that_slept_for_a_night_looks_at_kie_first(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_running=1) as house:
        running = await house.order()
        house.clock.advance(1)
        queued = await house.order(BOB)
        await house.step()
        assert await house.states(running.id, queued.id) == [JobState.RUNNING, JobState.QUEUED]
        house.kie.takes = -(10**9)
        house.clock.set(9 * HOUR)
        await real(house, 60, every=5)
        for each in (running, queued):
            assert isinstance((await house.job(each.id)).outcome, Video)


async def test_a_clock_that_goes_wrong_and_is_put_right_has_changed_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        kie_knows(house, job, HOUR)
        before = (await house.job(job.id)).submitted_at
        for turn in (7 * HOUR, -7 * HOUR):
            house.clock.set(turn)
            await real(house, 60)
        assert (await house.job(job.id)).submitted_at == before
        await real(house, HOUR + 120)
        assert isinstance((await house.job(job.id)).outcome, Video)


async def test_a_start_mends_what_waits_for_a_time_that_the_clock_no_longer_reaches(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:
        waiting, late = await house.order(), await house.order(BOB)
        house.kie.creates = [Unknown("dead"), Unknown("dead")]
        await house.step()
        await house.store.write(lambda tx: provider.close_gate(tx, "kie", 401, "no", house.clock.now(), 0))
        far = house.clock.now() + int(50 * HOUR * 1000)
        for change in (
            f"UPDATE jobs SET due_at = {far}",
            f"UPDATE gates SET closed_at = {far}, retry_at = {far}",
            f"UPDATE jobs SET submitted_at = {far} WHERE id = '{late.id}'",
        ):
            await house.store.write(partial(Tx.run, sql=change))
        clock = house.clock
    async with open_house(tmp_path, clock) as house:
        engine = asyncio.create_task(house.engine.run())
        begun = clock.monotonic()
        while clock.monotonic() < begun + 5:  # noqa: ASYNC110 - the engine runs beside, in virtual time
            await asyncio.sleep(0)
        house.engine.stop()
        await engine
        await real(house, 2000)
        for each in (waiting, late):
            assert (await house.job(each.id)).state is JobState.DELIVERED
        (gate,) = await house.store.read(provider.gates)
        assert max(gate.retry_at, gate.closed_at) <= clock.now()


# --- gates, gifts, notices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-DAY, -8 * HOUR, 8 * HOUR])
async def test_a_gate_reopens_as_soon_as_ever(tmp_path: Path, jump: float) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        house.kie.creates = [sick(401)]
        await house.step()
        house.clock.advance(5)
        house.clock.set(jump)
        await real(house, 200)
        assert await house.store.read(provider.gates) == []
        assert len(house.kie.sent) == 2
        assert (await house.job(job.id)).task_id


async def test_a_clock_set_back_makes_no_second_gift_and_no_late_one(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.kie.takes = 7 * HOUR
        job = await house.order()
        await house.end(job.id, every=300)
        house.chat.messages.clear()
        house.chat.can_find = False
        house.chat.after = [DeliveryUnknown("timeout")] * 9
        for _ in range(40):
            await house.step()
            house.clock.advance(120)
            if len(house.chat.messages) == 1:
                break
        house.clock.set(-DAY)
        await real(house, 3 * HOUR, every=60)
        assert len(house.chat.messages) == 2, "unknown twice is enough"


async def test_a_task_is_watched_for_its_gift_for_time_that_passed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.kie.takes = 10**6
        job = await house.order()
        await house.end(job.id, every=300)
        await house.live(1)
        house.clock.advance(700)
        (extra,) = await house.store.read(lambda tx: deliveries.due_extras(tx, house.clock.now(), 1))
        house.clock.set(3 * DAY)
        await extras.step(house.engine.kit, extra)
        house.kie.takes = -(10**9)
        house.chat.messages.clear()
        await real(house, 1300)
        assert [each.gift for each in house.chat.messages] == [True]


@pytest.mark.parametrize("jump", [-365 * DAY, -DAY])
async def test_notices_are_told_after_the_clock_was_set_back(tmp_path: Path, jump: float) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await house.step()
        kit = house.engine.kit
        for number in range(4):
            await kit.notice(f"lost:J{number}", f"one {number}")
        house.chat.told.clear()
        house.clock.set(jump)
        await house.step()
        await kit.notice("lost:J0", "two")
        assert told(house) == ["two"]
        house.clock.advance(61)
        await house.keeper.tell_again()
        assert "1 more job" in told(house)[-1]


async def test_a_notice_that_waits_to_be_told_does_not_wait_for_a_time_that_has_been(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        await house.step()
        await house.engine.kit.notice("disk", "full")
        house.clock.set(-DAY)
        await house.step()
        house.adapters["telegram"] = house.chat
        await house.keeper.tell_again()
        assert told(house) == ["full"]


async def test_whoever_was_quick_before_the_clock_was_set_back_is_not_silenced(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        chat = ChatRef("web", "ada")
        for _ in range(10):
            await house.studio.admit(ADA, chat)
        house.clock.set(-3 * HOUR)
        for _ in range(10):
            await house.studio.admit(ADA, chat)
        with pytest.raises(UserError):
            await house.studio.admit(ADA, chat)
        with pytest.raises(Hush):
            await house.studio.admit(ADA, chat)


# --- what is deleted -------------------------------------------------------------------------------------------------


async def test_a_month_that_did_not_pass_deletes_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [RouteClosed("gone")]
        job = await house.order()
        await house.end(job.id)
        picture = await house.studio.take_picture(ADA, b"a cat")
        quoted = await house.quote()
        house.clock.set(32 * DAY)
        await house.keeper.tidy()
        await house.step()
        for _ in range(23):
            await house.keeper.tidy()
            await real(house, HOUR, every=900)
        assert await house.studio.video(await house.job(job.id)) is not None
        assert not (await house.job(job.id)).refunded
        assert await house.value("SELECT COUNT(*) FROM pictures") == 1
        assert picture.sha256 in names(house.settings.pictures_dir)
        assert await house.value("SELECT COUNT(*) FROM drafts WHERE id = ?", quoted.draft.id) == 1
        house.clock.set(-32 * DAY)
        await real(house, 2 * DAY, every=900)
        await house.keeper.tidy()
        assert await house.studio.video(await house.job(job.id)) is not None
        house.clock.advance(31 * DAY)
        await house.keeper.tidy()
        assert (await house.job(job.id)).refunded, "time that passed is time"


async def test_a_start_deletes_nothing_before_the_network_could_put_the_clock_right(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.end(job.id)
        clock = house.clock
    clock.set(40 * DAY)
    async with open_house(tmp_path, clock) as house:
        await house.keeper.tick()
        await house.step()
        clock.set(-40 * DAY)
        for _ in range(8):
            await house.keeper.tick()
            await real(house, HOUR, every=900)
        assert not (await house.job(job.id)).removed


async def test_too_many_videos_still_make_room_after_a_jump(tmp_path: Path) -> None:
    async with open_house(tmp_path, videos_max_gb=0) as house:
        job = await house.order()
        await house.end(job.id)
        house.clock.set(32 * DAY)
        await house.keeper.tidy()
        assert (await house.job(job.id)).removed
