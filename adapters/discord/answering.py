"""Carries out in a Discord chat what Talk answers, and says every refusal as a sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import discord

from adapters.discord import modals, render
from adapters.discord.address import (
    NOTES_LIVE_SECONDS,
    TOKEN_LIVES_MS,
    Address,
    Card,
    Place,
    card_note,
    ticket_note,
)
from adapters.discord.asking import lacks
from adapters.discord.delivery import Delivering
from adapters.discord.items import open_action
from adapters.discord.questions import Asked, Questions
from adapters.discord.reply import InteractionReply, NotSaid, Reply
from bot.domain import Button, Job, JobState, Progress, UserRef
from bot.errors import Hush, KiebotError, RetryLater, UserError
from bot.ports import Memory
from bot.studio import Studio
from bot.talk import Answer, Asker, Part, Question, Screen, Small, Talk, Text, Words
from bot.texts import say

log = logging.getLogger(__name__)

Who: TypeAlias = "Callable[[], Awaitable[Asker]]"
Work: TypeAlias = "Callable[[Asker], Awaitable[Answer]]"

# Where three in four take longer than a third of a token's life, a slow one outlives it: then another way must be open.
SOON_ENOUGH_SECONDS = TOKEN_LIVES_MS / 3000
STOP_SECONDS = 10.0
KEPT_AT_ONCE = 3  # where the bot is no member, a token allows five messages (discord.md 2)


class Answering:
    """One for each client."""

    def __init__(self, talk: Talk, studio: Studio, memory: Memory, delivering: Delivering) -> None:
        self.questions = Questions(memory)
        self._delivering = delivering
        self._talk = talk
        self._studio = studio
        self._memory = memory
        self._under_way: set[asyncio.Task[object] | None] = set()
        self._being_brought: set[UserRef] = set()
        self._on_its_way: set[str] = set()

    async def idle(self) -> None:
        """Until everything that is being answered has been."""
        waiting = [each for each in self._under_way if each]
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_SECONDS)

    async def give(
        self, reply: Reply, who: Who, work: Work, *, typed: str = "", may_ask: bool = False
    ) -> None:
        """Acknowledge, ask Talk and show what it answers. What goes wrong is told, never raised; then `typed`, the words
        of a form that is gone from the screen, are given back. With `may_ask` Talk is asked first, since a form can
        only be the very first answer."""

        async def whole() -> None:
            if not may_ask and not await reply.acknowledge():
                return
            asker = await who()
            reply.language = asker.language
            await self._give(reply, asker, await work(asker))

        await self.guard(reply, whole, typed)

    async def guard(self, reply: Reply, work: Callable[[], Awaitable[object]], typed: str = "") -> None:
        """The one place where errors become sentences."""
        task = asyncio.current_task()
        self._under_way.add(task)
        try:
            trouble = await self._trouble(reply, work)
            if trouble is None or not await reply.acknowledge():
                return
            if trouble:
                await _refuse(reply, trouble, typed)
            else:
                await reply.vanish()
        except (discord.HTTPException, NotSaid) as error:
            # what was refused may be our fault, and its trace helps; a network or a closed door has none worth a page
            is_refused = isinstance(error, discord.HTTPException)
            log.warning("Discord did not take an answer: %s", error, exc_info=is_refused)
        finally:
            self._under_way.discard(task)

    @staticmethod
    async def _trouble(reply: Reply, work: Callable[[], Awaitable[object]]) -> str | None:
        """What is to be said of what went wrong ("": nothing); None when all went well. Raises HTTPException, NotSaid."""
        try:
            await work()
        except Hush:
            return ""
        except UserError as error:
            return error.text(reply.language)
        except RetryLater as error:
            log.info("a member was asked to try again: %s", error)
            return say("discord.later", reply.language)
        except (discord.HTTPException, NotSaid):
            raise
        except Exception:
            log.exception("what a member asked failed")
            return say("discord.broken", reply.language)
        return None

    async def _give(self, reply: Reply, asker: Asker, answer: Answer) -> None:
        if await self._as_form(reply, asker, answer):
            return
        if await reply.acknowledge():
            await self._carry(reply, asker, answer)
            await self._bring_kept(reply, asker)

    async def _carry(self, reply: Reply, asker: Asker, answer: Answer) -> None:
        """Each part of an answer in its place. Raises UserError, HTTPException."""
        if answer.ordered:
            await self._ordered(reply, asker, answer.ordered, answer.screen)
        elif answer.question:
            await self._ask(reply, asker, answer.question, answer.screen)
        elif answer.screen:
            await self._show(reply, answer.screen)
        elif answer.delete:
            await reply.delete()
        else:
            await reply.vanish()
        if answer.fresh and answer.fresh.private and reply.open_to_all:
            await reply.whisper(answer.fresh)
        elif answer.fresh:
            await reply.add(answer.fresh)
        if answer.toast:
            await reply.whisper(Screen((Text(answer.toast),)))
        if answer.send:
            await self._bring(answer.send, Address.parse(asker.chat.address))

    async def _show(self, reply: Reply, screen: Screen) -> None:
        """What is for its reader only is never shown where others read."""
        if screen.private and reply.open_to_all:
            await reply.vanish()
            await reply.whisper(screen)
        else:
            await reply.show(screen)

    # --- orders --------------------------------------------------------------------------------------------------

    async def _ordered(self, reply: Reply, asker: Asker, job: Job, screen: Screen | None) -> None:
        """The card becomes the job's status message, and its fresh token the first way of delivering. The credits are held
        by now, so that nothing that fails here may say otherwise."""
        address, progress = Address.parse(asker.chat.address), None
        try:
            await self._remember_ticket(job, asker.who, address)
            if reply.standing:
                await self._remember_card(job, asker.who, reply.standing)
            progress = await self._studio.progress(job)
        except RetryLater as error:
            log.info("the way back to the card of job %s is not noted: %s", job.id, error)
        progress = progress or Progress(job.state, 0.0)
        screen = screen or self._delivering.status(job, progress, asker.language)
        async with self._delivering.pressed(job, screen, asker.language) as now:
            card = await reply.show(now) if now else reply.standing
        if card and card != reply.standing:
            await self._remember_card(job, asker.who, card)
        warning = later_warning(address, progress.usual, asker.language)
        if warning:
            await reply.whisper(Screen((Text(warning),)))

    async def renew(self, asker: Asker, job_id: str, message: int) -> None:
        """The card of a job was pressed: it may be written to for another 15 minutes, and is left pointing at an end of
        which it could not tell. Raises UserError."""
        job = await self._studio.job(asker.who, job_id)
        card = await self._memory.get(card_note(job.id))
        if card and Card.from_json(card).message == message:
            await self._remember_ticket(job, asker.who, Address.parse(asker.chat.address))
            if job.state is JobState.DELIVERED:
                await self._delivering.point(job, asker.language)

    async def _remember_card(self, job: Job, who: UserRef, card: Card) -> None:
        await self._memory.put(card_note(job.id), card.to_json(), seconds=NOTES_LIVE_SECONDS, owner=who)

    async def _remember_ticket(self, job: Job, who: UserRef, address: Address) -> None:
        if address.ticket:
            ticket = address.ticket.to_json()
            await self._memory.put(ticket_note(job.id), ticket, seconds=TOKEN_LIVES_MS / 1000, owner=who)

    async def _bring_kept(self, reply: Reply, asker: Asker) -> None:
        """What no chat would take, now that its owner is here; for their eyes only. Two answers at once bring it once."""
        if asker.who in self._being_brought:
            return
        self._being_brought.add(asker.who)
        try:
            await self._bring_each_kept(reply, asker)
        finally:
            self._being_brought.discard(asker.who)

    async def _bring_each_kept(self, reply: Reply, asker: Asker) -> None:
        address = Address.parse(asker.chat.address)
        for job in list(await self._talk.kept(asker.who))[:KEPT_AT_ONCE]:
            if job.id not in {each.id for each in await self._talk.kept(asker.who)}:
                continue  # they fetched it meanwhile
            try:
                if await self._studio.video(job):
                    await self._bring(job, replace(address, hidden=address.place is not Place.BOT_DM))
                elif await reply.whisper(self._talk.failed(job, asker.language)):
                    await self._studio.seen(job.id)
                else:
                    break  # it waits on
            except KiebotError as error:
                # a place that is too narrow for one of them does not keep the others back
                log.info("what is kept of job %s could not be brought: %s", job.id, error)

    async def _bring(self, job: Job, address: Address) -> None:
        """Its video, unless that is on its way to its asker this very moment. Raises UserError, RetryLater."""
        if job.id in self._on_its_way:
            return
        self._on_its_way.add(job.id)
        try:
            await self._delivering.send_again(job, address)
            await self._studio.seen(job.id)
        finally:
            self._on_its_way.discard(job.id)

    # --- questions -----------------------------------------------------------------------------------------------

    async def _as_form(self, reply: Reply, asker: Asker, answer: Answer) -> bool:
        """A form can only be the very first answer to a press; then nothing else can be shown."""
        if not isinstance(reply, InteractionReply) or not reply.may_ask:
            return False
        if not answer.question or answer.screen or answer.fresh or answer.toast:
            return False
        asked = Asked(answer.question, reply.interaction.user.id, asker.chat.private)
        form_id = await self.questions.keep(asked, asker.who)
        form = modals.question_form(
            form_id, answer.question, asker.language, further=reply.keeps, private=asked.private
        )
        return await reply.ask(form)

    async def _ask(self, reply: Reply, asker: Asker, question: Question, screen: Screen | None) -> None:
        """In a message, with a button that opens the form; where one can simply write, that is an answer too."""
        address = Address.parse(asker.chat.address)
        form_id = await self.questions.keep(Asked(question, address.user, asker.chat.private), asker.who)
        open_it = Button(say("discord.answer", asker.language), open_action(form_id), style="go")
        rows = (*(screen.rows if screen else ()), (open_it,))
        parts = (*(screen.parts if screen else ()), Text(question.text))
        if address.place is not Place.BOT_DM:
            parts = (*parts, Small(say("discord.by_button", asker.language)))
        put = reply.add if reply.keeps else reply.show
        card = await put(Screen(parts, rows))
        await self.questions.stands_in(form_id, card.message, asker.who)
        if not asker.chat.private or address.place is Place.BOT_DM:
            await self.questions.may_be_written(form_id, address.channel, address.user, asker.who)


async def _refuse(reply: Reply, text: str, typed: str) -> None:
    """What was typed comes back whole: in the same message, or as a file of its own."""
    why: tuple[Part, ...] = (Text(text),)
    parts = (*why, Text(say("discord.your_words", reply.language)), Words(typed)) if typed else why
    if render.fits(parts):
        await reply.refuse(Screen(parts))
    else:
        await reply.refuse(Screen(why))
        await reply.hand_back(typed)


def later_warning(address: Address, usual: tuple[float, float] | None, language: str) -> str:
    """How the video will come if it takes longer than the token lives; "" when it simply will."""
    if not address.member:
        return say("discord.warn_no_member", language)
    if address.stranger:
        return say("discord.warn_own_install", language)
    # what is for their eyes only never comes into the channel
    missing = () if address.hidden else lacks(address)
    if missing and (usual is None or usual[1] > SOON_ENOUGH_SECONDS):
        names = ", ".join(name.replace("_", " ").title() for name in missing)
        return say("discord.warn_rights", language, rights=names)
    return ""
