"""The paid step: taken once, whatever KIE answers or fails to answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.crashing import CrashingStore
from support.files import drop
from support.house import ADA, FakeProvider, House, open_house

from bot.domain import Failure, FailureKind, Job, JobState, ModelState, UserRef, Video
from bot.errors import AccountError, ProviderError, RetryLater, UserError
from bot.ports import Accepted, Broken, Create, CreateAnswer, LookAnswer, Refused, Unknown
from bot.store import Tx, provider

PUBLIC = "https://bot.example"
TOM = UserRef("telegram", "77")


def failure(job: Job) -> FailureKind:
    assert isinstance(job.outcome, Failure)
    return job.outcome.kind


def callback(job: Job) -> str:
    return f"{PUBLIC}/kie/callback/{job.id}/{job.callback_token}"


async def told(house: House, word: str) -> int:
    return sum(word in text for _, text in house.chat.told)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FailureKind.POLICY, FailureKind.INPUT, FailureKind.PROVIDER])
async def test_a_refusal_for_good_ends_the_job_with_kies_own_words(tmp_path: Path, kind: FailureKind) -> None:
    async with open_house(tmp_path) as house:
        house.kie.creates = [Refused(kind, 422, "KIE's own words")]
        job = await house.order()
        (done,) = await house.end(job.id)
        assert done.outcome == Failure(kind, "KIE's own words")
        assert len(house.kie.sent) == 1
        assert await house.available() == 1000
        assert len(house.chat.messages) == 1
        await house.verify()


async def test_a_job_that_waits_for_its_turn_at_kie_is_still_queued_so_that_a_kill_costs_it_nothing(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        house.kie.turns = [RetryLater("too many at once", 7.0)]
        job = await house.order()
        await house.step()
        assert (await house.job(job.id)).state is JobState.QUEUED
        assert "submitting" not in await house.kinds(job.id)
        house.clock.advance(6)
        await house.step()
        assert house.kie.sent == []
        house.clock.advance(1)
        await house.step()
        assert (await house.job(job.id)).state is JobState.RUNNING
        assert len(house.kie.sent) == 1


async def test_a_job_whose_turn_takes_a_moment_is_written_down_as_sent_only_when_it_comes(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()

        class Slow(FakeProvider):
            async def turn(self) -> Create:
                assert (await house.job(job.id)).state is JobState.QUEUED
                self.clock.advance(1)
                return await super().turn()

        house.use(Slow(house.clock))
        before = house.clock.now()
        await house.step()
        running = await house.job(job.id)
        assert (running.state, running.submitted_at) == (JobState.RUNNING, before + 1000)


async def test_a_busy_kie_is_asked_again_later_and_later(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.kie.creates = [Refused(FailureKind.BUSY, 429, "slow down", retry=True)] * 4
        job = await house.order()
        started = house.clock.now()
        (done,) = await house.end(job.id, every=1)
        assert isinstance(done.outcome, Video)
        assert len(house.kie.sent) == 5
        assert (done.submitted_at or 0) - started >= (2 + 4 + 8 + 16) * 1000
        assert await house.available() == 1000 - job.price


async def test_a_model_that_kie_withdraws_costs_nothing_and_nobody_else_has_to_find_out(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, max_running_per_user=1, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        jobs = [await house.order(model="sora-2-text-to-video") for _ in range(3)]
        house.kie.creates = [Refused(FailureKind.PROVIDER, 500, "temporarily paused", withdrawn=True)]
        ended = await house.end(*(job.id for job in jobs))
        assert {failure(job) for job in ended} == {FailureKind.PROVIDER}
        assert len(house.kie.sent) == 1
        assert await house.available() == 1000
        states = await house.store.read(lambda tx: provider.model_states(tx, house.settings.kie_api_url))
        assert states["sora-2-text-to-video"].state is ModelState.PAUSED
        assert states["sora-2-text-to-video"].reason == "temporarily paused"
        assert await told(house, "KIE refused sora-2-text-to-video: temporarily paused") == 1


# --- lost answers ----------------------------------------------------------------------------------------------------

LOST: list[CreateAnswer | Exception] = [Unknown("the line went dead"), RuntimeError("a fault of ours")]


@pytest.mark.parametrize("answer", LOST, ids=["unknown", "fault"])
async def test_without_a_callback_a_lost_answer_is_refunded_within_a_minute_and_never_sent_again(
    tmp_path: Path, answer: CreateAnswer | Exception
) -> None:
    clock = FakeClock()
    async with open_house(tmp_path, clock, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        house.kie.creates = [answer]
        job = await house.order()
        started = clock.now()
        (done,) = await house.end(job.id, every=5)
        assert failure(done) is FailureKind.LOST
        assert clock.now() - started <= 61_000
        assert await told(house, "Look at kie.ai/logs") == 1
        assert await house.available() == 1000
        await house.live(24 * 3600, every=1800)
        kie = house.kie
    async with open_house(tmp_path, clock, kie=kie) as house:
        await house.live(24 * 3600, every=1800)
        assert len(kie.sent) == 1
        await house.verify()


async def test_with_a_callback_a_lost_answer_is_waited_for_and_never_sent_again_over_restarts(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    kie = FakeProvider(clock)
    kie.creates = [Unknown("the line went dead")]
    async with open_house(tmp_path, clock, kie=kie, callback_base=PUBLIC) as house:
        job = await house.order()
        await house.live(600, every=60)
    async with open_house(tmp_path, clock, kie=kie, callback_base=PUBLIC) as house:
        await house.live(900, every=60)
        assert await house.states(job.id) == [JobState.SUBMITTING]
        (done,) = await house.end(job.id)
        assert failure(done) is FailureKind.LOST
        assert clock.now() - (done.submitted_at or 0) >= 30 * 60_000
        assert len(kie.sent) == 1
        assert await house.available() == 1000
        await house.verify()


async def lost_with_callback(house: House, task: str = "theirs") -> Job:
    """KIE took it and made `task`, but the answer never came."""
    house.kie.creates = [Unknown("the line went dead")]
    job = await house.order()
    await house.step()
    house.kie.tasks[task] = house.clock.now()
    house.kie.callbacks[task] = callback(job)
    return job


async def test_a_lost_task_that_was_called_for_is_not_given_up_because_the_first_looks_after_a_downtime_fail(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost_with_callback(house)
        house.kie.looks["theirs"] = [RetryLater("KIE is away")] * 3
        assert await house.studio.called_back(job.id, job.callback_token, "theirs")
        house.clock.advance(9 * 3600)
        (done,) = await house.end(job.id, every=10)
        assert isinstance(done.outcome, Video)
        assert len(house.kie.sent) == 1


async def test_kies_call_brings_a_lost_task_home(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost_with_callback(house)
        house.clock.advance(90)
        assert await house.studio.called_back(job.id, job.callback_token, "theirs")
        (done,) = await house.end(job.id, every=1)
        assert isinstance(done.outcome, Video)
        assert done.task_id == "theirs"
        assert len(house.kie.sent) == 1
        assert await house.available() == 1000 - job.price
        await house.verify()


async def test_a_hint_at_somebody_elses_task_is_not_believed_and_the_right_one_still_is(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        other = await house.order()
        await house.step()
        job = await lost_with_callback(house)
        assert not await house.studio.called_back(job.id, "forged", "task1")
        assert not await house.studio.called_back("NOJOB", job.callback_token, "task1")
        for wrong in ("task1", "no such task"):
            assert await house.studio.called_back(job.id, job.callback_token, wrong)
            await house.live(20)
            assert await house.states(job.id) == [JobState.SUBMITTING]
        assert await house.studio.called_back(job.id, job.callback_token, "theirs")
        first, second = await house.end(other.id, job.id, every=1)
        assert (first.task_id, second.task_id) == ("task1", "theirs")
        await house.verify()


async def test_a_hint_that_kie_cannot_confirm_yet_is_asked_about_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost_with_callback(house)
        made, url = house.kie.tasks.pop("theirs"), callback(job)
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        await house.live(30)
        house.kie.tasks["theirs"], house.kie.callbacks["theirs"] = made, url
        (done,) = await house.end(job.id, every=1)
        assert isinstance(done.outcome, Video)


async def test_a_hinted_task_that_failed_gives_the_credits_back_with_kies_reason(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost_with_callback(house)
        answer: list[LookAnswer | Exception] = [
            Broken(FailureKind.POLICY, "not allowed", callback_url=callback(job)) for _ in range(2)
        ]
        house.kie.looks["theirs"] = answer
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        (done,) = await house.end(job.id, every=1)
        assert done.outcome == Failure(FailureKind.POLICY, "not allowed")


async def test_a_lost_task_ends_even_if_kie_refuses_to_tell_about_it_for_ever(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost_with_callback(house)
        house.kie.looks["theirs"] = [AccountError(401, "wrong key") for _ in range(500)]
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        (done,) = await house.end(job.id, every=300)
        assert failure(done) is FailureKind.LOST
        assert 30 <= (house.clock.now() - (done.submitted_at or 0)) / 3_600_000 < 30.5
        await house.verify()


async def test_a_callback_that_is_faster_than_the_answer_is_looked_at_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        house.kie.takes = 0
        job = await house.order()

        class Fast(FakeProvider):
            async def create(self, *args: object) -> CreateAnswer:
                await house.studio.called_back(job.id, job.callback_token, "task1")
                return Accepted("task1", "print")

        fast = Fast(house.clock)
        fast.tasks["task1"], fast.callbacks["task1"], fast.takes = house.clock.now(), None, 0
        house.use(fast)
        await house.step()
        await house.step()
        assert isinstance((await house.job(job.id)).outcome, Video)


async def test_a_job_whose_picture_is_gone_ends_at_once_with_a_reason(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(ADA,)) as house:
        picture = await house.studio.take_picture(ADA, b"a cat")
        job = await house.order(first=picture)
        drop(house.settings.pictures_dir / picture.sha256)
        (done,) = await house.end(job.id, every=1)
        assert isinstance(done.outcome, Failure)
        assert "send the picture again" in done.outcome.text
        assert house.kie.sent == []
        assert house.chat.told == []
        assert await house.available() == 1000


# --- an answer in hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Accepted("task1", "print"),
        Refused(FailureKind.INPUT, 422, "no"),
        Refused(FailureKind.BUSY, 429, "", retry=True),
    ],
    ids=["accepted", "refused", "busy"],
)
async def test_an_answer_in_hand_is_not_forgotten_because_the_database_is_busy_just_then(
    tmp_path: Path, answer: CreateAnswer
) -> None:
    async with open_house(tmp_path, store_class=CrashingStore) as house:
        store = house.store
        assert isinstance(store, CrashingStore)
        job = await house.order()
        house.kie.creates = [answer]
        house.kie.tasks["task1"], house.kie.callbacks["task1"] = house.clock.now(), None
        house.kie.before_answer = lambda: setattr(store, "busy", 0 if len(house.kie.sent) > 1 else 5)
        (done,) = await house.end(job.id)
        assert "answer lost" not in await house.kinds(job.id)
        if isinstance(answer, Refused) and not answer.retry:
            assert done.outcome == Failure(FailureKind.INPUT, "no")
        else:
            assert isinstance(done.outcome, Video)
        assert len(house.kie.sent) == (2 if isinstance(answer, Refused) and answer.retry else 1)
        await house.verify()


# --- pictures --------------------------------------------------------------------------------------------------------


async def test_a_picture_is_handed_over_once_and_its_address_used_again_for_twenty_hours(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        picture = await house.studio.take_picture(ADA, b"a cat")
        for wait in (0, 3600, 20 * 3600):
            house.clock.advance(wait)
            job = await house.order(first=picture)
            await house.end(job.id)
        assert house.kie.uploaded == [picture.sha256] * 2
        assert all("https://kie.example/" in str(body) for _, body, _ in house.kie.sent)


@pytest.mark.parametrize("error", [RetryLater("flicker"), RuntimeError("fault"), AccountError(401, "no")])
async def test_an_upload_that_fails_is_repeated_before_anything_is_paid(
    tmp_path: Path, error: Exception
) -> None:
    async with open_house(tmp_path) as house:
        house.kie.uploads = [error, error]
        job = await house.order(first=await house.studio.take_picture(ADA, b"a cat"))
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Video)
        assert len(house.kie.sent) == 1


async def test_a_picture_that_kie_refuses_for_good_ends_the_job(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.kie.uploads = [ProviderError(413, "too large")]
        job = await house.order(first=await house.studio.take_picture(ADA, b"a cat"))
        (done,) = await house.end(job.id)
        assert done.outcome == Failure(FailureKind.PROVIDER, "too large")
        assert house.kie.sent == []
        assert await house.available() == 1000


# --- cancelled meanwhile ---------------------------------------------------------------------------------------------


async def test_who_cancels_during_the_upload_pays_nothing_and_nothing_is_sent(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order(first=await house.studio.take_picture(ADA, b"a cat"))

        class Slow(FakeProvider):
            async def upload(self, file: Path, mime: str) -> str:
                assert await house.studio.cancel(ADA, job.id)
                return await super().upload(file, mime)

        house.use(Slow(house.clock))
        (done,) = await house.end(job.id)
        assert failure(done) is FailureKind.CANCELLED
        assert house.kie.sent == []
        assert await house.available() == 1000
        await house.verify()


async def test_pausing_stops_a_job_that_was_already_claimed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order(first=await house.studio.take_picture(ADA, b"a cat"))

        class Slow(FakeProvider):
            async def upload(self, file: Path, mime: str) -> str:
                await house.office.pause()
                return await super().upload(file, mime)

        house.use(Slow(house.clock))
        await house.live(120, every=10)
        assert house.kie.sent == []
        assert await house.states(job.id) == [JobState.QUEUED]
        await house.office.resume()
        await house.end(job.id)


async def test_a_cancel_and_a_submission_at_the_same_moment_end_in_one_of_the_two(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_running=20, max_running_per_user=20, max_queued_per_user=20) as house:
        jobs = [await house.order() for _ in range(8)]
        for job in jobs:
            cancelled, _ = await asyncio.gather(
                house.studio.cancel(ADA, job.id), house.step(), return_exceptions=True
            )
            assert not isinstance(cancelled, UserError)
        ended = await house.end(*(job.id for job in jobs))
        videos = sum(isinstance(job.outcome, Video) for job in ended)
        assert len(house.kie.sent) == videos
        assert await house.available() == 1000 - videos * jobs[0].price
        await house.verify()


async def test_a_late_acceptance_of_a_job_that_moved_on_is_told_to_the_operator(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await house.order()

        class Late(FakeProvider):
            async def create(self, *args: object) -> CreateAnswer:
                def take_over(tx: Tx) -> None:
                    tx.run("UPDATE jobs SET lease = lease + 1, leased_until = 0 WHERE id = ?", job.id)

                await house.store.write(take_over)
                return Accepted("late1", "print")

        house.use(Late(house.clock))
        (done,) = await house.end(job.id)
        assert failure(done) is FailureKind.LOST
        assert await told(house, "late1") == 1
        assert "accepted too late" in await house.kinds(job.id)
        await house.verify()
