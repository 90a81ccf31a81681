"""Gifts and videos sent again: handed over once, whatever the chat does, and never a change in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.crashing import Killed
from support.files import names
from support.house import FakeChat, FakeProvider, House, open_house

from bot.domain import Failure, FailureKind, Job
from bot.errors import AccountError, DeliveryUnknown, ProviderError, RetryLater, RouteClosed
from bot.ports import Broken, Delivery

HOURS = 3600.0


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
