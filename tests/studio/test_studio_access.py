"""Who may come in: the whole table of decisions, and that it is asked again when it costs something."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from support.house import ADA, House, open_house

from bot import access
from bot.domain import ChatRef, CommunityRef, UserRef
from bot.errors import Hush, UserError
from bot.studio import Ask, Quoted

TOM = UserRef("telegram", "77")
GROUP = CommunityRef("telegram-chat", "-100")
IN_GROUP = ChatRef("telegram", "-100:1", GROUP)
PRIVATE = ChatRef("telegram", "77:1", private=True)
DECISIONS = (None, True, False)


def expected(
    operator: bool, blocked: bool, user: bool | None, community: bool | None, free: bool
) -> str | None:
    """The table of architecture.md and docs/operate.md, line by line."""
    if operator:
        return None
    if blocked:
        return "access.blocked"
    if user is False:
        return "access.denied"
    if user is True:
        return None
    if community is False:
        return "access.denied"
    return None if community or free else "access.closed"


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("local", [False, True])
def test_the_whole_table_of_who_may_come_in(is_open: bool, local: bool) -> None:
    for operator, blocked in itertools.product((False, True), repeat=2):
        for user, community in itertools.product(DECISIONS, repeat=2):
            try:
                access.check(
                    operator=operator,
                    blocked=blocked,
                    user=user,
                    community=community,
                    is_open=is_open,
                    local=local,
                    who="telegram:77",
                )
                found = None
            except UserError as error:
                found = error.key
            assert found == expected(operator, blocked, user, community, is_open or local)


async def comes_in(house: House, who: UserRef = TOM, chat: ChatRef = PRIVATE) -> str | None:
    try:
        await house.studio.admit(who, chat)
    except UserError as error:
        return error.key
    return None


async def test_a_stranger_learns_what_to_give_the_operator(tmp_path: Path) -> None:
    async with open_house(tmp_path, access="closed") as house:
        with pytest.raises(UserError, match="telegram:77"):
            await house.studio.admit(TOM, PRIVATE)
        with pytest.raises(UserError, match="telegram-chat:-100"):
            await house.studio.admit(TOM, IN_GROUP)
        assert await house.value("SELECT COUNT(*) FROM users") == 0


async def test_an_allowed_group_lets_its_members_in_there_and_only_there(tmp_path: Path) -> None:
    async with open_house(tmp_path, access="closed", commands_per_minute=100) as house:
        await house.office.allow(GROUP)
        assert await comes_in(house, chat=IN_GROUP) is None
        assert await comes_in(house) == "access.closed"
        await house.office.allow(TOM)
        assert await comes_in(house) is None
        await house.office.allow(GROUP, allowed=False)
        assert await comes_in(house, chat=IN_GROUP) is None
        assert await comes_in(house, UserRef("telegram", "78"), IN_GROUP) == "access.denied"
        await house.office.block(TOM)
        assert await comes_in(house) == "access.blocked"
        await house.office.block(TOM, blocked=False)
        assert await comes_in(house) is None
        listed = {each["who"]: each["allowed"] for each in await house.office.access()}
        assert listed == {"telegram:77": True, "telegram-chat:-100": False}


async def test_an_operator_comes_in_whatever_was_decided(tmp_path: Path) -> None:
    async with open_house(tmp_path, access="closed", operators=(TOM,)) as house:
        await house.office.block(TOM)
        assert await comes_in(house) is None


async def test_a_name_chosen_on_the_page_never_gains_operator_rights(tmp_path: Path) -> None:
    me = UserRef("web", "operator")
    async with open_house(tmp_path, access="closed", operators=(me,), new_user_credits=0) as house:
        assert not house.studio.is_operator(me)
        await house.office.block(me)
        assert await comes_in(house, me, ChatRef("web", "operator")) == "access.blocked"


async def test_who_was_blocked_after_the_quote_cannot_order(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        await house.office.block(ADA)
        with pytest.raises(UserError) as caught:
            await house.studio.order(ADA, quoted.draft.id)
        assert caught.value.key == "access.blocked"
        assert (await house.studio.balance(ADA)).held == 0


async def test_a_group_that_was_shut_out_after_the_quote_cannot_order(tmp_path: Path) -> None:
    async with open_house(tmp_path, access="closed") as house:
        await house.office.allow(GROUP)
        request = (await house.quote()).draft.request
        quoted = await house.studio.quote(Ask(TOM, IN_GROUP, "telegram:-100:5", request))
        assert isinstance(quoted, Quoted)
        await house.office.allow(GROUP, allowed=False)
        with pytest.raises(UserError, match="switched off here"):
            await house.studio.order(TOM, quoted.draft.id)


async def test_one_warning_and_then_silence_for_who_is_too_fast(tmp_path: Path) -> None:
    async with open_house(tmp_path, commands_per_minute=2) as house:
        found = [await comes_in(house, ADA, ChatRef("web", "ada")) for _ in range(3)]
        assert found == [None, None, "limits.too_fast"]
        with pytest.raises(Hush):
            await house.studio.admit(ADA, ChatRef("web", "ada"))
        assert await comes_in(house) is None
        house.clock.advance(61)
        assert await comes_in(house, ADA, ChatRef("web", "ada")) is None
