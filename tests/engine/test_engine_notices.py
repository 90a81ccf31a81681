"""What operators are told: until one of them has it, whatever the chat does, and never in a flood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.crashing import CrashingStore, Killed
from support.house import FakeChat, House, open_house

from bot.domain import Button, Job, UserRef
from bot.errors import RetryLater
from bot.ports import Unknown
from bot.store import notices

TOM = UserRef("telegram", "77")
HOUR = 3600.0


@dataclass
class Phone(FakeChat):
    """Where the operators are told; `up` says whether it can be reached."""

    platform: str = "telegram"
    up: bool = True
    refuses: bool = False
    with_buttons: Sequence[Button] = ()

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        if not self.up:
            raise RetryLater("not connected yet")
        self.with_buttons = buttons
        return not self.refuses and await super().tell(external_id, text, buttons)


def phone_of(house: House) -> Phone:
    phone = Phone()
    house.adapters["telegram"] = phone
    return phone


async def pass_time(house: House, hours: float, every: float = 15) -> None:
    """With the keeper's duties."""
    end = house.clock.now() + int(hours * HOUR * 1000)
    while house.clock.now() < end:
        await house.keeper.tick()
        house.clock.advance(every)


def texts(phone: Phone) -> list[str]:
    return [text for _, text in phone.told]


async def lose(house: House, number: int, name: str = "u") -> list[Job]:
    """So many jobs whose answers are lost."""
    made = [await house.order(UserRef("web", f"{name}{n}")) for n in range(number)]
    house.kie.creates = [Unknown("dead") for _ in made]
    await house.end(*(job.id for job in made), every=1)
    return made


# --- until somebody has it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["down", "refuses", "not there"])
async def test_what_nobody_could_be_told_is_told_when_somebody_can_and_once(tmp_path: Path, how: str) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        phone.up, phone.refuses = how != "down", how == "refuses"
        if how == "not there":
            del house.adapters["telegram"]
        yes = Button("Yes", "op:yes", style="danger")
        await house.engine.kit.notice("report:J1", "a report", buttons=(yes,))
        await pass_time(house, 0.5)
        assert phone.told == []
        phone.up, phone.refuses = True, False
        house.adapters["telegram"] = phone
        await pass_time(house, 2)
        assert texts(phone) == ["a report"]
        assert list(phone.with_buttons) == [yes]
        assert await house.value("SELECT COUNT(*) FROM notices WHERE text <> '' OR told_at IS NULL") == 0


async def test_what_is_just_being_told_is_not_told_a_second_time_meanwhile(tmp_path: Path) -> None:
    class Slow(Phone):
        async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
            house.clock.advance(16)
            await house.keeper.tell_again()
            return await super().tell(external_id, text, buttons)

    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = Slow()
        house.adapters["telegram"] = phone
        await house.engine.kit.notice("disk", "full")
        await pass_time(house, 1)
        assert texts(phone) == ["full"]


async def test_one_operator_of_several_is_enough(tmp_path: Path) -> None:
    ann = UserRef("discord", "5")
    async with open_house(tmp_path, operators=(ann, TOM)) as house:
        phone = phone_of(house)
        house.adapters["discord"] = Phone(up=False)
        await house.engine.kit.notice("disk", "full")
        await pass_time(house, 2)
        assert texts(phone) == ["full"]


async def test_a_notice_that_was_not_told_yet_outlives_the_process(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone_of(house).up = False
        await house.engine.kit.notice("gate:402", "top it up")
        clock = house.clock
    async with open_house(tmp_path, clock, operators=(TOM,)) as house:
        phone = phone_of(house)
        await pass_time(house, 0.2)
        assert texts(phone) == ["top it up"]


@pytest.mark.parametrize("write", [1, 2])
async def test_a_process_that_dies_at_a_notice_has_told_it_or_tells_it(tmp_path: Path, write: int) -> None:
    async with open_house(tmp_path, operators=(TOM,), store_class=CrashingStore) as house:
        phone, store = phone_of(house), house.store
        assert isinstance(store, CrashingStore)
        store.arm(write, after=True)
        with pytest.raises(Killed):
            await house.engine.kit.notice("disk", "full")
        clock = house.clock
    async with open_house(tmp_path, clock, operators=(TOM,)) as house:
        house.adapters["telegram"] = phone
        await pass_time(house, 0.5)
        assert texts(phone) == ["full"]


async def test_after_a_day_of_trying_at_growing_pauses_it_is_given_up(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        phone.up = False
        await house.engine.kit.notice("disk", "full")
        await pass_time(house, 20, every=60)
        assert await house.value("SELECT state FROM notices") == "due"
        tries = await house.value("SELECT tries FROM notices")
        assert 10 < tries < 30
        await pass_time(house, 12, every=60)
        assert await house.value("SELECT state || text FROM notices") == "dropped"
        phone.up = True
        await pass_time(house, 2)
        assert phone.told == []


async def test_a_closed_gate_that_reopened_before_anybody_was_told_is_not_told(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        phone.up = False
        await house.engine.kit.notice("gate:402", "closed")
        await house.engine.kit.notice("gate-open", "open again", ends="gate")
        phone.up = True
        await pass_time(house, 1)
        assert texts(phone) == ["open again"]


async def test_what_a_notice_says_of_a_forgotten_person_is_forgotten(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        phone.up = False
        job = await house.order()
        await house.end(job.id)
        await house.engine.kit.notice(f"report:{job.id}", "their words")
        await house.studio.forget(job.user)
        assert await house.value("SELECT COUNT(*) FROM notices WHERE text LIKE '%words%'") == 0
        phone.up = True
        await pass_time(house, 1)
        assert phone.told == []


# --- never in a flood ------------------------------------------------------------------------------------------------


async def test_sixty_lost_jobs_are_told_in_a_few_messages_that_name_them(tmp_path: Path) -> None:
    async with open_house(
        tmp_path, operators=(TOM,), max_running=100, max_running_per_user=100, give_up_hours=100
    ) as house:
        phone = phone_of(house)
        lost = await lose(house, 60)
        await pass_time(house, 0.5)
        first = texts(phone)
        assert len(first) == 4
        assert "57 more jobs lost" in first[3]
        named = [job for job in lost if any(job.id in text for text in first)]
        assert len(named) == 3 + 20
        assert "kiebot jobs show" in first[3]
        await lose(house, 10, "v")
        await pass_time(house, 0.3)
        assert texts(phone) == first, "one summary in an hour"
        await pass_time(house, 1)
        assert len(texts(phone)) == 5
        assert "10 more jobs lost" in texts(phone)[4]
        await pass_time(house, 3)
        assert len(texts(phone)) == 5


async def test_one_family_that_floods_holds_no_other_back(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        for number in range(9):
            await house.engine.kit.notice(f"orphan:J{number}", f"orphan {number}")
        await house.engine.kit.notice("gate:402", "closed")
        assert texts(phone) == ["orphan 0", "orphan 1", "orphan 2", "closed"]
        await pass_time(house, 0.5)
        assert len(phone.told) == 5
        assert "6 more tasks" in texts(phone)[-1]
        assert "J3, J4, J5, J6, J7, J8" in texts(phone)[-1]


async def test_a_family_without_words_of_its_own_is_summed_up_too(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        for number in range(5):
            await house.engine.kit.notice(f"withdrawn:model{number}", "gone")
        await pass_time(house, 0.5)
        assert "2 more notices" in texts(phone)[-1]
        assert "model3, model4" in texts(phone)[-1]


async def test_a_summary_that_nobody_got_is_told_later_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        for number in range(5):
            await house.engine.kit.notice(f"kept:J{number}", "kept")
        phone.up = False
        await pass_time(house, 1.5)
        await house.engine.kit.notice("kept:J5", "kept")
        phone.up = True
        await pass_time(house, 3)
        assert len(phone.told) == 5
        assert sum("2 more jobs" in text and "J3, J4" in text for text in texts(phone)) == 1
        assert await house.value("SELECT state FROM notices WHERE kind = 'kept:J5'") == "told"


async def test_what_piled_up_while_nobody_could_be_told_comes_in_few_messages(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        phone.up = False
        for number in range(12):
            await house.engine.kit.notice(f"gift:J{number}", f"gift {number}")
            await pass_time(house, 0.5)
        phone.up = True
        await pass_time(house, 3)
        assert 1 <= len(phone.told) <= 6
        everything = " ".join(texts(phone))
        assert all(f"gift {number}" in everything or f"J{number}" in everything for number in range(12))


async def test_the_last_notices_are_shown_and_summaries_are_not(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone_of(house)
        for number in range(5):
            await house.engine.kit.notice(f"lost:J{number}", "lost")
            house.clock.advance(1)
        await pass_time(house, 0.5)
        kinds = [each.kind for each in (await house.office.status()).notices]
        assert kinds == [f"lost:J{number}" for number in (4, 3, 2, 1, 0)]


async def test_old_notices_are_deleted_but_not_those_still_to_be_told(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        phone = phone_of(house)
        await house.engine.kit.notice("gift:J1", "told")
        phone.up = False
        await house.engine.kit.notice("gift:J2", "untold")
        house.clock.advance(91 * 86_400)
        await house.keeper.tidy()
        assert [each.kind for each in await house.store.read(lambda tx: notices.latest(tx, 9))] == ["gift:J2"]
