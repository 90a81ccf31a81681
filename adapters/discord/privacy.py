"""Whether what somebody asks for is for their eyes only, when the command does not say: known before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging

from adapters.discord.address import Place, user_ref
from adapters.discord.asking import Interaction, place_of
from bot.domain import UserRef
from bot.errors import RetryLater
from bot.studio import Studio

log = logging.getLogger(__name__)

# Discord waits 3 s for the acknowledgement, which fixes who sees the answer.
WAIT_SECONDS = 1.0
REMEMBERED = 10_000


class Privacy:
    """Remembered from one command to the next, so that a busy database keeps nobody waiting. What cannot be known in
    time is kept private."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._known: dict[UserRef, bool] = {}
        self._changes = 0

    async def of(self, who: UserRef) -> bool:
        if who not in self._known:
            changes = self._changes
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    wanted = bool((await self._studio.preferences(who)).get("private"))
            except (RetryLater, TimeoutError):
                log.info("what %s prefers could not be read in time; their answer is private", who)
                return True
            if changes != self._changes:
                return wanted  # which may be what it was before
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[who] = wanted
        return self._known[who]

    async def hides(self, interaction: Interaction, wished: bool | None = None) -> bool:
        """Whether what comes of it is for the asker only; `wished`: what the command itself says."""
        if place_of(interaction) is Place.BOT_DM:
            return False
        return await self.of(user_ref(interaction.user.id)) if wished is None else wished

    def changed(self, who: UserRef) -> None:
        """Their settings may be others now."""
        self._changes += 1
        self._known.pop(who, None)
