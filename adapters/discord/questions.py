"""What the bot wants to be told, kept until it is: behind a form, behind a message, or to be answered by writing."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain import UserRef, new_id
from bot.errors import UserError
from bot.ports import Memory
from bot.talk import Question

QUESTION_LIVES_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that waits. `private`: what comes of its answer is for the asker's eyes only."""

    question: Question
    user: int
    private: bool = False


def _form(form_id: str) -> str:
    return f"discord:form:{form_id}"


def _message(message: int) -> str:
    return f"discord:question:{message}"


def _writer(channel: int, user: int) -> str:
    return f"discord:waiting:{channel}:{user}"


class Questions:
    """Over Memory, so that an answer is understood after a restart."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def keep(self, asked: Asked, who: UserRef) -> str:
        """Returns the id of the form that will bring the answer."""
        form_id = new_id()
        kept = {"question": asked.question.to_json(), "user": asked.user, "private": asked.private}
        await self._memory.put(_form(form_id), kept, seconds=QUESTION_LIVES_SECONDS, owner=who)
        return form_id

    async def stands_in(self, form_id: str, message: int, who: UserRef) -> None:
        """It was asked by this message of ours."""
        await self._memory.put(_message(message), form_id, seconds=QUESTION_LIVES_SECONDS, owner=who)

    async def may_be_written(self, form_id: str, channel: int, user: int, who: UserRef) -> None:
        """This user may answer by simply writing in the channel, where the answer to that is shown too."""
        await self._memory.put(_writer(channel, user), form_id, seconds=QUESTION_LIVES_SECONDS, owner=who)

    async def of_form(self, form_id: str, user: int) -> Asked:
        """Raises UserError when it is not this user's or waits no longer."""
        found = await self._memory.get(_form(form_id))
        if found is None:
            raise UserError("discord.form_gone")
        if found["user"] != user:
            raise UserError("discord.not_yours")
        return Asked(Question.from_json(found["question"]), found["user"], found["private"])

    async def of_message(self, message: int, user: int) -> Asked:
        """Raises UserError as above."""
        return await self.of_form(await self._memory.get(_message(message)) or "", user)

    async def of_writer(self, channel: int, user: int) -> Asked | None:
        """The question this user may answer by writing here, until it is `answered`; None when there is none."""
        form_id = await self._memory.get(_writer(channel, user))
        if form_id is None or await self._memory.get(_form(form_id)) is None:
            return None
        return await self.of_form(form_id, user)

    async def answered(self, channel: int, user: int) -> None:
        """What this user writes here next is no answer any more."""
        await self._memory.drop(_writer(channel, user))
