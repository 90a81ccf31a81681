"""A member's own choices, and being forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bot.domain import UserRef
from bot.errors import UserError
from bot.store import Tx, backup, people, tally
from bot.studio.base import Base


class Person(Base):
    """Preferences and erasure."""

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

        def erase(tx: Tx) -> people.Forgotten:
            user = people.find_user(tx, who)
            if user is None:
                raise UserError("forget.unknown")
            if tally.open_of(tx, user.id):
                raise UserError("forget.open_jobs", n=tally.open_of(tx, user.id))
            return people.forget(tx, user.id, now)

        forgotten = await self._store.write(erase)
        for video in forgotten.videos:
            for name in filter(None, (video.file, video.thumbnail)):
                (self.settings.videos_dir / name).unlink(missing_ok=True)
        for sha256 in forgotten.pictures:
            (self.settings.pictures_dir / sha256).unlink(missing_ok=True)
        await asyncio.to_thread(backup.empty_log, self._store.path)
