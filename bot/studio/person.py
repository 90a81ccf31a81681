"""A member's own choices, their rights, and what of theirs is kept and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain import Job, JobState, UserRef, Video
from bot.engine import keeper
from bot.errors import UserError
from bot.money import limits
from bot.store import Tx, backup, deliveries, inbox, jobs, memory, notices, people, tally
from bot.studio.base import Base

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many days what is kept; `waiting` are videos that no chat would take, `backups` those of the database."""

    videos: int
    waiting: int
    pictures: int
    quotes: int
    backups: int


def remove_video(tx: Tx, job: Job, now: int, by: str) -> list[Video]:
    """Write down that a job's video is deleted; returns what to delete. Raises UserError before its end."""
    if job.state is not JobState.DELIVERED:
        raise UserError("office.not_removable", job=job.id)
    if not job.removed:
        deliveries.removed(tx, job.id, now)
        jobs.add_event(tx, job.id, now, "video deleted", by=by)
    found = [job.outcome if isinstance(job.outcome, Video) else None, deliveries.gift_of(tx, job.id)]
    return [video for video in found if video]


def delete_files(folder: Path, videos: Iterable[Video]) -> None:
    for video in videos:
        for name in filter(None, (video.file, video.thumbnail)):
            (folder / name).unlink(missing_ok=True)


class Person(Base):
    """Preferences and erasure."""

    async def is_operator_now(self, who: UserRef) -> bool:
        """Whether this is an operator, be it by the settings or by a claim."""
        return await self._store.read(lambda tx: self.is_operator(who, people.find_user(tx, who)))

    @property
    def keeping(self) -> Keeping:
        return Keeping(
            videos=self.settings.keep_videos_days,
            waiting=keeper.UNSEEN_KEPT_MS // _DAY_MS,
            pictures=keeper.PICTURES_KEPT_MS // _DAY_MS,
            quotes=keeper.DRAFTS_KEPT_MS // _DAY_MS,
            backups=keeper.BACKUPS_KEPT,
        )

    async def remove(self, who: UserRef, job_id: str) -> None:
        """Delete the video of a job of this user's from our disk; the money stays as it is. Raises UserError."""
        job = await self.job(who, job_id)
        now = self._clock.now()
        delete_files(
            self.settings.videos_dir,
            await self._store.write(lambda tx: remove_video(tx, job, now, "its asker")),
        )

    async def preferences(self, who: UserRef) -> Mapping[str, Any]:
        user = await self._store.read(lambda tx: people.find_user(tx, who))
        return user.settings if user else {}

    async def prefer(self, who: UserRef, **choices: Any) -> Mapping[str, Any]:
        """Remember choices for this user; None forgets one."""
        now = self._clock.now()

        def save(tx: Tx) -> Mapping[str, Any]:
            user = people.ensure_user(tx, who, now)
            merged = {
                name: value for name, value in {**user.settings, **choices}.items() if value is not None
            }
            people.save_settings(tx, user.id, merged)
            return merged

        return await self._store.write(save)

    async def forget(self, who: UserRef) -> None:
        """Erase this person; transfers stay, nameless. Raises UserError while videos are in the making."""
        now = self._clock.now()
        today = limits.day_start(now)

        def erase(tx: Tx) -> people.Forgotten:
            user = people.find_user(tx, who)
            if user is None:
                raise UserError("forget.unknown")
            if tally.open_of(tx, user.id):
                raise UserError("forget.open_jobs", n=tally.open_of(tx, user.id))
            inbox.forget(tx, who, now)
            memory.forget(tx, who)
            notices.forget(tx, user.id)
            limited = self.settings.user_daily_credits is not None
            spent = tally.spent_since(tx, user.id, today) if limited else 0
            return people.forget(tx, user.id, now, day=today, spent=spent)

        forgotten = await self._store.write(erase)
        delete_files(self.settings.videos_dir, forgotten.videos)
        for sha256 in forgotten.pictures:
            (self.settings.pictures_dir / sha256).unlink(missing_ok=True)
        await asyncio.to_thread(backup.empty_log, self._store.path)
