"""What happens with one Telegram update."""

from __future__ import annotations

import logging

from aiogram import Bot
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, Message, Update, User

from adapters.telegram.answers import Answers
from adapters.telegram.calls import Calls
from adapters.telegram.delivery import Delivering
from adapters.telegram.dialogue import Dialogue
from adapters.telegram.fetching import Fetching
from adapters.telegram.groups import Groups, new_home
from adapters.telegram.messages import GROUPS, caption_of, is_hidden
from adapters.telegram.presses import Presses
from adapters.telegram.replies import Replies
from adapters.telegram.spots import Spots
from adapters.telegram.talking import Introduce, Talking
from bot.errors import Hush, KiebotError, RouteClosed, UserError
from bot.ports import Memory
from bot.talk import Talk
from bot.texts import say

log = logging.getLogger(__name__)


class Handling:
    """Updates in, words out. `me` is the bot's own user (getMe)."""

    def __init__(
        self,
        *,
        bot: Bot,
        me: User,
        talk: Talk,
        memory: Memory,
        calls: Calls,
        delivering: Delivering,
        introduce: Introduce,
    ) -> None:
        username = me.username or ""
        dialogue = Dialogue(memory)
        self._calls = calls
        self._spots = Spots(talk)
        self._replies = Replies(calls, username)
        answers = Answers(replies=self._replies, dialogue=dialogue, talk=talk, delivering=delivering)
        self._groups = Groups(calls=calls, talk=talk, memory=memory, replies=self._replies, username=username)
        self._presses = Presses(
            calls=calls,
            spots=self._spots,
            talk=talk,
            dialogue=dialogue,
            replies=self._replies,
            answers=answers,
        )
        self._talking = Talking(
            talk=talk,
            dialogue=dialogue,
            fetching=Fetching(bot=bot, calls=calls, talk=talk),
            answers=answers,
            replies=self._replies,
            introduce=introduce,
            bot_id=me.id,
            username=username,
        )

    async def handle(self, update: Update, *others: Update) -> None:
        """Do what the update asks; `others` are the other parts of an album. Raises RetryLater, or whatever went
        wrong. Doing it twice does no harm."""
        try:
            if update.callback_query:
                await self._presses.handle(update.callback_query)
            elif update.my_chat_member:
                await self._groups.membership(update.my_chat_member)
            elif update.message:
                await self._hear([each.message for each in (update, *others) if each.message])
        except RouteClosed as error:
            log.info("nothing can be said in this chat: %s", error)

    async def _hear(self, messages: list[Message]) -> None:
        message = caption_of(messages)
        moved = new_home(message)
        if moved:
            await self._groups.moved(*moved)
            return
        person = message.from_user
        if (
            person is None
            or message.via_bot
            or message.chat.type == "channel"
            or message.is_automatic_forward
        ):
            return
        spot = await self._spots.of_message(message, person)
        if is_hidden(message):
            await self._groups.ask_to_show_themselves(spot)
            return
        if person.is_bot:
            return
        try:
            await self._talking.hear(spot, messages)
        except Hush:
            return
        except UserError as problem:
            await self._groups.refuse(spot, problem)
        if message.chat.type not in GROUPS:
            await self._talking.offer_kept(spot)

    async def apologise(self, update: Update) -> None:
        """Say to whoever sent this that it went wrong on our side. Never raises KiebotError."""
        try:
            if update.callback_query:
                await self._apologise_for_press(update.callback_query)
            elif update.message and update.message.from_user:
                spot = await self._spots.of_message(update.message, update.message.from_user)
                await self._replies.text(spot, say("telegram.sorry", spot.asker.language))
        except KiebotError as error:
            log.warning("nobody could be told that something went wrong: %s", error)

    async def _apologise_for_press(self, press: CallbackQuery) -> None:
        language = press.from_user.language_code or ""
        await self._calls(
            AnswerCallbackQuery(
                callback_query_id=press.id, text=say("telegram.sorry", language), show_alert=True
            ),
            urgent=True,
        )
