"""What operators can do: credits, access, the claim code, jobs, models; and that a broken ledger names its rule."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from pathlib import Path

import pytest
from support.files import exists, names
from support.house import ADA, BOB, FakeProvider, House, open_house

from bot.domain import CommunityRef, JobState, ModelState, ModelStatus, UserRef, Video
from bot.errors import UserError
from bot.office import user_of, who_of
from bot.store import Tx, checks, provider

TOM = UserRef("telegram", "77")
GROUP = CommunityRef("telegram-chat", "-100")
SORA = "sora-2-text-to-video"


async def refused(key: str, call: Awaitable[object]) -> None:
    with pytest.raises(UserError) as caught:
        await call
    assert caught.value.key == key
    assert caught.value.text()


# --- credits ---------------------------------------------------------------------------------------------------------


async def test_credits_are_given_and_taken_back_but_never_below_zero(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=0) as house:
        assert (await house.office.grant(TOM, 50, "birthday")).available == 50
        assert (await house.office.grant(TOM, -20, "typing error")).available == 30
        await refused("office.too_little", house.office.grant(TOM, -31, "too much"))
        await refused("office.amount", house.office.grant(TOM, 0, "nothing"))
        assert (await house.office.balance(TOM)).available == 30
        history = [
            (each.transfer.amount, each.transfer.reason) for each in await house.office.credit_history(TOM)
        ]
        assert history == [(20, "typing error"), (50, "birthday")]
        assert (await house.office.grant(GROUP, 5, "for all")).account.startswith("pool:")
        await house.verify()


async def test_a_grant_with_a_key_is_given_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await asyncio.gather(*(house.office.grant(TOM, 50, "paid", key="invoice-7") for _ in range(5)))
        assert (await house.office.balance(TOM)).available == 50
        await refused("office.key_used", house.office.grant(TOM, 60, "paid", key="invoice-7"))
        await refused("office.key_used", house.office.grant(GROUP, 50, "paid", key="invoice-7"))
        assert (await house.office.balance(TOM)).available == 50


async def test_who_is_not_known_has_no_balance_and_nonsense_is_no_name(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        for who in (TOM, GROUP):
            await refused("office.unknown_user", house.office.balance(who))
            await refused("office.unknown_user", house.office.credit_history(who))
        await refused("office.unknown_user", house.office.jobs(user=TOM))
    assert who_of(" telegram:77 ") == TOM
    assert who_of("telegram-chat:-100") == GROUP
    for text in ("telegram", "facebook:1", "telegram-chat:abc", ""):
        with pytest.raises(UserError, match="is no user or community"):
            who_of(text)
    with pytest.raises(UserError, match="is no user"):
        user_of("telegram-chat:-100")


# --- the claim -------------------------------------------------------------------------------------------------------


async def test_the_code_makes_its_first_sender_the_operator_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, access="closed") as house:
        code = await house.office.claim_code()
        assert code is not None
        for wrong in ("", "WRONGONE", code + "0", "пароль"):
            await refused("office.bad_code", house.office.claim(TOM, wrong))
        await refused("office.bad_code", house.office.claim(UserRef("web", "ada"), code))
        results = await asyncio.gather(
            *(house.office.claim(UserRef("telegram", str(n)), f" {code.lower()} ") for n in range(70, 80)),
            return_exceptions=True,
        )
        assert sum(each is None for each in results) == 1
        assert await house.office.claim_code() is None
        await refused("office.bad_code", house.office.claim(TOM, code))


async def test_a_new_start_without_an_operator_gives_a_new_code(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        old, new = await house.office.claim_code(), await house.office.claim_code()
        assert old
        assert new
        assert old != new
        await refused("office.bad_code", house.office.claim(TOM, old))
        await house.office.claim(TOM, new)


async def test_an_old_code_is_worth_nothing_once_the_settings_name_an_operator(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        code = await house.office.claim_code()
        assert code is not None
    async with open_house(tmp_path, operators=(TOM,)) as house:
        assert await house.office.claim_code() is None
        await refused("office.bad_code", house.office.claim(UserRef("telegram", "666"), code))


async def test_operators_are_told_and_strangers_are_not(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await house.engine.kit.notice("test", "look here")
        await house.engine.kit.notice("test", "look here")
        assert house.chat.told == [("77", "look here")]
        house.clock.advance(3600)
        await house.engine.kit.notice("test", "again")
        assert len(house.chat.told) == 2


# --- jobs ------------------------------------------------------------------------------------------------------------


async def test_a_video_is_refunded_once_and_a_failure_never(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        paid, cancelled = await house.order(), await house.order()
        await refused("office.not_refundable", house.office.refund(paid.id, "early"))
        await house.studio.cancel(ADA, cancelled.id)
        await house.end(paid.id, cancelled.id)
        results = await asyncio.gather(
            *(house.office.refund(paid.id.lower(), "sorry") for _ in range(5)), return_exceptions=True
        )
        assert sum(not isinstance(each, BaseException) for each in results) == 1
        assert (await house.job(paid.id)).refunded
        await refused("office.not_refundable", house.office.refund(cancelled.id, "again"))
        await refused("office.no_job", house.office.refund("NOJOB", "what"))
        assert await house.available() == 1000
        await house.verify()


async def test_a_video_is_sent_again_when_an_operator_asks(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await refused("office.not_sendable", house.office.resend(job.id))
        await house.end(job.id)
        await house.office.resend(job.id)
        await house.live(3)
        await house.office.resend(job.id)
        await house.live(3)
        assert len(house.chat.messages) == 3
        assert {each.job.id for each in house.chat.messages} == {job.id}
        assert not any(each.gift for each in house.chat.messages)
        assert (await house.kinds(job.id)).count("sent again") == 2
        assert await house.available() == 1000 - job.price


async def test_a_removed_video_is_gone_from_the_disk_and_the_money_stays(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await refused("office.not_removable", house.office.remove(job.id))
        await house.end(job.id)
        assert names(house.settings.videos_dir) == [f"{job.id}.mp4"]
        await house.office.remove(job.id)
        assert not exists(house.settings.videos_dir / f"{job.id}.mp4")
        assert await house.studio.video(await house.job(job.id)) is None
        await refused("office.not_sendable", house.office.resend(job.id))
        assert await house.available() == 1000 - job.price
        await house.verify()


async def test_jobs_are_listed_by_state_user_and_number_and_shown_with_their_life(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first, second, third = await house.order(), await house.order(), await house.order(BOB)
        await house.studio.cancel(ADA, second.id)
        await house.end(second.id)
        await house.office.pause()
        assert {job.id for job in await house.office.jobs()} == {first.id, second.id, third.id}
        assert [job.id for job in await house.office.jobs(user=BOB)] == [third.id]
        assert [job.id for job in await house.office.jobs(state=JobState.DELIVERED)] == [second.id]
        assert len(await house.office.jobs(limit=2)) == 2
        job, events = await house.office.job(f" {second.id.lower()} ")
        assert job.id == second.id
        assert [each.kind for each in events] == ["ordered", "cancelled", "delivered"]
        status = await house.office.status()
        assert status.paused == "paused by the operator"
        assert sum(status.jobs.values()) == 2


# --- models ----------------------------------------------------------------------------------------------------------


class Listing(FakeProvider):
    listed: frozenset[str] = frozenset()
    alive: ModelStatus | None = None

    async def models(self) -> frozenset[str]:
        return self.listed

    async def probe(self, model: str) -> ModelStatus | None:
        return self.alive


async def state_of(house: House, model: str) -> ModelState:
    found = await house.store.read(lambda tx: provider.model_states(tx, house.settings.kie_api_url))
    return found[model].state


async def test_what_kie_lists_is_active_again_but_absence_changes_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        kie = Listing(house.clock)
        await house.withdraw(SORA)
        assert await house.office.refresh_models(kie) == []
        kie.listed = frozenset({house.studio.catalog[SORA].kie})
        assert await house.office.refresh_models(kie) == [], (
            "a create answer of today weighs more than a list"
        )
        house.clock.advance(86_401)
        assert await house.office.refresh_models(kie) == [SORA]
        assert await state_of(house, SORA) is ModelState.ACTIVE


async def test_a_probe_is_remembered_and_not_knowing_changes_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        kie = Listing(house.clock)
        assert await house.office.probe_model(kie, "sora 2 text to video") is None
        assert await state_of(house, SORA) is ModelState.ACTIVE
        kie.alive = ModelStatus(ModelState.PAUSED, "2026-06-01", "temporarily paused")
        assert await house.office.probe_model(kie, SORA) == kie.alive
        assert await state_of(house, SORA) is ModelState.PAUSED


# --- verify ----------------------------------------------------------------------------------------------------------

BREAKS = {
    "a balance equals the sum of its transfers": "UPDATE balances SET available = available + 1",
    "every payer that transfers name has a balance": "DELETE FROM balances",
    "what a payer holds is what its open jobs cost": "UPDATE balances SET held = held + 1",
    "every job has the hold of its price": "DELETE FROM transfers WHERE reference LIKE 'hold:%'",
    "a settled job gave its hold to the house for a video, back for a failure": (
        "UPDATE transfers SET target = 'operator' WHERE reference LIKE 'settle:%'"
    ),
    "an open job is not settled": (
        "INSERT INTO transfers (at, source, target, amount, reference) SELECT 1, 'job:' || id, 'house', 1,"
        " 'settle:' || id FROM jobs WHERE state = 'queued'"
    ),
    "a refund stands in the job and in the ledger": "UPDATE jobs SET refunded_at = 1 WHERE outcome = 'video'",
    "a transfer of a job belongs to one": (
        "INSERT INTO transfers (at, source, target, amount, reference) VALUES (1, 'job:GHOST', 'house', 1, 'x')"
    ),
    "one task belongs to one job": "UPDATE jobs SET task_id = 'same'",
    "a delivered job says where": "UPDATE jobs SET delivered_to = NULL WHERE state = 'delivered'",
}


def test_every_rule_of_the_ledger_has_its_way_of_being_broken() -> None:
    assert set(BREAKS) == set(checks.CHECKS)


@pytest.mark.parametrize("rule", BREAKS)
async def test_verify_names_the_rule_that_was_broken_by_hand(tmp_path: Path, rule: str) -> None:
    async with open_house(tmp_path) as house:
        done = await house.order()
        await house.end(done.id)
        await house.order(BOB)
        assert await house.office.verify() == {}
        for trigger in ("transfers_never_change", "transfers_never_go"):
            await house.store.write(partial(Tx.run, sql=f"DROP TRIGGER {trigger}"))
        await house.store.write(lambda tx: tx.run(BREAKS[rule]))
        found = await house.office.verify()
        assert rule in found
        assert all(found.values())


async def test_a_video_that_came_as_a_gift_can_be_sent_again_too(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.kie.takes = 7 * 3600
        job = await house.order()
        await house.end(job.id, every=300)
        await house.live(2 * 3600, every=300)
        assert [each.gift for each in house.chat.messages] == [False, True]
        await house.office.resend(job.id)
        await house.live(3)
        last = house.chat.messages[-1]
        assert len(house.chat.messages) == 3
        assert isinstance(last.video, Video)
        assert await house.available() == 1000


async def test_a_grant_so_large_that_sums_would_overflow_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        with pytest.raises(UserError, match="at most 1,000,000,000"):
            await house.office.grant(ADA, 2**63 - 1, "typing error")
        await house.verify()
