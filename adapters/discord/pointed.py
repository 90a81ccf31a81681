"""Pictures that somebody pointed at, fetched while they say what should happen: Discord's links die with the message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from adapters.discord.pictures import Pictures, Upload
from adapters.discord.questions import QUESTION_LIVES_SECONDS
from bot.domain import Picture
from bot.errors import RetryLater, UserError
from bot.ports import Memory
from bot.talk import Asker, Talk
from bot.talk.choosing import pictures_data, pictures_of

log = logging.getLogger(__name__)

WAIT_SECONDS = 15.0  # for a picture that is still on its way when its form is handed in


def _note(form_id: str) -> str:
    return f"discord:pointed:{form_id}"


class Pointed:
    """By the id of the form that is about them; over Memory, so that a form is understood after a restart."""

    def __init__(self, talk: Talk, memory: Memory, pictures: Pictures) -> None:
        self._talk = talk
        self._memory = memory
        self._pictures = pictures
        self._coming: dict[str, asyncio.Event] = {}

    async def fetch(
        self,
        form_id: str,
        shown: Awaitable[bool],
        who: Callable[[], Awaitable[Asker]],
        uploads: Sequence[Upload],
    ) -> None:
        """As soon as the form is `shown`. Raises what showing it raises; of the pictures, whoever hands it in is told."""
        self._coming[form_id] = asyncio.Event()
        try:
            if await shown:
                asker = await who()
                kept = await self._fetched(asker, uploads)
                await self._memory.put(_note(form_id), kept, seconds=QUESTION_LIVES_SECONDS, owner=asker.who)
        except RetryLater as error:
            log.info("the pictures of a form could not be kept: %s", error)
        finally:
            self._coming.pop(form_id).set()

    async def _fetched(self, asker: Asker, uploads: Sequence[Upload]) -> dict[str, Any]:
        try:
            await self._talk.admit(asker)
            taken = await self._pictures.take(asker, uploads)
        except UserError as problem:
            values = {name: str(value) for name, value in problem.values.items()}
            return {"problem": problem.key, "values": values}
        return {"pictures": pictures_data(taken)}

    async def taken(self, form_id: str) -> tuple[Picture, ...]:
        """Those of a form that was handed in, once. Raises UserError where they could not be had, or when their asker was
        not admitted."""
        coming = self._coming.get(form_id)
        if coming:
            with suppress(TimeoutError):
                await asyncio.wait_for(coming.wait(), WAIT_SECONDS)
        found = await self._memory.get(_note(form_id))
        if found is None:
            raise UserError("discord.picture_slow" if form_id in self._coming else "discord.form_gone")
        await self._memory.drop(_note(form_id))
        if "problem" in found:
            raise UserError(found["problem"], **found["values"])
        return pictures_of(found["pictures"])
