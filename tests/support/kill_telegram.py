"""People on Telegram who order from a bot that keeps being killed, and what their chats must show at the end."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from support.kill_crowd import AGAIN_SECONDS, CANCEL, CONFIRM, PATIENCE_SECONDS, REFUSED, Counts
from support.kill_house import KillHouse, Zygote, gift_of, open_kill_house
from support.media_making import encoded, halves
from support.telegram_chats import Chat
from support.telegram_messages import Message, User
from support.telegram_server import TelegramServer

BOSS_ID, PEOPLE, GROUPS = 1, 10, 3
# How updates and KIE's calls reach the bot: it asks for both, KIE calls, or Telegram calls.
Line = Literal["polling", "callbacks", "webhook"]
LINES: tuple[Line, ...] = ("polling", "callbacks", "webhook")
PUBLIC = "https://bot.example.org"  # leads to the bot for Telegram, and nowhere for KIE
# What else may go wrong in a life, and must only delay. What loses the answer to a video may send it once more.
MISHAPS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sendVideo", "drop_after", {}),
    ("sendVideo", "drop_before", {}),
    ("sendVideo", "flood", {"retry_after": 1}),
    ("getUpdates", "bad_gateway", {}),
    ("getUpdates", "repeat", {}),
    ("editMessageText", "drop_after", {}),
    ("answerCallbackQuery", "drop_before", {}),
    ("deleteMessage", "bad_gateway", {}),
)
# What our own faults are told by: to the member, and to the operator.
SORRY = ("Something went wrong on my side", "could not be handled", "failed unexpectedly", "was set aside")


@dataclass(eq=False, repr=False)
class Order:
    """One request by one member. `asked` is their message, once it is said."""

    user: User
    chat: Chat
    prompt: str
    picture: bool = False
    cancel: bool = False
    asked: Message | None = None

    def __repr__(self) -> str:
        return f"{self.asked} in {self.chat.title or 'private'}: {self.answers}"

    @property
    def answers(self) -> list[Message]:
        """All that hangs on the request, in order, also what is deleted by now."""
        return [each for each in self.chat.messages if self.asked and each.reply_to is self.asked]

    @property
    def cards(self) -> list[Message]:
        """Those that still wait for Confirm."""
        return [each for each in self.answers if not each.deleted and _has(each, CONFIRM)]

    @property
    def shown(self) -> list[Message]:
        """What was once a card."""
        return [each for each in self.answers if _was_card(each)]

    @property
    def is_ordered(self) -> bool:
        return any(not _has(each, CONFIRM) for each in self.answers)

    @property
    def videos(self) -> list[Message]:
        return [each for each in self.answers if each.media]

    @property
    def refusals(self) -> list[Message]:
        return [
            each for each in self.answers if not each.deleted and any(words in each.text for words in REFUSED)
        ]

    @property
    def has_ended(self) -> bool:
        return bool(self.videos or self.refusals)


def _has(message: Message, words: str) -> bool:
    return any(words in label for label in message.buttons)


def _was_card(message: Message) -> bool:
    return _has(message, CONFIRM) or any(CONFIRM in label for edit in message.edits for label in edit.buttons)


@dataclass(repr=False)
class TelegramCrowd:
    """Ten people with a chat of their own each, and three groups. They order, and go on when the bot has been away."""

    house: KillHouse
    telegram: TelegramServer
    chance: random.Random
    orders: list[Order] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    lost_answers: int = 0  # of videos that Telegram had taken
    platform: str = "telegram"

    def __post_init__(self) -> None:
        world = self.telegram.world
        world.privacy_mode = False
        world.private(world.user(BOSS_ID, "Boss")).started = True
        self.people = [world.user(100 + n, f"Member {n}") for n in range(PEOPLE)]
        self.groups = [world.group(f"Group {n}", self.people, supergroup=n > 0) for n in range(GROUPS)]
        self._picture = encoded(halves(), "JPEG")
        self._numbers = itertools.count(1)

    def new(self, **given: Any) -> Order:
        """Somebody's wish, by chance: more often in private, now and then with a picture, or regretted."""
        chance, user = self.chance, self.chance.choice(self.people)
        in_group = chance.random() < 0.3
        chat = chance.choice(self.groups) if in_group else self.telegram.world.private(user)
        order = Order(
            user,
            chat,
            f"dog number {next(self._numbers)}",
            picture=chance.random() < 0.2,
            cancel=chance.random() < 0.15,
        )
        for name, value in given.items():
            setattr(order, name, value)
        self.orders.append(order)
        return order

    # --- what a member does

    async def pursue(self, order: Order) -> None:
        """From the wish to its end, whatever happens to the bot meanwhile. Fails when nothing comes any more."""
        await self.ask(order)
        await self.confirm(order)
        if order.cancel:
            await self.regret(order)
        await self.telegram.world.wait_until(
            lambda: order.has_ended or order.prompt in self.away, PATIENCE_SECONDS
        )

    async def ask(self, order: Order) -> Message:
        """Said once: it must not get lost. Returns the card."""
        text = f"/video {order.prompt}"
        if order.picture:
            order.asked = await order.chat.says(order.user, text, photo=self._picture)
        else:
            order.asked = await order.chat.says(order.user, text)
        await self.telegram.world.wait_until(lambda: order.answers, PATIENCE_SECONDS)
        return order.answers[-1]

    async def confirm(self, order: Order) -> None:
        """Pressed until the card is one no more."""
        while not order.is_ordered:
            if order.cards:
                await self._press(order, order.cards[-1], CONFIRM)
            await self._wait(lambda: order.is_ordered)

    async def regret(self, order: Order) -> None:
        """Cancel, if there still is such a button; what was pressed too late is made."""
        for message in order.answers:
            if not message.deleted and _has(message, CANCEL) and not _has(message, CONFIRM):
                await self._press(order, message, CANCEL)

    async def _press(self, order: Order, message: Message, label: str) -> None:
        with contextlib.suppress(AssertionError):  # the bot may be gone just now, or the button
            await (await order.chat.press(order.user, message, label)).answer(AGAIN_SECONDS)

    async def _wait(self, wanted: Any) -> None:
        with contextlib.suppress(AssertionError):
            await self.telegram.world.wait_until(wanted, AGAIN_SECONDS)

    # --- what the rounds ask

    def go_wrong(self) -> None:
        method, kind, details = self.chance.choice(MISHAPS)
        self.telegram.fault(method, kind, **details)
        self.lost_answers += (method, kind) == ("sendVideo", "drop_after")

    async def collect(self, jobs: Sequence[dict[str, Any]]) -> None:
        """Nothing is kept from these: their chats stay open."""

    def check(self, jobs: Sequence[dict[str, Any]], counts: Counts) -> None:
        self._check_incoming()
        of = {job["prompt"]: job for job in jobs}
        twice_before = counts.ends_twice
        for order in self.orders:
            self._check_end(order, of[order.prompt], counts)
        # a kill may hit a message between being sent and being noted
        assert counts.ends_twice - twice_before <= self.house.kills + self.lost_answers, counts

    def _check_incoming(self) -> None:
        world = self.telegram.world
        assert not world.updates.waiting
        said = [each.text for chat in world.chats.values() for each in chat.messages]
        sorry = [text for text in said if any(words in text for words in SORRY)]
        assert not sorry, f"{sorry}\n{self.house.errors()}"

    def _check_end(self, order: Order, job: dict[str, Any], counts: Counts) -> None:
        assert job["user"] == f"telegram:{order.user.id}"
        counts.cards_twice += len(order.shown) - 1
        if job["outcome"]["kind"] == "video":
            assert not order.refusals, order.answers
            ends = order.videos
            for each in ends:
                assert each.media
                assert each.media.size == job["outcome"]["size"], each
                assert "AI-generated" in each.text
        else:
            counts.refunds += 1
            assert not order.videos or gift_of(job), order.answers
            # a card that says how it ended is edited, and tells nobody a second time
            ends = [each for each in order.refusals if not _was_card(each)] or order.refusals[:1]
            assert all("return" in each.text or "back" in each.text for each in ends), ends
        elsewhere = job["delivered_to"] == "kept" or "unsure" in job["delivered_to"]
        assert len(ends) in (1, 2) or (not ends and elsewhere), (order, job)
        counts.ends_twice += len(ends) == 2


@asynccontextmanager
async def open_telegram(
    house: KillHouse, chance: random.Random, line: Line = "polling"
) -> AsyncIterator[TelegramCrowd]:
    """Connects the house's next lives to a Telegram."""
    async with TelegramServer() as telegram:
        house.connect(TELEGRAM_BOT_TOKEN=telegram.token, TELEGRAM_API_URL=telegram.url)
        house.secrets.append(telegram.token.partition(":")[2])
        house.operators.append(f"telegram:{BOSS_ID}")
        if line != "polling":
            # to a plain http address Telegram brings nothing, and KIE does
            house.connect(PUBLIC_URL=house.url if line == "callbacks" else PUBLIC)
            telegram.webhook.routes[PUBLIC] = house.url
        yield TelegramCrowd(house, telegram, chance)


@asynccontextmanager
async def open_crowd(folder: Path, zygote: Zygote, seed: int, **kie: Any) -> AsyncIterator[TelegramCrowd]:
    """A new bot in `folder`, not started yet, with its Telegram and its KIE."""
    async with (
        open_kill_house(folder, zygote, **kie) as house,
        open_telegram(house, random.Random(seed)) as crowd,
    ):
        yield crowd
