"""All that can end a job or give its credits back, in every order and at the same moment: each moves credits once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from support.house import ADA, House, open_house

from bot.domain import FailureKind, Job, JobState, Video
from bot.errors import RetryLater, UserError
from bot.ports import Broken, Done, LookAnswer

ANSWERS: Mapping[str, LookAnswer | Exception] = {
    "a failure": Broken(FailureKind.PROVIDER, "it did not work", Decimal(0)),
    "a video": Done(("https://kie.example/a.mp4",), Decimal(30)),
    "no answer": RetryLater("flicker"),
}
START = (JobState.QUEUED, JobState.RUNNING)
Act = Callable[[], Awaitable[object]]


def acts(house: House, other: House, job: Job) -> dict[str, Act]:
    """What members, operators, KIE and the clock may do to a job; `other` is a second worker on the same database."""

    async def refused_or_done(act: Awaitable[object]) -> None:
        with suppress(UserError):
            await act

    async def end_clock() -> None:
        house.clock.advance(6.5 * 3600)
        await other.step()

    return {
        "cancel": lambda: refused_or_done(house.studio.cancel(ADA, job.id)),
        "look": house.step,
        "callback": lambda: house.studio.called_back(job.id, job.callback_token, "task1"),
        "end clock": end_clock,
        "refund": lambda: refused_or_done(house.office.refund(job.id, "sorry")),
    }


async def in_turn(doing: Sequence[Act]) -> None:
    for act in doing:
        await act()


async def at_once(doing: Sequence[Act]) -> None:
    await asyncio.gather(*(act() for act in doing))


async def live(
    folder: Path,
    how: Callable[[Sequence[Act]], Awaitable[None]],
    start: JobState,
    answer: str,
    order: Sequence[str],
) -> None:
    """One job's life with these acts in this order, and then every number that it left."""
    async with open_house(folder, callback_base="https://bot.example") as house:
        clock, kie, chat = house.clock, house.kie, house.chat
        async with open_house(folder, clock, kie=kie, chat=chat, own=False) as other:
            job = await house.order()
            if start is JobState.RUNNING:
                await house.step()
            kie.looks["task1"] = [ANSWERS[answer]]
            known = acts(house, other, job)
            await how([known[name] for name in order])
            await house.end(job.id, every=600)
        await house.live(600, every=60)
        await counted(house, job)


async def counted(house: House, job: Job) -> None:
    """Settled once; given back at most once, by settlement or refund, never by both; and nothing is left open."""
    with suppress(UserError):
        await house.office.refund(job.id, "sorry, once more")
    done = await house.job(job.id)
    booked = {
        what: await house.value("SELECT COUNT(*) FROM transfers WHERE reference = ?", f"{what}:{job.id}")
        for what in ("hold", "settle", "refund")
    }
    made = isinstance(done.outcome, Video)
    assert booked == {"hold": 1, "settle": 1, "refund": 1 if made else 0}
    assert (done.state, done.refunded) == (JobState.DELIVERED, made)
    kinds = await house.kinds(job.id)
    assert sum(kinds.count(kind) for kind in ("settled", "failed", "cancelled")) == 1
    assert kinds.count("refunded") == booked["refund"]
    assert len(house.kie.sent) <= 1
    balance = await house.studio.balance(ADA)
    assert (balance.available, balance.held) == (1000, 0)
    await house.verify()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("start", START, ids=str)
@pytest.mark.parametrize("how", [in_turn, at_once])
async def test_in_whatever_order_cancel_look_callback_end_clock_and_refund_come_credits_move_once(
    tmp_path: Path, how: Callable[[Sequence[Act]], Awaitable[None]], start: JobState, answer: str
) -> None:
    run = partial(live, how=how, start=start, answer=answer)
    for n, order in enumerate(itertools.permutations(("cancel", "look", "callback", "end clock", "refund"))):
        try:
            await run(tmp_path / str(n), order=order)
        except BaseException as error:
            error.add_note(f"in the order {order}")
            raise
