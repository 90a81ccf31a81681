"""Whole lives of a bot, seeded: members, operator, KIE, chat, crashes; then the reckoning.

Everything but the doors is the product: studio, engine, office, store on a real SQLite file. A seed that fails prints the
line that replays it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from unittest import mock

from support.clock import FakeClock
from support.crashing import Killed
from support.house import FakeChat, FakeProvider, House, open_house
from support.sim_chat import NOTICE, PUBLIC, SimChat
from support.sim_fate import Fate, SimStore
from support.sim_kie import Climate, SimKie

from bot.domain import ChatRef, CommunityRef, Failure, Job, JobState, Request, UserRef, Video
from bot.errors import KiebotError, RetryLater, Stale, UserError
from bot.studio import Ask, Quoted

PUBLIC_URL = "https://bot.example"
GRANT = 400
MEMBERS = 4
MODELS = ("veo-3-1:lite", "kling-3.0/video", "veo-3-1")
SECONDS_A_LIFE = (0, 5, 60, 3600, 8 * 3600)

CLIMATES: Mapping[str, Climate] = {
    "calm": Climate(),
    "lossy": Climate(lost_answer=0.3, flicker=0.2, chat_unsure=0.2, chat_later=0.2),
    "lying": Climate(forged=0.6, flicker=0.4, empty=0.1, fails=0.1, unfetchable=0.3),
    "slow": Climate(late=0.5, never=0.1, unfetchable=0.2, chat_later=0.3),
    "poor": Climate(dry=0.1, busy=0.2, refused=0.1, flicker=0.1),
    "closing": Climate(withdrawn=0.05, refused=0.2, chat_closed=0.3, too_large=0.3),
    "blind": Climate(chat_unsure=0.4, chat_blind=0.7, chat_closed=0.1, lost_answer=0.1),
    "silent": Climate(callbacks=False, public=False, lost_answer=0.2, flicker=0.3),
    "all at once": Climate(
        lost_answer=0.1, refused=0.05, busy=0.1, fails=0.1, empty=0.05, never=0.03, late=0.1, flicker=0.1,
        unfetchable=0.1, dry=0.03, withdrawn=0.01, forged=0.2, chat_later=0.1, chat_closed=0.05,
        chat_unsure=0.1, chat_blind=0.3, too_large=0.1, busy_database=0.03,
    ),
}  # fmt: skip


@dataclass
class Sum:
    """What lives amounted to."""

    seeds: int = 0
    jobs: int = 0
    crashes: int = 0
    hours: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Sum) -> None:
        self.seeds += other.seeds
        self.jobs += other.jobs
        self.crashes += other.crashes
        self.hours += other.hours
        self.outcomes += other.outcomes

    def __str__(self) -> str:
        ends = ", ".join(f"{name} {number}" for name, number in self.outcomes.most_common())
        return (
            f"{self.seeds} seeds, {self.jobs} jobs, {self.crashes} crashes, {self.hours:.0f} h lived: {ends}"
        )


class Sim:
    """One seed: a bot in `folder` through `lives` lives with crashes, `orders` orders in all, then a calm end."""

    def __init__(self, folder: Path, seed: int, *, orders: int = 50, lives: int = 11) -> None:
        self.seed = seed
        self.fate = Fate(seed)
        self.clock = FakeClock()
        self.name = self.fate.chance.choice(list(CLIMATES))
        self.climate = CLIMATES[self.name]
        self.kie = SimKie(self.fate, self.clock, self.climate)
        self.chat = SimChat(self.fate, self.climate)
        self.sum = Sum(seeds=1)
        self._folder = folder
        self._orders, self._lives = orders, lives
        self._asked = 0
        self._ordered: dict[str, str] = {}  # job by the key of the asking message, as the member was told
        self._open_drafts: list[tuple[UserRef, str, str]] = []  # asked for, no answer seen yet
        self._granted: Counter[UserRef] = Counter()
        self.refusals: Counter[str] = Counter()

    # --- living --------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """All of it. Raises AssertionError when a promise is broken."""
        with mock.patch("secrets.choice", self.fate.chance.choice):
            begun = self.clock.now()
            for _ in range(self._lives):
                await self._one_life(self.fate.chance.randint(20, 900))
                self.clock.advance(self.fate.chance.choice(SECONDS_A_LIFE))
            await self._one_life(0)
            self.sum.hours = (self.clock.now() - begun) / 3_600_000

    async def _one_life(self, doors: int) -> None:
        self.fate.arm(0)
        self.fate.calm = True
        async with self._open() as house:
            self.fate.calm = not doors
            self.fate.arm(doors)
            with suppress(Killed):
                if doors:
                    await self._busy_hours(house)
                else:
                    await self._to_the_end(house)
            crashed = self.fate.dead
            self.sum.crashes += crashed
            await self._bury(house)
        if not doors:
            assert not crashed

    def _open(self) -> Any:
        chance = self.fate.chance
        return open_house(
            self._folder,
            self.clock,
            kie=cast("FakeProvider", self.kie),
            chat=cast("FakeChat", self.chat),
            store_class=lambda path: SimStore(path, self.fate, self.climate.busy_database),
            callback_base=PUBLIC_URL if self.climate.public else None,
            new_user_credits=GRANT,
            max_running=6,
            max_running_per_user=chance.choice((2, 3)),
            max_queued_per_user=20,
            give_up_hours=Decimal(4),
        )

    async def _bury(self, house: House) -> None:
        """A process takes its coroutines with it."""
        held = [each.work for each in house.engine._held.values()]
        left = held + ([house.engine._extra] if house.engine._extra else [])
        for work in left:
            work.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        house.engine._held.clear()
        house.engine._extra = None

    async def _busy_hours(self, house: House) -> None:
        """Until the process dies, or the members have gone home."""
        deeds = self._deeds()
        for _ in range(120):
            if self._asked < self._orders and self.fate.chance.random() < 0.5:
                await self._try(self._order(house))
            if self.fate.chance.random() < 0.3:
                await self._try(self.fate.chance.choice(deeds)(house))
            await self._work(house)
            self.clock.advance(self.fate.chance.choice((0, 1, 5, 20, 60, 300)))

    async def _to_the_end(self, house: House) -> None:
        await house.office.resume()
        while self._asked < self._orders:
            await self._try(self._order(house))
            await self._work(house)
            self.clock.advance(30)
        limit = self.clock.now() + 10 * 24 * 3_600_000
        while due := await self._next_due(house):
            assert self.clock.now() < limit, await self._stuck(house)
            self.clock.advance(max(0.5, (due - self.clock.now()) / 1000))
            await self._work(house)
        await Reckoning(self, house).check()

    async def _work(self, house: House) -> None:
        for call in self.kie.due_calls():
            job_id, token = call.address.rsplit("/", 2)[-2:]
            with suppress(RetryLater):
                await house.studio.called_back(job_id, token, call.task_id)
        with suppress(RetryLater):
            await house.engine.tick()
        await house.engine.idle()
        if self.fate.chance.random() < 0.05:
            for duty in (house.keeper.try_gates, house.keeper.tidy):
                with suppress(KiebotError):
                    await duty()

    async def _next_due(self, house: House) -> int | None:
        due: int | None = await house.value(
            "SELECT MIN(due_at) FROM (SELECT due_at FROM jobs WHERE state <> 'delivered'"
            " UNION ALL SELECT due_at FROM extras WHERE ended_at IS NULL)"
        )
        return due

    async def _stuck(self, house: House) -> str:
        open_jobs = [job for job in await house.office.jobs() if job.state is not JobState.DELIVERED]
        return f"stuck: {[(job.id, job.state) for job in open_jobs]}"

    # --- what people do ------------------------------------------------------------------------------------------

    def _deeds(self) -> list[Callable[[House], Awaitable[None]]]:
        return [self._cancel, self._refund, self._pause, self._resume, self._grant, self._press_again]

    async def _try(self, deed: Awaitable[None]) -> None:
        """Refused is no accident, but it must be explained."""
        try:
            await deed
        except UserError as error:
            refusal = error.text()
        except RetryLater:
            return
        else:
            return
        assert len(refusal) > 10
        assert "{" not in refusal
        self.refusals[refusal] += 1

    def _someone(self) -> UserRef:
        return UserRef("web", f"member{self.fate.chance.randrange(MEMBERS)}")

    async def _order(self, house: House) -> None:
        """Ask, perhaps twice, and press, perhaps twice at once."""
        chance, who = self.fate.chance, self._someone()
        self._asked += 1
        key = f"ask:{self._asked}"
        private = chance.random() < 0.3
        chat = ChatRef("web", who.external_id, CommunityRef("telegram-chat", "-1"), private)
        request = Request(chance.choice(MODELS), f"dog {self._asked}")
        if chance.random() < 0.2:
            request = request.change(
                first=await house.studio.take_picture(who, f"cat {self._asked}".encode())
            )
        ask = Ask(who, chat, key, request)
        quoted = await house.studio.quote(ask)
        if chance.random() < 0.1:
            quoted = await house.studio.quote(ask)
        if not isinstance(quoted, Quoted):
            if not quoted.offers:
                return
            quoted = quoted.offers[0]
        self._open_drafts.append((who, quoted.draft.id, key))
        presses = [self._press(house, who, quoted.draft.id, key) for _ in range(chance.choice((1, 1, 2)))]
        for problem in await asyncio.gather(*presses, return_exceptions=True):
            if isinstance(problem, BaseException):
                raise problem

    async def _press(self, house: House, who: UserRef, draft: str, key: str) -> None:
        try:
            job = await house.studio.order(who, draft)
        except Stale:
            again = await house.studio.change(who, draft)
            if not isinstance(again, Quoted):
                return
            job = await house.studio.order(who, draft)
        assert self._ordered.setdefault(key, job.id) == job.id, "two jobs of one asking message"

    async def _press_again(self, house: House) -> None:
        """Whoever saw no answer presses once more."""
        if self._open_drafts:
            who, draft, key = self.fate.chance.choice(self._open_drafts)
            await self._press(house, who, draft, key)

    async def _one(self, house: House) -> Job | None:
        found = await house.office.jobs()
        return self.fate.chance.choice(list(found)) if found else None

    async def _cancel(self, house: House) -> None:
        if job := await self._one(house):
            await house.studio.cancel(job.user, job.id)

    async def _refund(self, house: House) -> None:
        if job := await self._one(house):
            await house.office.refund(job.id, "a kindness")

    async def _pause(self, house: House) -> None:
        if self.fate.chance.random() < 0.3:
            await house.office.pause("tea")

    async def _resume(self, house: House) -> None:
        await house.office.resume()

    async def _grant(self, house: House) -> None:
        who, amount = self._someone(), self.fate.chance.randint(1, 50)
        key = f"grant {self._asked} {self.fate.doors}"
        with suppress(RetryLater):
            await house.office.grant(who, amount, "a gift", key)


@dataclass
class Reckoning:
    """After a whole life: what was promised, counted from the outside."""

    sim: Sim
    house: House

    async def check(self) -> None:
        await self.house.verify()
        found = list(await self.house.office.jobs())
        told = set(self.sim._ordered.values())
        assert told <= {job.id for job in found}, "an accepted order is gone"
        for job in found:
            await self._one(job)
        assert sum(self.sim.kie.billed.values()) == len(self.sim.kie.tasks)
        for number in range(MEMBERS):
            await self._balance(UserRef("web", f"member{number}"), found)
        self.sim.sum.jobs = len(found)

    async def _one(self, job: Job) -> None:
        assert job.state is JobState.DELIVERED
        billed = self.sim.kie.billed[job.request.prompt]
        assert billed <= 1, f"KIE was paid {billed} times for {job.id}"
        if isinstance(job.outcome, Video):
            assert billed == 1
        assert isinstance(job.outcome, Failure | Video)
        self.sim.sum.outcomes[job.outcome.kind if isinstance(job.outcome, Failure) else "video"] += 1
        mine = [each for each in self.sim.chat.messages if each.job_id == job.id]
        ends = [each for each in mine if not each.gift]
        assert ends or job.delivered_to in ("kept", *self._unsure_ways(job)), (
            "nothing came and nothing is kept"
        )
        spare = self.sim.chat.unsure[job.id]
        assert len(ends) <= 1 + spare, f"{job.id} came {len(ends)} times"
        for each in mine:
            assert not (each.private and each.video and each.route in (PUBLIC, NOTICE)), "private in public"

    @staticmethod
    def _unsure_ways(job: Job) -> tuple[str, ...]:
        return (job.delivered_to or "",) if "unsure" in (job.delivered_to or "") else ()

    async def _balance(self, who: UserRef, found: list[Job]) -> None:
        """What was given, less what videos cost that nobody refunded."""
        entries = await self.house.studio.ledger(who, 10_000)
        given = [entry.transfer for entry in entries]
        granted = sum(each.amount for each in given if each.reference.startswith(("grant:", "welcome:")))
        mine = [job for job in found if job.user == who]
        paid = sum(job.price for job in mine if isinstance(job.outcome, Video) and not job.refunded)
        balance = await self.house.studio.balance(who)
        assert (balance.available, balance.held) == (granted - paid, 0), who


async def one_seed(folder: Path, seed: int, **how: int) -> Sum:
    sim = Sim(folder, seed, **how)
    try:
        await sim.live()
    except BaseException as error:
        error.add_note(f'replay: make soak ARGS="--seed {seed}"  ({sim.name})')
        raise
    return sim.sum
