"""P1 and P2: the process dies at every single write of a job's life, and each job still ends once, paid for once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clock import FakeClock
from support.crashing import CrashingStore, InlineStore, Killed
from support.house import ADA, FakeChat, FakeProvider, House, open_house

from bot.domain import Failure, FailureKind, Job, JobState, Video
from bot.errors import DeliveryUnknown, ProviderError, RetryLater, RouteClosed, TooLarge
from bot.ports import Broken, CreateAnswer, Done, Missing, Refused, Unknown

PUBLIC = "https://bot.example"


@dataclass(frozen=True)
class Story:
    """One way a job can go. `end` are the outcomes it may have however often the process dies, first the one that it has
    when it does not."""

    name: str
    end: Sequence[type[Video] | FailureKind]
    prepare: Callable[[FakeProvider, FakeChat], None] = lambda kie, chat: None
    picture: bool = False
    callbacks: bool = False
    messages: int = 1
    settings: dict[str, object] = field(default_factory=dict)


def kie_says(*answers: CreateAnswer, **more: object) -> Callable[[FakeProvider, FakeChat], None]:
    def prepare(kie: FakeProvider, chat: FakeChat) -> None:
        kie.creates = list(answers)
        changed(kie, more)

    return prepare


def chat_does(**more: object) -> Callable[[FakeProvider, FakeChat], None]:
    def prepare(kie: FakeProvider, chat: FakeChat) -> None:
        changed(chat, more)

    return prepare


def changed(door: FakeProvider | FakeChat, more: dict[str, object]) -> None:
    """Lists are used up by a life, so each life gets its own."""
    for name, value in more.items():
        setattr(door, name, list(value) if isinstance(value, list) else value)


LOST = FailureKind.LOST
BUSY = Refused(FailureKind.BUSY, 429, "busy", retry=True)
SICK = Refused(FailureKind.ACCOUNT, 455, "maintenance", account=True)
GONE = Refused(FailureKind.PROVIDER, 500, "paused", withdrawn=True)

STORIES = [
    Story("a video", [Video, LOST]),
    Story("a video from a picture", [Video, LOST], picture=True),
    Story("a video with callbacks", [Video, LOST], callbacks=True),
    Story("refused for good", [FailureKind.POLICY, LOST], kie_says(Refused(FailureKind.POLICY, 400, "no"))),
    Story("a model withdrawn", [FailureKind.PROVIDER, LOST], kie_says(GONE)),
    Story("busy and then taken", [Video, LOST], kie_says(BUSY, BUSY)),
    Story("a sick account and then a well one", [Video, LOST], kie_says(SICK)),
    Story("an answer lost", [LOST], kie_says(Unknown("the line went dead"))),
    Story(
        "a task that fails",
        [FailureKind.PROVIDER, LOST],
        kie_says(next_looks=[Broken(FailureKind.PROVIDER, "x")] * 9),
    ),
    Story("flickers", [Video, LOST], kie_says(next_looks=[RetryLater("x"), Missing(), Done(())])),
    Story(
        "a file that cannot be had",
        [FailureKind.UNFETCHABLE, LOST],
        kie_says(downloads=[ProviderError(404, "gone")] * 9),
    ),
    Story(
        "too slow, and then a gift",
        [FailureKind.EXPIRED, LOST],
        kie_says(takes=100.0),
        messages=2,
        settings={"give_up_hours": Decimal("0.02")},
    ),
    Story("a busy chat", [Video, LOST], chat_does(faults=[RetryLater("flood")])),
    Story(
        "a route that is closed",
        [Video, LOST],
        chat_does(faults=[RouteClosed("x")], ways=("thread", "private")),
    ),
    Story("a chat that does not answer", [Video, LOST], chat_does(after=[DeliveryUnknown("x")])),
    Story("nowhere to deliver", [Video, LOST], chat_does(ways=()), messages=0),
    Story("too large", [Video, LOST], chat_does(faults=[TooLarge(4)])),
]


async def begun(house: House, story: Story) -> Job:
    picture = await house.studio.take_picture(ADA, b"a cat") if story.picture else None
    return await house.order(first=picture)


async def live(house: House, seconds: float) -> None:
    """From one due moment to the next, until all is delivered and no gift is awaited any more."""
    end = house.clock.now() + int(seconds * 1000)
    while house.clock.now() < end:
        await house.step()
        due = await house.value(
            "SELECT MIN(due_at) FROM (SELECT due_at FROM jobs WHERE state <> 'delivered'"
            " UNION ALL SELECT due_at FROM extras WHERE ended_at IS NULL)"
        )
        if due is None:
            return
        house.clock.advance(max(0.5, (due - house.clock.now()) / 1000))


async def life(folder: Path, story: Story, write: int, after: bool) -> int:
    """One life with one death at the given write (0: none); returns how many writes the first part had."""
    clock, chat = FakeClock(), FakeChat()
    kie = FakeProvider(clock, takes=25)
    story.prepare(kie, chat)
    base = PUBLIC if story.callbacks else None
    options: dict[str, Any] = {"kie": kie, "chat": chat, "callback_base": base, **story.settings}
    async with open_house(folder, clock, store_class=CrashingStore, **options) as house:
        store = house.store
        assert isinstance(store, CrashingStore)
        job = await begun(house, story)
        store.arm(write, after=after)
        with suppress(Killed):
            await live(house, 3 * 3600)
        assert store.dead is (write > 0)
    async with open_house(folder, clock, store_class=InlineStore, **options) as house:
        await live(house, 72 * 3600)
        await proven(house, story.end if write else story.end[:1], story.messages, job)
    return store.writes


async def proven(house: House, ends: Sequence[type[Video] | FailureKind], messages: int, job: Job) -> None:
    done = await house.job(job.id)
    assert done.state is JobState.DELIVERED
    ended = done.outcome.kind if isinstance(done.outcome, Failure) else type(done.outcome)
    assert ended in ends
    taken = len(house.kie.tasks)
    assert taken <= 1, "KIE was paid twice"
    paid = job.price if isinstance(done.outcome, Video) else 0
    balance = await house.studio.balance(ADA)
    assert (balance.available, balance.held) == (1000 - paid, 0)
    receipts = [each for each in house.chat.messages if not each.gift]
    assert len(receipts) <= 1, "the chat could tell, so nothing comes twice"
    assert len(house.chat.messages) <= messages
    assert receipts or done.delivered_to == "kept"
    lost = isinstance(done.outcome, Failure) and done.outcome.kind is FailureKind.LOST
    told = {
        f"lost:{job.id}": lost,
        f"kept:{job.id}": done.delivered_to == "kept",
        f"gift:{job.id}": len(receipts) < len(house.chat.messages),
    }
    for kind in (each for each, holds in told.items() if holds):
        assert await house.value("SELECT COUNT(*) FROM notices WHERE kind = ?", kind), kind
    await house.verify()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
async def test_the_process_dies_at_each_write_and_the_job_still_ends_once(
    tmp_path: Path, story: Story, after: bool
) -> None:
    writes = await life(tmp_path / "whole", story, 0, after)
    assert writes > 3
    for n in range(1, writes + 1):
        await life(tmp_path / str(n), story, n, after)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_an_order_whose_write_the_process_did_not_survive_is_made_once(
    tmp_path: Path, after: bool
) -> None:
    clock = FakeClock()
    async with open_house(tmp_path, clock, store_class=CrashingStore) as house:
        assert isinstance(house.store, CrashingStore)
        quoted = await house.quote()
        house.store.arm(1, after=after)
        with pytest.raises(Killed):
            await house.studio.order(ADA, quoted.draft.id)
    async with open_house(tmp_path, clock) as house:
        assert await house.value("SELECT COUNT(*) FROM jobs") == int(after)
        job = await house.studio.order(ADA, quoted.draft.id)
        await house.end(job.id)
        assert await house.value("SELECT COUNT(*) FROM jobs") == 1
        assert await house.available() == 1000 - job.price
        await house.verify()


@pytest.mark.parametrize("every", [1, 2, 3])
async def test_a_process_that_dies_again_and_again_still_brings_every_job_to_its_end(
    tmp_path: Path, every: int
) -> None:
    """Many jobs of many users; from start to start only a few writes come through."""
    clock, chat = FakeClock(), FakeChat()
    kie = FakeProvider(clock)
    options: dict[str, Any] = {"kie": kie, "chat": chat, "max_running_per_user": 5}
    async with open_house(tmp_path, clock, store_class=InlineStore, **options) as house:
        jobs = [await house.order() for _ in range(5)]
    for start in range(400):
        async with open_house(tmp_path, clock, store_class=CrashingStore, **options) as house:
            assert isinstance(house.store, CrashingStore)
            house.store.arm(every + start % 4, after=bool(start % 2))
            with suppress(Killed):
                await live(house, 600)
        clock.advance(2)
        if not house.store.dead:
            break
    async with open_house(tmp_path, clock, store_class=InlineStore, **options) as house:
        ended = [await house.job(job.id) for job in jobs]
        assert {job.state for job in ended} == {JobState.DELIVERED}
        videos = [job for job in ended if isinstance(job.outcome, Video)]
        assert len(kie.tasks) <= len(jobs)
        assert len(chat.messages) == len(jobs)
        assert await house.available() == 1000 - sum(job.price for job in videos)
        await house.verify()
