"""`python -m support.kill_life`: forks lives of `kiebot` on request, so that being killed costs no second import.

Each line on stdin is a Birth as JSON; the answer is the child's process id. `{"wait": <id>}` answers with how that child
ended (minus the signal's number). A child runs `bot.cli.main` as the real command does, in a process group of its own.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from support import dying
from support.dying import Moment

import bot.app
import bot.cli.run
import bot.media.client
from bot.cli import main
from bot.clock import SystemClock

# what a life imports late, and a fork need not import again
WARM = (
    "adapters.telegram.chat",
    "adapters.discord.chat",
    "bot.cli.jobs",
    "bot.cli.ledger",
    "bot.cli.database",
    "bot.cli.shapes",
)

PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Birth:
    """One process: `kiebot <words>` in `folder` with `environment`, what it says going to the files `out` and `err`.

    Its clock runs `haste` times as fast as the machine's since `epoch` (Unix s). It dies right after the `times`-th
    COMMIT of a transaction in which `after` was said in SQL, or before the `times`-th statement with `before`; at a
    `moment` of its first request to KIE whose path ends in `call`; or with a whole file in a folder named `part`, still
    called `.part`.
    """

    words: tuple[str, ...]
    folder: str
    environment: dict[str, str] = field(default_factory=dict)
    out: str = os.devnull
    err: str = os.devnull
    haste: float = 1.0
    epoch: float = 0.0
    after: str = ""
    before: str = ""
    times: int = 1
    call: str = ""
    moment: Moment = "answered"
    part: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def hastened(epoch: float, haste: float) -> int:
    """Unix ms by a clock that has run `haste` times as fast as the machine's since `epoch` (Unix s)."""
    return round((epoch + (time.time() - epoch) * haste) * 1000)


class HastyClock(SystemClock):
    """A machine on which everything that is waited for comes sooner: the same moments of life, closer together."""

    def __init__(self, haste: float, epoch: float) -> None:
        self._haste = haste
        self._epoch = epoch

    def now(self) -> int:
        return hastened(self._epoch, self._haste)

    def monotonic(self) -> float:
        return time.monotonic() * self._haste

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self._haste)


def die_by(birth: Birth) -> None:
    if birth.after or birth.before:
        dying.at_statement(birth.before, birth.after, birth.times)
    if birth.call:
        dying.at_call(birth.call, birth.moment)
    if birth.part:
        dying.with_a_part(birth.part)


def share_the_disk(environment: Mapping[str, str]) -> None:
    """Media work otherwise gets nothing of our environment, and has the same disk (see bad_disk.c)."""
    shared = {name: environment[name] for name in ("BAD_DISK", "BAD_DISK_DIR") if name in environment}
    if shared:
        setattr(bot.media.client, "_ENVIRONMENT", {**shared, "LD_PRELOAD": os.environ["LD_PRELOAD"]})  # noqa: B010


def live(birth: Birth) -> None:
    """In the child; never returns. It does not outlive the process that forks, nor that one the test."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)
    os.chdir(birth.folder)
    for number, name in enumerate((os.devnull, birth.out, birth.err)):
        descriptor = os.open(
            name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.update(birth.environment)
    random.seed()
    if birth.haste != 1.0:
        setattr(bot.app, "SystemClock", functools.partial(HastyClock, birth.haste, birth.epoch))  # noqa: B010
    die_by(birth)
    share_the_disk(birth.environment)
    status = main(birth.words)
    sys.stdout.flush()
    os._exit(status)


def serve() -> None:
    for name in WARM:
        importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if not child:
            try:
                live(Birth(**{**asked, "words": tuple(asked["words"])}))
            finally:
                os._exit(70)
        os.setpgid(
            child, child
        )  # whoever comes first: it may be killed as a group as soon as its number is known
        print(child, flush=True)


if __name__ == "__main__":
    serve()
