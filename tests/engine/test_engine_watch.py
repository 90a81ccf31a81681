"""RUNNING: members pay only for a video that we hold; slow is not failed; only KIE's word or a clock ends a task."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from support.files import names
from support.house import FakeProvider, House, open_house

from bot.domain import Failure, FailureKind, Job, JobState, UserRef, Video
from bot.errors import AccountError, ProviderError, RetryLater
from bot.ports import Broken, Done, LookAnswer, Missing, Open

TOM = UserRef("telegram", "77")
HOURS = 3600.0


def looks(house: House, *answers: LookAnswer | Exception) -> None:
    """What KIE says next about the first task, before it tells the truth again."""
    house.kie.looks["task1"] = list(answers)


async def running(house: House) -> Job:
    job = await house.order()
    await house.step()
    assert await house.states(job.id) == [JobState.RUNNING]
    return job


def ended_with(job: Job) -> FailureKind:
    assert isinstance(job.outcome, Failure)
    return job.outcome.kind


async def test_the_members_price_is_kept_and_kies_own_bill_is_noted(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, Done(("https://kie.example/a.mp4",), Decimal("41.5")))
        (done,) = await house.end(job.id)
        assert done.kie_cost == Decimal("41.5")
        assert await house.available() == 1000 - job.price
        assert names(house.settings.videos_dir) == [f"{job.id}.mp4"]
        assert (await house.office.status()).kie_today == "41.5"


@pytest.mark.parametrize(
    "kind", [FailureKind.POLICY, FailureKind.PROVIDER, FailureKind.INPUT, FailureKind.BUSY]
)
async def test_a_failure_of_kies_is_refunded_and_its_words_are_kept(
    tmp_path: Path, kind: FailureKind
) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, Broken(kind, "the prompt shows a real person", Decimal(0)))
        (done,) = await house.end(job.id)
        assert done.outcome == Failure(kind, "the prompt shows a real person")
        assert await house.available() == 1000
        assert (await house.office.status()).kie_today == "0"
        assert house.chat.messages[0].job.outcome == done.outcome
        await house.verify()


async def test_a_task_that_kie_does_not_know_yet_is_no_failure(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, *[Missing()] * 12)
        (done,) = await house.end(job.id, every=1)
        assert isinstance(done.outcome, Video)


async def test_a_task_that_stays_unknown_is_refunded_by_the_end_clock(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, *[Missing()] * 5000)
        (done,) = await house.end(job.id, every=120)
        assert ended_with(done) is FailureKind.EXPIRED
        assert len(house.kie.looked) < 200


async def test_an_unknown_state_means_keep_looking(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, *[Open("thinking very hard")] * 10)
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Video)


@pytest.mark.parametrize(
    "error", [RetryLater("flicker"), AccountError(401, "wrong key"), ValueError("our fault")]
)
async def test_whatever_goes_wrong_while_looking_the_task_goes_on(tmp_path: Path, error: Exception) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, *[error] * 6)
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Video)
        assert await house.available() == 1000 - job.price


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            AccountError(401, "wrong key"),
            "KIE refused a request of ours (401: wrong key). KIE does not accept",
        ),
        (ValueError("our fault"), "state running failed unexpectedly (ValueError)"),
    ],
)
async def test_the_operator_is_told_once_what_goes_wrong_while_looking(
    tmp_path: Path, error: Exception, words: str
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await running(house)
        looks(house, *[error] * 6)
        await house.end(job.id)
        assert [words in text for _, text in house.chat.told] == [True]


@pytest.mark.parametrize(
    "error", [RetryLater("flicker"), AccountError(401, "wrong key"), ValueError("our fault")]
)
async def test_a_task_nobody_can_ask_about_is_refunded_a_day_after_the_end_clock(
    tmp_path: Path, error: Exception
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await running(house)
        looks(house, *[error] * 5000)
        (done,) = await house.end(job.id, every=250)
        assert ended_with(done) is FailureKind.EXPIRED
        assert 30 * HOURS <= (house.clock.now() - (done.submitted_at or 0)) / 1000 < 30.3 * HOURS
        assert (await house.kinds(job.id)).count("slow") == 1
        assert sum("a day after GIVE_UP_HOURS" in text for _, text in house.chat.told) == 1
        assert await house.available() == 1000
        house.kie.looks.clear()
        await house.live(900, every=30)
        assert [each.gift for each in house.chat.messages] == [False, True]
        await house.verify()


@pytest.mark.parametrize(
    "error", [RetryLater("flicker"), AccountError(401, "wrong key"), ValueError("our fault")]
)
@pytest.mark.parametrize("hours", [7, 29])
async def test_a_video_that_was_ready_is_no_gift_because_the_first_looks_after_a_long_downtime_fail(
    tmp_path: Path, error: Exception, hours: float
) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        house.clock.advance(hours * HOURS)
        looks(house, *[error] * 3)
        house.kie.downloads = [RetryLater("flicker")] * 2
        (done,) = await house.end(job.id, every=10)
        assert isinstance(done.outcome, Video)
        assert await house.available() == 1000 - job.price
        assert [each.gift for each in house.chat.messages] == [False]


@pytest.mark.parametrize("answer", [Open("generating"), Missing()])
async def test_after_the_end_clock_kies_own_word_that_there_is_no_video_yet_is_the_end(
    tmp_path: Path, answer: LookAnswer
) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        house.clock.advance(7 * HOURS)
        looks(house, RetryLater("flicker"), RetryLater("flicker"), *[answer] * 50)
        (done,) = await house.end(job.id, every=10)
        assert ended_with(done) is FailureKind.EXPIRED
        assert (house.clock.now() - (done.submitted_at or 0)) / 1000 < 7.1 * HOURS


async def test_the_member_is_told_that_it_takes_longer_although_kie_cannot_be_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, *[RetryLater("flicker")] * 5000)
        await house.live(29 * 60, every=60)
        assert not (await house.job(job.id)).patience_told
        shown = len(house.chat.shown)
        await house.live(8 * 60, every=60)
        assert (await house.job(job.id)).patience_told
        assert len(house.chat.shown) == shown + 1


async def test_one_jobs_fault_does_not_stop_the_others(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        sick = await running(house)
        well = await house.order()
        looks(house, *[ValueError("our fault")] * 5000)
        (done,) = await house.end(well.id)
        assert isinstance(done.outcome, Video)
        assert await house.states(sick.id) == [JobState.RUNNING]


# --- results ---------------------------------------------------------------------------------------------------------


async def test_success_without_a_result_is_looked_at_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, *[RetryLater("flicker")] * 6, *[Done(())] * 5)
        (done,) = await house.end(job.id, every=2)
        assert isinstance(done.outcome, Video)


async def test_success_that_stays_without_a_result_is_refunded_and_the_task_still_watched(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await running(house)
        looks(house, *[Done(())] * 6)
        (done,) = await house.end(job.id, every=2)
        assert ended_with(done) is FailureKind.PROVIDER
        assert "without a video" in house.chat.told[0][1]
        await house.live(900, every=30)
        assert [each.gift for each in house.chat.messages] == [False, True]
        assert await house.available() == 1000


@pytest.mark.parametrize("error", [ProviderError(404, "gone"), RetryLater("flicker")])
async def test_a_download_that_fails_a_few_times_is_tried_again(tmp_path: Path, error: Exception) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        # flickers while looking must not use up the tries for fetching
        looks(house, *[RetryLater("flicker")] * 8)
        house.kie.downloads = [error] * 4
        (done,) = await house.end(job.id, every=5)
        assert isinstance(done.outcome, Video)
        assert names(house.settings.videos_dir) == [f"{job.id}.mp4"]


async def test_a_file_that_cannot_be_had_is_refunded_and_leaves_no_rest(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await running(house)
        house.kie.downloads = [ProviderError(404, "gone")] * 5
        (done,) = await house.end(job.id, every=5)
        assert ended_with(done) is FailureKind.UNFETCHABLE
        assert house.kie.downloads == []
        assert names(house.settings.videos_dir) == []
        assert len(house.chat.told) == 1
        assert await house.available() == 1000
        await house.verify()


async def test_a_download_that_only_flickers_is_tried_as_long_as_its_address_lives(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        house.kie.downloads = [RetryLater("the disk is nearly full")] * 5000
        (done,) = await house.end(job.id, every=600)
        assert ended_with(done) is FailureKind.UNFETCHABLE
        assert (house.clock.now() - (done.submitted_at or 0)) / 1000 >= 24 * HOURS


async def test_the_second_address_is_tried_when_the_first_fails(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await running(house)
        looks(house, Done(("https://kie.example/a.mp4", "https://kie.example/b.mp4")))
        house.kie.downloads = [ProviderError(404, "gone")]
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Video)
        assert "not fetched" not in await house.kinds(job.id)


# --- clocks ----------------------------------------------------------------------------------------------------------


async def test_the_member_is_told_once_that_it_takes_longer(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.kie.takes = 2 * HOURS
        job = await running(house)
        await house.live(29 * 60, every=60)
        assert not (await house.job(job.id)).patience_told
        (done,) = await house.end(job.id, every=60)
        assert done.patience_told
        assert (await house.kinds(job.id)).count("slow") == 1
        assert isinstance(done.outcome, Video)


async def test_the_end_clock_refunds_and_a_late_video_is_a_gift_exactly_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        house.kie.takes = 7 * HOURS
        job = await running(house)
        (done,) = await house.end(job.id, every=120)
        assert ended_with(done) is FailureKind.EXPIRED
        assert await house.available() == 1000
        before = await house.store.read(lambda tx: [tuple(row) for row in tx.all("SELECT * FROM transfers")])
        await house.live(60 * HOURS, every=600)
        receipt, gift = house.chat.messages
        assert (receipt.gift, gift.gift) == (False, True)
        assert gift.file is not None
        assert await house.studio.video(done) == gift.video
        assert [text for _, text in house.chat.told if "gift" in text]
        after = await house.store.read(lambda tx: [tuple(row) for row in tx.all("SELECT * FROM transfers")])
        assert after == before
        assert (await house.job(job.id)).outcome == done.outcome
        await house.verify()


async def test_whoever_asks_to_be_left_alone_for_days_is_asked_again_within_the_hour(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        house.kie.next_looks = [RetryLater("503", 900_000.0)]
        house.clock.advance(61)
        await house.step()
        assert await house.states(job.id) == [JobState.RUNNING]
        house.clock.advance(3600)
        await house.step()
        assert isinstance((await house.job(job.id)).outcome, Video)


async def test_a_short_give_up_time_is_kept_to(tmp_path: Path) -> None:
    async with open_house(tmp_path, give_up_hours=Decimal("0.5")) as house:
        house.kie.takes = 10 * HOURS
        job = await running(house)
        (done,) = await house.end(job.id, every=10)
        assert ended_with(done) is FailureKind.EXPIRED
        assert (house.clock.now() - (done.submitted_at or 0)) / 1000 < 0.6 * HOURS


# --- callbacks -------------------------------------------------------------------------------------------------------


async def test_a_callback_makes_it_look_at_once_and_a_forged_or_late_one_does_no_harm(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:
        job = await running(house)
        house.clock.advance(61)
        while (await house.job(job.id)).due_at <= house.clock.now():
            house.kie.takes = 10_000
            await house.step()
        house.kie.takes = 60
        looked = len(house.kie.looked)
        assert not await house.studio.called_back(job.id, "forged", "task9")
        await house.step()
        assert len(house.kie.looked) == looked
        calls = [house.studio.called_back(job.id, job.callback_token, "task1") for _ in range(10)]
        assert all(await asyncio.gather(*calls))
        await house.step()
        await house.step()
        assert await house.states(job.id) == [JobState.DELIVERED]
        assert await house.studio.called_back(job.id, job.callback_token, "task1")
        await house.live(60)
        assert len(house.chat.messages) == 1
        assert await house.available() == 1000 - job.price
        await house.verify()


async def test_a_callback_during_a_look_is_not_forgotten(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:
        job = await running(house)
        house.clock.advance(30)

        class Interrupted(FakeProvider):
            async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
                answer = await super().look(task_id, key_print)
                if len(self.looked) == 1:
                    house.clock.advance(31)
                    await house.studio.called_back(job.id, job.callback_token, task_id)
                return answer

        house.use(Interrupted(house.clock, tasks=house.kie.tasks, callbacks=house.kie.callbacks))
        await house.step()
        assert await house.states(job.id) == [JobState.RUNNING]
        await house.step()
        assert (await house.job(job.id)).outcome is not None
