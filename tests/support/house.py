"""A whole bot on a real SQLite file, with fakes only at the doors: provider, chat, media, clock."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.clock import FakeClock

from bot import catalog, content
from bot.domain import ChatRef, Job, JobState, ModelState, ModelStatus, Picture, Progress, Request, UserRef, Video
from bot.engine import worker
from bot.engine.keeper import Keeper
from bot.engine.kit import Kit
from bot.engine.worker import Engine
from bot.office import Office
from bot.ports import Accepted, CreateAnswer, Delivery, Done, LookAnswer, Missing, Open
from bot.settings import Settings
from bot.store import Store, checks, jobs, provider, schema
from bot.studio import Ask, Quoted, Studio

ADA = UserRef("web", "ada")
BOB = UserRef("web", "bob")
CHAT = ChatRef("web", "ada")


@dataclass
class FakeProvider:
    """KIE as far as the engine sees it. Answers are scripted; with none scripted everything works at the first look."""

    clock: FakeClock
    creates: list[CreateAnswer | Exception] = field(default_factory=list)
    looks: dict[str, list[LookAnswer | Exception]] = field(default_factory=dict)
    downloads: list[Exception] = field(default_factory=list)
    sent: list[tuple[str, Mapping[str, Any], str | None]] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)
    have: Decimal = Decimal(10_000)
    takes: float = 60.0
    tasks: dict[str, int] = field(default_factory=dict)
    callbacks: dict[str, str | None] = field(default_factory=dict)
    before_answer: Callable[[], None] = lambda: None

    async def create(self, model: str, body_input: Mapping[str, Any], callback_url: str | None) -> CreateAnswer:
        self.sent.append((model, dict(body_input), callback_url))
        self.before_answer()
        if self.creates:
            answer = self.creates.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        task = f"task{len(self.sent)}"
        self.tasks[task] = self.clock.now()
        self.callbacks[task] = callback_url
        return Accepted(task, "print")

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        self.looked.append(task_id)
        script = self.looks.get(task_id, self.looks.get("*", []))
        if script:
            answer = script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if task_id not in self.tasks:
            return Missing()
        if self.clock.now() - self.tasks[task_id] < self.takes * 1000:
            return Open("generating", self.callbacks[task_id])
        return Done((f"https://kie.example/{task_id}.mp4",), Decimal(30), self.callbacks[task_id])

    async def upload(self, file: Path, mime: str) -> str:
        assert file.exists()
        self.uploaded.append(file.name)
        return f"https://kie.example/{file.name}"

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        if self.downloads:
            raise self.downloads.pop(0)
        return target.write_bytes(b"video")

    async def balance(self) -> Decimal:
        return self.have

    async def models(self) -> frozenset[str]:
        return frozenset()

    async def probe(self, model: str) -> ModelStatus | None:
        return None


class FakeMedia:
    """Media whose work is done without looking."""

    def __init__(self, data_dir: Path) -> None:
        self._pictures = data_dir / "pictures"
        self.fitted: list[int] = []

    async def warm(self) -> None:
        pass

    async def picture(self, data: bytes, name: str = "") -> Picture:
        sha256 = hashlib.sha256(data).hexdigest()
        self._pictures.mkdir(parents=True, exist_ok=True)
        (self._pictures / sha256).write_bytes(data)
        return Picture(sha256, "image/jpeg", 1280, 720, len(data))

    async def video(self, source: Path, target: Path) -> Video:
        source.rename(target)
        return Video(target.name, target.stat().st_size, 1280, 720, Decimal(10), True, None)

    async def fit(self, source: Path, target: Path, max_bytes: int) -> Video:
        self.fitted.append(max_bytes)
        target.write_bytes(b"small")
        return Video(target.name, 5, 640, 360, Decimal(10), True, None)


@dataclass
class FakeChat:
    """A chat that remembers what it was sent. `faults` are raised by the next deliveries, in order; a fault marked
    `after` is raised although the message arrived."""

    platform: str = "web"
    ways: Sequence[str] = ("message",)
    faults: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    messages: list[Delivery] = field(default_factory=list)
    shown: list[tuple[JobState, Progress]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    can_find: bool = True

    def routes(self, job: Job) -> Sequence[str]:
        return self.ways

    async def show(self, job: Job, progress: Progress) -> None:
        self.shown.append((job.state, progress))

    async def deliver(self, delivery: Delivery) -> str:
        if self.faults:
            raise self.faults.pop(0)
        self.messages.append(delivery)
        if self.after:
            raise self.after.pop(0)
        return f"m{len(self.messages)}"

    async def find(self, delivery: Delivery) -> str | None:
        if not self.can_find:
            from bot.errors import DeliveryUnknown

            raise DeliveryUnknown("no history")
        sent = [each for each in self.messages if each.job.id == delivery.job.id and each.gift == delivery.gift]
        return f"m{self.messages.index(sent[-1]) + 1}" if sent else None

    async def tell(self, external_id: str, text: str) -> bool:
        self.told.append((external_id, text))
        return True


@dataclass
class House:
    """Everything of one bot, with short words for what tests do most."""

    settings: Settings
    clock: FakeClock
    store: Store
    kie: FakeProvider
    media: FakeMedia
    chat: FakeChat
    studio: Studio
    office: Office
    engine: Engine
    keeper: Keeper
    _asked: int = 0

    async def quote(self, who: UserRef = ADA, **choices: Any) -> Quoted:
        self._asked += 1
        request = Request(**{"model": "veo-3-1:lite", "prompt": "a happy dog", **choices})
        quoted = await self.studio.quote(Ask(who, ChatRef("web", who.external_id), f"ask:{self._asked}", request))
        assert isinstance(quoted, Quoted)
        return quoted

    async def order(self, who: UserRef = ADA, **choices: Any) -> Job:
        quoted = await self.quote(who, **choices)
        return await self.studio.order(who, quoted.draft.id)

    async def step(self) -> None:
        """One tick, and whatever it started."""
        await self.engine.tick()
        await self.engine.idle()

    async def live(self, seconds: float, every: float = 1.0) -> None:
        """Let the time pass, with a tick at each moment."""
        end = self.clock.now() + int(seconds * 1000)
        while self.clock.now() < end:
            await self.step()
            self.clock.advance(every)
        await self.step()

    async def job(self, job_id: str) -> Job:
        job = await self.store.read(lambda tx: jobs.get(tx, job_id))
        assert job is not None
        return job

    async def kinds(self, job_id: str) -> list[str]:
        return [each.kind for each in await self.store.read(lambda tx: jobs.events(tx, job_id))]

    async def available(self, who: UserRef = ADA) -> int:
        return (await self.studio.balance(who)).available

    async def verify(self) -> None:
        assert await self.store.read(checks.broken) == {}


@asynccontextmanager
async def open_house(folder: Path, clock: FakeClock | None = None, **settings: Any) -> AsyncIterator[House]:
    """A bot in `folder`; opened again on the same folder it is the same bot after a crash."""
    clock = clock or FakeClock()
    made = replace(Settings(data_dir=folder, access="open", new_user_credits=1000), **settings)
    folder.mkdir(parents=True, exist_ok=True)
    schema.migrate(made.database_path)
    models = catalog.load()
    async with Store(made.database_path) as store:
        await store.write(lambda tx: _all_active(tx, models, made, clock.now()))
        kie, media, chat = FakeProvider(clock), FakeMedia(folder), FakeChat()
        studio = Studio(
            store=store,
            models=models,
            media=media,
            clock=clock,
            settings=made,
            content_rules=content.load(),
        )
        kit = Kit(
            store=store,
            provider=kie,
            media=media,
            clock=clock,
            settings=made,
            catalog=models,
            adapters={"web": chat},
            progress=studio.progress_in,
            link=studio.link,
        )
        engine = Engine(kit)
        office = Office(store=store, catalog=models, clock=clock, settings=made)
        house = House(made, clock, store, kie, media, chat, studio, office, engine, Keeper(kit, low_water=0))
        await store.write(jobs.free_all)
        try:
            yield house
        finally:
            await engine.idle()


def _all_active(tx: Any, models: catalog.Catalog, settings: Settings, now: int) -> None:
    """As in the sandbox: KIE offers all of them."""
    for model in models:
        if model.status.state is not ModelState.ACTIVE:
            provider.set_model_state(tx, settings.kie_api_url, model.id, ModelStatus(), now)


__all__ = ["ADA", "BOB", "CHAT", "FakeChat", "FakeMedia", "FakeProvider", "House", "open_house", "worker"]
