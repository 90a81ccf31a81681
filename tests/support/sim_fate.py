"""Chance, death and company in a simulated life: one seeded source of all three, asked at every door."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from support.clock import START, FakeClock
from support.crashing import InlineStore, Killed

from bot.errors import RetryLater
from bot.store import Tx

T = TypeVar("T")
Deed = Callable[[], Coroutine[Any, Any, None]]

LETS_IN = 0.25
TURNS = (0, 0, 1, 2)
TURNS_ABROAD = (0, 1, 4, 12)  # the network is slower than the disk
SECONDS_ABROAD = (0.2, 2.0, 9.0)
JUMPS = (-26 * 3600, -8 * 3600, -600, -20, 600, 8 * 3600, 26 * 3600)
FARTHEST = 3 * 86_400  # nothing is deleted for its age within so long
SLEEPS = 0.4  # how often a clock that is far ahead has been so rightly: the machine slept
FREEZING = ("queued-", "settled-", "extra")
STEPS = ("queued-", "submitting-", "running-", "settled-", "extra")  # how the engine names its steps


class Fate:
    """Decides by its seed. Every effect on the outside passes `door` twice, before and after: there others get a turn,
    somebody who wants something may come in, and there the process may die. `calm` ends all troubles.

    `amid` counts who came in while the engine was in the middle of a step. `broken` holds what nobody may raise where
    it was found, because the engine survives whatever a step raises.
    """

    def __init__(self, seed: int, clock: FakeClock) -> None:
        self.chance = random.Random(seed)
        self.clock = clock
        self.calm = False
        self.dead = False
        self.slow = 0.0  # how often time passes while the network is asked
        self.jumps = 0.0  # how often the clock is set meanwhile
        self.jumped = 0
        self._astray = 0.0
        self._slept = 0.0
        self.doors = 0
        self.amid = 0
        self.broken: list[str] = []
        self.time_passed: Callable[[], None] = lambda: None
        self.unnoticed: Callable[[], float] = lambda: (
            0.0
        )  # seconds that the clock has left the bot's idea of it
        self._dies_in = 0
        self._coming: deque[Deed] = deque()
        self._going: list[asyncio.Task[None]] = []

    def arm(self, doors: int) -> None:
        """Begin a life that ends at the so-manieth door from here; 0: it does not."""
        self.dead, self._dies_in = False, doors

    def strikes(self, probability: float) -> bool:
        """Whether a trouble of this probability happens now."""
        return not self.calm and self.chance.random() < probability

    # --- time ----------------------------------------------------------------------------------------------------

    def truth(self) -> int:
        """The time everywhere but on the bot's machine, in Unix ms."""
        return START + round((self.clock.monotonic() + self._slept) * 1000)

    def jump(self) -> None:
        """Somebody sets the machine's clock, or the machine slept: then the world has gone on. Not twice in a second: what
        was written between two jumps that nobody had noticed says nothing of when."""
        seconds = self.chance.choice(JUMPS)
        if abs(self._astray + seconds) > FARTHEST or self.unnoticed():
            return
        self.jumped += 1
        self.clock.set(seconds)
        if seconds > 0 and self.chance.random() < SLEEPS:
            self._slept += seconds
            self.time_passed()
        else:
            self._astray += seconds

    def accuse(self, promise: str) -> None:
        """A promise is broken; the life ends with it at the next `stand`."""
        self.broken.append(promise)

    def stand(self) -> None:
        assert not self.broken, "; ".join(dict.fromkeys(self.broken))

    # --- doors ---------------------------------------------------------------------------------------------------

    async def door(self) -> None:
        """Raises Killed when the process is dead."""
        self._pass()
        await self._turns(TURNS)

    async def abroad(self) -> None:
        """A door to the network: others may do much meanwhile, and time may pass."""
        self._pass()
        if self.strikes(self.slow):
            self.clock.advance(self.chance.choice(SECONDS_ABROAD))
            self.time_passed()
        if self.strikes(self.jumps):
            self.jump()
        await self._turns(TURNS_ABROAD)

    def _pass(self) -> None:
        if self.dead:
            raise Killed
        self.doors += 1
        if self._dies_in:
            self._dies_in -= 1
            if not self._dies_in:
                self.dead = True
                raise Killed
        if self._coming and self.chance.random() < LETS_IN:
            self._let_in()

    async def _turns(self, choices: tuple[int, ...]) -> None:
        for _ in range(self.chance.choice(choices)):
            await asyncio.sleep(0)
            if self.dead:
                raise Killed

    # --- company -------------------------------------------------------------------------------------------------

    def comes(self, deed: Deed) -> None:
        """Somebody stands at the doors, and is let in at one of the next."""
        self._coming.append(deed)

    async def see_off(self) -> None:
        """Let in who still waits, and wait until all have done what they wanted. Raises what they raised."""
        while self._coming or self._going:
            while self._coming:
                self._let_in()
            await asyncio.wait(self._going)
            going, self._going = self._going, []
            problems = [each.exception() for each in going]
            for problem in sorted(filter(None, problems), key=lambda each: isinstance(each, Killed)):
                raise problem

    def _let_in(self) -> None:
        deed = self._coming.popleft()
        self.amid += step_name().startswith(STEPS)
        self._going.append(asyncio.create_task(deed(), name="deed"))

    async def bury(self, others: list[asyncio.Task[None]]) -> None:
        """A process takes its coroutines with it. Raises what a deed had found before."""
        left = self._going + others
        self._going = []
        self._coming.clear()
        for work in left:
            work.cancel()
        for problem in await asyncio.gather(*left, return_exceptions=True):
            if isinstance(problem, AssertionError):
                raise problem


def step_name() -> str:
    task = asyncio.current_task()
    return task.get_name() if task else ""


class SimStore(InlineStore):
    """The real store, in the caller's thread, with a door on either side of each transaction. `committed` looks at what
    each transaction leaves, inside it; `freezes` may hold a worker up before what must not be done twice."""

    def __init__(
        self,
        path: Path,
        fate: Fate,
        busy: float,
        committed: Callable[[Tx], None],
        freezes: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(path)
        self._fate = fate
        self._busy = busy
        self._committed = committed
        self._freezes = freezes

    async def write(self, fn: Callable[[Tx], T]) -> T:
        await self._fate.door()
        if self._fate.strikes(self._busy):
            raise RetryLater("another process holds the database")

        def watched(tx: Tx) -> T:
            result = fn(tx)
            self._committed(tx)
            return result

        result = await super().write(watched)
        await self._fate.door()
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        await self._fate.door()
        result = await super().read(fn)
        if step_name().startswith(FREEZING):
            await self._freezes()
        return result

    def peek(self, fn: Callable[[Tx], T]) -> T:
        """For the simulation itself: passes no door."""
        return self._read(fn)
