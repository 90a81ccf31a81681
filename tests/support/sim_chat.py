"""A simulated chat: refuses, times out after acceptance, forgets, vanishes; and an exact record of what arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from support import files
from support.sim_climate import Climate
from support.sim_fate import Fate

from bot.domain import Button, Job, Progress, Video
from bot.errors import DeliveryUnknown, RetryLater, RouteClosed, TooLarge
from bot.ports import Delivery

PUBLIC, PRIVATE, NOTICE = "public", "private", "notice"


@dataclass(frozen=True)
class Arrived:
    """A message in the chat: which job's, by which attempt, whether it shows the video. `url` is where KIE had the
    attached video, which is all that a simulated file holds."""

    id: str
    job_id: str
    number: int
    route: str
    gift: bool
    video: bool
    private: bool
    url: str | None


@dataclass
class SimChat:
    """`ports.ChatAdapter`. `unsure` counts, by job and whether it was a gift, the attempts of which nobody could tell
    whether they arrived."""

    fate: Fate
    climate: Climate
    platform: str = "web"
    messages: list[Arrived] = field(default_factory=list)
    unsure: Counter[tuple[str, bool]] = field(default_factory=Counter)
    earlier: list[Arrived] = field(default_factory=list)  # what a restored backup cannot know
    told: list[str] = field(default_factory=list)
    closed: set[tuple[str, str]] = field(default_factory=set)

    def routes(self, job: Job) -> Sequence[str]:
        return (PRIVATE, NOTICE) if job.chat.private else (PUBLIC, PRIVATE)

    def count(self, job_id: str) -> int:
        """How many messages a job has."""
        return sum(each.job_id == job_id for each in self.messages)

    def is_closed(self, job: Job) -> bool:
        return all((job.id, route) in self.closed for route in self.routes(job))

    async def show(self, job: Job, progress: Progress) -> None:
        await self.fate.abroad()
        if self.fate.strikes(self.climate.chat_later):
            raise RetryLater("flood")

    async def deliver(self, delivery: Delivery) -> str:
        await self.fate.abroad()
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
        message = self._arrived(delivery)
        await self.fate.abroad()
        if unsure:
            raise DeliveryUnknown("the line went dead")
        return message.id

    def _arrived(self, delivery: Delivery) -> Arrived:
        job, file = delivery.job, delivery.file
        shows = isinstance(job.outcome, Video) or delivery.gift
        message = Arrived(
            id=f"m{len(self.earlier) + len(self.messages) + 1}",
            job_id=job.id,
            number=delivery.number,
            route=delivery.route,
            gift=delivery.gift,
            video=shows and delivery.route != NOTICE,
            private=job.chat.private,
            url=files.read(file).decode() if file and not delivery.fitted else None,
        )
        self.messages.append(message)
        return message

    async def find(self, delivery: Delivery) -> str | None:
        await self.fate.abroad()
        if self.fate.strikes(self.climate.chat_blind):
            self.unsure[delivery.job.id, delivery.gift] += 1
            raise DeliveryUnknown("no history here")
        wanted = (delivery.job.id, delivery.number)
        found = [each.id for each in self.earlier + self.messages if (each.job_id, each.number) == wanted]
        return found[-1] if found else None

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        await self.fate.abroad()
        self.told.append(text)
        return True
