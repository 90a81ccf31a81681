"""A sick KIE account is a state of the bot, not of thirty jobs."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from support.house import ADA, FakeProvider, House, open_house

from bot.domain import Failure, FailureKind, Job, JobState, UserRef, Video
from bot.errors import AccountError, UserError
from bot.ports import Accepted, CreateAnswer, Refused
from bot.store import provider

TOM = UserRef("telegram", "77")


def sick(code: int) -> Refused:
    return Refused(FailureKind.ACCOUNT, code, f"refused with {code}", account=True)


async def thirty(house: House) -> list[Job]:
    house.adapters["telegram"] = house.chat
    return [await house.order(UserRef("web", f"user{n}")) for n in range(30)]


async def gates(house: House) -> list[provider.ClosedGate]:
    return list(await house.store.read(provider.gates))


def told(house: House) -> list[str]:
    return [text for _, text in house.chat.told]


@pytest.mark.parametrize("code", [401, 433, 999])
async def test_one_job_finds_out_for_all_and_the_gate_reopens_by_itself(tmp_path: Path, code: int) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        jobs = await thirty(house)
        house.kie.creates = [sick(code) for _ in range(100)]
        await house.step()
        at_first = len(house.kie.sent)
        assert at_first <= 4, "only those already under way when the first was refused"
        await house.live(20)
        assert len(house.kie.sent) == at_first
        assert set(await house.states(*(job.id for job in jobs))) == {JobState.QUEUED}
        (gate,) = await gates(house)
        assert (gate.code, gate.tries) == (code, 1)
        assert len(told(house)) == 1
        assert f"refused with {code}" in told(house)[0]
        assert (await house.studio.progress(jobs[0])).waiting_for == "progress.gate"
        assert await house.studio.cancel(UserRef("web", "user29"), jobs[29].id)
        await house.live(1200, every=15)
        probes = len(house.kie.sent) - at_first
        assert 1 <= probes <= 25, "each pause twice as long as the one before"
        assert len(told(house)) == 1
        house.kie.creates = []
        ended = await house.end(*(job.id for job in jobs[:29]))
        assert all(isinstance(job.outcome, Video) for job in ended)
        assert await gates(house) == []
        assert len(told(house)) == 2
        assert "takes submissions again" in told(house)[1]
        await house.verify()


async def test_while_it_stands_ajar_one_job_tries_and_the_others_wait(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await thirty(house)
        house.kie.creates = [sick(455) for _ in range(100)]
        await house.step()
        (gate,) = await gates(house)
        before = len(house.kie.sent)
        for _ in range(4):
            house.clock.advance((gate.retry_at - house.clock.now()) / 1000)
            await house.step()
            await house.step()
            before += 1
            assert len(house.kie.sent) == before
            (gate,) = await gates(house)


async def test_after_402_only_a_balance_that_covers_the_next_job_reopens_it(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        jobs = await thirty(house)
        house.kie.creates = [sick(402) for _ in range(4)]
        house.kie.have = Decimal(0)
        await house.live(30)
        sent = len(house.kie.sent)
        for have in (Decimal(0), jobs[0].kie_credits - 1):
            house.kie.have = have
            for _ in range(120):
                await house.keeper.try_gates()
                await house.step()
                house.clock.advance(60)
        assert len(house.kie.sent) == sent
        with pytest.raises(UserError, match="needs attention"):
            await house.order(ADA)
        house.kie.creates.clear()  # the account is well again
        house.kie.have = jobs[0].kie_credits
        house.clock.advance(1801)
        await house.keeper.try_gates()
        assert await gates(house) == []
        await house.order(ADA)
        await house.end(*(job.id for job in jobs))
        assert [("Top it up" in text, "again" in text) for text in told(house)] == [
            (True, False),
            (False, True),
        ]


async def test_a_balance_that_cannot_be_asked_changes_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.order()
        house.kie.creates = [sick(402)]
        await house.step()

        class Mute(FakeProvider):
            async def balance(self) -> Decimal:
                raise AccountError(401, "wrong key")

        house.use(Mute(house.clock))
        house.clock.advance(3600)
        await house.keeper.tick()
        assert len(await gates(house)) == 1


async def test_a_job_that_was_being_got_ready_when_the_gate_closed_is_not_sent(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        picture = await house.studio.take_picture(ADA, b"a cat")
        ready = await house.order(ADA, first=picture)
        other = await house.order(UserRef("web", "bob"))

        class Uploading(FakeProvider):
            async def upload(self, file: Path, mime: str) -> str:
                while not await gates(house):
                    await house.clock.sleep(0)
                return await super().upload(file, mime)

        house.use(Uploading(house.clock, creates=[sick(402)]))
        await house.step()
        assert await house.states(ready.id, other.id) == [JobState.QUEUED, JobState.QUEUED]
        assert len(house.kie.sent) == 1


async def test_every_opening_is_told_even_when_the_gate_flaps(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        for _ in range(3):
            job = await house.order()
            house.kie.creates = [sick(455)]
            await house.end(job.id)
        news = ["again" in text for text in told(house)]
        assert news == [False, True] * 3


async def test_a_submission_from_before_the_gate_closed_does_not_reopen_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        jobs = [await house.order(UserRef("web", f"user{n}")) for n in range(2)]

        both = asyncio.Event()

        class Mixed(FakeProvider):
            async def create(self, *args: object) -> CreateAnswer:
                self.sent.append(("", {}, None))
                if len(self.sent) == 1:
                    await both.wait()
                    return sick(402)
                both.set()
                while not await gates(house):
                    await house.clock.sleep(0)
                return Accepted("task2", "print")

        house.use(Mixed(house.clock))
        await house.step()
        assert sorted(await house.states(*(job.id for job in jobs))) == [JobState.QUEUED, JobState.RUNNING]
        assert len(await gates(house)) == 1


async def test_a_sick_account_found_while_uploading_closes_the_gate_too(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await house.order(first=await house.studio.take_picture(ADA, b"a cat"))
        house.kie.uploads = [AccountError(401, "wrong key")]
        await house.live(10)
        assert [gate.code for gate in await gates(house)] == [401]
        assert len(told(house)) == 1
        with pytest.raises(UserError, match="needs attention"):
            await house.order()
        (done,) = await house.end(job.id)
        assert isinstance(done.outcome, Video)


async def test_a_job_that_waits_too_long_behind_a_closed_gate_is_refunded(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        jobs = await thirty(house)
        house.kie.creates = [sick(402) for _ in range(4)]
        await house.step()
        at_first = len(house.kie.sent)
        assert 1 <= at_first <= 4, "only those already under way when the first was refused"
        ended = await house.end(*(job.id for job in jobs), every=600)
        for job in ended:
            assert isinstance(job.outcome, Failure)
            assert job.outcome.kind is FailureKind.EXPIRED
            assert (job.ended_at or 0) - job.created_at >= 6 * 3_600_000
        assert len(house.kie.sent) == at_first, "nothing passes a closed gate"
        assert await house.available(UserRef("web", "user7")) == 1000
        await house.verify()


async def test_looking_goes_on_while_no_new_ones_are_taken(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        running = await house.order()
        await house.step()
        house.kie.creates = [sick(402)]
        await house.order(UserRef("web", "late"))
        (done,) = await house.end(running.id)
        assert isinstance(done.outcome, Video)
        assert len(await gates(house)) == 1


async def test_a_closed_gate_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.order()
        house.kie.creates = [sick(402)]
        await house.step()
        clock = house.clock
    async with open_house(tmp_path, clock) as house:
        await house.live(60)
        assert house.kie.sent == []


# --- another cause ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "words"), [(401, "KIE_API_KEY"), (402, "Top it up")])
async def test_a_second_cause_that_keeps_the_gate_closed_is_told_too(
    tmp_path: Path, code: int, words: str
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await house.order()
        house.kie.creates = [sick(455), *[sick(code)] * 500]
        house.kie.have = Decimal(0)
        await house.live(2400, every=15)
        assert [gate.code for gate in await gates(house)] == [code]
        assert ["maintenance" in text for text in told(house)] == [True, False]
        assert words in told(house)[1]


# --- ajar ------------------------------------------------------------------------------------------------------------


async def test_while_it_stands_ajar_new_orders_are_refused_and_the_waiting_job_finds_out(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        waiting = await house.order()
        house.kie.creates = [sick(401)]
        await house.step()
        house.clock.advance(61)
        await house.keeper.try_gates()
        with pytest.raises(UserError, match="needs attention"):
            await house.order(UserRef("web", "bob"))
        assert (await house.studio.balance(UserRef("web", "bob"))).held == 0
        await house.step()
        assert await gates(house) == []
        await house.order(UserRef("web", "bob"))
        await house.end(waiting.id)


@pytest.mark.parametrize("code", [401, 402, 403, 433, 455, 999])
async def test_with_nobody_waiting_it_reopens_by_itself_once_kie_answers(tmp_path: Path, code: int) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        job = await house.order()
        house.kie.creates = [sick(code)]
        house.kie.have = Decimal(0) if code == 402 else Decimal(100)
        await house.step()
        assert await house.studio.cancel(ADA, job.id)

        class Sick(FakeProvider):
            async def balance(self) -> Decimal:
                raise AccountError(code, "still")

        well, sent = house.kie, len(house.kie.sent)
        if code != 402:
            house.use(Sick(house.clock))
        for _ in range(4 * 240):
            await house.keeper.try_gates()
            house.clock.advance(15)
        (gate,) = await gates(house)
        assert 3 < gate.tries < 30, "each pause longer than the one before"
        house.use(well)
        house.kie.have = Decimal(100)
        for _ in range(240):
            await house.keeper.try_gates()
            house.clock.advance(15)
        assert await gates(house) == []
        assert len(well.sent) == sent
        assert "takes submissions again" in told(house)[-1]
        await house.order()
