"""Carries out what Talk answers: shows, asks, orders, sends again, takes away."""

from __future__ import annotations

import logging
from dataclasses import replace

from adapters.telegram.delivery import Delivering
from adapters.telegram.dialogue import Asked, Dialogue
from adapters.telegram.replies import Replies
from adapters.telegram.spots import Spot
from bot.domain import Job, JobState
from bot.errors import DeliveryUnknown
from bot.talk import Answer, Question, Screen, Talk, Text, Words

log = logging.getLogger(__name__)


class Answers:
    """Raises what `Replies` does."""

    def __init__(self, *, replies: Replies, dialogue: Dialogue, talk: Talk, delivering: Delivering) -> None:
        self._replies = replies
        self._dialogue = dialogue
        self._talk = talk
        self._delivering = delivering

    async def apply(self, spot: Spot, answer: Answer, *, payload: str = "help", outdates: int = 0) -> None:
        """`payload` brings a person back to this by the Start link, when it is private and we may not write yet.
        `outdates` is the message whose buttons have had their day once an open question is answered."""
        screen, question, shown = answer.screen, answer.question, None
        if answer.ordered:
            await self._ordered(spot, answer.ordered, screen)
        elif screen:
            # in private the next message answers, so one message can show and ask
            if question and not spot.in_group:
                screen = _with_question(screen, question)
            shown = await self._show(spot, screen, payload)
        if question:
            message = shown if screen and not spot.in_group else await self._replies.ask(spot, question)
            if spot.query and _is_about_card(question):
                outdates = spot.address.message or 0
            await self._remember(spot, question, message or 0, shown or outdates)
        if answer.fresh:
            await self._replies.show(spot, answer.fresh, payload)
        if answer.send:
            await self._send(spot, answer.send)
        if answer.delete:
            await self._replies.delete(spot)
        if answer.toast and not spot.query:
            await self._replies.text(spot, answer.toast)

    async def _show(self, spot: Spot, screen: Screen, payload: str) -> int | None:
        if spot.query:
            return await self._replies.edit(spot, screen)
        return await self._replies.show(spot, screen, payload)

    async def _remember(self, spot: Spot, question: Question, message: int, buttons: int) -> None:
        asked = Asked(question, spot.address.chat, message, spot.user.id, spot.asker.key, buttons)
        await self._dialogue.ask(asked, spot.asker.who)

    async def _ordered(self, spot: Spot, job: Job, screen: Screen | None) -> None:
        """The card becomes the one message that tells of the job, until its end."""
        if screen is None:
            progress = await self._talk.studio.progress(job)
            screen = self._talk.status(job, progress, spot.asker.language, public=job.chat.private)
        board, chat = self._delivering.board, spot.address.chat
        if spot.address.message:
            await board.adopt(job, chat, spot.address.message)
        if await self._replies.change(spot, screen):
            return
        # the card is gone; by now the end may have come, and taken it away
        job = await self._talk.studio.job(spot.asker.who, job.id)
        if job.state is not JobState.DELIVERED and (message := await self._replies.show(spot, screen)):
            await board.adopt(job, chat, message)

    async def _send(self, spot: Spot, job: Job) -> None:
        """Where the others do not see it, if they did not or should not before."""
        chat = spot.asker.chat
        if spot.whisper:
            chat = replace(chat, private=True)
        try:
            await self._delivering.send_again(job, chat)
        except DeliveryUnknown as error:
            log.warning("nobody knows whether job %s arrived again: %s", job.id, error)


def _is_about_card(question: Question) -> bool:
    """Its answer makes another card, or another list of scenes, of the one whose button was pressed."""
    return "draft" in question.about or question.about.get("then") == "scene"


def _with_question(screen: Screen, question: Question) -> Screen:
    current = (Words(question.current),) if question.current else ()
    return replace(screen, parts=(*screen.parts, Text(question.text), *current))
