"""Being forgotten is no way round a block, a limit or the one welcome; and what remembers it holds no name."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import holding
from support.house import ADA, House, open_house

from bot.domain import ChatRef, Job, UserRef
from bot.errors import UserError
from bot.store import forgotten
from bot.studio import Ask, Quoted

EVE = UserRef("telegram", "5550192837")
CHAT = ChatRef("web", "somewhere")
PRICE = 30


async def refused(key: str, house: House, who: UserRef = EVE) -> None:
    """Whether this person is turned away, at the door and when ordering."""
    with pytest.raises(UserError) as problem:
        await house.studio.admit(who, CHAT)
    assert problem.value.key == key
    draft = await quote(house, who)
    with pytest.raises(UserError) as problem:
        await house.studio.order(who, draft.draft.id)
    assert problem.value.key == key


async def quote(house: House, who: UserRef = EVE) -> Quoted:
    key = f"ask:{who}:{house.clock.now()}:{await house.value('SELECT COUNT(*) FROM drafts')}"
    quoted = await house.studio.quote(Ask(who, CHAT, key, (await house.quote()).draft.request))
    assert isinstance(quoted, Quoted)
    return quoted


async def make(house: House, who: UserRef = EVE) -> Job:
    """A video ordered and delivered."""
    job = await house.studio.order(who, (await quote(house, who)).draft.id)
    (done,) = await house.end(job.id)
    return done


async def rows(house: House) -> int:
    found: int = await house.value("SELECT COUNT(*) FROM forgotten")
    return found


async def test_the_welcome_is_given_once_however_often_one_is_forgotten(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=100) as house:
        assert (await quote(house)).available == 100
        for _ in range(3):
            await house.studio.forget(EVE)
            assert (await quote(house)).available == 0
        assert (await quote(house, UserRef("telegram", "6"))).available == 100
        await house.verify()


async def test_the_days_credits_are_not_made_new_by_being_forgotten(tmp_path: Path) -> None:
    async with open_house(tmp_path, user_daily_credits=2 * PRICE) as house:
        for _ in range(2):
            await make(house)
            await house.studio.forget(EVE)
            await house.office.grant(EVE, 500, "so that nothing but the day's limit is in the way")
        with pytest.raises(UserError) as problem:
            await make(house)
        assert (problem.value.key, problem.value.values["left"]) == ("order.user_day", 0)
        house.clock.advance(86_400)
        await make(house)


@pytest.mark.parametrize("seen", [False, True], ids=["at once", "after having been seen again"])
async def test_a_blocked_person_stays_blocked_when_forgotten(tmp_path: Path, seen: bool) -> None:
    async with open_house(tmp_path) as house:
        await quote(house)
        await house.office.block(EVE)
        for _ in range(2):
            await house.studio.forget(EVE)
            if seen:
                await house.studio.prefer(EVE, sound=False)
            await refused("access.blocked", house)


async def test_a_denied_person_stays_denied_and_an_allowed_one_does_not_stay_allowed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.office.allow(EVE, allowed=False)
        await house.studio.forget(EVE)
        await refused("access.denied", house)
        await house.office.allow(EVE)
        await house.studio.admit(EVE, CHAT)
    async with open_house(tmp_path, access="closed", new_user_credits=0) as house:
        here = ChatRef("telegram", "5:1", private=True)
        await house.studio.admit(EVE, here)
        await house.studio.forget(EVE)
        with pytest.raises(UserError) as problem:
            await house.studio.admit(EVE, here)
        assert problem.value.key == "access.closed"


async def test_an_operator_lifts_the_block_of_a_forgotten_person_without_writing_down_who_it_is(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, new_user_credits=0) as house:
        await house.office.block(EVE)
        await house.studio.forget(EVE)
        await house.office.block(EVE, blocked=False)
        assert await house.office.users() == []
        await house.studio.admit(EVE, CHAT)
        await quote(house)


async def test_what_is_kept_of_a_forgotten_person_holds_no_name_and_goes_when_it_is_of_no_use(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, user_daily_credits=100) as house:
        await make(house)
        await house.office.block(EVE)
        await house.studio.forget(EVE)
        assert await rows(house) == 1
        assert holding(house.settings.data_dir, EVE.external_id) == []
        await house.office.block(EVE, blocked=False)
        await house.keeper.tidy()
        assert await house.store.read(lambda tx: forgotten.find(tx, EVE).spent) == PRICE
        house.clock.advance(86_400)
        await house.keeper.tidy()
        kept = await house.store.read(lambda tx: forgotten.find(tx, EVE))
        assert (kept.spent, kept.welcomed) == (0, True)
        assert await rows(house) == 1


async def test_nothing_is_kept_of_a_person_for_whom_there_is_nothing_to_keep(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=0) as house:
        await house.office.grant(EVE, 100, "a gift")
        await house.office.allow(EVE)
        await make(house)
        await house.studio.forget(EVE)
        assert await rows(house) == 0
        assert await house.value("SELECT COUNT(*) FROM meta WHERE key = ?", forgotten.KEY) == 0


async def test_the_same_person_has_another_mark_in_another_installation(tmp_path: Path) -> None:
    marks = []
    for name in ("here", "there"):
        async with open_house(tmp_path / name) as house:
            await house.quote()
            await house.studio.forget(ADA)
            marks.append(await house.value("SELECT mark FROM forgotten"))
    assert marks[0] != marks[1]
