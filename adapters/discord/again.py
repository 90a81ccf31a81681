"""A video that its asker wants once more, or at last: brought to where they just pressed or wrote."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from adapters.discord import posts
from adapters.discord.address import Address, Place, Ticket
from adapters.discord.errors import Oversize, Refused, UploadsLimited
from adapters.discord.limits import Limits
from adapters.discord.routes import is_private
from adapters.discord.sending import Post, Rest
from bot import wording
from bot.domain import Failure, Job, Video, new_id
from bot.errors import DeliveryUnknown, KiebotError, RetryLater, TooLarge, UserError
from bot.ports import Clock, Delivery
from bot.studio import Studio
from bot.talk import Talk

log = logging.getLogger(__name__)

Fit = Callable[[Path, Path, int], Awaitable[Video]]
Send = Callable[[Delivery], Awaitable[object]]


class Again:
    """`fit` is `ports.Media.fit`; without it, what is too large becomes a link."""

    def __init__(
        self, rest: Rest, limits: Limits, *, talk: Talk, studio: Studio, clock: Clock, fit: Fit | None
    ) -> None:
        self._rest = rest
        self._limits = limits
        self._talk = talk
        self._studio = studio
        self._clock = clock
        self._fit = fit

    async def bring(self, job: Job, address: Address) -> None:
        """What is private to the asker's eyes only. Raises UserError when it is no longer kept, fits nowhere, or when
        there is no way; RetryLater."""
        delivery = await self._delivery(job, address)
        try:
            if address.ticket and address.ticket.lives(self._clock.now()):
                with suppress(Refused):
                    await self._by_token(delivery, address, address.ticket)
                    return
            if address.member and not is_private(delivery.job):
                with suppress(Refused):
                    await self._into(delivery, address, address.channel)
                    return
            if address.place is not Place.BOT_DM:
                with suppress(Refused):
                    await self._into(delivery, None, await self._rest.dm(address.user))
                    return
        except DeliveryUnknown as error:
            raise RetryLater(f"nobody knows whether it came: {error}") from None
        raise UserError("discord.no_whisper")

    async def _delivery(self, job: Job, address: Address) -> Delivery:
        video = await self._studio.video(job)
        if video is None:
            raise UserError("chat.removed")
        folder = self._studio.settings.videos_dir
        return Delivery(
            replace(job, chat=address.chat(job.chat.private or address.hidden)),
            "",
            0,
            file=folder / video.file,
            thumbnail=folder / video.thumbnail if video.thumbnail else None,
            video=video,
            link=self._studio.link(job),
            gift=isinstance(job.outcome, Failure),
        )

    # --- ways ----------------------------------------------------------------------------------------------------

    async def _by_token(self, delivery: Delivery, address: Address, ticket: Ticket) -> None:
        """A word first, which becomes the video: a follow-up must not be repeated, an edit may be."""
        language = await self._talk.language(delivery.job.user)
        hidden = is_private(delivery.job)
        in_sight = not hidden and address.place is not Place.BOT_DM
        message = await self._rest.add_by_token(ticket, replace(posts.waiting(language), hidden=hidden))

        async def send(shaped: Delivery) -> None:
            post = posts.end(self._talk, shaped, language, in_sight=in_sight)
            await self._rest.edit_by_token(ticket, post, message)

        async def refused(size: int) -> int:
            return await self._limits.refused(size, by_token=True, address=address)

        try:
            await self._fitted(delivery, await self._limits.by_token(ticket, address), send, refused)
        except KiebotError:
            with suppress(KiebotError):
                await self._rest.delete_by_token(ticket, message)
            raise

    async def _into(self, delivery: Delivery, address: Address | None, channel: int) -> None:
        """`address` None: into direct messages."""
        language = await self._talk.language(delivery.job.user)
        in_sight = address is not None and address.place is Place.SERVER
        nonce = new_id()

        async def send(shaped: Delivery) -> None:
            reply_to = address.message if address else None
            post: Post = posts.end(self._talk, shaped, language, in_sight=in_sight, reply_to=reply_to)
            await self._rest.send(channel, replace(post, nonce=nonce))

        async def refused(size: int) -> int:
            return await self._limits.refused(size, by_token=False, address=address)

        limit = await (self._limits.in_channel(address) if address else self._limits.in_dm())
        await self._fitted(delivery, limit, send, refused)

    # --- sizes ---------------------------------------------------------------------------------------------------

    async def _fitted(
        self, delivery: Delivery, limit: int, send: Send, refused: Callable[[int], Awaitable[int]]
    ) -> None:
        """As it is, else smaller, else as a link (product.md, P8)."""
        while True:
            shaped = await self._shaped(delivery, limit)
            try:
                await send(shaped)
                return
            except Oversize:
                limit = await refused(_size(shaped))
            except UploadsLimited:
                if delivery.link is None:
                    raise
                await send(replace(delivery, file=None))
                return
            finally:
                if shaped.fitted and shaped.file:
                    shaped.file.unlink(missing_ok=True)

    async def _shaped(self, delivery: Delivery, limit: int) -> Delivery:
        if delivery.file is None or _size(delivery) <= limit:
            return delivery
        if self._fit:
            target = delivery.file.with_suffix(f".{new_id(6)}.again.mp4")
            try:
                video = await self._fit(delivery.file, target, limit)
                return replace(delivery, file=target, video=video, fitted=True)
            except TooLarge:
                target.unlink(missing_ok=True)
                log.info("job %s cannot be fitted to %d bytes", delivery.job.id, limit)
        if delivery.link is None:
            size = wording.file_size(_size(delivery))
            raise UserError("delivery.too_large", size=size, job=delivery.job.id)
        return replace(delivery, file=None)


def _size(delivery: Delivery) -> int:
    return delivery.file.stat().st_size if delivery.file else 0
