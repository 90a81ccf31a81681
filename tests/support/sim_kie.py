"""A simulated KIE: slow, flaky, forgetful, lying, out of credits, withdrawing models; and an exact book of its bills."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from support import files
from support.clock import FakeClock
from support.sim_fate import Fate

from bot.domain import FailureKind, ModelStatus
from bot.errors import AccountError, ProviderError, RetryLater
from bot.ports import Accepted, Broken, CreateAnswer, Done, LookAnswer, Missing, Open, Refused, Unknown

HOUR_MS = 3_600_000
COST = Decimal(30)


@dataclass(frozen=True)
class Climate:
    """How often each trouble happens, as probabilities; `callbacks` tells whether KIE can call us."""

    lost_answer: float = 0.0
    refused: float = 0.0
    busy: float = 0.0
    fails: float = 0.0
    empty: float = 0.0
    never: float = 0.0
    late: float = 0.0
    flicker: float = 0.0
    unfetchable: float = 0.0
    dry: float = 0.0
    withdrawn: float = 0.0
    forged: float = 0.0
    chat_later: float = 0.0
    chat_closed: float = 0.0
    chat_unsure: float = 0.0
    chat_blind: float = 0.0
    too_large: float = 0.0
    busy_database: float = 0.0
    callbacks: bool = True
    public: bool = True


@dataclass
class Task:
    """What KIE knows of a task. `ending` is video, broken, empty or never."""

    id: str
    prompt: str
    made_at: int
    done_at: int
    ending: str
    callback: str | None


@dataclass(order=True)
class Call:
    """A callback to come: when, to which address, hinting at which task."""

    at: int
    order: int
    address: str = field(compare=False)
    task_id: str | None = field(compare=False)


@dataclass
class SimKie:
    """`ports.Provider`."""

    fate: Fate
    clock: FakeClock
    climate: Climate
    tasks: dict[str, Task] = field(default_factory=dict)
    billed: Counter[str] = field(default_factory=Counter)  # tasks made, by prompt
    calls: list[Call] = field(default_factory=list)
    dry_until: int = 0
    gone: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def create(
        self, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        await self.fate.door()
        refusal = self._refusal(model)
        if refusal:
            await self.fate.door()
            return refusal
        lost = self.fate.strikes(self.climate.lost_answer)
        if lost and self.fate.chance.random() < 0.5:
            return Unknown("the line went dead before KIE heard it")
        task = self._make(str(body_input["prompt"]), callback_url)
        await self.fate.door()
        return Unknown("the line went dead") if lost else Accepted(task.id, "print")

    def _refusal(self, model: str) -> Refused | None:
        strikes, climate, now = self.fate.strikes, self.climate, self.clock.now()
        if strikes(climate.dry):
            self.dry_until = now + self.fate.chance.randint(1, 8) * HOUR_MS
        if now < self.dry_until and not self.fate.calm:
            return Refused(FailureKind.ACCOUNT, 402, "Insufficient credits", account=True)
        if strikes(climate.withdrawn):
            self.gone.add(model)
        if model in self.gone:
            return Refused(FailureKind.PROVIDER, 422, "temporarily paused", withdrawn=True)
        if strikes(climate.busy):
            return Refused(FailureKind.BUSY, 429, "too many requests", retry=True)
        if strikes(climate.refused):
            return Refused(FailureKind.POLICY, 400, "flagged")
        return None

    def _make(self, prompt: str, callback: str | None) -> Task:
        chance, climate, now = self.fate.chance, self.climate, self.clock.now()
        ending = "video"
        for name in ("broken", "empty", "never"):
            if self.fate.strikes(climate.fails if name == "broken" else getattr(climate, name)):
                ending = name
                break
        takes = chance.uniform(30, 900) * 1000
        if self.fate.strikes(climate.late):
            takes += chance.uniform(5, 12) * HOUR_MS
        task = Task(f"task{next(self._numbers)}", prompt, now, round(now + takes), ending, callback)
        self.tasks[task.id] = task
        self.billed[prompt] += 1
        if callback and climate.callbacks and ending != "never":
            self._plan_calls(task, callback)
        return task

    def _plan_calls(self, task: Task, callback: str) -> None:
        """Early, doubled, late, forged: none of them is to be trusted."""
        chance = self.fate.chance
        when = [
            task.done_at + chance.choice((0, 0, 500, 60_000)) for _ in range(chance.choice((1, 1, 1, 2, 3)))
        ]
        if chance.random() < 0.1:
            when.append(task.made_at + 1000)
        for at in when:
            self._plan(at, callback, task.id)
        if self.fate.strikes(self.climate.forged):
            other = chance.choice(list(self.tasks))
            self._plan(task.made_at + 2000, callback, other)
            self._plan(task.made_at + 3000, callback[:-3] + "abc", task.id)

    def _plan(self, at: int, address: str, task_id: str | None) -> None:
        heapq.heappush(self.calls, Call(at, next(self._numbers), address, task_id))

    def due_calls(self) -> list[Call]:
        due = []
        while self.calls and self.calls[0].at <= self.clock.now():
            due.append(heapq.heappop(self.calls))
        return due

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        await self.fate.door()
        if self.fate.strikes(self.climate.flicker):
            raise RetryLater("502 from in front of KIE")
        task = self.tasks.get(task_id)
        now = self.clock.now()
        if task is None or (now - task.made_at < 20_000 and self.fate.strikes(0.3)):
            return Missing()
        await self.fate.door()
        if now < task.done_at or task.ending == "never" or self.fate.strikes(self.climate.flicker):
            return Open("a state nobody has heard of", task.callback)
        if task.ending == "broken":
            return Broken(FailureKind.PROVIDER, "internal error", Decimal(0), task.callback)
        urls = () if task.ending == "empty" else (f"https://kie.example/{task.id}.mp4",)
        return Done(urls, COST, task.callback)

    async def upload(self, file: Path, mime: str) -> str:
        await self.fate.door()
        assert files.exists(file)
        if self.fate.strikes(self.climate.flicker):
            raise RetryLater("the upload broke off")
        return f"https://kie.example/{file.name}"

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        await self.fate.door()
        if self.fate.strikes(self.climate.unfetchable):
            raise self.fate.chance.choice([ProviderError(404, "gone"), RetryLater("slow")])
        files.put(target, url.encode())
        await self.fate.door()
        return len(url)

    async def balance(self) -> Decimal:
        await self.fate.door()
        if self.fate.strikes(self.climate.flicker):
            raise AccountError(401, "no")
        dry = self.clock.now() < self.dry_until and not self.fate.calm
        return Decimal(0) if dry else Decimal(100_000)

    async def models(self) -> frozenset[str]:
        return frozenset()

    async def probe(self, model: str) -> ModelStatus | None:
        return None
