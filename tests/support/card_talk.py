"""Members who ask for videos in words and press what they are shown."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from support.house import ADA, House
from support.small_talk import assert_fits, buttons, open_talk, screens, words

from bot.domain import ChatRef, CommunityRef, Draft, Job, Picture, UserRef
from bot.errors import UserError
from bot.store import drafts
from bot.talk import Answer, Asker, Question, Talk

GROUP = CommunityRef("telegram-chat", "-100")
_KEYS = itertools.count(1)


@dataclass
class Member:
    """Someone in a chat, and what they were last shown."""

    house: House
    talk: Talk
    who: UserRef = ADA
    community: CommunityRef | None = None
    shown: Answer = field(default_factory=Answer)

    def asker(self, key: str = "") -> Asker:
        chat = ChatRef(self.who.platform, self.who.external_id, self.community)
        key = key or f"{self.who.platform}:message:{next(_KEYS)}"
        return Asker(self.who, chat, key, in_public=self.community is not None)

    def other(self, who: UserRef) -> Member:
        """Somebody else, looking at the same message."""
        return replace(self, who=who)

    # --- what they do --------------------------------------------------------------------------------------------

    async def ask(self, text: str, command: str = "video", *, pictures: int = 0, **wish: Any) -> str:
        """Type a command, with some pictures; returns all that is said."""
        asked = self.talk.read(command, text).change(pictures=await self.pictures(pictures), **wish)
        return self.see(await self.talk.ask(self.asker(), asked))

    async def pictures(self, count: int) -> tuple[Picture, ...]:
        sent = [f"picture {n}".encode() for n in range(1, count + 1)]
        return tuple([await self.talk.take_picture(self.asker(), data) for data in sent])

    async def press(self, label: str, key: str = "") -> str:
        """Press the button whose label begins like this."""
        return await self.act(self.action(label), key)

    async def act(self, action: str, key: str = "") -> str:
        return self.see(await self.talk.press(self.asker(key), action))

    async def answer(
        self, text: str = "", *, pictures: int = 0, choice: str = "", sent: Sequence[Picture] = ()
    ) -> str:
        """Answer the question, as it comes back from wherever the chat kept it."""
        question = Question.from_json(self.question.to_json())
        taken = tuple(sent) or await self.pictures(pictures)
        return self.see(
            await self.talk.answer(self.asker(), question, text=text, pictures=taken, choice=choice)
        )

    # --- what they see -------------------------------------------------------------------------------------------

    def see(self, answer: Answer) -> str:
        for screen in screens(answer):
            assert_fits(screen)
        self.shown = answer
        asked = [answer.question.text] if answer.question else []
        return "\n".join([words(answer), *asked])

    def labels(self) -> list[str]:
        return list(buttons(self.shown))

    def action(self, label: str) -> str:
        found = [button.action for name, button in buttons(self.shown).items() if name.startswith(label)]
        assert found, f"no {label!r} among {self.labels()}"
        return found[0]

    @property
    def question(self) -> Question:
        assert self.shown.question
        return self.shown.question

    @property
    def job(self) -> Job:
        assert self.shown.ordered
        return self.shown.ordered

    async def draft(self) -> Draft:
        """The draft behind the shown card."""
        draft_id = self.action("Cancel").split(":")[2]
        found = await self.house.store.read(lambda tx: drafts.get(tx, draft_id))
        assert found
        return found

    async def refused(self, action: str) -> str:
        """The key of the sentence that a press is refused with."""
        with pytest.raises(UserError) as caught:
            await self.act(action)
        assert caught.value.text()
        return caught.value.key

    async def made(self, text: str, command: str = "video", **wish: Any) -> Job:
        """Ask, confirm, and wait for the video."""
        await self.ask(text, command, **wish)
        await self.press("✅ Confirm")
        (job,) = await self.house.end(self.job.id)
        return job


@asynccontextmanager
async def open_member(folder: Path, **settings: Any) -> AsyncIterator[Member]:
    """ADA, with 1000 credits if nothing else is said."""
    async with open_talk(folder, **settings) as spoken:
        yield Member(spoken.house, spoken.talk)
