"""Lives of a bot that is killed and started again, seen from outside: by KIE, the disk, the ledger and the member."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
from support.crash_life import CREDITS, WHO, Plan
from support.media_making import encoded, halves
from support.sources import ROOT

from bot.domain import Failure, FailureKind, Job, JobState, Video
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox
from bot.store import Store, checks, jobs, money, people

PARALLEL = 2
LIFE_SECONDS = 30.0
MUCH_LATER = 31 * 60_000  # a submission whose answer was lost is given up by then


@dataclass
class CrashHouse:
    """Gives each bot a folder of its own and the one KIE that outlives them all."""

    folder: Path
    kie: Sandbox
    crashes: int = 0
    jobs: int = 0
    outcomes: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))

    def __post_init__(self) -> None:
        self._picture = self.folder / "picture.jpg"
        self._picture.write_bytes(encoded(halves(), "JPEG"))

    def plan(self, many: int = 1) -> Plan:
        """A new bot with so many jobs to do."""
        number = next(self._numbers)
        prompts = tuple(f"dog {number}-{n}" for n in range(many))
        self.jobs += many
        return Plan(str(self.folder / str(number)), self.kie.url, str(self._picture), prompts)

    async def begin(self, plan: Plan, environment: Mapping[str, str] | None = None) -> Process:
        """A life in a process of its own, which the caller sees to its end."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "support.crash_life",
            plan.to_json(),
            cwd=ROOT,
            env=environment or {**os.environ, "PYTHONPATH": str(ROOT / "tests")},
            stderr=asyncio.subprocess.PIPE,
        )

    async def live(self, plan: Plan, kill_after: float | None = None) -> bool:
        """One life; False when it was killed before its work was done. Fails when it died of anything else."""
        async with self._slots:
            process = await self.begin(plan)
            talk = asyncio.create_task(process.communicate())
            try:
                if kill_after is not None:
                    await asyncio.wait([talk], timeout=kill_after)
                    if process.returncode is None:
                        process.kill()
                _, words = await asyncio.wait_for(talk, LIFE_SECONDS)
            except TimeoutError:
                raise AssertionError(f"a life did not end: {plan}") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert process.returncode in (0, -signal.SIGKILL), words.decode()
        self.crashes += process.returncode != 0
        return process.returncode == 0

    async def crash_and_return(self, plan: Plan) -> bool:
        """A life that is to die, then a whole one half an hour later. False when the first did not die."""
        whole = await self.live(plan)
        later = replace(plan, commit=None, moment=None, later=plan.later + MUCH_LATER)
        assert whole or await self.live(later)
        await self.check(later)
        return not whole

    # --- what must hold, whatever happened -----------------------------------------------------------------------

    async def check(self, plan: Plan) -> None:
        """Each job delivered or refunded once, KIE asked at most once, the ledger whole, no half file anywhere."""
        async with Store(plan.settings.database_path) as store:
            assert await store.read(checks.broken) == {}
            ended = await store.read(lambda tx: [jobs.by_key(tx, f"ask:{prompt}") for prompt in plan.prompts])
            user = await store.read(lambda tx: people.find_user(tx, WHO))
            assert user
            balance = await store.read(lambda tx: money.balance(tx, user.account))
            told = await store.read(lambda tx: [jobs.events(tx, job.id) for job in ended if job])
        paid = 0
        for prompt, job, events in zip(plan.prompts, ended, told, strict=True):
            assert job
            kinds = [event.kind for event in events]
            assert job.state is JobState.DELIVERED
            assert job.delivered_to == "file"
            assert kinds.count("ordered") == kinds.count("delivered") == 1
            paid += self._check_end(plan, prompt, job)
        assert (balance.available, balance.held) == (CREDITS - paid, 0)
        assert [str(part) for part in Path(plan.folder).rglob("*.part")] == []  # noqa: ASYNC240

    def _check_end(self, plan: Plan, prompt: str, job: Job) -> int:
        """Returns what the member paid."""
        created = sum(body["input"]["prompt"] == prompt for body in self.kie.created)
        if isinstance(job.outcome, Failure):
            self.outcomes.append(job.outcome.kind)
            assert job.outcome.kind is FailureKind.LOST
            assert created <= 1
            assert not plan.target(prompt).exists()
            return 0
        assert isinstance(job.outcome, Video)
        self.outcomes.append("video")
        assert created == 1
        ours = plan.settings.videos_dir / job.outcome.file
        assert plan.target(prompt).read_bytes() == ours.read_bytes()
        assert ours.stat().st_size == job.outcome.size
        assert frames(ours) == frames(self.kie.world.results / f"{job.task_id}.mp4") > 0
        return job.price


def frames(video: Path) -> int:
    """How many pictures of a video can be shown."""
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


@asynccontextmanager
async def open_crash_house(
    folder: Path, faults: Mapping[str, str] | None = None
) -> AsyncIterator[CrashHouse]:
    """KIE without waiting and without limits, every video the same short clip."""
    options = SandboxOptions(speed=math.inf, rate_limits=False, stock_clip=True, faults=faults or {})
    async with Sandbox(options) as kie:
        yield CrashHouse(folder, kie)
