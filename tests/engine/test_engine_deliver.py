"""SETTLED: the end of a job reaches its chat, whatever the chat does, and not twice where that can be known."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.crashing import Killed
from support.files import drop, names
from support.house import ADA, FakeChat, House, open_house

from bot.domain import Failure, FailureKind, Job, JobState, UserRef, Video
from bot.errors import DeliveryUnknown, RetryLater, RouteClosed, TooLarge
from bot.ports import Broken, Delivery

TOM = UserRef("telegram", "77")
DAY = 86_400.0


async def delivered(house: House, every: float = 20.0) -> Job:
    job = await house.order()
    (done,) = await house.end(job.id, every=every)
    await house.verify()
    return done


async def test_a_chat_that_is_busy_gets_it_later(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [RetryLater("flood", after=17.0), RetryLater("flood")]
        done = await delivered(house, every=1)
        assert len(house.chat.messages) == 1
        assert done.message_id == "m1"
        waited = ((done.ended_at or 0) - (done.settled_at or 0)) / 1000
        assert waited >= 17 + 4


async def test_a_closed_route_gives_way_to_the_next(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.ways = ("thread", "channel", "private")
        house.chat.faults = [RouteClosed("thread is gone"), RouteClosed("no permission")]
        done = await delivered(house, every=1)
        assert done.delivered_to == "private"
        assert [each.route for each in house.chat.messages] == ["private"]


async def test_without_any_way_left_it_is_kept_and_the_operator_told(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        house.chat.faults = [RouteClosed("gone")]
        done = await delivered(house)
        assert (done.delivered_to, done.message_id) == ("kept", None)
        assert isinstance(await house.studio.video(done), Video)
        assert [job.id for job in await house.studio.kept(ADA)] == [done.id]
        await house.studio.seen(done.id)
        assert await house.studio.kept(ADA) == await house.studio.kept(TOM) == []
        assert "kiebot jobs resend" in house.chat.told[0][1]
        await house.office.resend(done.id)
        await house.live(3)
        assert len(house.chat.messages) == 1


async def test_a_chat_that_stays_unreachable_is_waited_for_a_day(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [RetryLater("down")] * 5000
        done = await delivered(house, every=600)
        assert done.delivered_to == "kept"
        assert ((done.ended_at or 0) - (done.settled_at or 0)) / 1000 >= DAY


async def test_an_adapter_that_breaks_each_time_does_not_hold_the_job_for_ever(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [ValueError("a fault of the adapter")] * 5000
        done = await delivered(house, every=900)
        assert done.delivered_to == "kept"


async def test_a_chat_whose_token_was_taken_away_keeps_the_result(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        del house.adapters["web"]
        done = await delivered(house, every=900)
        assert done.delivered_to == "kept"


async def test_when_nobody_knows_it_looks_first_and_finds_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.after = [DeliveryUnknown("timeout")]
        done = await delivered(house)
        assert done.message_id == "m1"
        assert len(house.chat.messages) == 1


async def test_when_nobody_knows_and_it_is_not_there_it_is_sent_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [DeliveryUnknown("timeout")]
        done = await delivered(house)
        assert done.message_id == "m1"
        assert len(house.chat.messages) == 1


async def test_who_is_forgotten_while_their_receipt_is_looked_for_gets_no_message_more(
    tmp_path: Path,
) -> None:
    class Meddled(FakeChat):
        async def find(self, delivery: Delivery) -> str | None:
            await house.studio.forget(ADA)
            return await super().find(delivery)

    async with open_house(tmp_path) as house:
        house.chat = house.adapters["web"] = Meddled(faults=[DeliveryUnknown("timeout")])
        house.kie.next_looks.append(Broken(FailureKind.POLICY, "not this"))
        job = await house.order()
        (done,) = await house.end(job.id, every=300)
        assert house.chat.messages == []
        assert done.delivered_to == "kept"
        await house.verify()


async def test_who_is_forgotten_while_their_video_is_sent_is_no_fault_to_be_told(tmp_path: Path) -> None:
    class Meddled(FakeChat):
        async def deliver(self, delivery: Delivery) -> str:
            await house.studio.forget(ADA)
            return await super().deliver(delivery)

    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.chat = house.adapters["web"] = house.adapters["telegram"] = Meddled()
        job = await house.order()
        (done,) = await house.end(job.id, every=300)
        assert house.chat.messages == []
        assert done.delivered_to == "kept"
        assert [text for _, text in house.chat.told if "failed unexpectedly" in text] == []


async def test_a_chat_that_cannot_tell_gets_it_twice_at_most(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.can_find = False
        house.chat.after = [DeliveryUnknown("timeout")] * 9
        done = await delivered(house)
        assert len(house.chat.messages) == 2
        assert done.delivered_to == "message (unsure)"


class Mortal(FakeChat):
    """Dies with the bot right after the chat took the message."""

    def __init__(self, deaths: int) -> None:
        super().__init__()
        self.deaths = deaths

    async def deliver(self, delivery: Delivery) -> str:
        message_id = await super().deliver(delivery)
        if self.deaths:
            self.deaths -= 1
            raise Killed
        return message_id


@pytest.mark.parametrize(
    ("can_find", "deaths", "messages"), [(True, 1, 1), (True, 3, 1), (False, 1, 2), (False, 5, 2)]
)
async def test_a_crash_between_sending_and_writing_down_makes_no_second_message_where_the_chat_can_tell(
    tmp_path: Path, can_find: bool, deaths: int, messages: int
) -> None:
    async with open_house(tmp_path) as house:
        chat = Mortal(deaths)
        chat.can_find = can_find
        house.adapters["web"] = chat
        job = await house.order()
        for _ in range(40):
            await house.step()
            house.clock.advance(20)
        assert await house.states(job.id) == [JobState.DELIVERED]
        assert len(chat.messages) == messages


async def test_the_operator_is_told_when_a_job_was_delivered_twice(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat

        class TakenOver(FakeChat):
            async def deliver(self, delivery: Delivery) -> str:
                message_id = await super().deliver(delivery)
                if len(self.messages) == 1:
                    await house.store.write(lambda tx: tx.run("UPDATE jobs SET lease = lease + 1"))
                    house.clock.advance(20)
                return message_id

        chat = TakenOver(can_find=False)
        house.adapters["web"] = chat
        done = await delivered(house)
        assert "delivered twice" in await house.kinds(done.id)
        assert [f"Job {done.id} may have been delivered twice" in text for _, text in house.chat.told] == [
            True
        ]


async def test_after_days_of_downtime_a_chat_that_is_not_there_yet_gets_its_time(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        while (await house.job(job.id)).outcome is None:
            house.clock.advance(20)
            await house.step()
        house.clock.advance(3 * 86_400)
        house.chat.faults = [RetryLater("not logged in yet")] * 3
        (done,) = await house.end(job.id, every=5)
        assert done.delivered_to == "message"


# --- size ------------------------------------------------------------------------------------------------------------


async def test_a_video_too_large_for_the_chat_is_fitted_and_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path, public_url="https://bot.example") as house:
        house.chat.limit = 4
        done = await delivered(house)
        (sent,) = house.chat.messages
        assert (sent.fitted, sent.file is not None) == (True, True)
        assert sent.link == house.studio.link(done)
        assert house.media.fitted == [4]
        assert names(house.settings.videos_dir) == [f"{done.id}.mp4"], "the smaller copy is not kept"


async def test_a_chat_that_refuses_the_smaller_copy_too_gets_a_still_smaller_one(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [TooLarge(5), TooLarge(4)]
        done = await delivered(house)
        (sent,) = house.chat.messages
        assert (sent.fitted, done.delivered_to) == (True, "message")
        assert house.media.fitted == [5, 4]
        assert names(house.settings.videos_dir) == [f"{done.id}.mp4"]


@pytest.mark.parametrize("unfittable", [True, False])
async def test_what_cannot_be_fitted_is_given_as_a_link(tmp_path: Path, unfittable: bool) -> None:
    async with open_house(tmp_path, public_url="https://bot.example") as house:
        house.chat.limit = 3
        house.media.unfittable = unfittable
        done = await delivered(house)
        (sent,) = house.chat.messages
        assert sent.file is None
        assert sent.link == house.studio.link(done)
        assert done.delivered_to == "message"


async def test_what_is_too_large_where_no_link_can_be_given_is_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        house.chat.limit = 3
        done = await delivered(house)
        assert done.delivered_to == "kept"
        assert house.chat.messages == []
        assert isinstance(await house.studio.video(done), Video)


async def test_a_chat_that_finds_even_a_link_too_large_is_a_closed_route(tmp_path: Path) -> None:
    async with open_house(tmp_path, public_url="https://bot.example") as house:
        house.chat.faults = [TooLarge(1), TooLarge(1), TooLarge(0)]
        done = await delivered(house)
        assert done.delivered_to == "kept"


async def test_a_video_whose_file_is_gone_does_not_hold_the_job_for_ever(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.limit = 10**9
        house.chat.faults = [RetryLater("busy")]
        job = await house.order()
        while (await house.job(job.id)).outcome is None:
            await house.step()
            house.clock.advance(20)
        drop(house.settings.videos_dir / f"{job.id}.mp4")
        (done,) = await house.end(job.id, every=900)
        assert done.delivered_to == "kept"


# --- receipts and status ---------------------------------------------------------------------------------------------


async def test_a_failure_is_told_as_surely_as_a_video(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.chat.faults = [RetryLater("flood"), RouteClosed("gone")]
        house.chat.ways = ("thread", "private")
        job = await house.order()
        await house.studio.cancel(ADA, job.id)
        (done,) = await house.end(job.id, every=2)
        (sent,) = house.chat.messages
        assert isinstance(sent.job.outcome, Failure)
        assert sent.file is None
        assert done.delivered_to == "private"


async def test_the_status_message_follows_the_job_and_its_faults_do_not_matter(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await delivered(house, every=5)
        assert {state for state, _ in house.chat.shown} == {JobState.RUNNING}

        class Broken(FakeChat):
            async def show(self, *_: object) -> None:
                raise ValueError("a fault of the adapter")

        house.adapters["web"] = Broken()
        assert isinstance((await delivered(house)).outcome, Video)
