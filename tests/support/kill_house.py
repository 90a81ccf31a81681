"""A `kiebot run` that is killed and started again, with KIE outliving it, and what its commands tell from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.kill_life import Birth, hastened
from support.sources import ROOT

from bot.domain import JobState
from bot.engine.worker import LANES
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox
from bot.sandbox.world import FAIL, SUCCESS

HASTE = 10.0
CREDITS = 100_000
LIFE_SECONDS = 60.0
START_SECONDS = 60.0
KIE_KEY = "the-key-of-a-kie-account-5b1e"
KIE_SPEED = 40.0  # a video takes a second or two, some lives of the bot


@dataclass
class Zygote:
    """The process that has everything imported; lives are forked off it."""

    process: Process
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, line: str) -> int:
        assert self.process.stdin
        assert self.process.stdout
        async with self._turn:
            self.process.stdin.write(line.encode() + b"\n")
            return int(await asyncio.wait_for(self.process.stdout.readline(), LIFE_SECONDS))

    async def begin(self, birth: Birth) -> Life:
        return Life(self, await self.ask(birth.to_json()))


@asynccontextmanager
async def open_zygote(**environment: str) -> AsyncIterator[Zygote]:
    """`environment` is what must be there as soon as a process begins."""
    # nothing of ours in it: a life has what its Birth says
    environment |= {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.kill_life"), cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        assert await asyncio.wait_for(process.stdout.readline(), START_SECONDS) == b"ready\n"
        yield Zygote(process)
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()


@dataclass(frozen=True)
class Life:
    """One process of the bot's, leader of its group."""

    zygote: Zygote
    pid: int

    async def kill(self) -> int:
        """The whole group, at once; returns how it ended: `-SIGKILL` if it was still alive."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return await self.ended()

    async def stop(self) -> int:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        return await self.zygote.ask(json.dumps({"wait": self.pid}))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def gift_of(job: Mapping[str, Any]) -> bool:
    """Whether KIE called about this job after it was given up as lost: its video, if it becomes one, is a gift."""
    return job["outcome"].get("reason") == "lost" and job["task_id"] is not None


@dataclass
class KillHouse:
    """One bot's folder and KIE. `chat` holds the variables that connect it to its chats' stand-ins, `secrets` what must
    stand in no file."""

    folder: Path
    zygote: Zygote
    kie: Sandbox
    chat: dict[str, str] = field(default_factory=dict)
    operators: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=lambda: [KIE_KEY])
    haste: float = HASTE
    kills: int = 0
    answers_lost: int = 0  # of createTask, at most, by faults of KIE's
    port: int = field(default_factory=free_port)
    epoch: float = field(default_factory=time.time)

    @property
    def url(self) -> str:
        """Where its web server is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def has_callbacks(self) -> bool:
        """Whether KIE was told where to call, and a lost answer is waited for."""
        return "PUBLIC_URL" in self.chat

    def connect(self, **variables: str) -> None:
        """The next lives have these in their environment."""
        self.chat |= variables

    def now(self) -> int:
        """By the clock that the lives share."""
        return hastened(self.epoch, self.haste)

    def pass_time(self, seconds: float) -> None:
        """The next life begins so much later."""
        self.epoch -= seconds / (self.haste - 1)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "bot.log"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KIE_API_KEY": KIE_KEY,
            "KIE_API_URL": self.kie.url,
            "KIE_UPLOAD_URL": self.kie.url,
            "DATA_DIR": str(self.data),
            "HTTP_PORT": str(self.port),
            "ACCESS": "open",
            "NEW_USER_CREDITS": str(CREDITS),
            "COMMANDS_PER_MINUTE": "100000",
            "MAX_RUNNING": "50",
            "MAX_RUNNING_PER_USER": "10",
            "MAX_QUEUED_PER_USER": "100",
            "DAILY_KIE_CREDITS": "1000000",
            "OPERATORS": ",".join(self.operators),
            **self.chat,
        }

    # --- lives

    async def begin(self, *words: str, out: Path | None = None, **dies: Any) -> Life:
        """`kiebot <words>`, by itself `kiebot run`; for where it dies see Birth."""
        birth = Birth(
            words or ("run",),
            str(self.folder),
            self.environment,
            str(out or self.log),
            str(self.log),
            self.haste,
            self.epoch,
            **dies,
        )
        return await self.zygote.begin(birth)

    async def kill(self, life: Life) -> None:
        ended = await life.kill()
        assert ended == -signal.SIGKILL, f"it ended by itself with {ended}:\n{self.last_words()}"
        self.kills += 1

    async def died(self, life: Life) -> None:
        """At its point; fails when it does not."""
        ended = await asyncio.wait_for(life.ended(), LIFE_SECONDS)
        assert ended == -signal.SIGKILL, f"it ended with {ended}:\n{self.last_words()}"
        self.kills += 1

    def last_words(self) -> str:
        return self.log.read_text("utf-8")[-3000:]

    def errors(self) -> str:
        """What the log holds of exceptions and worse."""
        lines = self.log.read_text("utf-8").splitlines()
        quiet = re.compile(r"\S+ \S+ (INFO|WARNING) (?!adapters.telegram.dispatch)")
        return "\n".join(line for line in lines if not quiet.match(line))[-6000:]

    async def stopped(self, life: Life, status: int = 1) -> str:
        """It ends by itself; returns its last words."""
        ended = await asyncio.wait_for(life.ended(), LIFE_SECONDS)
        assert ended == status, f"it ended with {ended}:\n{self.last_words()}"
        return self.last_words()

    # --- what the commands tell

    async def tell(self, *words: str) -> Any:
        """What `kiebot <words> --json` prints."""
        out = self.folder / "answer.json"
        out.unlink(missing_ok=True)
        life = await self.begin(*words, "--json", out=out)
        ended = await life.ended()
        assert ended == 0, f"kiebot {' '.join(words)} ended with {ended}:\n{self.last_words()}"
        return json.loads(out.read_text("utf-8"))

    async def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.tell("jobs")
        return found

    async def check(self) -> list[dict[str, Any]]:
        """What must hold whatever the chat is; returns the jobs. KIE was asked for each at most once, every credit is
        where it belongs, no half file and no secret lies anywhere."""
        assert await self.tell("credits", "verify") == {"ok": True, "broken": {}}
        jobs = await self.jobs()
        asked = Counter(body["input"]["prompt"] for body in self.kie.created)
        assert [each for each in asked.items() if each[1] > 1] == []
        self.check_ends(jobs)
        for user in {job["user"] for job in jobs}:
            theirs = [job for job in jobs if job["user"] == user]
            paid = sum(job["price"] for job in theirs if job["outcome"]["kind"] == "video")
            found = await self.tell("credits", "balance", user)
            assert (found["available"], found["held"]) == (CREDITS - paid, 0), user
        self.check_files()
        return jobs

    def check_ends(self, jobs: Sequence[dict[str, Any]]) -> None:
        """Each ended as KIE's own record has it; without a task only what was cancelled, or what a kill or a fault may
        have cost its answer: a kill at most those of the submissions that may be under way at once."""
        lost = 0
        for job in jobs:
            assert job["state"] == "delivered", job
            reason, task = job["outcome"].get("reason"), self.kie.tasks.get(job["task_id"] or "")
            lost += reason == "lost"
            if reason in ("cancelled", "lost") and not gift_of(job):
                assert job["task_id"] is None, job
                continue
            assert task, job
            assert task.input["prompt"] == job["prompt"], job
            if reason == "lost":
                continue  # KIE's call came after the refund; its video is a gift
            assert task.state == (FAIL if reason else SUCCESS), (job, task)
        may_lose = self.kills * LANES[JobState.QUEUED] + self.answers_lost
        assert lost <= may_lose, (lost, self.kills, self.answers_lost)

    def check_files(self) -> None:
        files = [each for each in self.folder.rglob("*") if each.is_file()]
        parts = [str(each) for each in files if each.suffix == ".part"]
        assert not parts, parts
        for file in files:
            content = file.read_bytes()
            assert not [file for secret in self.secrets if secret.encode() in content], file


@asynccontextmanager
async def open_kill_house(
    folder: Path, zygote: Zygote, *, speed: float = KIE_SPEED, faults: Mapping[str, str] | None = None
) -> AsyncIterator[KillHouse]:
    """A new bot in `folder`, not started yet and in no chat. Its KIE is without limits, every video the same short clip;
    as slow as `speed` has it, or not at all for `inf`."""
    options = SandboxOptions(speed=speed, rate_limits=False, stock_clip=True, faults=faults or {})
    async with Sandbox(options) as kie:
        yield KillHouse(folder, zygote, kie)


NO_WAITING = math.inf
