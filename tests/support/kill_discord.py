"""People on Discord who order from a bot that keeps being killed, and what they must have been shown at the end."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from support.discord_interactions import Interaction
from support.discord_messages import Message
from support.discord_people import User
from support.discord_places import DM, Channel
from support.discord_server import DiscordServer
from support.kill_crowd import AGAIN_SECONDS, CANCEL, CONFIRM, PATIENCE_SECONDS, REFUSED, Counts
from support.kill_house import KillHouse, Zygote, gift_of, open_kill_house
from support.media_making import encoded, halves

from bot.clock import SystemClock
from bot.domain import WAITING

PEOPLE = 10
# A token lives 15 minutes and is dead after these, so that the way of later is taken as well (discord.md 2).
TOKEN_LIVES = (900.0, 60.0)
LATE_ACK_SECONDS = 60.0  # by a clock that runs ten times as fast
ANYWHERE = "/channels/*/messages"
ORIGINAL = "/webhooks/*/messages/@original"
# What else may go wrong in a life, and must only delay.
MISHAPS: tuple[dict[str, Any], ...] = (
    {"method": "POST", "path": ANYWHERE, "drop": True, "after": True},
    {"method": "POST", "path": ANYWHERE, "drop": True},
    {"method": "POST", "path": ANYWHERE, "status": 502, "after": True},
    {"method": "POST", "path": ANYWHERE, "status": 429, "retry_after": 0.3},
    {"method": "PATCH", "path": ORIGINAL, "drop": True, "after": True},
    {"method": "PATCH", "path": ORIGINAL, "status": 502},
    {"method": "PATCH", "path": ORIGINAL, "status": 401, "code": 50027},
    {"method": "PATCH", "path": "/channels/*/messages/*", "drop": True},
    {"method": "GET", "path": "*", "drop": True},
    {"method": "POST", "path": "/interactions/*/callback", "drop": True, "after": True},
)
LETS_BE_LOST = ("drop", "reconnect", "invalidate")  # of the gateway
SORRY = "Something went wrong on my side"


@dataclass
class HouseClock(SystemClock):
    """The lives' and Discord's alike: ids tell the time, and the bot reads it from them."""

    house: KillHouse

    def now(self) -> int:
        return self.house.now()

    def advance(self, seconds: float) -> None:
        self.house.pass_time(seconds)


@dataclass(eq=False, repr=False)
class Wish:
    """One request by one member. `asked` are their commands: what the bot was not there for is typed again. `card` is the
    one they confirm."""

    user: User
    channel: Channel
    prompt: str
    private: bool = False
    picture: bool = False
    cancel: bool = False
    asked: list[Interaction] = field(default_factory=list)
    card: Message | None = None

    def __repr__(self) -> str:
        return f"{self.prompt!r} in {self.channel.name}: {self.asked}, {self.card}, {self.shown}"

    @property
    def is_ordered(self) -> bool:
        return self.card is not None and not _has(self.card, CONFIRM)

    @property
    def shown(self) -> list[Message]:
        """All that shows its video, wherever that is, also what is deleted by now."""
        world = self.channel.world
        every = (each for channel in world.channels.values() for each in channel.by_id.values())
        described = f"AI-generated video: {self.prompt}"
        return [each for each in every if any(file.description == described for file in each.attachments)]

    @property
    def refusals(self) -> list[Message]:
        """What tells that there is none: the card itself, or what hangs on it."""
        near = [*self.channel.messages, *self.channel.world.dm(self.user).messages]
        mine = [each for each in near if self.card and self.card.id in (each.id, each.reference)]
        said = [each for each in near if self.prompt in each.text]
        return [each for each in {*mine, *said} if any(words in each.text for words in REFUSED)]

    @property
    def has_ended(self) -> bool:
        return bool(self.shown or self.refusals)


def _has(message: Message, words: str) -> bool:
    return any(words in label for label in message.buttons())


@dataclass(repr=False)
class DiscordCrowd:
    """Ten members of a server with a channel, a thread and a channel that is closed to the bot. Three of them have
    installed it for themselves and use it in another server; two take no direct messages."""

    house: KillHouse
    discord: DiscordServer
    chance: random.Random
    orders: list[Wish] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    platform: str = "discord"

    def __post_init__(self) -> None:
        world = self.discord.world
        world.ack_deadline, world.token_life = LATE_ACK_SECONDS, self.chance.choice(TOKEN_LIVES)
        studio, abroad = world.guild("studio"), world.guild("abroad", bot_in=False)
        general, closed = studio.text_channel("general"), studio.text_channel("closed")
        closed.deny("send_messages", "read_message_history")
        self.places = [general, studio.thread(general, "idea"), closed]
        self.abroad = abroad.text_channel("elsewhere")
        self.people = [studio.member(world.user(f"member{n}", installed=n < 3)) for n in range(PEOPLE)]
        for each in self.people[-2:]:
            each.close_dms()
        self._picture = encoded(halves(), "JPEG")
        self._numbers = itertools.count(1)

    def new(self, **given: Any) -> Wish:
        """Somebody's wish, by chance: in the server, in direct messages, or elsewhere; now and then private, with a
        picture, or regretted."""
        chance, user = self.chance, self.chance.choice(self.people)
        places = [*self.places, *self.places]
        if user.refuses_with is None:
            places.append(self.discord.world.dm(user))
        if user.installed:
            places.append(self.abroad)
        wish = Wish(
            user,
            chance.choice(places),
            f"cat number {next(self._numbers)}.",
            private=chance.random() < 0.2,
            picture=chance.random() < 0.2,
            cancel=chance.random() < 0.15,
        )
        for name, value in given.items():
            setattr(wish, name, value)
        self.orders.append(wish)
        return wish

    # --- what a member does

    async def pursue(self, order: Wish) -> None:
        await self.ask(order)
        await self.confirm(order)
        if order.cancel:
            await self.regret(order)
        await self.discord.world.until(
            lambda: order.has_ended or order.prompt in self.away,
            PATIENCE_SECONDS,
            "an end",
            lambda: repr(order),
        )

    async def ask(self, order: Wish) -> Message:
        """Typed until there is a card, which is returned: Discord keeps nothing for a bot that is away."""
        world = self.discord.world
        await world.until(lambda: world.commands, PATIENCE_SECONDS, "commands")
        options: dict[str, Any] = {"prompt": order.prompt, "private": order.private}
        if order.picture:
            options["image"] = ("a.jpg", self._picture)
        while order.card is None:
            order.asked.append(order.user.slash(order.channel, "video", **options))
            await self._wait(lambda: any(self._cards(order)))
            order.card = next(self._cards(order), None)
        return order.card

    def _cards(self, order: Wish) -> Iterator[Message]:
        answers = (each.response for each in order.asked)
        return (each for each in answers if each and not each.deleted and _has(each, CONFIRM))

    async def confirm(self, order: Wish) -> None:
        """Pressed until the card is one no more."""
        assert order.card
        while not order.is_ordered:
            await self._press(order.user, order.card, CONFIRM)
            await self._wait(lambda: order.is_ordered)

    async def regret(self, order: Wish) -> None:
        """Cancel, if there still is such a button; what was pressed too late is made."""
        assert order.card
        await self._press(order.user, order.card, CANCEL)

    async def _press(self, user: User, message: Message, label: str) -> Interaction | None:
        with contextlib.suppress(AssertionError):  # the bot may be gone just now, or the button
            return await user.click(message, label).acknowledged(AGAIN_SECONDS)
        return None

    async def _wait(self, wanted: Callable[[], Any]) -> None:
        with contextlib.suppress(AssertionError):
            await self.discord.world.until(wanted, AGAIN_SECONDS)

    # --- what the rounds ask

    def go_wrong(self) -> None:
        number = self.chance.randrange(len(MISHAPS) + len(LETS_BE_LOST))
        if number < len(MISHAPS):
            self.discord.fault(**MISHAPS[number])
        else:
            getattr(self.discord.gateway, LETS_BE_LOST[number - len(MISHAPS)])()

    async def collect(self, jobs: Sequence[dict[str, Any]]) -> None:
        """What is kept for somebody is theirs when they are next seen; a line in public leads to what is private."""
        self.discord.faults.faults.clear()
        of = {job["prompt"]: job for job in jobs}
        for order in self.orders:
            job = of[order.prompt]
            if job["outcome"]["kind"] != "video" or order.shown or "unsure" in job["delivered_to"]:
                continue
            if job["delivered_to"] == "notice":
                line = next(
                    each for each in order.channel.messages if f"get:{job['id']}" in str(each.components)
                )
                await order.user.click(line, "Get my video").acknowledged()
            else:
                await order.user.slash(order.channel, "balance").acknowledged()
            await self.discord.world.until(partial(_shown, order), 10, f"what was kept of {order!r}, {job}")

    def check(self, jobs: Sequence[dict[str, Any]], counts: Counts) -> None:
        said = [each for channel in self.discord.world.channels.values() for each in channel.by_id.values()]
        sorry = [each for each in said if SORRY in each.text]
        assert not sorry, f"{sorry}\n{self.house.errors()}"
        wrong = [each for each in self.discord.requests if each.code == 50035]
        assert not wrong, wrong[:3]
        of = {job["prompt"]: job for job in jobs}
        for order in self.orders:
            self._check_end(order, of[order.prompt], counts)

    def _check_end(self, order: Wish, job: dict[str, Any], counts: Counts) -> None:
        assert job["user"] == f"discord:{order.user.id}"
        cards = [each.response for each in order.asked if each.response and not each.response.loading]
        counts.cards_twice += len(cards) - 1
        if job["outcome"]["kind"] == "video":
            self._check_video(order, job)
            counts.ends_twice += len(order.shown) == 2
        else:
            counts.refunds += 1
            assert not order.shown or gift_of(job), order
            public = [each for each in order.refusals if not _for_one(each)]
            assert not order.private or all(order.prompt not in each.text for each in public), order

    def _check_video(self, order: Wish, job: dict[str, Any]) -> None:
        """Shown once, to its asker, in the right place; what is private to nobody else."""
        shown, dm = order.shown, self.discord.world.dm(order.user)
        # what twice got no answer lies in the history
        assert len(shown) == 1 or (not shown and "unsure" in job["delivered_to"]), (order, job)
        for each in shown:
            (file,) = each.attachments
            assert file.size == job["outcome"]["size"], (order, job)
            assert "AI-generated" in each.text, each
            brought = job["delivered_to"] in WAITING and each.ephemeral  # to wherever they were next seen
            assert brought or each.channel in (order.channel, dm), (order, job)
            assert order.user.sees(each), (order, job)
            assert not order.private or _for_one(each), (order, job)
            if each.channel.bot_may("send_messages") and each.channel is order.channel and not _for_one(each):
                self._check_told(order, each)

    def _check_told(self, order: Wish, video: Message) -> None:
        """Its asker was pinged, and the card does not look as if something were still to come."""
        near = [each for each in order.channel.by_id.values() if video.id in (each.id, each.reference)]
        assert any(order.user.name in each.pings for each in near), (order, near)
        assert order.card is video or "ready" in (order.card.text if order.card else ""), order


def _shown(order: Wish) -> bool:
    return bool(order.shown)


def _for_one(message: Message) -> bool:
    return message.ephemeral or (message.channel.kind == DM and message.world.bot in message.channel.people)


@asynccontextmanager
async def open_discord(house: KillHouse, chance: random.Random) -> AsyncIterator[DiscordCrowd]:
    """Connects the house's next lives to a Discord."""
    async with DiscordServer(HouseClock(house)) as discord:
        house.connect(DISCORD_BOT_TOKEN=discord.token, DISCORD_API_URL=discord.api_url)
        house.secrets.append(discord.token)
        yield DiscordCrowd(house, discord, chance)


@asynccontextmanager
async def open_crowd(folder: Path, zygote: Zygote, seed: int, **kie: Any) -> AsyncIterator[DiscordCrowd]:
    """A new bot in `folder`, not started yet, with its Discord and its KIE."""
    async with (
        open_kill_house(folder, zygote, **kie) as house,
        open_discord(house, random.Random(seed)) as crowd,
    ):
        yield crowd
