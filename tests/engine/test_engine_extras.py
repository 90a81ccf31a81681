"""Gifts and videos sent again: handed over once, whatever the chat does, and never a change in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.crashing import Killed
from support.files import names
from support.house import ADA, FakeChat, FakeProvider, House, open_house

from bot.domain import Failure, FailureKind, Job, UserRef
from bot.errors import AccountError, DeliveryUnknown, ProviderError, RetryLater, RouteClosed
from bot.ports import Broken, Delivery, Done, Unknown

HOURS = 3600.0
PUBLIC = "https://bot.example"
TOM = UserRef("telegram", "77")


async def expired(house: House, takes: float = 7 * HOURS) -> Job:
    """A job that the end clock refunded, its receipt delivered, its task still running."""
    house.kie.takes = takes
    job = await house.order()
    (done,) = await house.end(job.id, every=300)
    assert isinstance(done.outcome, Failure)
    assert done.outcome.kind is FailureKind.EXPIRED
    house.chat.messages.clear()
    return done


async def gifts(house: House, hours: float = 3) -> list[Delivery]:
    await house.live(hours * HOURS, every=hours * 100)
    await house.verify()
    assert await house.available() == 1000
    return house.chat.messages


@pytest.mark.parametrize(
    "fault", [RetryLater("flood"), DeliveryUnknown("timeout"), ValueError("a fault of the adapter")]
)
async def test_a_gift_that_does_not_get_through_is_brought_again(tmp_path: Path, fault: Exception) -> None:
    async with open_house(tmp_path) as house:
        job = await expired(house)
        house.chat.faults = [fault]
        assert [each.gift for each in await gifts(house)] == [True]
        assert "gift given" in await house.kinds(job.id)


async def test_a_chat_that_is_busy_for_hours_still_gets_its_gift(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await expired(house)
        house.chat.faults = [RetryLater("flood") for _ in range(12)]
        assert len(await gifts(house, 6)) == 1


async def test_a_gift_takes_the_next_route_when_one_is_closed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await expired(house)
        house.chat.ways = ("thread", "private")
        house.chat.faults = [RouteClosed("the thread is gone")]
        assert [each.route for each in await gifts(house)] == ["private"]


async def test_a_gift_nobody_can_bring_lies_in_the_history(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await expired(house)
        house.chat.faults = [RouteClosed("blocked")]
        assert await gifts(house) == []
        assert await house.studio.video(job) is not None


async def test_a_chat_that_cannot_tell_gets_a_gift_twice_at_most(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await expired(house)
        house.chat.can_find = False
        house.chat.after = [DeliveryUnknown("timeout") for _ in range(9)]
        assert len(await gifts(house)) == 2


@pytest.mark.parametrize("can_find", [True, False])
async def test_a_crash_right_after_the_gift_was_sent_makes_no_second_one_where_the_chat_can_tell(
    tmp_path: Path, can_find: bool
) -> None:
    class Mortal(FakeChat):
        async def deliver(self, delivery: Delivery) -> str:
            message_id = await super().deliver(delivery)
            if delivery.gift and len(self.messages) == 1:
                raise Killed
            return message_id

    async with open_house(tmp_path) as house:
        await expired(house)
        house.chat = Mortal(can_find=can_find)
        house.adapters["web"] = house.chat
        assert len(await gifts(house)) == (1 if can_find else 2)


async def test_a_task_that_failed_after_its_refund_is_no_longer_watched(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await expired(house)
        house.kie.looks["task1"] = [Broken(FailureKind.PROVIDER, "gave up")]
        await house.live(1 * HOURS, every=60)
        looked = len(house.kie.looked)
        assert await gifts(house, 10) == []
        assert len(house.kie.looked) == looked


async def test_a_task_is_watched_for_two_days_and_then_no_more(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await expired(house, takes=100 * HOURS)
        assert await gifts(house, 60) == []
        assert (await house.kinds(job.id))[-1] == "extra ended"


@pytest.mark.parametrize(
    "error", [RetryLater("flicker"), AccountError(401, "no"), ProviderError(404, "gone")]
)
async def test_trouble_with_kie_only_delays_a_gift(tmp_path: Path, error: Exception) -> None:
    async with open_house(tmp_path) as house:
        await expired(house)
        house.kie.looks["task1"] = [error, error]
        house.kie.downloads = [ProviderError(500, "flicker"), RetryLater("flicker")]
        assert len(await gifts(house, 4)) == 1


async def test_a_gift_that_is_too_large_is_fitted_and_leaves_no_rest(tmp_path: Path) -> None:
    async with open_house(tmp_path, public_url="https://bot.example") as house:
        job = await expired(house)
        house.chat.limit = 4
        (gift,) = await gifts(house)
        assert gift.fitted
        assert names(house.settings.videos_dir) == [f"{job.id}.gift.mp4"]


async def test_a_forgotten_person_gets_no_gift(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await expired(house)
        await house.studio.forget(job.user)
        await house.live(3 * HOURS, every=300)
        assert house.chat.messages == []
        assert names(house.settings.videos_dir) == []


async def test_many_gifts_come_one_after_the_other(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_running_per_user=5) as house:
        house.kie.takes = 7 * HOURS
        jobs = [await house.order() for _ in range(5)]
        await house.end(*(job.id for job in jobs), every=300)
        house.chat.messages.clear()
        given = await gifts(house)
        assert sorted(each.job.id for each in given) == sorted(job.id for job in jobs)


async def test_a_callback_wakes_a_gift_up(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:
        job = await expired(house)
        house.use(FakeProvider(house.clock, tasks=house.kie.tasks, callbacks=house.kie.callbacks, takes=1))
        assert await house.studio.called_back(job.id, job.callback_token, "task1")
        await house.live(3)
        assert [each.gift for each in house.chat.messages] == [True]


# --- callbacks of lost jobs ------------------------------------------------------------------------------------------


async def lost(house: House) -> Job:
    """A job whose answer was lost, and that was refunded; KIE made its task all the same."""
    house.adapters["telegram"] = house.chat
    house.kie.creates = [Unknown("the line went dead")]
    job = await house.order()
    house.kie.callbacks["theirs"] = f"{PUBLIC}/kie/callback/{job.id}/{job.callback_token}"
    house.kie.callbacks["strange"] = f"{PUBLIC}/kie/callback/{job.id}/another-token"
    (done,) = await house.end(job.id, every=60)
    assert isinstance(done.outcome, Failure)
    assert done.outcome.kind is FailureKind.LOST
    house.chat.messages.clear()
    for task in ("theirs", "strange"):
        house.kie.tasks[task] = 0
    return done


def said(house: House, words: str) -> int:
    return sum(words in text for _, text in house.chat.told)


async def test_a_callback_after_a_lost_job_was_refunded_still_brings_its_video_as_a_gift(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC, operators=(TOM,)) as house:
        job = await lost(house)
        for _ in range(3):
            assert await house.studio.called_back(job.id, job.callback_token, "theirs")
        assert [each.gift for each in await gifts(house)] == [True]
        kinds = await house.kinds(job.id)
        assert [kinds.count(each) for each in ("called back late", "task found", "gift given")] == [1, 1, 1]
        assert (await house.job(job.id)).task_id == "theirs"
        assert said(house, "given as a gift") == 1
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        assert len(await gifts(house)) == 1


async def test_a_late_hint_at_somebody_elses_task_gives_nothing_and_the_right_one_still_does(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost(house)
        await house.studio.called_back(job.id, job.callback_token, "unknown to KIE")
        await house.live(60)
        await house.studio.called_back(job.id, job.callback_token, "strange")
        assert await gifts(house, 1) == []
        assert (await house.job(job.id)).task_id is None
        assert not await house.studio.called_back(job.id, "a wrong token", "theirs")
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        assert [each.gift for each in await gifts(house)] == [True]
        await house.studio.called_back(job.id, job.callback_token, "strange")
        assert (await house.job(job.id)).task_id == "theirs"


async def test_a_right_hint_during_a_look_at_a_wrong_one_is_not_ended_with_it(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost(house)

        class Slow(FakeProvider):
            async def look(self, task_id: str, key_print: str | None = None) -> Done:
                if task_id == "strange":
                    await house.studio.called_back(job.id, job.callback_token, "theirs")
                return Done(("https://kie.example/video.mp4",), callback_url=house.kie.callbacks[task_id])

        house.kie.tasks.clear()
        house.use(Slow(house.clock, callbacks=house.kie.callbacks))
        await house.studio.called_back(job.id, job.callback_token, "strange")
        assert len(await gifts(house)) == 1


async def test_a_wrong_hint_during_a_look_at_the_right_one_brings_nobody_elses_video(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost(house)
        house.kie.callbacks["strange"] = f"{PUBLIC}/kie/callback/another/{job.callback_token}"

        class Slow(FakeProvider):
            async def look(self, task_id: str, key_print: str | None = None) -> Done:
                if task_id == "theirs":
                    await house.studio.called_back(job.id, job.callback_token, "strange")
                return Done(
                    (f"https://kie.example/{task_id}.mp4",), callback_url=house.kie.callbacks[task_id]
                )

            async def download(self, url: str, target: Path, max_bytes: int) -> int:
                fetched.append(url)
                return await super().download(url, target, max_bytes)

        fetched: list[str] = []
        house.kie.tasks.clear()
        house.use(Slow(house.clock, callbacks=house.kie.callbacks))
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        assert len(await gifts(house)) == 1
        assert set(fetched) == {"https://kie.example/theirs.mp4"}


async def test_a_hint_that_nobody_could_look_into_before_the_refund_is_looked_into_after(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        house.kie.creates = [Unknown("the line went dead")]
        job = await house.order()
        await house.step()
        house.kie.looks["theirs"] = [RetryLater("KIE is away")] * 500
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        (done,) = await house.end(job.id, every=60)
        assert isinstance(done.outcome, Failure)
        house.chat.messages.clear()
        house.kie.looks.clear()
        house.kie.tasks["theirs"] = 0
        house.kie.callbacks["theirs"] = f"{PUBLIC}/kie/callback/{job.id}/{job.callback_token}"
        assert len(await gifts(house)) == 1


async def test_a_late_callback_for_a_forgotten_person_is_not_looked_into(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base=PUBLIC) as house:
        job = await lost(house)
        await house.studio.forget(ADA)
        await house.studio.called_back(job.id, job.callback_token, "theirs")
        await house.live(3600, every=60)
        assert "theirs" not in house.kie.looked
        assert await house.value("SELECT COUNT(*) FROM extras") == 0
        assert house.chat.messages == []


async def test_the_operator_is_told_of_a_gift_that_no_chat_took(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await expired(house)
        house.chat.faults = [RouteClosed("blocked")]
        assert await gifts(house) == []
        assert said(house, "lies in its member's history") == 1
