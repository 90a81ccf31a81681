"""A backup is restored, the bot starts first, as docs/operate.md says, and `kiebot resume` settles what nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from support.clock import FakeClock
from support.command import Kiebot
from support.house import FakeChat, FakeProvider, House, open_house

from bot.clock import SystemClock
from bot.domain import Failure, FailureKind, Job, JobState, UserRef, Video
from bot.errors import RetryLater

HOUR = 3600.0


@dataclass
class World:
    """What outlives the bot: the time, KIE, a chat; and the jobs made, one in each state."""

    # the commands have the machine's time
    clock: FakeClock = field(default_factory=lambda: FakeClock(SystemClock().now()))
    kie: FakeProvider = field(init=False)
    chat: FakeChat = field(default_factory=FakeChat)
    jobs: dict[JobState, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kie = FakeProvider(self.clock)

    async def order(self, house: House, state: JobState) -> None:
        self.jobs[state] = await house.order(UserRef("web", state))

    async def make(self, house: House) -> None:
        """One job in each state."""
        await self.order(house, JobState.DELIVERED)
        await house.end(self.jobs[JobState.DELIVERED].id)
        await self.order(house, JobState.SETTLED)
        self.chat.faults = [RetryLater("flood")]
        while (await house.job(self.jobs[JobState.SETTLED].id)).outcome is None:
            await house.live(5)
        await self.order(house, JobState.RUNNING)
        await house.step()
        self.kie.creates = [RuntimeError("the process dies here")]
        await self.order(house, JobState.SUBMITTING)
        await house.step()
        await self.order(house, JobState.QUEUED)
        assert await house.states(*(job.id for job in self.jobs.values())) == list(self.jobs)

    async def wait(self, house: House) -> None:
        """The bot runs paused, for longer than anything waits otherwise."""
        sent = len(self.kie.sent)
        await house.live(8 * HOUR, every=300)
        assert len(self.kie.sent) == sent
        undecided = [self.jobs[state].id for state in (JobState.SUBMITTING, JobState.QUEUED)]
        assert await house.states(*undecided) == [JobState.SUBMITTING, JobState.QUEUED]

    async def end(self, house: House) -> None:
        sent = len(self.kie.sent)
        await house.end(*(job.id for job in self.jobs.values()))
        assert len(self.kie.sent) == sent, "nothing is submitted that may have been"
        for state, made in self.jobs.items():
            outcome = (await house.job(made.id)).outcome
            if state in (JobState.SUBMITTING, JobState.QUEUED):
                assert isinstance(outcome, Failure)
                assert outcome.kind is FailureKind.LOST
                assert await house.available(made.user) == 1000
            else:
                assert isinstance(outcome, Video)
        await house.verify()
        await house.end((await house.order()).id)


def test_after_a_restore_resume_names_and_refunds_exactly_what_nobody_knows(
    kiebot: Kiebot, folder: Path
) -> None:
    world = World()

    async def live(deed: str) -> None:
        async with open_house(folder / "data", world.clock, kie=world.kie, chat=world.chat) as house:
            await getattr(world, deed)(house)

    asyncio.run(live("make"))
    assert kiebot("db", "backup", "kept.db").status == 0
    assert "paused" in kiebot("db", "restore", "kept.db", "--force").out
    asyncio.run(live("wait"))
    resumed = kiebot("resume").out
    price = world.jobs[JobState.QUEUED].price
    assert [line.split() for line in resumed.splitlines() if line.startswith("  ")] == [
        [world.jobs[state].id, f"web:{state}", str(price), "credits"]
        for state in (JobState.QUEUED, JobState.SUBMITTING)
    ]
    assert "2 jobs from before the restore were refunded" in resumed
    assert kiebot("resume").out == "Resumed: videos are submitted again.\n"
    asyncio.run(live("end"))
