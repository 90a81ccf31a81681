"""The bot's side of media work: a process for each piece, and one warm spare while videos are expected."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain import Picture, Video
from bot.errors import KiebotError, ProviderError, RetryLater, TooLarge, UserError
from bot.media.files import parts_of
from bot.texts import say

MAX_PICTURE_BYTES = 50_000_000  # as sent; models take much less, but shrinking is our work
PICTURE_SECONDS = 30.0
VIDEO_SECONDS = 60.0
FIT_SECONDS = 180.0
IDLE_SECONDS = 600.0

_ROOT = Path(__file__).parents[2]
# None of our own environment: the process that opens strangers' files must not hold the bot's secrets. Few malloc
# arenas, because each claims 64 MB of the address space that a worker may use.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
_CRASHES = frozenset(
    (
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGXCPU,
    )
)

log = logging.getLogger(__name__)


class _Crashed(KiebotError):
    """The piece of work brought its process down or ate its CPU time, and would do so again."""


class _OutOfTime(RetryLater):
    """The piece took longer than the clock allows, perhaps because the machine is busy."""


class MediaWorker:
    """`ports.Media` by subprocesses.

    `max_bytes`, `max_side` (pixels) and `mimes` are what every model takes; `parallel` bounds the pieces done at
    once (a fit, being slow, is not counted); the spare ends after `idle_seconds` without work or `warm()`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        max_bytes: int = 10_000_000,
        max_side: int = 4096,
        mimes: Collection[str] = ("image/jpeg", "image/png"),
        parallel: int = 2,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._pictures = data_dir.resolve() / "pictures"
        self._limits: dict[str, Any] = {
            "max_bytes": max_bytes,
            "max_side": max_side,
            "png": "image/png" in mimes,
        }
        self._slots = asyncio.Semaphore(parallel)
        self._fitting = asyncio.Lock()
        self._idle_seconds = idle_seconds
        self._idle_timer: asyncio.TimerHandle | None = None
        self._spare: asyncio.Task[Process] | None = None
        self._running: set[Process] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def picture(self, data: bytes, name: str = "") -> Picture:
        """See `ports.Media`. `name` is not looked at: only its bytes tell what a file is."""
        if len(data) > MAX_PICTURE_BYTES:
            raise UserError("media.too_heavy", most=MAX_PICTURE_BYTES // 1_000_000)
        try:
            async with self._slots:
                made = await self._piece("picture", PICTURE_SECONDS, self._pictures, data, **self._limits)
        except _Crashed as crash:
            log.warning("a picture of %d bytes was refused: %s", len(data), crash)
            raise UserError("media.broken") from crash
        return Picture(**made)

    async def video(self, source: Path, target: Path) -> Video:
        """See `ports.Media`. May be repeated after a crash: with `source` gone, `target` itself is checked."""
        source, target = _absolute(source), _absolute(target)
        try:
            async with self._slots:
                made = await self._piece("video", VIDEO_SECONDS, target.parent, source=source, target=target)
        except UserError as refusal:
            raise ProviderError(0, refusal.text()) from refusal
        except _Crashed as crash:
            log.warning("%s was refused: %s", source.name, crash)
            raise ProviderError(0, say("media.undecodable")) from crash
        return _video(made)

    async def fit(self, source: Path, target: Path, max_bytes: int) -> Video:
        """See `ports.Media`. One at a time, each within three minutes."""
        source, target = _absolute(source), _absolute(target)
        work: dict[str, Any] = {"source": source, "target": target, "max_bytes": max_bytes}
        try:
            async with self._fitting:
                made = await self._piece("fit", FIT_SECONDS, target.parent, **work)
        except (UserError, _Crashed, _OutOfTime) as refusal:
            log.warning("%s could not be fitted to %d bytes: %s", source.name, max_bytes, refusal)
            raise TooLarge(max_bytes) from refusal
        return _video(made)

    async def last_frame(self, source: Path) -> Picture:
        """See `ports.Media`."""
        try:
            async with self._slots:
                made = await self._piece(
                    "last_frame", VIDEO_SECONDS, self._pictures, source=_absolute(source), **self._limits
                )
        except _Crashed as crash:
            log.warning("%s gave no last frame: %s", source.name, crash)
            raise UserError("media.undecodable") from crash
        return Picture(**made)

    async def warm(self) -> None:
        """A video is expected: have a spare process ready. Returns at once and may be called at every occasion."""
        if self._closed:
            return
        if self._spare is None:
            self._spare = asyncio.create_task(_start())
        if self._idle_timer:
            self._idle_timer.cancel()
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._cool)

    async def close(self) -> None:
        """End every process. Pieces under way end with RetryLater."""
        self._closed = True
        self._cool()
        for process in self._running:
            _kill(process)
        await asyncio.gather(*(process.wait() for process in self._running), *self._ending)

    def _cool(self) -> None:
        """Let the spare go, and make no other before the next `warm()`."""
        if self._idle_timer:
            self._idle_timer.cancel()
            self._idle_timer = None
        if self._spare:
            ending = asyncio.create_task(_discard(self._spare))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            self._spare = None

    async def _take(self) -> Process:
        """The spare if one is alive, else a new process."""
        spare, self._spare = self._spare, None
        if spare:
            process = await spare
            if process.returncode is None:
                return process
        return await _start()

    async def _piece(
        self, do: str, seconds: float, folder: Path, payload: bytes = b"", **values: object
    ) -> dict[str, Any]:
        """One piece of work in one process, its files made in `folder`.

        Raises UserError (the worker refused), `_Crashed`, `_OutOfTime`, or RetryLater (killed, no memory, no disk).
        """
        # A fit takes minutes: it gains nothing from the spare, which the next video needs.
        process = await (_start() if do == "fit" else self._take())
        if self._closed:
            await _end(process)
            raise RetryLater("the bot is stopping")
        self._running.add(process)
        line = b""
        try:
            async with asyncio.timeout(seconds):
                work = {"do": do, "bytes": len(payload), "folder": folder, **values}
                line = await _talk(process, work, payload)
        except TimeoutError:
            raise _OutOfTime(f"{do} took more than {seconds:g} s") from None
        finally:
            self._running.discard(process)
            await _end(process, by_itself=bool(line))
            if not line:
                for left in parts_of(folder, process.pid):
                    left.unlink(missing_ok=True)
            if self._idle_timer:
                await self.warm()
        return _answer(do, line, process.returncode)


async def _start() -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __package__ or "bot.media",
            str(os.getpid()),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=_ROOT,
            env=_ENVIRONMENT,
            # Ctrl-C in a terminal reaches its whole group; a piece under way may be finished while the bot stops.
            start_new_session=True,
        )
    except OSError as error:
        raise RetryLater(f"no process for media work could be started: {error}") from error


async def _talk(process: Process, work: dict[str, object], payload: bytes) -> bytes:
    """Hand the work over; returns the line of the answer, or nothing once the process has died."""
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(json.dumps(work, default=str).encode() + b"\n")
        process.stdin.write(payload)
        await process.stdin.drain()
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        await process.wait()
        return b""
    return line


def _answer(do: str, line: bytes, status: int | None) -> dict[str, Any]:
    if line:
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise UserError(answer["refused"], **answer["values"])
        if "later" in answer:
            raise RetryLater(answer["later"])
        made: dict[str, Any] = answer["made"]
        return made
    if status and -status in _CRASHES:
        raise _Crashed(f"{do} brought its process down ({signal.Signals(-status).name})")
    raise RetryLater(f"the process doing {do} was ended from outside (status {status}); too little memory?")


def _absolute(path: Path) -> Path:
    """The worker stands in another folder."""
    return path.absolute()


def _video(made: dict[str, Any]) -> Video:
    return Video(**{**made, "seconds": Decimal(made["seconds"])})


async def _discard(spare: asyncio.Task[Process]) -> None:
    with contextlib.suppress(RetryLater):
        await _end(await spare)


async def _end(process: Process, by_itself: bool = False) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    if (
        by_itself
    ):  # not killed at once: a signal to what is just ending may take its exit status away from asyncio
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 1)
    _kill(process)
    await process.wait()
    await process.stdout.read()


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
