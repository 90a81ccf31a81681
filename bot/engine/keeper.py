"""Looking after itself: gates, checks, balance, disk, retention and the nightly backup, each at its own pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from bot.engine import notices
from bot.engine.gate import remedy
from bot.engine.kit import Kit
from bot.engine.submit import gate_opened
from bot.errors import AccountError, KiebotError, ProviderError, RetryLater, StartError
from bot.money import limits
from bot.store import Tx, backup, checks, deliveries, drafts, forgotten, inbox, jobs, memory, provider, tally
from bot.store import notices as told
from bot.store.deliveries import KeptVideo
from bot.texts import say

log = logging.getLogger(__name__)

BACKUPS_KEPT = 7
BACKUP_HOUR_UTC = 3
DRAFTS_KEPT_MS = 7 * 86_400_000
PICTURES_KEPT_MS = 30 * 86_400_000
UNSEEN_KEPT_MS = 30 * 86_400_000
LOW_BALANCE = Decimal(200)


@dataclass(slots=True)
class Keeper:
    """Periodic duties. What it learned last stands in its fields, for health and metrics."""

    kit: Kit
    low_water: int
    balance: Decimal | None = None
    broken: dict[str, list[str]] = field(default_factory=dict)
    _last: dict[str, float] = field(default_factory=dict)
    _began: float | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.tick()
            await self.kit.clock.sleep(5)

    async def tick(self) -> None:
        now = self.kit.clock.monotonic()
        if self._began is None:
            self._began = now
            # a machine's clock may be wrong until the network has put it right, and what is deleted is gone
            self._last["tidy"] = now
        duties: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
            ("gates", 15, self.try_gates),
            ("notices", 15, self.tell_again),
            ("checks", 600, self.check),
            ("balance", 600, self.ask_balance),
            ("disk", 60, self.check_disk),
            ("tidy", 3600, self.tidy),
            ("backup", 600, self.nightly_backup),
        ]
        for name, pause, duty in duties:
            last = self._last.get(name)
            if last is None or self.kit.clock.monotonic() - last >= pause:
                self._last[name] = self.kit.clock.monotonic()
                await self._try(name, duty)

    async def _try(self, name: str, duty: Callable[[], Awaitable[None]]) -> None:
        try:
            await duty()
        except asyncio.CancelledError:
            raise
        except (KiebotError, OSError) as error:
            log.warning("%s did not work and will be tried again: %s", name, error)

    async def try_gates(self) -> None:
        """After 402 a balance that covers the next job reopens the gate. Another gate that stands ajar is tried by the
        next job; when none waits, by a request that costs nothing, since nobody may order meanwhile."""
        now = self.kit.clock.now()
        closed = await self.kit.store.read(provider.gates)
        for gate in closed:
            waiting = await self.kit.store.read(tally.next_forecast)
            if now < gate.retry_at or (gate.code != 402 and waiting):
                continue
            if await self._is_well(gate.code, waiting):
                await self.kit.store.write(partial(provider.open_gate, account=gate.account))
                await gate_opened(self.kit)
            else:
                retry_at = self.kit.due_in(remedy(gate.code).pause(gate.tries + 1))
                await self.kit.store.write(
                    partial(provider.gate_later, account=gate.account, retry_at=retry_at)
                )

    async def _is_well(self, code: int, need: Decimal) -> bool:
        """Whether the account answers again; after 402 also whether it has enough. Raises RetryLater."""
        try:
            have = await self.kit.provider.balance()
        except AccountError as error:
            if code == 402:
                raise
            log.info("the gate stays closed: %s", error)
            return False
        return code != 402 or (have > 0 and have >= need)

    async def tell_again(self) -> None:
        await notices.tell_again(self.kit)

    async def check(self) -> None:
        """The ledger's rules; a broken one is loud."""
        self.broken = await self.kit.store.read_long(checks.broken)
        for rule, rows in self.broken.items():
            log.critical("a rule of the ledger does not hold: %s: %s", rule, "; ".join(rows))
            await self.kit.notice(f"check:{rule}", say("notice.check", rule=rule))

    async def ask_balance(self) -> None:
        try:
            self.balance = await self.kit.provider.balance()
        except (ProviderError, RetryLater) as error:
            log.info("the KIE balance is not known: %s", error)
            return
        if self.balance < LOW_BALANCE:
            await self.kit.notice("balance", say("notice.balance", balance=self.balance), pause_ms=86_400_000)

    async def check_disk(self) -> None:
        """Room for what is being made comes before what was delivered already."""
        free = self._free()
        if free >= self.low_water:
            return
        dropped = await self._make_room(self.low_water - free)
        if dropped:
            text = say("notice.disk_room", mb=free // 1_000_000, n=dropped)
        else:
            text = say("notice.disk", mb=free // 1_000_000)
        await self.kit.notice("disk", text)

    def _free(self) -> int:
        return self.kit.free_bytes(self.kit.settings.data_dir)

    async def _make_room(self, missing: int) -> int:
        """Delete delivered videos, oldest first, until `missing` bytes more are free; returns how many went."""
        now, dropped = self.kit.clock.now(), 0
        for each in await self.kit.store.read(deliveries.videos_on_disk):
            if missing <= 0:
                break
            if not _waits_for_its_member(each):
                await self._drop(each, now)
                missing -= each.video.size
                dropped += 1
        return dropped

    # --- retention -----------------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Delete what is old, and videos that are too many. After the clock has jumped nothing is called old for a day:
        it may be wrong, or a machine that slept may find its members back."""
        now = self.kit.clock.now()
        steady = self.kit.watch.steady(self.kit.clock)
        if steady:
            await self.kit.store.write(lambda tx: _drop_old_rows(tx, now))
        await self._drop_videos(now, by_age=steady)
        if steady:
            await self._sweep_files(now)

    async def _drop_videos(self, now: int, by_age: bool) -> None:
        """Oldest delivered first; kept ones that nobody saw go after 30 days, with a refund."""
        kept = await self.kit.store.read(deliveries.videos_on_disk)
        room = int(self.kit.settings.videos_max_gb * 1_000_000_000)
        total = sum(each.video.size for each in kept)
        for each in kept:
            too_old = by_age and now - each.ended_at > self._keep_ms(each)
            too_much = total > room and not _waits_for_its_member(each)
            if too_old or too_much:
                await self._drop(each, now)
                total -= each.video.size

    def _keep_ms(self, each: KeptVideo) -> int:
        if _waits_for_its_member(each):
            return UNSEEN_KEPT_MS
        return self.kit.settings.keep_videos_days * 86_400_000

    async def _drop(self, each: KeptVideo, now: int) -> None:
        waiting = _waits_for_its_member(each)

        def write(tx: Tx) -> bool:
            if waiting != deliveries.waits(tx, each.job_id):
                return False  # fetched meanwhile: it has its days again
            deliveries.removed(tx, each.job_id, now)
            job = jobs.get(tx, each.job_id)
            if waiting and job:
                jobs.refund(tx, job, now, "never seen")
            jobs.add_event(tx, each.job_id, now, "video deleted")
            return True

        if not await self.kit.store.write(write):
            return
        for name in filter(None, (each.video.file, each.video.thumbnail)):
            self.kit.video_path(name).unlink(missing_ok=True)

    async def _sweep_files(self, now: int) -> None:
        """Files that no row names: what a crash left behind, once it is old enough not to be work in progress."""
        named = await self.kit.store.read(deliveries.video_files)
        pictures = await self.kit.store.read(drafts.picture_names)
        for folder, owned in (
            (self.kit.settings.videos_dir, named),
            (self.kit.settings.pictures_dir, pictures),
        ):
            for file in _files(folder):
                if file.name not in owned and _age(file, now) > 86_400:
                    file.unlink(missing_ok=True)

    async def nightly_backup(self) -> None:
        now = datetime.fromtimestamp(self.kit.clock.now() / 1000, UTC)
        folder = self.kit.settings.backups_dir
        target = folder / f"nightly-{now:%Y-%m-%d}.db"
        if now.hour < BACKUP_HOUR_UTC or target.exists():
            return
        try:
            # jobs need the room more than a backup does
            if self._free() - self.kit.store.path.stat().st_size < self.low_water:
                raise StartError(say("notice.backup_room", mb=self._free() // 1_000_000))
            size = await asyncio.to_thread(backup.backup, self.kit.store.path, target)
        except (StartError, OSError) as error:
            await self.kit.notice("backup", say("notice.backup", text=str(error)), pause_ms=86_400_000)
            return
        log.info("backed up to %s (%d bytes)", target, size)
        for old in sorted(folder.glob("nightly-*.db"))[:-BACKUPS_KEPT]:
            old.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()] if folder.exists() else []


def _waits_for_its_member(each: KeptVideo) -> bool:
    return each.kept and not each.seen


def _drop_old_rows(tx: Tx, now: int) -> None:
    drafts.drop_old(tx, now - DRAFTS_KEPT_MS)
    drafts.drop_old_pictures(tx, now - PICTURES_KEPT_MS)
    inbox.drop_old(tx, now)
    memory.drop_old(tx, now)
    forgotten.drop_old(tx, limits.day_start(now))
    told.drop_old(tx, now)


def _age(file: Path, now: int) -> float:
    """Seconds since it was written; 0 for one that a step has just taken away."""
    try:
        return now / 1000 - file.stat().st_mtime
    except FileNotFoundError:
        return 0
