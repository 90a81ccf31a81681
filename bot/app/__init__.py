"""The composition root: settings in, a whole bot out; starts the parts in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.terminal import TerminalChat
from adapters.web import WebChat
from bot import catalog, content
from bot.app.chats import Attendance, LiveChat, connect, notice_by
from bot.clock import SystemClock
from bot.engine.keeper import Keeper
from bot.engine.kit import Kit
from bot.engine.worker import Engine
from bot.errors import KiebotError, StartError
from bot.kie.callback import read_callback
from bot.kie.client import KieClient
from bot.masking import Secret
from bot.media.client import MediaWorker
from bot.meters import Meters
from bot.office import Office
from bot.ports import ChatAdapter, Clock
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox
from bot.settings import KieKey, Settings
from bot.store import OwnerLock, Store, Tx, backup, checks, provider, schema, tally
from bot.studio import LOW_WATER_BYTES, Studio
from bot.texts import say
from bot.web.metrics import Snapshot
from bot.web.server import Mount, WebServer

log = logging.getLogger(__name__)

LOCK_TRIES, LOCK_PAUSE_SECONDS = 20, 0.05


@dataclass(frozen=True, slots=True)
class Core:
    """Everything but the parts that act by themselves: what commands beside a running bot need."""

    settings: Settings
    clock: Clock
    store: Store
    studio: Studio
    office: Office
    media: MediaWorker
    wake: asyncio.Event


@asynccontextmanager
async def open_core(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Core]:
    """The database and the use cases, without a key and beside a running bot. Raises StartError."""
    clock = clock or SystemClock()
    prepare(settings)
    models = catalog.load()
    limits = models.picture_limits()
    wake = asyncio.Event()
    rules = content.load(settings.data_dir / "rules.toml")
    media = MediaWorker(
        settings.data_dir, max_bytes=limits.max_bytes, max_side=limits.max_side, mimes=limits.mimes
    )
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(settings.database_path))
        stack.push_async_callback(media.close)
        studio = Studio(
            store=store,
            models=models,
            media=media,
            clock=clock,
            settings=settings,
            content_rules=rules,
            wake=wake.set,
        )
        office = Office(store=store, catalog=models, clock=clock, settings=settings, wake=wake.set)
        yield Core(settings, clock, store, studio, office, media, wake)


def prepare(settings: Settings) -> None:
    """Folders, and a database of this version; an older one is backed up before it is touched. Raises StartError."""
    path = settings.database_path
    try:
        # what members wrote and made is nobody else's on this machine
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.videos_dir, settings.pictures_dir, path.parent):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(say("start.folder", folder=error.filename, problem=error.strerror)) from error
    if not os.access(settings.data_dir, os.W_OK):
        raise StartError(say("start.folder", folder=settings.data_dir, problem="not writable"))
    schema.refuse_newer(path, settings.backups_dir)
    found = schema.version(path)
    if found == schema.latest():
        return
    if found:
        _upgrade(settings, found)
    else:
        schema.migrate(path)


def _upgrade(settings: Settings, found: int) -> None:
    """Never under a running bot, which knows only the old schema. The backup is named by the schema that was `found`
    too: a start that goes on where a killed one stopped leaves that one's backup alone."""
    path = settings.database_path
    lock = OwnerLock(path)
    if not lock.take():
        raise StartError(say("start.older_bot", database=path))
    try:
        stamp = datetime.fromtimestamp(SystemClock().now() / 1000, UTC).strftime("%Y%m%d-%H%M%S")
        kept = settings.backups_dir / f"before-{schema.latest():04d}-{stamp}-{found:04d}.db"
        backup.backup(path, kept)
        log.info("the database is being upgraded; the old one is kept as %s", kept)
        schema.migrate(path)
    finally:
        lock.free()


def _drop_parts(settings: Settings) -> None:
    """What a killed bot left half written; as the only owner nobody else can be writing it."""
    for folder in (settings.videos_dir, settings.pictures_dir):
        for part in folder.glob("*.part"):
            part.unlink(missing_ok=True)
    for name in ("before", "nightly"):  # others may be an operator's, being written now
        for part in settings.backups_dir.glob(f"{name}-*.db.part*"):
            part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot that owns its database: everything assembled, nothing running yet but the web server's socket."""

    core: Core
    kie: KieClient
    engine: Engine
    keeper: Keeper
    meters: Meters
    web: WebServer | None
    attendance: Attendance

    @property
    def chats(self) -> Sequence[LiveChat]:
        return self.attendance.chats

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until a part dies: then everything ends and its error is raised."""
        self.core.store.when_broken(self._from_thread(stop))
        async with asyncio.TaskGroup() as group:
            engine = group.create_task(self.engine.run(), name="engine")
            keeper = group.create_task(self.keeper.run(), name="keeper")
            for chat in self.chats:
                group.create_task(self.attendance.run(chat), name=chat.platform)
            waiting = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((engine, waiting), return_when=asyncio.FIRST_COMPLETED)
            self.engine.stop()
            await asyncio.gather(*(chat.stop() for chat in self.chats))
            await engine
            keeper.cancel()
            waiting.cancel()
        if self.core.store.broken:
            raise self.core.store.broken

    def _from_thread(self, stop: asyncio.Event) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def call() -> None:
            log.critical("stopping: %s", self.core.store.broken)
            loop.call_soon_threadsafe(stop.set)

        return call


def has_owner(settings: Settings) -> bool:
    """Whether a bot is at work on this database now."""
    lock = OwnerLock(settings.database_path)
    free = lock.take()
    lock.free()
    return not free


@asynccontextmanager
async def open_bot(
    settings: Settings,
    *,
    clock: Clock | None = None,
    sandbox: bool = False,
    web: bool = True,
    any_port: bool = False,
    chats: bool = False,
) -> AsyncIterator[Bot]:
    """The one owner of its database. `sandbox` tells that KIE is on this machine and may call us back here; with
    `chats` every platform that has a token is connected.

    Raises StartError when another bot owns it, when there is no KIE key, or when a platform refuses its token.
    """
    if not settings.kie_api_key:
        raise StartError(say("start.no_key"))
    lock = OwnerLock(settings.database_path)
    prepare(settings)
    await _take(lock, settings, clock or SystemClock())
    async with AsyncExitStack() as stack:
        stack.callback(lock.free)
        _drop_parts(settings)
        core = await stack.enter_async_context(open_core(settings, clock))
        broken = await core.office.verify()
        if broken:
            log.critical("the ledger's rules do not hold: %s", "; ".join(broken))
        now = core.clock.now()
        await core.store.write(lambda tx: provider.set_gates_ajar(tx, now))
        meters = Meters()
        kie = await stack.enter_async_context(kie_client(settings, core.clock, meters))
        page = WebChat(studio=core.studio, sandbox=sandbox)
        adapters: dict[str, ChatAdapter] = {"web": page, "cli": TerminalChat()}
        kit = Kit(
            store=core.store,
            provider=kie,
            media=core.media,
            clock=core.clock,
            settings=settings,
            catalog=core.studio.catalog,
            adapters=adapters,
            progress=core.studio.progress_in,
            link=core.studio.link,
            meters=meters,
            callback_base=settings.public_url,
        )
        keeper = Keeper(kit, LOW_WATER_BYTES)
        core.office.kie_balance = lambda: keeper.balance
        live = await connect(core, kit, adapters, stack) if chats else []
        attendance = Attendance(live, notice_by(kit))
        server = None
        if web:
            server = _server(core, meters, keeper, attendance, page.mount)
            await server.start(any_port=any_port)
            stack.push_async_callback(server.stop)
            if sandbox:
                kit = replace(kit, callback_base=server.url)
        yield Bot(core, kie, Engine(kit, core.wake), keeper, meters, server, attendance)


async def _take(lock: OwnerLock, settings: Settings, clock: Clock) -> None:
    """A bot that was killed just now may have left a child that lets the lock go as soon as it begins, and a command may
    be looking whether a bot runs. Raises StartError when another bot owns the database."""
    for _ in range(LOCK_TRIES):
        if lock.take():
            return
        await clock.sleep(LOCK_PAUSE_SECONDS)
    raise StartError(say("start.second_bot", database=settings.database_path))


def kie_client(settings: Settings, clock: Clock, meters: Meters | None = None) -> KieClient:
    """KIE with the keys of the settings. Raises StartError when there is none."""
    if not settings.kie_api_key:
        raise StartError(say("start.no_key"))
    keys = [f"{each.account}:{each.key.reveal()}" for each in settings.kie_api_key]
    api, upload = settings.kie_api_url, settings.kie_upload_url
    return KieClient(keys, clock=clock, api_url=api, upload_url=upload, meters=meters)


def _server(core: Core, meters: Meters, keeper: Keeper, attendance: Attendance, page: Mount) -> WebServer:
    key = core.settings.kie_webhook_key
    return WebServer(
        settings=core.settings,
        studio=core.studio,
        clock=core.clock,
        meters=meters,
        health=lambda: health(core, keeper, attendance),
        snapshot=lambda: snapshot(core, keeper),
        read_callback=read_callback,
        hmac_key=key.reveal() if key else None,
        mounts=[page, *(each.mount for each in attendance.chats)],
    )


async def health(core: Core, keeper: Keeper, attendance: Attendance) -> Mapping[str, Mapping[str, Any]]:
    """What `/readyz` tells: each check with `ok`, and what it saw."""
    status, unheard = await core.office.status(), attendance.unheard
    free = shutil.disk_usage(core.settings.data_dir).free
    return {
        "database": {"ok": core.store.broken is None},
        "ledger": {"ok": not keeper.broken, "broken": sorted(keeper.broken)},
        "disk": {"ok": free > LOW_WATER_BYTES, "free_mb": free // 1_000_000},
        "kie": {
            "ok": not status.gates,
            "balance": str(keeper.balance),
            "closed": [each.code for each in status.gates],
        },
        "orders": {"ok": status.paused is None, "paused": status.paused},
        "chats": {"ok": not unheard, "stopped": dict(unheard)},
    }


async def snapshot(core: Core, keeper: Keeper) -> Snapshot:
    """What `/metrics` shows beside the meters."""

    def read(tx: Tx) -> Snapshot:
        counts = tally.counts(tx)
        return Snapshot(
            jobs={str(state): number for state, number in counts.items()},
            outcomes=tally.outcomes(tx),
            kie_credits=keeper.balance,
            gates={each.account: False for each in provider.gates(tx)} or {"kie": True},
            broken_checks={rule: len(keeper.broken.get(rule, ())) for rule in checks.CHECKS},
            paused=provider.get_meta(tx, backup.PAUSED) is not None,
        )

    return await core.store.read_long(read)


# --- with the sandbox in KIE's place -----------------------------------------------------------------------------


@asynccontextmanager
async def open_sandboxed(
    settings: Settings,
    folder: Path,
    *,
    faults: Mapping[str, str],
    speed: float,
    any_port: bool = True,
    web: bool = True,
    chats: bool = False,
) -> AsyncIterator[tuple[Bot, Sandbox]]:
    """A whole bot whose KIE is our sandbox, all its data in `folder`. What the sandbox lists is active at once.

    Raises StartError.
    """
    own = settings.with_data_dir(folder)
    prepare(own)
    if has_owner(own):
        raise StartError(say("start.second_bot", database=own.database_path))
    sandbox = Sandbox(SandboxOptions(faults=faults, speed=speed, data=folder / "kie"))
    async with AsyncExitStack() as stack:
        await _start(sandbox, folder)
        stack.push_async_callback(sandbox.stop)
        made = sandboxed(settings, sandbox.url, folder)
        opened = open_bot(made, sandbox=True, any_port=any_port, web=web, chats=chats)
        bot = await stack.enter_async_context(opened)
        # A sandbox is another world at each start: what its models were like last time says nothing.
        await bot.core.store.write(lambda tx: provider.forget_models(tx, made.kie_api_url))
        await bot.core.office.refresh_models(bot.kie)
        yield bot, sandbox


async def _start(sandbox: Sandbox, folder: Path) -> None:
    """At the address of last time if it can be had: pictures handed over then are still found there."""
    (folder / "kie").mkdir(parents=True, exist_ok=True)
    last = urlsplit(sandbox_url(folder) or "").port or 0
    try:
        await sandbox.start(port=last)
    except OSError:
        await sandbox.start()
    (folder / "kie" / "address").write_text(sandbox.url, encoding="utf-8")


def sandbox_url(folder: Path) -> str | None:
    """Where the sandbox of the bot in `folder` was started last."""
    file = folder / "kie" / "address"
    return file.read_text(encoding="utf-8") if file.exists() else None


def sandboxed(settings: Settings, url: str, folder: Path) -> Settings:
    """The same settings with the sandbox at `url` as KIE and everything stored in `folder`."""
    key = KieKey(Secret("sandbox-key-for-this-machine-only"), "sandbox")
    return replace(settings.with_data_dir(folder), kie_api_key=(key,), kie_api_url=url, kie_upload_url=url)


async def learn_models(bot: Bot) -> None:
    """Ask KIE which models it lists. Not knowing is no reason not to start."""
    try:
        changed = await bot.core.office.refresh_models(bot.kie)
    except KiebotError as error:
        log.warning("KIE's list of models could not be read: %s", error)
        return
    if changed:
        log.info("offered again by KIE: %s", ", ".join(changed))
