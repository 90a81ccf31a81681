"""What the adapter contract needs of a chat: somebody who asks there, what can be seen in it, and its troubles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from support import files
from support.house import House
from support.telegram_media import tiny_mp4

from bot.domain import FailureKind, Job, JobState
from bot.engine.deliver import with_video
from bot.ports import Broken, ChatAdapter, Delivery
from bot.store import deliveries

PUBLIC_URL = "https://bot.example.org"
SECRET = "a cat that nobody else may hear of"
KIE_SAYS = "Blocked by the safety filter"


@dataclass(frozen=True)
class Seen:
    """Something that stands in a chat. `sha256` is that of a video it brings, `described` what stands in for it where it
    cannot be seen; `public` tells that others see it too."""

    text: str
    sha256: str | None = None
    described: str = ""
    public: bool = False
    links: tuple[str, ...] = ()


@dataclass
class Place(ABC):
    """One chat of Ada's with the bot, and on the platforms that have it a place with others. `video` is what KIE makes."""

    house: House
    adapter: ChatAdapter
    video: bytes = field(default=tiny_mp4(4000), repr=False, kw_only=True)

    def __post_init__(self) -> None:
        async def download(url: str, target: Path, max_bytes: int) -> int:
            files.put(target, self.video)
            return len(self.video)

        self.house.kie.download = download  # type: ignore[method-assign]

    @property
    def sum(self) -> str:
        """Of the video that KIE makes."""
        return sha256(self.video).hexdigest()

    # --- what people do and see

    @abstractmethod
    async def ask(self, *, in_public: bool = False, private: bool = False) -> Job:
        """Ada asks for a video of SECRET and confirms; `private`: its result is for her eyes only."""

    @abstractmethod
    async def seen(self) -> Sequence[Seen]:
        """Everything of the bot's that stands somewhere now, oldest first."""

    @abstractmethod
    async def tell_ada(self, text: str) -> bool:
        """A private word from the bot."""

    # --- what goes wrong, where it can

    async def shut(self) -> None:
        """Nobody there hears the bot any more."""
        raise NotImplementedError

    async def be_busy(self) -> None:
        """The next video is turned away for now."""
        raise NotImplementedError

    async def lose_answer(self) -> None:
        """The next video arrives, and its answer does not."""
        raise NotImplementedError

    async def take_less(self) -> None:
        """From now on KIE's videos are larger than what the chat takes."""
        raise NotImplementedError

    # --- the engine's side

    def way(self, job: Job) -> str:
        """The best that is open for a result that takes its time."""
        return self.adapter.routes(job)[0]

    async def settled(self, job: Job) -> Job:
        """Its outcome is there, and nothing of it was delivered."""
        platform = self.adapter.platform
        del self.house.adapters[platform]
        while (found := await self.house.job(job.id)).state is not JobState.SETTLED:
            await self.house.step()
            self.house.clock.advance(20)
        await self.house.engine.idle()
        self.house.adapters[platform] = self.adapter
        return found

    async def refused(self, job: Job) -> Job:
        """Settled without a video."""
        self.house.kie.next_looks.append(Broken(FailureKind.POLICY, KIE_SAYS))
        return await self.settled(job)

    async def attempt(self, job: Job, route: str | None = None) -> Delivery:
        """What the engine hands over for an attempt, whose row stands."""
        way, now = route or self.way(job), self.house.clock.now()
        fresh = await self.house.job(job.id)
        number = await self.house.store.write(lambda tx: deliveries.begin(tx, fresh, way, now))
        assert number
        delivery = Delivery(fresh, way, number)
        video = await self.house.studio.video(delivery.job)
        return with_video(self.house.engine.kit, delivery, video) if video else delivery

    async def delivered(self, job: Job) -> Job:
        """To its very end, by the engine."""
        (ended,) = await self.house.end(job.id)
        return ended

    async def too_late(self, job: Job) -> Job:
        """Given up and refunded; then its video comes after all, and is handed over."""
        self.house.kie.takes = 10 * 3600.0
        await self.house.end(job.id)
        self.house.kie.takes = 0.0
        await self.house.live(4 * 3600, every=600)
        return await self.house.job(job.id)
