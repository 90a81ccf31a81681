"""Says in Telegram what Talk answers: new messages, edits, questions, and private words where others read along."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from aiogram.methods import (
    DeleteEphemeralMessage,
    DeleteMessage,
    EditEphemeralMessageText,
    EditMessageCaption,
    EditMessageReplyMarkup,
    EditMessageText,
    SendMessage,
    TelegramMethod,
)
from aiogram.types import (
    EphemeralMessageParameters,
    InaccessibleMessage,
    Message,
    ReplyMarkupUnion,
    ReplyParameters,
)
from aiogram.utils.link import create_telegram_link

from adapters.telegram import render
from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.errors import Refused, ReplyGone, TopicClosed
from adapters.telegram.spots import Spot
from bot.domain import Button
from bot.errors import DeliveryUnknown, RetryLater, RouteClosed
from bot.talk import Question, Screen, Text
from bot.texts import say

log = logging.getLogger(__name__)


# What stands in the empty line of a reply, by the kind of question.
HINTS = {
    "words": "telegram.hint_words",
    "picture": "telegram.hint_picture",
    "scene": "telegram.hint_scene",
    "which": "telegram.hint_which",
}
# In seconds; tidying up is worth no more.
TIDY_PATIENCE = 3.0


class Replies:
    """Every method may raise RouteClosed (the chat is shut) and RetryLater. `username` is the bot's."""

    def __init__(self, calls: Calls, username: str) -> None:
        self._calls = calls
        self._username = username

    async def show(self, spot: Spot, screen: Screen, payload: str = "help") -> int | None:
        """A message of its own; its id, if it can be known. What is private is not said where others read along:
        `payload` is what the Start link brings back to, when we may not write to this person yet."""
        if spot.in_group and (screen.private or spot.whisper):
            await self._show_privately(spot, screen, payload)
            return None
        return await self._send(spot.address, render.html(screen), render.keyboard(screen.rows))

    async def text(self, spot: Spot, text: str) -> None:
        await self.show(spot, Screen((Text(text),)))

    async def ask(self, spot: Spot, question: Question) -> int | None:
        """Ask so that the answer is a reply, which also reaches a bot in privacy mode (telegram.md 6)."""
        markup = render.force_reply(say(HINTS[question.kind], spot.asker.language), selective=spot.in_group)
        text = render.question(question, say("telegram.now_it_says", spot.asker.language))
        if spot.in_group and spot.pressed is not None:
            # what it hangs on is the bot's own message, so only a name tells whom it asks
            text = f"{render.mention(spot.user.id, spot.user.first_name)}: {text}"
        return await self._send(spot.address, text, markup)

    async def edit(self, spot: Spot, screen: Screen) -> int | None:
        """Let the pressed message show this; where that cannot be, a new one. Returns the id of the one that does."""
        if screen.private and spot.in_group and not spot.whisper:
            return await self.show(spot, screen)
        return await self.change(spot, screen) or await self.show(spot, screen)

    async def change(self, spot: Spot, screen: Screen) -> int | None:
        """Edit the pressed message. None when it cannot be edited: too old, gone, or never ours."""
        if not isinstance(spot.pressed, Message):
            return None
        try:
            await self._calls(_edit(spot.pressed, spot.user.id, screen))
        except Refused as error:
            log.info("a message could not be edited: %s", error)
            return None
        return spot.pressed.message_id or spot.pressed.ephemeral_message_id

    async def strip(self, chat: int, message: int) -> None:
        """Take outdated buttons away, if that is soon done."""
        method = EditMessageReplyMarkup(chat_id=chat, message_id=message)
        try:
            await self._calls(method, patience=TIDY_PATIENCE)
        except (Refused, RouteClosed, RetryLater) as error:
            log.info("the buttons of a message stay: %s", error)

    async def delete(self, spot: Spot) -> None:
        """Take the pressed message away; one that is too old for that stays (telegram.md 2)."""
        pressed = spot.pressed
        if pressed is None:
            return
        try:
            await self._calls(_deletion(pressed, spot.user.id))
        except Refused as error:
            log.info("a message could not be deleted: %s", error)
            await self.text(spot, say("telegram.too_old_to_delete", spot.asker.language))

    def link(self, payload: str = "") -> str:
        """Opens the private chat; with a payload it comes back as `/start <payload>`."""
        return create_telegram_link(self._username, **({"start": payload} if payload else {}))

    async def _show_privately(self, spot: Spot, screen: Screen, payload: str) -> None:
        text, markup = render.html(screen), render.keyboard(screen.rows)
        try:
            await self._send(spot.address, text, markup, to_one=spot)
        except (Refused, RouteClosed) as error:
            log.info("no word to one person in this group: %s", error)
        else:
            return
        language = spot.asker.language
        try:
            await self._send(Address(spot.user.id), text, markup)
        except (Refused, RouteClosed):
            told, label, url = "telegram.start_first", "telegram.start", self.link(payload)
        else:
            told, label, url = "telegram.sent_privately", "telegram.open_chat", self.link()
        button = Button(say(label, language), url=url)
        await self._send(spot.address, render.plain(say(told, language)), render.keyboard(((button,),)))

    async def _send(
        self,
        address: Address,
        text: str,
        markup: ReplyMarkupUnion | None = None,
        *,
        to_one: Spot | None = None,
    ) -> int | None:
        """Hanging on what it answers and in its topic; where either is gone, without. `to_one`: seen by them only."""
        reply, personal = None, None
        if address.message:
            reply = ReplyParameters(message_id=address.message, allow_sending_without_reply=True)
        if to_one:
            personal = EphemeralMessageParameters(
                receiver_user_id=to_one.user.id, callback_query_id=to_one.query or None
            )
            if to_one.whisper and not to_one.query:
                reply = ReplyParameters(ephemeral_message_id=to_one.whisper)
        method = SendMessage(
            chat_id=address.chat,
            message_thread_id=address.topic,
            text=text,
            reply_parameters=reply,
            reply_markup=markup,
            ephemeral_message_parameters=personal,
        )
        try:
            sent = await self._calls(method)
        except DeliveryUnknown as error:
            # said twice would be worse than perhaps not said: whoever misses it asks again
            log.warning("nobody knows whether an answer arrived: %s", error)
            return None
        except ReplyGone:
            if address.message is None:
                raise
            return await self._send(replace(address, message=None), text, markup, to_one=to_one)
        except TopicClosed:
            if address.topic is None:
                raise
            return await self._send(Address(address.chat), text, markup, to_one=to_one)
        return sent.message_id or None


def _edit(pressed: Message, reader: int, screen: Screen) -> TelegramMethod[Any]:
    chat, message, markup = pressed.chat.id, pressed.message_id, render.keyboard(screen.rows)
    if pressed.ephemeral_message_id:
        return EditEphemeralMessageText(
            chat_id=chat,
            receiver_user_id=reader,
            ephemeral_message_id=pressed.ephemeral_message_id,
            text=render.html(screen),
            reply_markup=markup,
        )
    if pressed.text is None:
        caption = render.html(screen, render.CAPTION_MOST)
        return EditMessageCaption(chat_id=chat, message_id=message, caption=caption, reply_markup=markup)
    return EditMessageText(chat_id=chat, message_id=message, text=render.html(screen), reply_markup=markup)


def _deletion(pressed: Message | InaccessibleMessage, reader: int) -> TelegramMethod[bool]:
    if isinstance(pressed, Message) and pressed.ephemeral_message_id:
        return DeleteEphemeralMessage(
            chat_id=pressed.chat.id,
            receiver_user_id=reader,
            ephemeral_message_id=pressed.ephemeral_message_id,
        )
    return DeleteMessage(chat_id=pressed.chat.id, message_id=pressed.message_id)
