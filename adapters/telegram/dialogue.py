"""Questions that wait for an answer, in Memory: a restart forgets none of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bot.domain import UserRef
from bot.ports import Memory
from bot.talk import Question

KEPT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it stands in a chat: `message` is the message that asks it; `cause` and `answer` are the keys of
    what led to it and of what answered it, so that a message handled again after a crash is still what it was.
    `buttons` is the message whose buttons the answer will outdate, if there is one.
    """

    question: Question
    chat: int
    message: int
    user: int
    cause: str
    buttons: int = 0
    answer: str = ""

    def is_open_for(self, key: str) -> bool:
        return self.answer in ("", key)


class Dialogue:
    """One question for each person and chat can be pending; older ones are answered by replying to them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def ask(self, asked: Asked, owner: UserRef) -> None:
        await self._keep(asked, owner)
        await self._memory.put(
            _pending(asked.chat, asked.user), asked.message, seconds=KEPT_SECONDS, owner=owner
        )

    async def find(self, chat: int, message: int) -> Asked | None:
        """What this message asks."""
        found: Any = await self._memory.get(_question(chat, message))
        if found is None:
            return None
        return Asked(
            chat=chat, message=message, **{**found, "question": Question.from_json(found["question"])}
        )

    async def pending(self, chat: int, user: int) -> Asked | None:
        """What the bot asked this person last in this chat."""
        message: Any = await self._memory.get(_pending(chat, user))
        return None if message is None else await self.find(chat, message)

    async def answered(self, asked: Asked, key: str, owner: UserRef) -> None:
        """`key` is the message that answered."""
        await self._keep(replace(asked, answer=key), owner)

    async def end(self, chat: int, user: int) -> bool:
        """The person went on to something else; a reply to the question still answers it. Returns whether one was
        open."""
        asked = await self.pending(chat, user)
        if asked is not None:
            await self._memory.drop(_pending(chat, user))
        return asked is not None and not asked.answer

    async def _keep(self, asked: Asked, owner: UserRef) -> None:
        value = {
            "question": asked.question.to_json(),
            "user": asked.user,
            "cause": asked.cause,
            "buttons": asked.buttons,
            "answer": asked.answer,
        }
        name = _question(asked.chat, asked.message)
        await self._memory.put(name, value, seconds=KEPT_SECONDS, owner=owner)


def _question(chat: int, message: int) -> str:
    return f"telegram:question:{chat}:{message}"


def _pending(chat: int, user: int) -> str:
    return f"telegram:pending:{chat}:{user}"
