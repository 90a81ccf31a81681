"""Looking after itself: gates, checks, balance, disk, retention and the nightly backup, each at its own pace."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from bot.engine.gate import remedy
from bot.engine.kit import Kit
from bot.engine.submit import gate_opened
from bot.errors import KiebotError, ProviderError, RetryLater, StartError
from bot.store import Tx, backup, checks, deliveries, drafts, inbox, jobs, memory, provider, tally
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

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.tick()
            await self.kit.clock.sleep(5)

    async def tick(self) -> None:
        duties: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
            ("gates", 15, self.try_gates),
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
        """After 402 a balance that covers the next job reopens the gate; other gates stand ajar by their own clock."""
        now = self.kit.clock.now()
        closed = await self.kit.store.read(provider.gates)
        for gate in closed:
            if gate.code != 402 or now < gate.retry_at:
                continue
            have = await self.kit.provider.balance()
            need = await self.kit.store.read(tally.next_forecast)
            if have > 0 and have >= need:
                await self.kit.store.write(partial(provider.open_gate, account=gate.account))
                await gate_opened(self.kit)
            else:
                retry_at = self.kit.due_in(remedy(402).pause(gate.tries + 1))
                await self.kit.store.write(
                    partial(provider.gate_later, account=gate.account, retry_at=retry_at)
                )

    async def check(self) -> None:
        """The ledger's rules; a broken one is loud."""
        self.broken = await self.kit.store.read(checks.broken)
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
        free = shutil.disk_usage(self.kit.settings.data_dir).free
        if free < self.low_water:
            await self.kit.notice("disk", say("notice.disk", mb=free // 1_000_000))

    # --- retention -----------------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        now = self.kit.clock.now()

        def write(tx: Tx) -> None:
            drafts.drop_old(tx, now - DRAFTS_KEPT_MS)
            drafts.drop_old_pictures(tx, now - PICTURES_KEPT_MS)
            inbox.drop_old(tx, now)
            memory.drop_old(tx, now)

        await self.kit.store.write(write)
        await self._drop_videos(now)
        await self._sweep_files()

    async def _drop_videos(self, now: int) -> None:
        """Oldest delivered first; kept ones that nobody saw go after 30 days, with a refund."""
        kept = await self.kit.store.read(deliveries.videos_on_disk)
        room = int(self.kit.settings.videos_max_gb * 1_000_000_000)
        total = sum(each.video.size for each in kept)
        for each in kept:
            too_old = now - each.ended_at > self._keep_ms(each)
            too_much = total > room and not (each.kept and not each.seen)
            if too_old or too_much:
                await self._drop(each, now)
                total -= each.video.size

    def _keep_ms(self, each: KeptVideo) -> int:
        return (
            UNSEEN_KEPT_MS if each.kept and not each.seen else self.kit.settings.keep_videos_days * 86_400_000
        )

    async def _drop(self, each: KeptVideo, now: int) -> None:
        def write(tx: Tx) -> None:
            deliveries.removed(tx, each.job_id, now)
            job = jobs.get(tx, each.job_id)
            if each.kept and not each.seen and job:
                jobs.refund(tx, job, now, "never seen")
            jobs.add_event(tx, each.job_id, now, "video deleted")

        await self.kit.store.write(write)
        for name in filter(None, (each.video.file, each.video.thumbnail)):
            self.kit.video_path(name).unlink(missing_ok=True)

    async def _sweep_files(self) -> None:
        """Files that no row names: what a crash left behind, once it is old enough not to be work in progress."""
        named = await self.kit.store.read(deliveries.video_files)
        pictures = await self.kit.store.read(drafts.picture_names)
        for folder, owned in (
            (self.kit.settings.videos_dir, named),
            (self.kit.settings.pictures_dir, pictures),
        ):
            for file in _files(folder):
                if file.name not in owned and self._age(file) > 86_400:
                    file.unlink(missing_ok=True)

    def _age(self, file: Path) -> float:
        """Seconds since it was written; 0 for one that a step has just taken away."""
        try:
            return self.kit.clock.now() / 1000 - file.stat().st_mtime
        except FileNotFoundError:
            return 0

    async def nightly_backup(self) -> None:
        now = datetime.fromtimestamp(self.kit.clock.now() / 1000, UTC)
        folder = self.kit.settings.backups_dir
        target = folder / f"nightly-{now:%Y-%m-%d}.db"
        if now.hour < BACKUP_HOUR_UTC or target.exists():
            return
        try:
            size = await asyncio.to_thread(backup.backup, self.kit.store.path, target)
        except (StartError, OSError) as error:
            await self.kit.notice("backup", say("notice.backup", text=str(error)))
            return
        log.info("backed up to %s (%d bytes)", target, size)
        for old in sorted(folder.glob("nightly-*.db"))[:-BACKUPS_KEPT]:
            old.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()] if folder.exists() else []
