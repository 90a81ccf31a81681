"""What one sandbox knows while it runs: its tasks, its account, its faults, its folder."""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from aiohttp import web

from bot.catalog import Catalog, Model
from bot.ports import Clock
from bot.sandbox.faults import Faults
from bot.sandbox.options import SandboxOptions

OPEN, SUCCESS, FAIL = ("waiting", "queuing", "generating"), "success", "fail"
_REQUESTS_KEPT = 10_000
_KEPT_SECONDS = 14 * 24 * 3600


@dataclass(slots=True)
class Task:
    """One task. `sent` is the input as it came, `input` the one in force; times are Unix milliseconds.

    `files` are names in the results folder, the wanted one first. The end shows in recordInfo from `shown_at` on.
    """

    id: str
    model: str
    kie: str
    sent: Mapping[str, Any]
    input: Mapping[str, Any]
    price: str
    created: int
    callback: str | None = None
    progress_callback: str | None = None
    state: str = OPEN[0]
    files: tuple[str, ...] = ()
    fail_code: Any = None
    fail_text: str | None = None
    completed: int | None = None
    shown_at: int = 0
    cost: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in (SUCCESS, FAIL)

    @property
    def bill(self) -> Decimal:
        """KIE credits taken from the account: nothing for a failed task."""
        return Decimal(0) if self.state == FAIL else Decimal(self.cost or self.price)

    def state_at(self, now: int) -> str:
        return OPEN[-1] if self.ended and now < self.shown_at else self.state

    @classmethod
    def from_json(cls, text: str) -> Self:
        data = json.loads(text)
        data["files"] = tuple(data["files"])
        return cls(**data)


class Window:
    """At most `limit` calls in any `seconds`, for each key."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._calls: dict[str, deque[float]] = {}

    def take(self, key: str, now: float) -> bool:
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - self._seconds:
            calls.popleft()
        if len(calls) >= self._limit:
            return False
        calls.append(now)
        return True


@dataclass(slots=True)
class World:
    """Everything the handlers share. `created` holds the body of every accepted creation, in order."""

    options: SandboxOptions
    catalog: Catalog
    clock: Clock
    folder: Path
    faults: Faults
    url: str = ""
    tasks: dict[str, Task] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    requests: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_REQUESTS_KEPT))
    creations: Window = field(default_factory=lambda: Window(20, 10))
    looks: Window = field(default_factory=lambda: Window(10, 1))
    spent: Decimal = Decimal(0)

    @property
    def balance(self) -> Decimal:
        """KIE credits left: taken at creation, returned on failure (kie-api.md 11, 13)."""
        if self.faults.on("empty-account"):
            return Decimal(0)
        extra = Decimal("0.25") if self.faults.on("fractional-credits") else Decimal(0)
        return self.options.credits - self.spent + extra

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    def file_at(self, path: str) -> Path | None:
        """The file behind `/files/<path>`: a result under `results/`, else an upload. None when there is none."""
        name = path.removeprefix("results/")
        folder = self.uploads if name == path else self.results
        file = (folder / name).resolve()
        return file if file.is_relative_to(folder.resolve()) and file.is_file() else None

    def own_file(self, url: str) -> Path | None:
        """The file that `url` names, if it is one of ours."""
        parts = urlsplit(url)
        if parts.port != urlsplit(self.url).port or not parts.path.startswith("/files/"):
            return None
        return self.file_at(unquote(parts.path.removeprefix("/files/")))

    def model_of(self, task: Task) -> Model:
        return self.catalog[task.model]

    def paused(self, model: Model) -> bool:
        """Whether a fault has switched this model off."""
        if is_sora(model) and self.faults.on("sora-withdrawn"):
            return True
        return self.faults.on("paused") and _named(model, self.faults.value("paused"))

    def unsupported(self, model: Model) -> bool:
        return self.faults.on("unsupported") and _named(model, self.faults.value("unsupported"))

    def new_task_id(self, kie: str) -> str:
        if self.faults.on("documented-ids"):
            return f"task_{kie}_{secrets.randbelow(10**13):013}"
        return secrets.token_hex(16)

    def prepare(self) -> None:
        """Make the folders, take up the tasks of an earlier run, drop files as old as KIE lets them grow."""
        for folder in (self.results, self.uploads, self.folder / "tasks"):
            folder.mkdir(parents=True, exist_ok=True)
        oldest = self.clock.now() / 1000 - _KEPT_SECONDS
        for file in (*self.results.rglob("*"), *self.uploads.rglob("*")):
            if file.is_file() and file.stat().st_mtime < oldest:
                file.unlink()
        kept = [Task.from_json(file.read_text("utf-8")) for file in (self.folder / "tasks").glob("*.json")]
        self.tasks = {task.id: task for task in sorted(kept, key=lambda task: task.created)}
        self.spent = sum((task.bill for task in kept), Decimal(0))

    def add(self, task: Task) -> None:
        """A new task, paid for."""
        self.tasks[task.id] = task
        self.spent += task.bill
        self.keep(task)

    def keep(self, task: Task) -> None:
        """Remember a task for the next run, if there can be one."""
        if self.options.data is None:
            return
        file = self.folder / "tasks" / f"{task.id.replace('/', '-')}.json"
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(task)), "utf-8")
        part.replace(file)


WORLD: web.AppKey[World] = web.AppKey("world", World)


def is_sora(model: Model) -> bool:
    return model.kie.startswith("sora-")


def _named(model: Model, names: str) -> bool:
    return bool({model.id, model.kie} & {name.strip() for name in names.split(",")})
