"""From a private chat on: what somebody asked for in a community that let them in, they may go on with as its member."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.small_talk import ANN, GROUP, Spoken, buttons, open_talk

from bot.domain import Job
from bot.errors import RetryLater, UserError
from bot.talk.base import action

ONWARDS = ["again:{job}", "more:{job}", "anim:{job}", "redo:{job}:model"]


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Spoken]:
    """Closed, but for one group with Ann in it."""
    async with open_talk(tmp_path, access="closed") as opened:
        await opened.house.office.allow(GROUP)
        opened.members.add((ANN, GROUP))
        yield opened


async def made(bot: Spoken) -> Job:
    """A video that Ann asked for in the group."""
    asked = await bot.talk.ask(bot.asker(group=True), bot.talk.read("video", "a happy dog"))
    ordered = (await bot.press(confirm(asked), group=True)).ordered
    assert ordered
    (job,) = await bot.house.end(ordered.id)
    return job


def confirm(answer: object) -> str:
    return next(each.action for label, each in buttons(answer).items() if "Confirm" in label)  # type: ignore[arg-type]


async def refusal(bot: Spoken, pressed: str) -> str:
    with pytest.raises(UserError) as refused:
        await bot.press(pressed)
    return str(refused.value)


@pytest.mark.parametrize("onwards", ONWARDS)
async def test_it_can_be_ordered_once_more_from_a_private_chat(bot: Spoken, onwards: str) -> None:
    job = await made(bot)
    answer = await bot.press(f"1:{onwards.format(job=job.id)}")
    if onwards.startswith("redo"):
        answer = await bot.press(
            next(each.action for each in buttons(answer).values() if ":card:" in each.action)
        )
    ordered = (await bot.press(confirm(answer))).ordered
    assert ordered
    assert ordered.chat.community == GROUP
    assert ordered.chat.address == bot.asker().chat.address


@pytest.mark.parametrize("onwards", ONWARDS)
async def test_who_is_no_member_any_more_orders_nothing_more(bot: Spoken, onwards: str) -> None:
    job = await made(bot)
    bot.members.clear()
    said = await refusal(bot, f"1:{onwards.format(job=job.id)}")
    assert "Members may use this bot there" in said
    assert str(ANN) in said


async def test_who_leaves_between_the_quote_and_confirm_orders_nothing(bot: Spoken) -> None:
    job = await made(bot)
    card = await bot.press(action("again", job.id))
    bot.members.clear()
    assert "Members may use this bot there" in await refusal(bot, confirm(card))
    assert len(await bot.house.office.jobs()) == 1


async def test_a_second_press_of_confirm_gives_the_job_of_the_first_whatever_happened_since(
    bot: Spoken,
) -> None:
    card = await bot.press(action("again", (await made(bot)).id))
    first = (await bot.press(confirm(card))).ordered
    bot.members.clear()
    assert (await bot.press(confirm(card))).ordered == first


async def test_where_nobody_can_tell_they_are_asked_to_come_back(
    bot: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> bool:
        raise RetryLater("no answer")

    job = await made(bot)
    monkeypatch.setattr(bot.talk, "_is_member", silent)
    with pytest.raises(RetryLater):
        await bot.press(action("again", job.id))


async def test_a_community_that_is_shut_out_lets_nobody_in_from_afar(bot: Spoken) -> None:
    job = await made(bot)
    await bot.house.office.allow(GROUP, allowed=False)
    assert "switched off" in await refusal(bot, action("again", job.id))


async def test_who_is_blocked_or_turned_away_stays_so_as_a_member(bot: Spoken) -> None:
    job = await made(bot)
    await bot.house.office.allow(ANN, allowed=False)
    assert "switched off" in await refusal(bot, action("again", job.id))
    await bot.house.office.block(ANN)
    assert "You cannot use this bot" in await refusal(bot, action("again", job.id))


async def test_a_new_request_is_still_made_in_the_community_and_they_are_told_so(bot: Spoken) -> None:
    await made(bot)
    with pytest.raises(UserError, match=f"was let in, use it there.*{ANN}"):
        await bot.talk.admit(bot.asker())


async def test_another_community_is_not_let_in_by_that_of_the_job(bot: Spoken) -> None:
    job, elsewhere = await made(bot), replace(GROUP, external_id="-200")
    asker = bot.asker(group=True)
    asker = replace(asker, chat=replace(asker.chat, community=elsewhere))
    with pytest.raises(UserError, match=r"invited people.*telegram-chat:-200"):
        await bot.talk.press(asker, action("again", job.id))


async def test_no_operator_is_told_of_a_community_that_the_bot_is_no_member_of(bot: Spoken) -> None:
    asker = bot.asker(group=True)
    where = replace(asker.chat, community=replace(GROUP, external_id="-200"))
    with pytest.raises(UserError) as refused:
        await bot.talk.admit(replace(asker, chat=where, guest=True))
    assert str(ANN) in str(refused.value)
    assert "-200" not in str(refused.value)


async def test_other_words_for_it_are_taken_from_a_private_chat(bot: Spoken) -> None:
    job = await made(bot)
    question = (await bot.press(action("redo", job.id, "words"))).question
    assert question
    asker = await bot.talk.admit_to_answer(bot.asker(), question)
    card = await bot.talk.answer(asker, question, text="a sad cat")
    assert (await bot.press(confirm(card))).ordered
    bot.members.clear()
    with pytest.raises(UserError, match="Members may"):
        await bot.talk.admit_to_answer(bot.asker(), question)


async def test_a_card_made_in_a_private_chat_is_changed_there(bot: Spoken) -> None:
    card = await bot.press(action("again", (await made(bot)).id))
    draft = confirm(card).split(":")[2]
    question = (await bot.press(action("txt", draft))).question
    assert question
    asker = await bot.talk.admit_to_answer(bot.asker(), question)
    changed = await bot.talk.answer(asker, question, text="a sad cat")
    assert (await bot.press(confirm(changed))).ordered


async def test_a_question_about_what_is_gone_is_admitted_like_any_request(bot: Spoken) -> None:
    job = await made(bot)
    question = (await bot.press(action("redo", job.id, "words"))).question
    assert question
    lost = replace(question, about={"draft": "GONE"})
    with pytest.raises(UserError, match="invited people"):
        await bot.talk.admit_to_answer(bot.asker(), lost)
    await bot.talk.admit_to_answer(bot.asker(group=True), lost)
