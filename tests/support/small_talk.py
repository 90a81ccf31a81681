"""A whole bot that is talked to: `Talk` over a house, what it tells people, and whether its screens fit every chat."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.house import House, open_house

from bot.domain import Button, ChatRef, CommunityRef, UserRef
from bot.talk import Answer, Asker, Fields, Screen, Talk
from bot.wording import units

BOSS = UserRef("telegram", "1")
ANN = UserRef("telegram", "2")
TOM = UserRef("telegram", "3")
GROUP = CommunityRef("telegram-chat", "-100")
KEYS = itertools.count(1)


@dataclass
class Spoken:
    """A bot with somebody to talk to it."""

    house: House
    talk: Talk
    told: list[tuple[UserRef, str]] = field(default_factory=list)
    notices: list[tuple[str, str, tuple[Button, ...]]] = field(default_factory=list)
    reachable: bool = True
    members: set[tuple[UserRef, CommunityRef]] = field(default_factory=set)

    def asker(
        self, who: UserRef = ANN, *, group: bool = False, manager: bool = False, key: str = ""
    ) -> Asker:
        chat = ChatRef("telegram", who.external_id, GROUP if group else None)
        return Asker(who, chat, key or f"telegram:9:{next(KEYS)}", "en", manager, group)

    async def say(self, name: str, text: str = "", who: UserRef = ANN) -> str:
        """What a command answers, in one piece."""
        return words(await self.talk.command(self.asker(who), name, text))

    async def press(self, action: str, who: UserRef = ANN, **kind: Any) -> Answer:
        return await self.talk.press(self.asker(who, **kind), action)

    async def operate(self, name: str, text: str = "", who: UserRef = BOSS, **kind: Any) -> str:
        return words(await self.talk.operate(self.asker(who), name, text, **kind))


@asynccontextmanager
async def open_talk(folder: Path, **settings: Any) -> AsyncIterator[Spoken]:
    """BOSS is the operator; ANN and TOM are members."""
    async with open_house(folder, **{"operators": (BOSS,), **settings}) as house:
        spoken: Spoken

        async def tell(who: UserRef, text: str) -> bool:
            spoken.told.append((who, text))
            return spoken.reachable

        async def notice(kind: str, text: str, buttons: Sequence[Button]) -> None:
            spoken.notices.append((kind, text, tuple(buttons)))

        async def is_member(who: UserRef, community: CommunityRef) -> bool:
            return (who, community) in spoken.members

        talk = Talk(studio=house.studio, office=house.office, tell=tell, notice=notice, is_member=is_member)
        spoken = Spoken(house, talk)
        yield spoken


# --- screens -----------------------------------------------------------------------------------------------------


def screens(answer: Answer) -> list[Screen]:
    return [screen for screen in (answer.screen, answer.fresh) if screen]


def words(shown: Answer | Screen) -> str:
    """Everything it says, its buttons in brackets, line by line."""
    if isinstance(shown, Answer):
        return "\n".join([*(words(each) for each in screens(shown)), *filter(None, [shown.toast])])
    lines = list(_texts(shown))
    lines += [" ".join(f"[{button.label}]" for button in row) for row in shown.rows]
    return "\n".join(lines)


def _texts(screen: Screen) -> Iterator[str]:
    for part in screen.parts:
        if isinstance(part, Fields):
            yield from (f"{label}: {value}" for label, value in part.lines)
        else:
            yield part.text


def buttons(shown: Answer | Screen) -> dict[str, Button]:
    """The buttons by their labels."""
    found = screens(shown) if isinstance(shown, Answer) else [shown]
    return {button.label: button for screen in found for row in screen.rows for button in row}


def assert_fits(screen: Screen, most: int = 4000) -> None:
    """What every chat can show: texts, buttons, rows, and in all no more parts than Discord has room for."""
    texts = list(_texts(screen))
    assert all(texts), screen
    assert sum(map(units, texts)) + 20 * len(texts) <= most, words(screen)
    assert len(screen.rows) <= 5, words(screen)
    for row in screen.rows:
        assert 1 <= len(row) <= 5, words(screen)
        for button in row:
            assert 1 <= units(button.label) <= 80, button
            assert bool(button.action) != bool(button.url), button
            assert len(button.action.encode()) <= 64, button
    pressed = [button.action for row in screen.rows for button in row if button.action]
    assert len(pressed) == len(set(pressed)), words(screen)
    assert len(screen.parts) + sum(len(row) + 1 for row in screen.rows) < 38, words(screen)
