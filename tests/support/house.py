"""A whole bot on a real SQLite file, with fakes only at the doors: provider, chat, media, clock."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from support import files
from support.clock import FakeClock

from bot import catalog, content
from bot.domain import (
    Button,
    ChatRef,
    Job,
    JobState,
    ModelState,
    ModelStatus,
    Picture,
    Progress,
    Request,
    UserRef,
    Video,
)
from bot.engine.keeper import Keeper
from bot.engine.kit import Kit
from bot.engine.worker import Engine
from bot.errors import DeliveryUnknown, TooLarge
from bot.office import Office
from bot.ports import Accepted, ChatAdapter, Create, CreateAnswer, Delivery, Done, LookAnswer, Missing, Open
from bot.settings import Settings
from bot.store import Store, Tx, checks, jobs, provider, schema
from bot.studio import Ask, Quoted, Studio

ADA = UserRef("web", "ada")
BOB = UserRef("web", "bob")
ASKED = itertools.count(1)
BILL = Decimal(30)  # what KIE says that each video cost


@dataclass
class FakeProvider:
    """KIE as far as the engine sees it. Answers are scripted; with none scripted everything works at the first look."""

    clock: FakeClock
    creates: list[CreateAnswer | Exception] = field(default_factory=list)
    looks: dict[str, list[LookAnswer | Exception]] = field(default_factory=dict)
    next_looks: list[LookAnswer | Exception] = field(default_factory=list)
    downloads: list[Exception] = field(default_factory=list)
    sent: list[tuple[str, Mapping[str, Any], str | None]] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)
    have: Decimal = Decimal(10_000)
    takes: float = 60.0
    tasks: dict[str, int] = field(default_factory=dict)
    callbacks: dict[str, str | None] = field(default_factory=dict)
    turns: list[Exception] = field(default_factory=list)
    uploads: list[Exception] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None

    async def turn(self) -> Create:
        if self.turns:
            raise self.turns.pop(0).with_traceback(None)
        return self.create

    async def create(
        self, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        self.sent.append((model, dict(body_input), callback_url))
        self.before_answer()
        if self.creates:
            answer = self.creates.pop(0)
            if isinstance(answer, Exception):
                raise answer.with_traceback(None)
            return answer
        task = f"task{len(self.sent)}"
        self.tasks[task] = self.clock.now()
        self.callbacks[task] = callback_url
        return Accepted(task, "print")

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        self.looked.append(task_id)
        script = self.looks.get(task_id, self.next_looks)
        if script:
            answer = script.pop(0)
            if isinstance(answer, Exception):
                raise answer.with_traceback(None)
            return answer
        if task_id not in self.tasks:
            return Missing()
        if self.clock.now() - self.tasks[task_id] < self.takes * 1000:
            return Open("generating", self.callbacks[task_id])
        return Done((f"https://kie.example/{task_id}.mp4",), BILL, self.callbacks[task_id])

    async def upload(self, file: Path, mime: str) -> str:
        assert files.exists(file)
        if self.uploads:
            raise self.uploads.pop(0).with_traceback(None)
        self.uploaded.append(file.name)
        return f"https://kie.example/{file.name}"

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        if self.downloads:
            raise self.downloads.pop(0).with_traceback(None)
        files.put(target, b"video")
        return len(b"video")

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
        self.unfittable = False

    async def warm(self) -> None:
        pass

    async def picture(self, data: bytes, name: str = "") -> Picture:
        sha256 = hashlib.sha256(data).hexdigest()
        self._pictures.mkdir(parents=True, exist_ok=True)
        (self._pictures / sha256).write_bytes(data)
        return Picture(sha256, "image/jpeg", 1280, 720, len(data))

    async def video(self, source: Path, target: Path) -> Video:
        size = files.move(source, target)
        return Video(target.name, size, 1280, 720, Decimal(10), True, None)

    async def fit(self, source: Path, target: Path, max_bytes: int) -> Video:
        self.fitted.append(max_bytes)
        if self.unfittable:
            raise TooLarge(max_bytes)
        files.put(target, b"tiny")
        return Video(target.name, 4, 640, 360, Decimal(10), True, None)

    async def last_frame(self, source: Path) -> Picture:
        assert files.exists(source)
        return await self.picture(b"the last of " + source.name.encode())


@dataclass
class FakeChat:
    """A chat that remembers what it was sent. `faults` are raised by the next deliveries, in order; those in `after`
    although the message arrived. `limit` is what it takes in bytes."""

    platform: str = "web"
    ways: Sequence[str] = ("message",)
    faults: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    messages: list[Delivery] = field(default_factory=list)
    shown: list[tuple[JobState, Progress]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    can_find: bool = True
    limit: int | None = None

    def routes(self, job: Job) -> Sequence[str]:
        return self.ways

    async def show(self, job: Job, progress: Progress) -> None:
        self.shown.append((job.state, progress))

    async def deliver(self, delivery: Delivery) -> str:
        if self.faults:
            raise self.faults.pop(0).with_traceback(None)
        size = delivery.file.stat().st_size if delivery.file else 0
        if self.limit is not None and size > self.limit:
            raise TooLarge(self.limit)
        self.messages.append(delivery)
        if self.after:
            raise self.after.pop(0).with_traceback(None)
        return f"m{len(self.messages)}"

    async def find(self, delivery: Delivery) -> str | None:
        if not self.can_find:
            raise DeliveryUnknown("no history")
        wanted = (delivery.job.id, delivery.number)
        sent = [n for n, each in enumerate(self.messages, 1) if (each.job.id, each.number) == wanted]
        return f"m{sent[-1]}" if sent else None

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
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
    adapters: dict[str, ChatAdapter]

    async def quote(self, who: UserRef = ADA, key: str | None = None, **choices: Any) -> Quoted:
        request = Request(**{"model": "veo-3-1:lite", "prompt": "a happy dog", **choices})
        quoted = await self.studio.quote(
            Ask(who, ChatRef("web", who.external_id), key or f"ask:{next(ASKED)}", request)
        )
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

    async def end(self, *job_ids: str, every: float = 20.0, within: float = 200_000.0) -> list[Job]:
        """Let the time pass until these jobs are delivered."""
        limit = self.clock.now() + int(within * 1000)
        while True:
            await self.step()
            found = [await self.job(each) for each in job_ids]
            if all(each.state is JobState.DELIVERED for each in found):
                return found
            assert self.clock.now() < limit, f"still {[each.state for each in found]}"
            self.clock.advance(every)

    def use(self, kie: FakeProvider) -> None:
        """Another KIE from now on."""
        self.kie = kie
        self.engine.kit = self.keeper.kit = replace(self.engine.kit, provider=kie)

    async def withdraw(self, model: str, reason: str = "taken off the list") -> None:
        """KIE no longer makes this model's videos."""
        status = ModelStatus(ModelState.PAUSED, "2026-06-01", reason)
        url, now = self.settings.kie_api_url, self.clock.now()
        await self.store.write(lambda tx: provider.set_model_state(tx, url, model, status, now))

    async def states(self, *job_ids: str) -> list[JobState]:
        return [(await self.job(each)).state for each in job_ids]

    async def value(self, sql: str, *values: object) -> Any:
        return await self.store.read(lambda tx: tx.value(sql, *values))

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
async def open_house(
    folder: Path,
    clock: FakeClock | None = None,
    *,
    kie: FakeProvider | None = None,
    chat: FakeChat | None = None,
    store_class: Callable[[Path], Store] = Store,
    callback_base: str | None = None,
    own: bool = True,
    **settings: Any,
) -> AsyncIterator[House]:
    """A bot in `folder`; opened again on the same folder, with the same clock, KIE and chat, it is the same bot after a
    crash. With `own=False` it is a second worker beside another."""
    clock = clock or FakeClock()
    kie, media, chat = kie or FakeProvider(clock), FakeMedia(folder), chat or FakeChat()
    made = replace(Settings(data_dir=folder, access="open", new_user_credits=1000), **settings)
    files.make(folder)
    if not files.exists(made.database_path):
        files.put(made.database_path, new_database())
    models = all_models()
    async with store_class(made.database_path) as store:
        studio = Studio(
            store=store,
            models=models,
            media=media,
            clock=clock,
            settings=made,
            content_rules=content_rules(),
        )
        adapters: dict[str, ChatAdapter] = {"web": chat}
        kit = Kit(
            store=store,
            provider=kie,
            media=media,
            clock=clock,
            settings=made,
            catalog=models,
            adapters=adapters,
            progress=studio.progress_in,
            link=studio.link,
            callback_base=callback_base,
        )
        engine = Engine(kit)
        office = Office(store=store, catalog=models, clock=clock, settings=made)
        house = House(
            made, clock, store, kie, media, chat, studio, office, engine, Keeper(kit, low_water=0), adapters
        )
        if own:
            await store.write(jobs.free_all)
        try:
            yield house
        finally:
            with suppress(TimeoutError):  # a test that failed may have left a step waiting
                await asyncio.wait_for(engine.idle(), 2)


@cache
def all_models() -> catalog.Catalog:
    return catalog.load()


@cache
def content_rules() -> tuple[content.Rule, ...]:
    return content.load()


@cache
def new_database() -> bytes:
    """A migrated database in which KIE offers every model, as in the sandbox."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "new.db"
        schema.migrate(path)
        with closing(sqlite3.connect(path)) as connection, connection:
            for model in all_models():
                if model.status.state is not ModelState.ACTIVE:
                    provider.set_model_state(
                        Tx(connection), Settings().kie_api_url, model.id, ModelStatus(), FakeClock().now()
                    )
        return path.read_bytes()
