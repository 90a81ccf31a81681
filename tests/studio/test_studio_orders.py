"""From a draft to a job: once, at exactly its price, within every limit; and cancelling."""

from __future__ import annotations

import asyncio
import shutil
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.house import ADA, BOB, House, open_house

from bot.domain import Failure, FailureKind, JobState, UserRef, Video
from bot.errors import RetryLater, Stale, UserError
from bot.store import jobs, provider
from bot.studio import LOW_WATER_BYTES


async def refused(house: House, key: str, who: UserRef = ADA) -> UserError:
    """A quote whose order is refused; nothing is held for it."""
    quoted = await house.quote(who)
    before = await house.studio.balance(who)
    with pytest.raises(UserError) as caught:
        await house.studio.order(who, quoted.draft.id)
    assert caught.value.key == key
    assert await house.studio.balance(who) == before
    await house.verify()
    return caught.value


async def test_any_number_of_presses_makes_one_job(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        made = await asyncio.gather(*(house.studio.order(ADA, quoted.draft.id) for _ in range(50)))
        assert {job.id for job in made} == {made[0].id}
        assert await house.value("SELECT COUNT(*) FROM jobs") == 1
        balance = await house.studio.balance(ADA)
        assert (balance.available, balance.held) == (1000 - quoted.draft.price, quoted.draft.price)
        house.clock.advance(3600)
        assert (await house.studio.order(ADA, quoted.draft.id)).id == made[0].id
        await house.verify()


async def test_nobody_can_press_another_users_button(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        await house.quote(BOB)
        for who in (BOB, UserRef("web", "stranger")):
            with pytest.raises(UserError, match="not yours"):
                await house.studio.order(who, quoted.draft.id)
        with pytest.raises(UserError, match="no longer exists"):
            await house.studio.order(ADA, "NOSUCHDRAFT")


async def test_a_price_lives_fifteen_minutes_and_is_asked_again_in_the_same_draft(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        late = await house.quote()
        house.clock.advance(15 * 60)
        assert (await house.studio.order(ADA, quoted.draft.id)).price == quoted.draft.price
        house.clock.advance(0.001)
        with pytest.raises(Stale):
            await house.studio.order(ADA, late.draft.id)
        await house.studio.change(ADA, late.draft.id)
        assert (await house.studio.order(ADA, late.draft.id)).price == late.draft.price


async def test_a_price_that_moved_meanwhile_is_asked_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
    async with open_house(tmp_path, price_markup=Decimal(2)) as house:
        with pytest.raises(Stale):
            await house.studio.order(ADA, quoted.draft.id)
        assert (await house.studio.balance(ADA)).held == 0
        await house.studio.change(ADA, quoted.draft.id)
        assert (await house.studio.order(ADA, quoted.draft.id)).price == 2 * quoted.draft.price


async def test_a_model_that_dies_between_quote_and_press_costs_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote(model="sora-2-text-to-video")
        await house.withdraw("sora-2-text-to-video", "temporarily paused")
        with pytest.raises(Stale, match="temporarily paused"):
            await house.studio.order(ADA, quoted.draft.id)
        assert (await house.studio.balance(ADA)).held == 0


async def test_who_has_too_little_is_told_how_much_is_missing(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=10) as house:
        error = await refused(house, "order.too_poor")
        quoted = await house.quote()
        assert error.values == {"missing": quoted.draft.price - 10, "available": 10}
        assert await house.value("SELECT COUNT(*) FROM jobs") == 0


async def test_credits_for_two_orders_pay_two_of_fifty_pressed_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=70, max_queued_per_user=100) as house:
        drafts = [(await house.quote()).draft for _ in range(50)]
        pressed = [house.studio.order(ADA, each.id) for each in drafts]
        results = await asyncio.gather(*pressed, return_exceptions=True)
        paid = [each for each in results if not isinstance(each, BaseException)]
        assert len(paid) == 70 // drafts[0].price
        assert all(isinstance(each, UserError) for each in results if each not in paid)
        await house.verify()


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_a_user_has_only_so_many_waiting_even_if_all_are_pressed_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_queued_per_user=3) as house:
        quotes = [await house.quote() for _ in range(10)]
        pressed = [house.studio.order(ADA, each.draft.id) for each in quotes]
        results = await asyncio.gather(*pressed, return_exceptions=True)
        assert sum(isinstance(each, UserError) for each in results) == 7
        await refused(house, "order.queue_full")
        await house.order(BOB)


async def test_a_users_day_counts_what_was_not_given_back_and_ends_at_midnight(tmp_path: Path) -> None:
    async with open_house(tmp_path, user_daily_credits=70, max_queued_per_user=10) as house:
        first = await house.order()
        second = await house.order()
        assert 2 * first.price <= 70 < 3 * first.price
        error = await refused(house, "order.user_day")
        assert error.values["left"] == 70 - 2 * first.price
        assert await house.studio.cancel(ADA, second.id)
        await house.order()
        await refused(house, "order.user_day")
        await house.order(BOB)
        house.clock.advance(86_400)
        await house.order()


async def test_the_bots_day_is_bounded_even_if_all_press_at_once(tmp_path: Path) -> None:
    users = [UserRef("web", f"user{n}") for n in range(30)]
    async with open_house(tmp_path, daily_kie_credits=Decimal(100)) as house:
        quotes = [(who, await house.quote(who)) for who in users]
        cost = quotes[0][1].draft.quote.kie_credits
        pressed = [house.studio.order(who, each.draft.id) for who, each in quotes]
        results = await asyncio.gather(*pressed, return_exceptions=True)
        made = [each.id for each in results if not isinstance(each, BaseException)]
        assert len(made) == 100 // cost
        await house.end(*made)
        assert len(house.kie.sent) == len(made)
        await refused(house, "order.day_full")
        house.clock.advance(86_400)
        await house.order()


async def test_what_kie_may_have_billed_counts_for_the_day_even_if_it_was_refunded(tmp_path: Path) -> None:
    async with open_house(tmp_path, daily_kie_credits=Decimal(40)) as house:
        house.kie.creates = [RuntimeError("the answer is lost")]
        lost = await house.order()
        await house.end(lost.id)
        assert await house.available() == 1000
        await refused(house, "order.day_full")


async def test_an_operators_own_order_keeps_within_the_bots_day(tmp_path: Path) -> None:
    me = UserRef("cli", "operator")
    async with open_house(tmp_path, daily_kie_credits=Decimal(10), new_user_credits=0) as house:
        await refused(house, "order.day_full", me)
        assert await house.value("SELECT COUNT(*) FROM transfers") == 0


async def test_a_nearly_full_disk_takes_no_new_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        ordered = await house.quote()
        job = await house.studio.order(ADA, ordered.draft.id)
        free = SimpleNamespace(free=LOW_WATER_BYTES - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
        await refused(house, "order.disk_low")
        assert (await house.studio.order(ADA, ordered.draft.id)).id == job.id
        free.free = LOW_WATER_BYTES
        await house.order()


async def test_a_paused_bot_takes_no_orders_and_says_why(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        waiting = await house.order()
        await house.office.pause("moving house")
        error = await refused(house, "order.paused")
        assert "moving house" in error.text()
        await house.live(60, every=10)
        assert house.kie.sent == []
        job = await house.job(waiting.id)
        assert (await house.studio.progress(job)).waiting_for == "progress.paused"
        await house.office.resume()
        await house.end(waiting.id)


async def test_while_the_account_is_sick_orders_are_refused_before_a_hold(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        now = house.clock.now()
        await house.store.write(lambda tx: provider.close_gate(tx, "kie", 401, "no", now, now + 60_000))
        await refused(house, "order.gate_closed")
        house.clock.advance(61)
        await refused(house, "order.gate_closed")
        await house.keeper.try_gates()
        await house.order()


# --- cancelling ------------------------------------------------------------------------------------------------------


async def test_cancelling_is_free_while_it_waits_and_the_receipt_comes(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        results = await asyncio.gather(
            *(house.studio.cancel(ADA, job.id) for _ in range(3)), return_exceptions=True
        )
        assert results[0] is True
        assert all(isinstance(each, UserError) for each in results[1:])
        assert await house.available() == 1000
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Failure)
        assert done.outcome.kind is FailureKind.CANCELLED
        assert house.kie.sent == []
        assert len(house.chat.messages) == 1
        await house.verify()


async def test_cancelling_later_is_honest_that_it_comes_too_late(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.step()
        assert await house.states(job.id) == [JobState.RUNNING]
        assert await house.studio.cancel(ADA, job.id) is False
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Video)
        with pytest.raises(UserError, match="already ended"):
            await house.studio.cancel(ADA, job.id)


async def test_a_job_of_somebody_else_cannot_be_cancelled(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.quote(BOB)
        with pytest.raises(UserError, match="no job"):
            await house.studio.cancel(BOB, job.id)
        assert await house.studio.cancel(ADA, job.id.lower())


async def test_an_order_that_could_not_be_written_was_not_made(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        await house.store.close()
        with pytest.raises(RetryLater):
            await house.studio.order(ADA, quoted.draft.id)
    async with open_house(tmp_path) as house:
        assert await house.store.read(lambda tx: jobs.by_key(tx, quoted.draft.key)) is None
        job = await house.studio.order(ADA, quoted.draft.id)
        await house.end(job.id)
