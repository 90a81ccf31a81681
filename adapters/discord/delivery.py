"""Bringing a job's end into Discord: which way, what when a way is shut, and what is known of each attempt."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import discord

from adapters.discord import posts, render
from adapters.discord.address import PLATFORM, Address, Place, Ticket
from adapters.discord.again import Again, Fit
from adapters.discord.errors import Blocked, Gone, NoRights, Oversize, Refused, TokenDead, UploadsLimited
from adapters.discord.finding import Finder
from adapters.discord.limits import Limits
from adapters.discord.routes import (
    CHANNEL,
    DM,
    TOKEN,
    Notes,
    address_of,
    in_sight,
    is_private,
    nonce,
    routes,
)
from adapters.discord.sending import Post, Rest
from adapters.discord.showing import Board
from bot.domain import KEPT, NOTICE, Button, Failure, FailureKind, Job, JobState, Progress, Video, new_id
from bot.errors import DeliveryUnknown, KiebotError, RetryLater, TooLarge
from bot.ports import Clock, Delivery, Memory
from bot.studio import Studio
from bot.talk import Screen, Talk

log = logging.getLogger(__name__)

MEMBER_SECONDS = 60.0  # between a press and its Confirm nobody need be asked twice

Send = Callable[[Post], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Way:
    """How an end is sent, how large its file may be in bytes, who reads it, and why it does not come where it was asked
    (a key)."""

    send: Send
    limit: int
    in_sight: bool
    reply_to: int | None = None
    mention: int | None = None
    away: str = ""


class Delivering:
    """`ports.ChatAdapter`. `fit` is `ports.Media.fit`, for what is sent again and is too large there."""

    platform = PLATFORM

    def __init__(
        self,
        client: discord.Client,
        *,
        talk: Talk,
        studio: Studio,
        memory: Memory,
        clock: Clock,
        fit: Fit | None = None,
    ) -> None:
        self._talk = talk
        self._clock = clock
        self._members: dict[tuple[str, str], float] = {}
        self._rest = Rest(client, clock)
        self._limits = Limits(client, memory)
        self._notes = Notes(memory, clock)
        self._board = Board(self._rest, self._notes, clock)
        self._finder = Finder(self._rest, self._notes, clock)
        self._again = Again(self._rest, self._limits, talk=talk, studio=studio, clock=clock, fit=fit)

    # --- what the engine asks ------------------------------------------------------------------------------------

    def routes(self, job: Job) -> Sequence[str]:
        return routes(job)

    async def show(self, job: Job, progress: Progress) -> None:
        if not (job.delivered_to == KEPT or self._board.is_due(job)):
            return
        address = address_of(job)
        try:
            language = await self._talk.language(job.user)
            screen = self.status(job, progress, language)
            if job.delivered_to == KEPT:
                await self._board.point(job, address, screen)
            else:
                await self._board.show(job, address, screen)
        except KiebotError as error:
            log.info("the status of job %s is not shown: %s", job.id, error)

    async def deliver(self, delivery: Delivery) -> str:
        await self._board.close(delivery.job)
        try:
            sent = await self._bring(delivery)
        except (Blocked, Gone, NoRights) as refused:
            if delivery.route == CHANNEL:
                await self._notes.turned_away(delivery.job, _why_away(refused))
            raise
        await self._arrived(delivery, sent)
        return sent

    async def find(self, delivery: Delivery) -> str | None:
        """By our note of the answer; without one, by looking into the chat."""
        note = await self._notes.sent(delivery)
        if note is None:
            return None
        sent: str | None = note["message"] or await self._finder.look(delivery, note["at"])
        if sent:
            await self._arrived(delivery, sent)
        return sent

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        try:
            channel = await self._rest.dm(int(external_id))
            await self._rest.send(channel, Post(render.plain(text, buttons), nonce=new_id()))
        except DeliveryUnknown:
            return True
        except KiebotError as error:
            log.info("discord:%s cannot be told: %s", external_id, error)
            return False
        return True

    # --- what the handlers ask -----------------------------------------------------------------------------------

    def status(self, job: Job, progress: Progress, language: str) -> Screen:
        """What its card says. Where the bot cannot write by itself, with a button that lets it."""
        screen = self._talk.status(job, progress, language)
        if address_of(job).needs_press and job.delivered_to is None:
            screen = render.with_get(screen, job.id, language)
        return render.for_one(screen, language) if is_private(job) else screen

    @asynccontextmanager
    async def pressed(self, job: Job, screen: Screen, language: str) -> AsyncIterator[Screen | None]:
        """While the answer to Confirm writes its card: what that is to say instead of `screen`, if the job has ended
        meanwhile; None where its end stands in the card itself."""
        async with self._board.pressed(job, screen) as now:
            ended = job.state is JobState.DELIVERED and job.delivered_to != KEPT
            yield self._ended(job, language) if ended else now

    def _ended(self, job: Job, language: str) -> Screen | None:
        if job.delivered_to == TOKEN:
            return None
        video = job.outcome if isinstance(job.outcome, Video) else None
        link = _link(job, job.message_id) if job.delivered_to == CHANNEL and job.message_id else ""
        return posts.pointer(Delivery(job, "", 0, video=video), link, language)

    async def point(self, job: Job, language: str) -> None:
        """The card of an ended job can be written to again: it says where the end stands. Never raises KiebotError."""
        screen = self._ended(job, language)
        try:
            if screen and await self._board.point(job, address_of(job), screen):
                await self._notes.over(job)
        except KiebotError as error:
            log.info("the card of job %s still points nowhere: %s", job.id, error)

    async def send_again(self, job: Job, address: Address) -> None:
        """The job's video to where its asker just pressed or wrote; what is private to their eyes only.

        Raises UserError when it is no longer kept, fits nowhere, or when there is no way; RetryLater.
        """
        await self._again.bring(job, address)

    async def is_member(self, external_id: str, server: str) -> bool:
        """Whether this person is in that server now, or was a moment ago. Raises RetryLater."""
        key, now = (external_id, server), self._clock.monotonic()
        self._members = {each: until for each, until in self._members.items() if until > now}
        if key not in self._members:
            if not await self._rest.is_member(int(server), int(external_id)):
                return False
            self._members[key] = now + MEMBER_SECONDS
        return True

    # --- one attempt ---------------------------------------------------------------------------------------------

    async def _bring(self, delivery: Delivery) -> str:
        """Returns the message's id. Raises TooLarge before a byte of the file is sent, RouteClosed, RetryLater,
        DeliveryUnknown."""
        address, language = address_of(delivery.job), await self._talk.language(delivery.job.user)
        if delivery.route == NOTICE:
            post = posts.notice(self._talk, delivery.job, address.user, language)
            return await self._posting(delivery, address.channel)(post)
        way = await self._way(delivery, address)
        try:
            return await self._send(delivery, way, language)
        except UploadsLimited:
            if delivery.file is None or delivery.link is None:
                raise
            return await self._send(replace(delivery, file=None), way, language)

    async def _way(self, delivery: Delivery, address: Address) -> Way:
        """Raises RouteClosed, RetryLater."""
        job = delivery.job
        if delivery.route == TOKEN:
            ticket = await self._notes.ticket(job)
            if ticket is None or (is_private(job) and not ticket.hidden):
                raise TokenDead("no token lives that leads there")
            limit = await self._limits.by_token(ticket, address)
            return Way(self._editing(delivery, ticket), limit, in_sight(job, ticket))
        if delivery.route == DM:
            channel = await self._rest.dm(int(job.user.external_id))
            limit, away = await self._limits.in_dm(), await self._notes.away(job)
            return Way(self._posting(delivery, channel), limit, in_sight=False, away=away)
        card = await self._notes.card(job)
        return Way(
            self._posting(delivery, address.channel),
            await self._limits.in_channel(address),
            in_sight(job),
            reply_to=address.message or (card.message if card and not card.hidden else None),
            mention=address.user if address.place is Place.SERVER else None,
        )

    def _editing(self, delivery: Delivery, ticket: Ticket) -> Send:
        async def edit(post: Post) -> str:
            await self._notes.sending(delivery)
            return await self._rest.edit_by_token(ticket, post)

        return edit

    def _posting(self, delivery: Delivery, channel: int) -> Send:
        async def send(post: Post) -> str:
            await self._notes.sending(delivery)
            return await self._rest.send(channel, replace(post, nonce=nonce(delivery)))

        return send

    async def _send(self, delivery: Delivery, way: Way, language: str) -> str:
        size = delivery.file.stat().st_size if delivery.file else 0
        if size > way.limit:
            raise TooLarge(way.limit)
        post = posts.end(
            self._talk,
            delivery,
            language,
            in_sight=way.in_sight,
            mention=way.mention,
            reply_to=way.reply_to,
            away=way.away,
        )
        try:
            return await way.send(post)
        except Oversize:
            address = None if delivery.route == DM else address_of(delivery.job)
            by_token = delivery.route == TOKEN
            raise TooLarge(await self._limits.refused(size, by_token=by_token, address=address)) from None

    # --- after it ------------------------------------------------------------------------------------------------

    async def _arrived(self, delivery: Delivery, sent: str) -> None:
        """Say that it is there where an edit says nothing, and leave the card pointing at it. Never raises KiebotError:
        it is sent, and nothing that fails here may send it once more."""
        job, address = delivery.job, address_of(delivery.job)
        try:
            await self._notes.sending(delivery, sent)
            language = await self._talk.language(job.user)
            if delivery.route == TOKEN:
                await self._ping(delivery, address, int(sent), language)
            else:
                link = _link(job, sent) if delivery.route == CHANNEL else ""
                pointer = posts.pointer(delivery, link, language)
                if not await self._board.point(job, address, pointer):
                    return  # a press of the card will let it be written to
            await self._notes.over(job)
        except KiebotError as error:
            log.info("the delivery of job %s is not rounded off: %s", job.id, error)

    async def _ping(self, delivery: Delivery, address: Address, message: int, language: str) -> None:
        job = delivery.job
        if isinstance(job.outcome, Failure) and job.outcome.kind is FailureKind.CANCELLED:
            return  # they pressed Cancel on that very message and are looking at it
        ticket = await self._notes.ticket(job)
        hidden = ticket is not None and ticket.hidden
        post = posts.ping(delivery, address.user, language, hidden=hidden)
        if address.member and not hidden:
            post_once = replace(post, reply_to=message, nonce=nonce(delivery, "p"))
            with suppress(NoRights, Gone):
                try:
                    await self._rest.send(address.channel, post_once)
                except (DeliveryUnknown, RetryLater):
                    # a connection that broke; its nonce keeps it from coming twice
                    await self._rest.send(address.channel, post_once)
                return
        if ticket:
            await self._rest.add_by_token(ticket, post)


def _why_away(refused: Refused) -> str:
    if isinstance(refused, Blocked):
        return posts.HELD_BACK
    return posts.GONE if isinstance(refused, Gone) else posts.NO_RIGHTS


def _link(job: Job, message: str) -> str:
    """To a message where the job was asked for."""
    address = address_of(job)
    return f"https://discord.com/channels/{address.guild or '@me'}/{address.channel}/{message}"
