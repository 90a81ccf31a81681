"""Looking after itself: retention, backups, sweeping, and telling the operator once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from support.clock import FakeClock
from support.crashing import InlineStore
from support.files import exists, names, put
from support.house import ADA, BOB, FakeProvider, House, open_house

from bot.domain import Job, JobState, UserRef, Video
from bot.engine.keeper import Keeper
from bot.errors import RetryLater, RouteClosed
from bot.store import Tx, checks, deliveries, drafts

TOM = UserRef("telegram", "77")
DAY = 86_400.0
T = TypeVar("T")


def told(house: House) -> list[str]:
    return [text for _, text in house.chat.told]


async def a_video(house: House, who: UserRef = ADA, size: int | None = None) -> Job:
    job = await house.order(who)
    (done,) = await house.end(job.id)
    if size:
        sized = f"UPDATE jobs SET video = json_set(video, '$.size', {size}) WHERE id = '{job.id}'"
        await house.store.write(partial(Tx.run, sql=sized))
    return done


async def kept_unseen(house: House) -> Job:
    house.chat.faults = [RouteClosed("gone")]
    return await a_video(house)


def on_disk(house: House) -> set[str]:
    return {name.split(".")[0] for name in names(house.settings.videos_dir)}


# --- retention -------------------------------------------------------------------------------------------------------


async def test_videos_go_after_their_days_and_the_money_stays(tmp_path: Path) -> None:
    async with open_house(tmp_path, keep_videos_days=14) as house:
        old = await a_video(house)
        house.clock.advance(10 * DAY)
        young = await a_video(house)
        house.clock.advance(5 * DAY)
        await house.keeper.tidy()
        assert on_disk(house) == {young.id}
        gone = await house.job(old.id)
        assert gone.removed
        assert not gone.refunded
        assert await house.studio.video(gone) is None
        assert await house.available() == 1000 - 2 * old.price
        await house.verify()


async def test_when_there_are_too_many_the_oldest_delivered_go_first(tmp_path: Path) -> None:
    async with open_house(tmp_path, videos_max_gb=Decimal("0.001")) as house:
        waiting = await kept_unseen(house)
        jobs = [await a_video(house, size=400_000) for _ in range(4)]
        await house.keeper.tidy()
        assert on_disk(house) == {waiting.id, jobs[2].id, jobs[3].id}


async def test_what_nobody_ever_saw_is_kept_thirty_days_and_then_refunded(tmp_path: Path) -> None:
    async with open_house(tmp_path, keep_videos_days=14) as house:
        unseen, seen = await kept_unseen(house), await kept_unseen(house)
        await house.studio.seen(seen.id)
        house.clock.advance(29 * DAY)
        await house.keeper.tidy()
        assert on_disk(house) == {unseen.id}
        house.clock.advance(2 * DAY)
        await house.keeper.tidy()
        await house.keeper.tidy()
        assert on_disk(house) == set()
        assert (await house.job(unseen.id)).refunded
        assert not (await house.job(seen.id)).refunded
        assert await house.available() == 1000 - seen.price
        await house.verify()


async def test_a_video_of_which_only_a_line_in_public_told_waits_for_its_member_like_a_kept_one(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, keep_videos_days=14, videos_max_gb=Decimal("0.0001")) as house:
        house.chat.ways = ("notice",)
        unseen, seen = await a_video(house, size=400_000), await a_video(house, BOB)
        assert [job.id for job in await house.studio.kept(ADA)] == [unseen.id]
        await house.studio.seen(seen.id)
        house.clock.advance(29 * DAY)
        await house.keeper.tidy()
        assert on_disk(house) == {unseen.id}
        house.clock.advance(2 * DAY)
        await house.keeper.tidy()
        assert on_disk(house) == set()
        assert (await house.job(unseen.id)).refunded
        assert not (await house.job(seen.id)).refunded
        await house.verify()


async def test_a_video_that_its_member_fetches_just_now_is_neither_deleted_nor_refunded(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        unseen = await kept_unseen(house)
        house.clock.advance(31 * DAY)
        (found,) = await house.store.read(deliveries.videos_on_disk)
        await house.studio.seen(unseen.id)
        await house.keeper._drop(found, house.clock.now())
        assert on_disk(house) == {unseen.id}
        job = await house.job(unseen.id)
        assert (job.removed, job.refunded) == (False, False)


async def test_a_gift_is_not_kept_for_ever_either(tmp_path: Path) -> None:
    async with open_house(tmp_path, keep_videos_days=14) as house:
        house.kie.takes = 7 * 3600
        job = await house.order()
        await house.end(job.id, every=300)
        await house.live(2 * 3600, every=300)
        assert names(house.settings.videos_dir) == [f"{job.id}.gift.mp4"]
        house.clock.advance(15 * DAY)
        await house.keeper.tidy()
        assert names(house.settings.videos_dir) == []
        assert await house.studio.video(await house.job(job.id)) is None
        await house.verify()


async def test_old_drafts_and_pictures_go_and_an_old_message_still_makes_no_second_job(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        picture = await house.studio.take_picture(ADA, b"a cat")
        quoted = await house.quote(key="m1")
        job = await house.studio.order(ADA, quoted.draft.id)
        await house.end(job.id)
        house.clock.advance(31 * DAY)
        await house.keeper.tidy()
        assert await house.store.read(lambda tx: drafts.get(tx, quoted.draft.id)) is None
        assert await house.value("SELECT COUNT(*) FROM pictures") == 0
        assert picture.sha256 not in await house.store.read(drafts.picture_names)
        again = await house.quote(key="m1")
        assert (await house.studio.order(ADA, again.draft.id)).id == job.id


async def test_files_that_no_row_names_are_swept_but_not_work_in_progress(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await a_video(house)
        picture = await house.studio.take_picture(ADA, b"a cat")
        videos, pictures = house.settings.videos_dir, house.settings.pictures_dir
        now = house.clock.now() / 1000
        old, fresh = now - 2 * DAY, now - 600
        put(videos / f"{job.id}.mp4", at=old)
        put(pictures / picture.sha256, at=old)
        put(videos / "CRASHED.mp4.part", at=old)
        put(videos / "CRASHED.fit.mp4", at=old)
        put(pictures / ("0" * 64), at=old)
        put(videos / "NOW.mp4.part", at=fresh)
        put(pictures / ("1" * 64), at=fresh)
        await house.keeper.tidy()
        assert names(videos) == sorted([f"{job.id}.mp4", "NOW.mp4.part"])
        assert names(pictures) == sorted([picture.sha256, "1" * 64])


# --- backups ---------------------------------------------------------------------------------------------------------


async def test_each_night_leaves_one_backup_and_seven_are_kept(tmp_path: Path) -> None:
    midnight = FakeClock().now() // 86_400_000 * 86_400_000
    async with open_house(tmp_path, FakeClock(midnight)) as house:
        await house.keeper.nightly_backup()
        assert names(house.settings.backups_dir) == []
        put(house.settings.backups_dir / "before-0002-20260101-000000.db")
        house.clock.advance(3 * 3600)
        for _ in range(10):
            for _ in range(3):
                await house.keeper.nightly_backup()
                house.clock.advance(3600)
            house.clock.advance(DAY - 3 * 3600)
        kept = names(house.settings.backups_dir)
        assert len(kept) == 8
        assert kept[0].startswith("before-")
        assert len(set(kept)) == 8


async def test_a_backup_that_fails_is_told_and_stops_nothing_else(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        put(house.settings.backups_dir, b"a file where the folder should be")
        house.clock.advance(DAY / 2)
        await house.keeper.tick()
        await house.keeper.nightly_backup()
        assert [text for text in told(house) if "nightly backup failed" in text] == told(house)
        assert len(told(house)) == 1


async def test_a_nightly_backup_takes_no_room_that_jobs_need(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        house.clock.advance(DAY / 2)
        database = house.store.path.stat().st_size
        house.keeper.kit = replace(
            house.keeper.kit, free_bytes=lambda _: house.keeper.low_water + database - 1
        )
        await house.keeper.nightly_backup()
        assert names(house.settings.backups_dir) == []
        assert "not enough beside what videos need" in told(house)[0]
        house.keeper.kit = replace(house.keeper.kit, free_bytes=lambda _: house.keeper.low_water + database)
        await house.keeper.nightly_backup()
        assert len(names(house.settings.backups_dir)) == 1


# --- watching --------------------------------------------------------------------------------------------------------


async def test_a_broken_rule_of_the_ledger_is_loud_and_stands_in_the_keepers_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await house.quote()
        await house.keeper.check()
        assert house.keeper.broken == {}
        await house.store.write(lambda tx: tx.run("UPDATE balances SET available = 5"))
        await house.keeper.check()
        await house.keeper.check()
        assert list(house.keeper.broken) == ["a balance equals the sum of its transfers"]
        assert len(told(house)) == 1
        assert any(record.levelno == logging.CRITICAL for record in caplog.records)


async def test_a_low_balance_is_told_once_a_day(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await house.keeper.ask_balance()
        assert told(house) == []
        house.kie.have = Decimal("12.5")
        for _ in range(30):
            await house.keeper.ask_balance()
            house.clock.advance(3600)
        assert len(told(house)) == 2
        assert "12.5 KIE credits" in told(house)[0]
        assert house.keeper.balance == Decimal("12.5")


async def test_a_nearly_full_disk_is_told(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        await house.keeper.check_disk()
        await Keeper(house.engine.kit, low_water=10**18).check_disk()
        assert len(told(house)) == 1
        assert "New orders are refused" in told(house)[0]


@dataclass
class Disk:
    """So many bytes were free with so many videos on it."""

    house: House
    free: int
    files: int = 0

    def __call__(self, folder: Path) -> int:
        return self.free + 1_000_000 * (self.files - len(names(self.house.settings.videos_dir)))


def with_disk(house: House, free: int) -> None:
    disk = Disk(house, free, len(names(house.settings.videos_dir)))
    house.engine.kit = house.keeper.kit = replace(house.engine.kit, free_bytes=disk)
    house.keeper.low_water = 201_000_000


async def test_when_the_disk_is_full_the_oldest_delivered_videos_make_room_and_running_jobs_end(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        unseen = await kept_unseen(house)
        old = [await a_video(house, size=1_000_000) for _ in range(4)]
        running = await house.order()
        await house.step()
        with_disk(house, 199_000_000)
        await house.live(120, every=20)
        assert await house.states(running.id) == [JobState.RUNNING]
        begun = house.clock.now()
        for _ in range(30):
            await house.keeper.tick()
            await house.live(20, every=20)
        done = await house.job(running.id)
        assert isinstance(done.outcome, Video)
        assert (done.settled_at or 0) - begun < 600_000
        assert on_disk(house) == {unseen.id, old[3].id, running.id}, "two for its room, one for its own"
        assert not (await house.job(unseen.id)).removed
        assert any("oldest delivered videos were deleted (2)" in text for text in told(house))


async def test_with_nothing_to_delete_a_full_disk_is_told_and_what_waits_for_its_member_stays(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        house.adapters["telegram"] = house.chat
        unseen = await kept_unseen(house)
        with_disk(house, 1)
        await house.keeper.check_disk()
        assert on_disk(house) == {unseen.id}
        assert "New orders are refused" in told(house)[-1]


async def test_a_duty_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:

        class Mute(FakeProvider):
            async def balance(self) -> Decimal:
                raise RetryLater("KIE is away")

        house.use(Mute(house.clock))
        put(house.settings.videos_dir, b"a file where the folder should be")
        house.clock.advance(DAY / 2)
        await house.keeper.tick()
        assert len(names(house.settings.backups_dir)) == 1


class CountingStore(InlineStore):
    """Counts how often the ledger is looked through."""

    checked = 0

    async def read_long(self, fn: Callable[[Tx], T]) -> T:
        self.checked += fn is checks.broken
        return await super().read_long(fn)


async def test_the_ledger_is_checked_at_the_start_and_every_ten_minutes(tmp_path: Path) -> None:
    async with open_house(tmp_path, store_class=CountingStore) as house:
        store = house.store
        assert isinstance(store, CountingStore)
        await house.keeper.tick()
        assert store.checked == 1
        for _ in range(int(DAY / 5)):
            house.clock.advance(5)
            await house.keeper.tick()
        assert store.checked == 1 + 144


async def test_the_keeper_does_each_duty_at_its_own_pace(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(TOM,)) as house:
        running = asyncio.create_task(house.keeper.run())
        start = house.clock.monotonic()
        while house.clock.monotonic() - start < DAY:  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert 1 <= len(names(house.settings.backups_dir)) <= 2
        assert exists(house.store.path)
        await house.order(BOB)
