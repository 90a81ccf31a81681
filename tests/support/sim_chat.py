"""A simulated chat: refuses, times out after acceptance, forgets, vanishes; and an exact record of what arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from support.sim_fate import Fate
from support.sim_kie import Climate

from bot.domain import Button, Job, Progress, Video
from bot.errors import DeliveryUnknown, RetryLater, RouteClosed, TooLarge
from bot.ports import Delivery

PUBLIC, PRIVATE, NOTICE = "public", "private", "notice"


@dataclass(frozen=True)
class Arrived:
    """A message in the chat: which job's, by which attempt, whether it shows the video."""

    job_id: str
    number: int
    route: str
    gift: bool
    video: bool
    private: bool


@dataclass
class SimChat:
    """`ports.ChatAdapter`. `unsure` counts, by job, the attempts of which nobody could tell whether they arrived."""

    fate: Fate
    climate: Climate
    platform: str = "web"
    messages: list[Arrived] = field(default_factory=list)
    unsure: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    closed: set[tuple[str, str]] = field(default_factory=set)

    def routes(self, job: Job) -> Sequence[str]:
        return (PRIVATE, NOTICE) if job.chat.private else (PUBLIC, PRIVATE)

    async def show(self, job: Job, progress: Progress) -> None:
        await self.fate.door()
        if self.fate.strikes(self.climate.chat_later):
            raise RetryLater("flood")

    async def deliver(self, delivery: Delivery) -> str:
        await self.fate.door()
        strikes, climate, job = self.fate.strikes, self.climate, delivery.job
        way = (job.id, delivery.route)
        if strikes(climate.chat_closed):
            self.closed.add(way)
        if way in self.closed:
            raise RouteClosed("kicked")
        if strikes(climate.chat_later):
            raise RetryLater("flood", self.fate.chance.uniform(1, 600))
        if delivery.file and not delivery.fitted and strikes(climate.too_large):
            raise TooLarge(4)
        unsure = strikes(climate.chat_unsure)
        if unsure and self.fate.chance.random() < 0.5:
            raise DeliveryUnknown("the line went dead before the chat heard it")
        shows = isinstance(job.outcome, Video) or delivery.gift
        self.messages.append(
            Arrived(
                job.id,
                delivery.number,
                delivery.route,
                delivery.gift,
                shows and delivery.route != NOTICE,
                job.chat.private,
            )
        )
        await self.fate.door()
        if unsure:
            raise DeliveryUnknown("the line went dead")
        return f"m{len(self.messages)}"

    async def find(self, delivery: Delivery) -> str | None:
        await self.fate.door()
        if self.fate.strikes(self.climate.chat_blind):
            self.unsure[delivery.job.id] += 1
            raise DeliveryUnknown("no history here")
        wanted = (delivery.job.id, delivery.number)
        found = [n for n, each in enumerate(self.messages, 1) if (each.job_id, each.number) == wanted]
        return f"m{found[-1]}" if found else None

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        await self.fate.door()
        self.told.append(text)
        return True
