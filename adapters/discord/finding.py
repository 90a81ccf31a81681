"""After a crash or a lost answer: what an attempt left in the chat, known by the buttons that name the job."""

from __future__ import annotations

from contextlib import suppress

import discord

from adapters.discord.errors import Gone, TokenDead
from adapters.discord.routes import DM, NONCE_SECONDS, TOKEN, Notes, address_of, carries, has_one_nonce
from adapters.discord.sending import Json, Rest
from bot.errors import DeliveryUnknown, RouteClosed
from bot.ports import Clock, Delivery

CLOCKS_APART_MS = 120_000  # Discord's ids tell its time, our notes tell ours
PAGE, PAGES_MOST = 100, 10


class Finder:
    """Reads only."""

    def __init__(self, rest: Rest, notes: Notes, clock: Clock) -> None:
        self._rest = rest
        self._notes = notes
        self._clock = clock

    async def look(self, delivery: Delivery, at: int) -> str | None:
        """The id of the message that was sent around `at` (Unix ms); None when there is none, or when sending once more
        can do no harm. Raises DeliveryUnknown where looking tells nothing, RetryLater."""
        try:
            if delivery.route == TOKEN:
                return await self._card(delivery)
            return await self._message(delivery, at)
        except RouteClosed as error:
            if self._may_repeat(delivery, at):
                return None
            raise DeliveryUnknown(f"there is no way to look: {error}") from None

    async def _card(self, delivery: Delivery) -> str | None:
        """By the token, else as the bot itself, where it can see that message."""
        job, address = delivery.job, address_of(delivery.job)
        ticket, card = await self._notes.ticket(job), await self._notes.card(job)
        found: Json | None = None
        try:
            if ticket:
                with suppress(TokenDead):
                    found = await self._rest.get_by_token(ticket)
            if found is None and card and address.member and not card.hidden:
                found = await self._rest.get(card.channel, card.message)
        except Gone:
            return None
        if found is None:
            raise DeliveryUnknown("only its token reaches that message, and it is dead")
        return str(found["id"]) if carries(found, delivery) else None

    async def _message(self, delivery: Delivery, at: int) -> str | None:
        channel = address_of(delivery.job).channel
        if delivery.route == DM:
            channel = await self._rest.dm(int(delivery.job.user.external_id))
        since = at - CLOCKS_APART_MS
        for _ in range(PAGES_MOST):
            page = await self._rest.messages_since(channel, since, PAGE)
            found = next((each for each in page if carries(each, delivery)), None)
            if found:
                return str(found["id"])
            if len(page) < PAGE:
                break
            newest = max(int(each["id"]) for each in page)
            since = (newest >> 22) + discord.utils.DISCORD_EPOCH
        if self._may_repeat(delivery, at) or await self._rest.can_read(channel):
            return None
        raise DeliveryUnknown("the past of the channel is closed to us")

    def _may_repeat(self, delivery: Delivery, at: int) -> bool:
        """Whether Discord still knows the nonce, and would answer a second message with the first."""
        known = has_one_nonce(delivery) and delivery.route != TOKEN
        return known and self._clock.now() - at < NONCE_SECONDS * 1000
