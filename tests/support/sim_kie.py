"""A simulated KIE: slow, flaky, forgetful, lying, out of credits, withdrawing models; and an exact book of its bills."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from support import files
from support.clock import FakeClock
from support.sim_climate import Climate
from support.sim_fate import Fate, step_name

from bot.domain import FailureKind, ModelStatus
from bot.errors import AccountError, ProviderError, RetryLater
from bot.ports import (
    Accepted,
    Broken,
    Create,
    CreateAnswer,
    Done,
    LookAnswer,
    Missing,
    Open,
    Refused,
    Unknown,
)

HOUR_MS = 3_600_000
COST = Decimal(30)
ACCOUNT_TROUBLES = (402, 402, 401, 433, 455)


@dataclass
class Task:
    """What KIE knows of a task. `ending` is video, broken, empty or never; `kind` is how a broken one is called."""

    id: str
    prompt: str
    made_at: int
    done_at: int
    ending: str
    kind: FailureKind
    callback: str | None

    @property
    def url(self) -> str:
        return f"https://kie.example/{self.id}.mp4"


@dataclass(order=True)
class Call:
    """A callback to come: when, to which address, hinting at which task."""

    at: int
    order: int
    address: str = field(compare=False)
    task_id: str | None = field(compare=False)


@dataclass
class SimKie:
    """`ports.Provider`. Beside its tasks it keeps, by prompt, what it said and to whom it said nothing: the reckoning
    holds the bot's outcomes against that. `asked` is told each prompt that it is asked to make."""

    fate: Fate
    clock: FakeClock
    climate: Climate
    tasks: dict[str, Task] = field(default_factory=dict)
    billed: Counter[str] = field(default_factory=Counter)  # tasks made, by prompt
    refusals: defaultdict[str, set[FailureKind]] = field(default_factory=lambda: defaultdict(set))
    unanswered: set[str] = field(default_factory=set)
    believed: set[str] = field(default_factory=set)  # tasks whose own call reached the bot
    kept_back: Counter[str] = field(default_factory=Counter)  # downloads refused for good, by address
    broken_off: Counter[str] = field(default_factory=Counter)  # downloads that might work later, by address
    told: defaultdict[str, set[type]] = field(
        default_factory=lambda: defaultdict(set)
    )  # what it ever said of a task
    last_word: dict[str, type | None] = field(
        default_factory=dict
    )  # and last to who waited for it; None: no answer
    calls: list[Call] = field(default_factory=list)
    asked: Callable[[str], None] = lambda prompt: None
    away_until: int = 0
    dry_until: int = 0
    dry_code: int = 402
    gone: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def made_for(self, prompt: str) -> list[Task]:
        return [task for task in self.tasks.values() if task.prompt == prompt]

    def heard(self, call: Call) -> None:
        """The bot took a call; whether it told the truth only KIE knows."""
        task = self.tasks.get(call.task_id or "")
        if task and task.callback == call.address:
            self.believed.add(task.id)

    async def turn(self) -> Create:
        await self.fate.abroad()
        self._stays_away()
        if self.fate.strikes(self.climate.busy):
            raise RetryLater("too many at once", self.fate.chance.uniform(1.0, 10.0))
        return self.create

    async def create(
        self, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        prompt = str(body_input["prompt"])
        self.asked(prompt)
        await self.fate.abroad()
        refusal = self._refusal(model)
        if refusal:
            self.refusals[prompt].add(refusal.kind)
            await self.fate.abroad()
            return refusal
        lost = self.fate.strikes(self.climate.lost_answer)
        if lost:
            self.unanswered.add(prompt)
        if lost and self.fate.chance.random() < 0.5:
            return Unknown("the line went dead before KIE heard it")
        task = self._make(prompt, callback_url)
        await self.fate.abroad()
        return Unknown("the line went dead") if lost else Accepted(task.id, "print")

    def _refusal(self, model: str) -> Refused | None:
        strikes, climate, chance = self.fate.strikes, self.climate, self.fate.chance
        if strikes(climate.dry):
            self.dry_until = self.fate.truth() + chance.randint(1, 8) * HOUR_MS
            self.dry_code = chance.choice(ACCOUNT_TROUBLES)
        if self._is_dry():
            return Refused(FailureKind.ACCOUNT, self.dry_code, "not with this account", account=True)
        if strikes(climate.withdrawn):
            self.gone.add(model)
        if model in self.gone:
            return Refused(FailureKind.PROVIDER, 422, "temporarily paused", withdrawn=True)
        if strikes(climate.busy):
            return Refused(FailureKind.BUSY, 429, "too many requests", retry=True)
        if strikes(climate.refused):
            return Refused(chance.choice((FailureKind.POLICY, FailureKind.INPUT)), 400, "flagged")
        return None

    def _is_dry(self) -> bool:
        return self.fate.truth() < self.dry_until and not self.fate.calm

    def _stays_away(self) -> None:
        """Raises RetryLater or AccountError."""
        chance, now = self.fate.chance, self.fate.truth()
        if self.fate.strikes(self.climate.away):
            self.away_until = now + chance.randint(1, 48) * HOUR_MS
        if now < self.away_until and not self.fate.calm:
            if chance.random() < 0.5:
                raise RetryLater("nobody answers")
            raise AccountError(401, "the key was revoked")

    def _make(self, prompt: str, callback: str | None) -> Task:
        chance, climate, now = self.fate.chance, self.climate, self.fate.truth()
        ending = "video"
        for name in ("broken", "empty", "never"):
            if self.fate.strikes(climate.fails if name == "broken" else getattr(climate, name)):
                ending = name
                break
        takes = chance.uniform(30, 900) * 1000
        if self.fate.strikes(climate.late):
            takes += chance.uniform(5, 12) * HOUR_MS
        kind = chance.choice((FailureKind.PROVIDER, FailureKind.PROVIDER, FailureKind.POLICY))
        task = Task(f"task{next(self._numbers)}", prompt, now, round(now + takes), ending, kind, callback)
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
        if chance.random() < 0.2:
            when.append(task.made_at + chance.choice((0, 1000)))
        for at in when:
            self._plan(at, callback, task.id)
        if self.fate.strikes(self.climate.forged):
            other = chance.choice(list(self.tasks))
            self._plan(task.made_at + chance.choice((0, 2000)), callback, other)
            self._plan(task.made_at + 3000, callback[:-3] + "abc", task.id)
        self.fate.time_passed()

    def _plan(self, at: int, address: str, task_id: str | None) -> None:
        heapq.heappush(self.calls, Call(at, next(self._numbers), address, task_id))

    def due_calls(self) -> list[Call]:
        due = []
        while self.calls and self.calls[0].at <= self.fate.truth():
            due.append(heapq.heappop(self.calls))
        return due

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        waited_for = step_name().startswith("running-")
        if waited_for:
            self.last_word[task_id] = None
        answer = await self._look(task_id)
        self.told[task_id].add(type(answer))
        if waited_for:
            self.last_word[task_id] = type(answer)
        return answer

    async def _look(self, task_id: str) -> LookAnswer:
        await self.fate.abroad()
        self._stays_away()
        if self.fate.strikes(self.climate.flicker):
            raise RetryLater("502 from in front of KIE")
        if self._is_dry() and self.dry_code == 401:
            raise AccountError(401, "the key was revoked")
        task = self.tasks.get(task_id)
        now = self.fate.truth()
        if task is None or (now - task.made_at < 20_000 and self.fate.strikes(0.3)):
            return Missing()
        await self.fate.abroad()
        if now < task.done_at or task.ending == "never" or self.fate.strikes(self.climate.flicker):
            return Open("a state nobody has heard of", task.callback)
        if task.ending == "broken":
            return Broken(task.kind, "internal error", Decimal(0), task.callback)
        return Done(() if task.ending == "empty" else (task.url,), COST, task.callback)

    async def upload(self, file: Path, mime: str) -> str:
        await self.fate.abroad()
        assert files.exists(file)
        if self.fate.strikes(self.climate.flicker):
            raise RetryLater("the upload broke off")
        return f"https://kie.example/{file.name}"

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        await self.fate.abroad()
        if self.fate.truth() < self.away_until and not self.fate.calm:
            self.broken_off[url] += 1
            raise RetryLater("nobody answers")
        if self.fate.strikes(self.climate.unfetchable):
            if self.fate.chance.random() < 0.5:
                self.kept_back[url] += 1
                raise ProviderError(404, "gone")
            self.broken_off[url] += 1
            raise RetryLater("slow")
        files.put(target, url.encode(), at=self.clock.now() / 1000)
        await self.fate.abroad()
        return len(url)

    async def balance(self) -> Decimal:
        await self.fate.abroad()
        if self.fate.strikes(self.climate.flicker):
            raise AccountError(401, "no")
        return Decimal(0) if self._is_dry() and self.dry_code == 402 else Decimal(100_000)

    async def models(self) -> frozenset[str]:
        return frozenset()

    async def probe(self, model: str) -> ModelStatus | None:
        return None
