"""One message of a person: a command, an answer, a picture, or the words for a video."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiogram.enums import ContentType
from aiogram.types import Message

from adapters.telegram import commands, pictures
from adapters.telegram.answers import Answers
from adapters.telegram.commands import Command
from adapters.telegram.dialogue import Asked, Dialogue
from adapters.telegram.fetching import Fetching
from adapters.telegram.messages import caption_of, meant, replied, words
from adapters.telegram.pictures import Sent
from adapters.telegram.replies import Replies
from adapters.telegram.spots import Spot
from bot.errors import UserError
from bot.talk import Answer, Heading, Screen, Talk
from bot.texts import say

# Things people send that are neither words nor pictures; what only Telegram itself says is passed over.
UNUSABLE = frozenset(
    [
        *(ContentType.CONTACT, ContentType.LOCATION, ContentType.VENUE, ContentType.POLL, ContentType.DICE),
        *(ContentType.STORY, ContentType.GAME, ContentType.CHECKLIST, ContentType.PAID_MEDIA),
    ]
)


# Why a question can no longer be answered, whatever comes.
POINTLESS = frozenset(
    ["talk.gone_draft", "talk.gone_job", "order.no_draft", "order.no_job", "order.already_ordered"]
)


# shows the commands of operators to those who are some by now
Introduce = Callable[[], Awaitable[None]]


class Talking:
    """Raises UserError with what to say, and what `Answers` raises. `bot_id` and `username` are the bot's."""

    def __init__(
        self,
        *,
        talk: Talk,
        dialogue: Dialogue,
        fetching: Fetching,
        answers: Answers,
        replies: Replies,
        introduce: Introduce,
        bot_id: int,
        username: str,
    ) -> None:
        self._talk = talk
        self._dialogue = dialogue
        self._fetching = fetching
        self._answers = answers
        self._replies = replies
        self._introduce = introduce
        self._bot_id = bot_id
        self._username = username

    async def hear(self, spot: Spot, messages: Sequence[Message]) -> None:
        """One message, or all parts of an album; `spot` is that of the part with the words."""
        message = caption_of(messages)
        text = words(message)
        if commands.is_for_another(text, self._username):
            return
        command = commands.command_of(text, self._username)
        if command is None and not spot.in_group:
            command = commands.meant_as_one(text)
            text = commands.mention_at_front(text, self._username) or text
        if command:
            was_asked = await self._dialogue.end(spot.address.chat, spot.user.id)
            if command.name == "cancel" and was_asked and not command.text:
                await self._let_go(spot)
            else:
                await self._follow(spot, command, messages)
            return
        asked = await self._asked(spot, message)
        if asked:
            await self._answer(spot, asked, text, messages)
        elif spot.in_group:
            wanted = commands.mention_at_front(text, self._username)
            if wanted:
                await self._make(spot, "", wanted, messages)
        elif text or any(map(pictures.sent_in, messages)):
            await self._make(spot, "", text, messages)
        else:
            _check_usable(message)

    async def _let_go(self, spot: Spot) -> None:
        """What was asked is not to be answered; videos in the making can still be stopped."""
        await self._talk.admit(spot.asker)
        await self._replies.text(spot, say("talk.let_go", spot.asker.language))
        if await self._talk.studio.under_way(spot.asker.who):
            await self._answers.apply(spot, await self._talk.command(spot.asker, "cancel"))

    # --- commands ------------------------------------------------------------------------------------------------

    async def _follow(self, spot: Spot, command: Command, messages: Sequence[Message]) -> None:
        name, text = command.name, command.text
        if name in commands.MAKING:
            await self._make(spot, name, text, messages)
            return
        if spot.in_group and name not in commands.ANSWERED:
            return
        await self._talk.admit_to(spot.asker, name, text)
        if name in commands.OPERATING:
            target = meant(caption_of(messages), self._bot_id)
            answer = await self._talk.operate(spot.asker, name, text, target)
        else:
            answer = await self._talk.command(spot.asker, name, text)
        await self._answers.apply(spot, answer, payload=name)
        if name == "claim":
            await self._introduce()

    # --- videos --------------------------------------------------------------------------------------------------

    async def _make(self, spot: Spot, command: str, text: str, messages: Sequence[Message]) -> None:
        """Access is asked before any picture is fetched."""
        await self._talk.admit(spot.asker)
        wish = self._talk.read(command, text)
        sent = pictures.all_sent_in(messages) or _sent_before(caption_of(messages))
        wish = wish.change(pictures=await self._fetching.take(spot, sent))
        await self._answers.apply(spot, await self._talk.ask(spot.asker, wish))

    # --- answers -------------------------------------------------------------------------------------------------

    async def _asked(self, spot: Spot, message: Message) -> Asked | None:
        """What this message answers: the question it replies to, or in private the one that is pending."""
        chat, person = spot.address.chat, spot.user.id
        target = replied(message)
        found = await self._dialogue.find(chat, target.message_id) if target else None
        to_us = target is not None and target.from_user is not None and target.from_user.id == self._bot_id
        if found is None and (to_us or not spot.in_group):
            found = await self._dialogue.pending(chat, person)
            if found and _is_something_else(found, message):
                return None
        if found is None or found.user != person or not found.is_open_for(spot.asker.key):
            return None
        return found

    async def _answer(self, spot: Spot, asked: Asked, text: str, messages: Sequence[Message]) -> None:
        if asked.cause == spot.asker.key:
            return  # handled before: this very message led to the question
        sent = pictures.all_sent_in(messages)
        if not text and not sent:
            _check_usable(messages[0])
            return
        asker = await self._talk.admit_to_answer(spot.asker, asked.question)
        taken = await self._fetching.take(spot, sent)
        try:
            answer = await self._talk.answer(asker, asked.question, text=text, pictures=taken)
        except UserError as problem:
            if problem.key in POINTLESS:
                await self._dialogue.end(spot.address.chat, spot.user.id)
            raise
        await self._dialogue.answered(asked, spot.asker.key, spot.asker.who)
        await self._answers.apply(spot, answer, outdates=asked.buttons)
        if asked.buttons and answer.screen:
            await self._replies.strip(asked.chat, asked.buttons)

    # --- what waits ----------------------------------------------------------------------------------------------

    async def offer_kept(self, spot: Spot) -> None:
        """Results that no chat would take, once, now that their owner is here."""
        kept = await self._talk.kept(spot.asker.who)
        if not kept:
            return
        language = spot.asker.language
        texts, buttons = await self._talk.waiting_for_them(spot.asker.who, language)
        heading = Heading(say("info.waiting_for_you", language))
        screen = Screen((heading, *texts), tuple((button,) for button in buttons))
        await self._answers.apply(spot, Answer(screen=screen))
        offered = {button.action.rpartition(":")[2] for button in buttons}
        for job in kept:
            if job.id in offered:
                await self._talk.studio.seen(job.id)


def _check_usable(message: Message) -> None:
    """Raises UserError for what is neither words nor a picture, and passes over what only Telegram says."""
    if message.content_type in UNUSABLE:
        raise UserError("telegram.not_understood")


def _is_something_else(asked: Asked, message: Message) -> bool:
    """Words where a picture would have changed a card: those go on to something new."""
    about = asked.question.about
    return asked.question.kind == "picture" and "wish" not in about and bool(message.text)


def _sent_before(message: Message) -> Sequence[Sent]:
    """The picture that a command replies to, here or in another chat. Raises UserError for other media."""
    target = replied(message) or message.external_reply
    found = pictures.sent_in(target) if target else None
    return (found,) if found else ()
