"""A pressed button: answered once and soon, done, and shown."""

from __future__ import annotations

import asyncio
import logging

from aiogram.methods import AnswerCallbackQuery, GetChatMember
from aiogram.types import CallbackQuery, ChatMemberAdministrator, ChatMemberOwner

from adapters.telegram import render
from adapters.telegram.answers import Answers
from adapters.telegram.calls import Calls
from adapters.telegram.dialogue import Dialogue
from adapters.telegram.errors import Refused
from adapters.telegram.replies import Replies
from adapters.telegram.spots import Spot, Spots
from bot.errors import DeliveryUnknown, Hush, RetryLater, RouteClosed, UserError
from bot.talk import Answer, Talk
from bot.talk.base import parse_action
from bot.texts import say

log = logging.getLogger(__name__)

# A press waits this long for its own words; then it is answered without any, for the button spins until then.
PATIENCE_SECONDS = 1.0
# What a chat's own managers may do to others' messages.
MANAGED = ("del",)
DIALOGUE = "dlg"


class Presses:
    """Callback queries."""

    def __init__(
        self,
        *,
        calls: Calls,
        spots: Spots,
        talk: Talk,
        dialogue: Dialogue,
        replies: Replies,
        answers: Answers,
    ) -> None:
        self._calls = calls
        self._spots = spots
        self._talk = talk
        self._dialogue = dialogue
        self._replies = replies
        self._answers = answers

    async def handle(self, press: CallbackQuery) -> None:
        if press.message is None or not press.data:
            # a game, or a message that inline mode left: none is ours
            await self._acknowledge(press.id)
            return
        spot = await self._spots.of_press(press, press.message)
        work = asyncio.create_task(self._work(spot, press.data))
        try:
            await asyncio.wait((work,), timeout=PATIENCE_SECONDS)
            is_late = not work.done()
            if is_late:
                await self._acknowledge(press.id, say("telegram.too_slow", spot.asker.language))
            answer, refusal = await work
        finally:
            work.cancel()
        if not is_late:
            await self._acknowledge(press.id, refusal or answer.toast, alert=bool(refusal))
        elif refusal or answer.toast:
            await self._replies.text(spot, refusal or answer.toast)
        try:
            await self._answers.apply(spot, answer)
        except UserError as problem:
            await self._replies.text(spot, problem.text(spot.asker.language))

    async def _work(self, spot: Spot, action: str) -> tuple[Answer, str]:
        """What is to be shown, and the sentence for a press that cannot be followed."""
        try:
            return await self._follow(spot, action), ""
        except Hush:
            return Answer(), ""
        except UserError as problem:
            return Answer(), problem.text(spot.asker.language)
        except RetryLater as error:
            log.warning("a press had to be turned away: %s", error)
            return Answer(), say("telegram.busy", spot.asker.language)

    async def _follow(self, spot: Spot, action: str) -> Answer:
        self._talk.admit_press(spot.asker.who, action)
        verb, rest = parse_action(action)
        if verb == DIALOGUE:
            return await self._choose(spot, rest)
        if verb in MANAGED and spot.in_group:
            spot = await self._as_manager(spot)
        answer = await self._talk.press(spot.asker, action)
        # whoever goes on by a button no longer means to answer; a reply to the question still does
        await self._dialogue.end(spot.address.chat, spot.user.id)
        return answer

    async def _choose(self, spot: Spot, choice: str) -> Answer:
        """A button of a question: of the one this message asks, else of the one that is pending."""
        chat, person = spot.address.chat, spot.user.id
        asked = await self._dialogue.find(chat, spot.address.message or 0)
        if asked and asked.user != person:
            raise UserError("talk.not_yours")
        if asked is None or not asked.is_open_for(spot.asker.key):
            asked = await self._dialogue.pending(chat, person)
        if asked is None or not asked.is_open_for(spot.asker.key):
            raise UserError("telegram.nothing_to_answer")
        answer = await self._talk.answer(spot.asker, asked.question, choice=choice)
        if answer.screen:
            await self._dialogue.answered(asked, spot.asker.key, spot.asker.who)
        # else it only asks something in between
        return answer

    async def _as_manager(self, spot: Spot) -> Spot:
        """The chat says who administers it."""
        try:
            found = await self._calls(
                GetChatMember(chat_id=spot.address.chat, user_id=spot.user.id), urgent=True
            )
        except (Refused, RouteClosed) as error:
            log.info("nobody knows who administers a group: %s", error)
            return spot
        return spot.as_manager(isinstance(found, ChatMemberAdministrator | ChatMemberOwner))

    async def _acknowledge(self, query: str, text: str = "", *, alert: bool = False) -> None:
        """Once; too late is no harm done."""
        text = render.shorten(render.clean(text), render.ALERT_MOST)
        method = AnswerCallbackQuery(callback_query_id=query, text=text or None, show_alert=alert or None)
        try:
            await self._calls(method, urgent=True)
        except (Refused, RouteClosed, RetryLater, DeliveryUnknown) as error:
            log.info("a press was not acknowledged: %s", error)
