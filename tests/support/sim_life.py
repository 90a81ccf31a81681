"""Whole lives of a bot, seeded: members, operator, KIE, chat, keeper, crashes; then the reckoning.

Everything but the doors is the product: studio, engine, keeper, office, store on a real SQLite file. People, callbacks and
keeper come in at whatever door the seed says, in the middle of whatever the engine does. A seed that fails prints the
line that replays it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

from support.clock import FakeClock
from support.crashing import Killed
from support.house import FakeChat, FakeProvider, House, open_house
from support.sim_chat import SimChat
from support.sim_chronicle import Chronicle
from support.sim_climate import CLIMATES
from support.sim_fate import Fate, SimStore, step_name
from support.sim_guard import Guard
from support.sim_kie import Call, SimKie
from support.sim_machine import SimMedia, machine
from support.sim_people import People
from support.sim_restore import restore
from support.sim_truth import Excuses, Reckoning

from bot.domain import Job, JobState, UserRef
from bot.engine.kit import Kit
from bot.engine.worker import LEASE_SECONDS, Engine
from bot.errors import RetryLater
from bot.store import Tx, backup, deliveries, jobs

PUBLIC_URL = "https://bot.example"
GRANT = 400
SECONDS_A_LIFE = (0, 5, 60, 3600, 8 * 3600)
SECONDS_A_ROUND = (0, 1, 5, 20, 60, 300)
ROUNDS = 120
KEEPER_COMES = 0.1
BACKS_UP = 0.02
COPY = "copy.db"
FORGETS = 0.1
ROUNDS_TO_THE_END = 5_000
LEAST_PAUSE, MOST_PAUSE = 0.5, 60.0
FROZEN_SECONDS = LEASE_SECONDS + 5
ORDERS, LIVES = 50, 11


@dataclass
class Sum:
    """What lives amounted to. `amid` counts deeds, callbacks and keeper's rounds that began during a step, `again` videos
    that an operator sent again, `erased` jobs of members who were forgotten."""

    seeds: int = 0
    jobs: int = 0
    crashes: int = 0
    hours: float = 0.0
    amid: int = 0
    gifts: int = 0
    jumps: int = 0
    again: int = 0
    erased: int = 0
    restored: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Sum) -> None:
        self.seeds += other.seeds
        self.jobs += other.jobs
        self.crashes += other.crashes
        self.hours += other.hours
        self.amid += other.amid
        self.gifts += other.gifts
        self.jumps += other.jumps
        self.again += other.again
        self.erased += other.erased
        self.restored += other.restored
        self.outcomes += other.outcomes

    def __str__(self) -> str:
        ends = ", ".join(f"{name} {number}" for name, number in self.outcomes.most_common())
        return (
            f"{self.seeds} seeds, {self.jobs} jobs, {self.crashes} crashes, {self.hours:.0f} h lived,"
            f" {self.amid} deeds amid a step, {self.jumps} jumps of the clock, {self.gifts} gifts, {self.again} sent again,"
            f" {self.erased} forgotten, {self.restored} backups restored: {ends}"
        )


class Worker(Engine):
    """One of two on the same database. `taken` is told each job that is claimed here, as it is or to give its extra."""

    def __init__(self, kit: Kit, taken: Callable[[Engine, Tx, Job, bool], None]) -> None:
        super().__init__(kit)
        self._taken = taken
        self._ticks = False

    async def tick(self) -> None:
        """Never twice at a time, as in its own loop."""
        if self._ticks:
            return
        self._ticks = True
        try:
            await super().tick()
        finally:
            self._ticks = False

    def _claim(  # type: ignore[override]  # the engine's own needs no self
        self, tx: Tx, claims: list[tuple[str, JobState]], now: int, until: int
    ) -> list[Job]:
        taken = super()._claim(tx, claims, now, until)
        for job in taken:
            self._taken(self, tx, job, False)
        return taken

    def _claim_extra(self, tx: Tx, extra: deliveries.Extra, now: int, until: int) -> deliveries.Extra | None:
        taken = super()._claim_extra(tx, extra, now, until)
        job = jobs.get(tx, extra.job_id)
        if taken and job:
            self._taken(self, tx, job, True)
        return taken


class Sim:
    """One seed: a bot in `folder` through `lives` lives with crashes, `orders` orders in all, then a calm end."""

    def __init__(self, folder: Path, seed: int, *, orders: int = ORDERS, lives: int = LIVES) -> None:
        self.seed = seed
        self.clock = FakeClock()
        self.fate = Fate(seed, self.clock)
        self.name = self.fate.chance.choice(list(CLIMATES))
        self.climate = CLIMATES[self.name]
        self.kie = SimKie(self.fate, self.clock, self.climate)
        self.chat = SimChat(self.fate, self.climate)
        self.people = People(self.fate, self.chat, 0.0 if self.climate.restored else FORGETS)
        self.chronicle = Chronicle(self.clock)
        self.excuses = Excuses()
        self.sum = Sum(seeds=1)
        self._folder = folder
        self._copy: Path | None = None  # the database that a backup is of
        self._orders, self._lives = orders, lives
        self._guard = Guard(self.fate, self.excuses.cut_off, self.excuses.unknown, 0, 0)
        self._engines: list[Engine] = []

    # --- living --------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """All of it. Raises AssertionError when a promise is broken."""
        asyncio.get_running_loop().set_exception_handler(report)
        with machine(self.fate, self.climate.full_disk):
            begun = self.clock.now()
            for _ in range(self._lives):
                await self._one_life(self.fate.chance.randint(20, 900))
                self._restore()
                self.clock.advance(self.fate.chance.choice(SECONDS_A_LIFE))
            await self._one_life(0)
            self.sum.hours = (self.clock.now() - begun) / 3_600_000
            self.sum.amid = self.fate.amid

    async def _one_life(self, doors: int) -> None:
        self.fate.arm(0)
        self.fate.calm = True
        async with self._open() as house:
            await self._move_in(house)
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
        self.fate.stand()
        if not doors:
            assert not crashed

    def _restore(self) -> None:
        if self._copy is None or self.fate.chance.random() >= self.climate.restored:
            return
        restore(
            self._folder / COPY, self._copy, self.clock.now(), kie=self.kie, chat=self.chat, people=self.people,
            seen=self.chronicle, excuses=self.excuses,
        )  # fmt: skip
        self.sum.restored += 1

    async def _backs_up(self, house: House) -> None:
        """In the middle of whatever the engine does."""
        backup.backup(house.store.path, self._folder / COPY)
        self._copy = house.store.path

    def _open(self) -> Any:
        chance = self.fate.chance
        most, most_each = chance.choice((2, 4, 6)), chance.choice((1, 2, 3))
        self._guard = Guard(self.fate, self.excuses.cut_off, self.excuses.unknown, most, most_each)
        return open_house(
            self._folder,
            self.clock,
            kie=cast("FakeProvider", self.kie),
            chat=cast("FakeChat", self.chat),
            store_class=lambda path: SimStore(
                path, self.fate, self.climate.busy_database, self._committed, self._freezes
            ),
            callback_base=PUBLIC_URL if self.climate.public else None,
            new_user_credits=GRANT,
            max_running=self._guard.max_running,
            max_running_per_user=self._guard.max_running_per_user,
            max_queued_per_user=20,
            give_up_hours=Decimal(4),
            operators=(UserRef("web", "operator"),),
        )

    def _committed(self, tx: Tx) -> None:
        self._guard.committed(tx)
        self.chronicle.committed(tx)

    async def _move_in(self, house: House) -> None:
        media = SimMedia(self._folder, self.fate)
        house.studio._media = media
        house.engine.kit = house.keeper.kit = replace(house.engine.kit, media=media)
        self._engines, kit = [house.engine], house.engine.kit
        if self.climate.frozen:
            self._engines = [Worker(kit, self._takes_over), Worker(kit, self._takes_over)]
            house.engine = self._engines[0]
        await house.engine.begin()
        store = cast("SimStore", house.store)
        store.peek(self._guard.opened)
        self.kie.asked = lambda prompt: store.peek(lambda tx: self._guard.asked(tx, prompt))
        self.fate.slow, self.fate.jumps = self.climate.slow, self.climate.jumps
        self.fate.time_passed = partial(self._take_calls, house)
        self.fate.unnoticed = lambda: kit.watch.read(self.clock).jump / 1000

    async def _bury(self, house: House) -> None:
        if self.fate.dead:
            self.excuses.cut_off.update(cast("SimStore", house.store).peek(submitted))
        # a process that ends before it has noticed a jump takes that with it: the next one believes the clock
        self.excuses.unnoticed += max(0.0, self.fate.unnoticed())
        held = [each.work for engine in self._engines for each in engine._held.values()]
        extras = [engine._extra for engine in self._engines if engine._extra]
        self.fate.time_passed = lambda: None
        await self.fate.bury(held + extras)
        for engine in self._engines:
            engine._held.clear()
            engine._extra = engine._giving = None

    async def _busy_hours(self, house: House) -> None:
        """Until the process dies, or the members have gone home."""
        chance = self.fate.chance
        for _ in range(ROUNDS):
            if self.people.asked < self._orders and chance.random() < 0.5:
                self.fate.comes(self.people.order(house))
            for _ in range(chance.choice((0, 0, 0, 1, 2))):
                self.fate.comes(self.people.some_deed(house))
            if self.climate.restored and chance.random() < BACKS_UP:
                self.fate.comes(partial(self._backs_up, house))
            await self._work(house)
            self.clock.advance(chance.choice(SECONDS_A_ROUND))

    async def _to_the_end(self, house: House) -> None:
        await house.office.resume()
        while self.people.asked < self._orders:
            self.fate.comes(self.people.order(house))
            await self._work(house)
            self.clock.advance(30)
        pause = LEAST_PAUSE
        for _ in range(ROUNDS_TO_THE_END):
            if (due := await self._next_due(house)) is None:
                break
            waits = (due - self.clock.now()) / 1000
            # what is due and does not move waits for something else: for a gate, a place, the end clock
            pause = LEAST_PAUSE if waits > 0 else min(2 * pause, MOST_PAUSE)
            self.clock.advance(max(pause, waits))
            await self._work(house)
        else:
            raise AssertionError(await self._stuck(house))
        await self._reckon(house)

    async def _reckon(self, house: House) -> None:
        reckoning = Reckoning(house, self.kie, self.chat, self.people, self.chronicle, self.excuses)
        await reckoning.check()
        self.sum.outcomes, self.sum.gifts = reckoning.outcomes, reckoning.gifts
        self.sum.jobs = reckoning.outcomes.total()
        self.sum.jumps, self.sum.again = self.fate.jumped, len(self.people.resent)
        self.sum.erased = len(self.chronicle.erased)

    async def _next_due(self, house: House) -> int | None:
        due: int | None = await house.value(
            "SELECT MIN(due_at) FROM (SELECT due_at FROM jobs WHERE state <> 'delivered'"
            " UNION ALL SELECT due_at FROM extras WHERE ended_at IS NULL)"
        )
        return due

    async def _stuck(self, house: House) -> str:
        open_jobs = [job for job in await house.office.jobs() if job.state is not JobState.DELIVERED]
        return f"stuck: {[(job.id, job.state) for job in open_jobs]}"

    # --- one round -----------------------------------------------------------------------------------------------

    async def _work(self, house: House) -> None:
        """One tick of the engine and all that it started, beside whoever came."""
        if self.fate.strikes(self.fate.jumps):
            self.fate.jump()
        self._take_calls(house)
        if self.fate.chance.random() < KEEPER_COMES:
            self.fate.comes(partial(self._keeps_house, house))
        for engine in self._engines[1:]:
            self.fate.comes(partial(tick, engine))
        await tick(house.engine)
        await house.engine.idle()
        await self.fate.see_off()
        for engine in self._engines:
            await engine.idle()
        self.fate.stand()
        if self.fate.dead:
            raise Killed

    def _take_calls(self, house: House) -> None:
        for call in self.kie.due_calls():
            self.fate.comes(partial(self._called_back, house, call))

    async def _called_back(self, house: House, call: Call) -> None:
        job_id, token = call.address.rsplit("/", 2)[-2:]
        with suppress(RetryLater):
            if await house.studio.called_back(job_id, token, call.task_id):
                self.kie.heard(call)

    async def _keeps_house(self, house: House) -> None:
        await house.keeper.tick()
        for rule in house.keeper.broken:
            self.fate.accuse(f"in the middle of it: {rule}")

    async def _freezes(self) -> None:
        """The worker of this step stands still for longer than its leases live, and the other takes them over."""
        if len(self._engines) < 2 or not self.fate.strikes(self.climate.frozen):
            return
        job_id = step_name().partition("-")[2]
        mine, other = self._engines
        if job_id not in mine._held and asyncio.current_task() is not mine._extra:
            mine, other = other, mine
        self.clock.advance(FROZEN_SECONDS)
        await tick(other)
        with suppress(RetryLater):
            await mine._renew()

    def _takes_over(self, worker: Engine, tx: Tx, job: Job, extra: bool) -> None:
        """What the other worker had begun with it may still happen; what it had not begun may not."""
        others = [each for each in self._engines if each is not worker]
        if extra:
            held = any(each._giving and each._giving.job_id == job.id for each in others)
        else:
            held = any(job.id in each._held for each in others)
        if not held:
            return
        past = deliveries.attempts(tx, job.id, extra)
        if not extra and job.state is JobState.SUBMITTING:
            self.excuses.cut_off.add(job.request.prompt)
        elif past and past[-1].ended_at is None:
            self.excuses.sent_beside[job.id] += 1


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Of a step that died with its process there is nothing to tell."""
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


async def tick(engine: Engine) -> None:
    with suppress(RetryLater):
        await engine.tick()


def submitted(tx: Tx) -> set[str]:
    rows = tx.all("SELECT json_extract(request, '$.prompt') AS prompt FROM jobs WHERE state = 'submitting'")
    return {row["prompt"] for row in rows}


async def one_seed(folder: Path, seed: int, *, orders: int = ORDERS, lives: int = LIVES) -> Sum:
    """Lives one seed; whatever breaks carries the line that replays it."""
    sim = Sim(folder, seed, orders=orders, lives=lives)
    try:
        await sim.live()
    except BaseException as error:
        sizes = f"--orders {orders} --lives {lives}"
        error.add_note(f'replay: make soak ARGS="--seed {seed} {sizes}"  ({sim.name})')
        raise
    return sim.sum
