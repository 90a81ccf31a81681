"""The life of a task: waiting, queuing, generating, then its file or its failure, and the callback."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

import bot
from bot.sandbox.callbacks import tell_end, tell_progress
from bot.sandbox.media import fetch
from bot.sandbox.record import is_veo_above_720p
from bot.sandbox.spec import Scene, Spec
from bot.sandbox.wish import Wish, read_wish
from bot.sandbox.world import FAIL, OPEN, SUCCESS, Task, World

log = logging.getLogger(__name__)

FAILURES = {
    "policy": "This content may violate our guardrails around nudity, sexuality, or erotic content.",
    "people": "We currently do not support uploads of images containing photorealistic people.",
    "third-party": "This content may violate our guardrails concerning similarity to third-party content.",
    "fetch": "image fetch failed",
    "busy": "server is busy",
    "model": "Model not found",
    "": "internal error, please try again later.",
}
_RENDERERS = 2
_QUEUING, _GENERATING = 0.15, 0.3
_PROJECT = Path(bot.__file__).parent.parent
_MEGABYTE = 1_000_000


class _Failed(Exception):
    """The task ends without a file, for this reason."""


class Lives:
    """Runs the tasks, each as a coroutine; at most two renderers at once."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self._world = world
        self._session = session
        self._renderers = asyncio.Semaphore(_RENDERERS)
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Go on with the tasks of an earlier run."""
        for task in self._world.tasks.values():
            if not task.ended:
                self.begin(task)

    def begin(self, task: Task) -> None:
        running = asyncio.create_task(self._live(task), name=f"sandbox task {task.id}")
        self._running.add(running)
        running.add_done_callback(self._over)

    def _over(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        if not running.cancelled() and (error := running.exception()):
            log.error("%s ended badly", running.get_name(), exc_info=error)

    async def stop(self) -> None:
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _live(self, task: Task) -> None:
        faults = self._world.faults
        await self._until(task, 0 if faults.on("short-path") else _QUEUING)
        await faults.hold("stuck-waiting")
        if not faults.strike("short-path"):
            task.state = OPEN[1]
            await self._until(task, _GENERATING)
            task.state = OPEN[2]
        await faults.hold("stuck-generating")
        if task.progress_callback:
            await tell_progress(self._world, self._session, task)
        try:
            if faults.strike("fail"):
                text = faults.value("fail")
                raise _Failed(FAILURES.get(text, text))
            task.files = await self._make(task)
        except _Failed as failure:
            await self._until(task, 1)
            await self._fail(task, str(failure))
        else:
            await self._until(task, 1)
            await self._end(task, SUCCESS)

    async def _until(self, task: Task, share: float) -> None:
        """Sleep until `share` of the model's usual time has passed, as the speed has it."""
        usual = self._world.model_of(task).usual_seconds / self._world.options.speed
        left = task.created / 1000 + usual * share - self._world.clock.now() / 1000
        if left > 0 and math.isfinite(left):
            await self._world.clock.sleep(left)

    async def _fail(self, task: Task, text: str) -> None:
        task.fail_text = text
        task.fail_code = _fail_code(self._world)
        await self._end(task, FAIL)

    async def _end(self, task: Task, state: str) -> None:
        world = self._world
        early = world.faults.strike("callback-early")
        world.spent -= task.bill
        task.completed = world.clock.now()
        task.shown_at = task.completed + round(world.faults.number("callback-early") * 1000) if early else 0
        task.state = state
        if state == SUCCESS and world.faults.strike("cost"):
            task.cost = str(world.faults.number("cost"))
        world.spent += task.bill
        world.keep(task)
        await tell_end(world, self._session, task)

    # --- files ---------------------------------------------------------------------------------------------------

    async def _make(self, task: Task) -> tuple[str, ...]:
        """Render the task's files; returns their names in the results folder. Raises _Failed."""
        world = self._world
        wish = read_wish(world.model_of(task), task.sent, task.input)
        names = [f"{task.id.replace('/', '-')}.{'png' if wish.still else 'mp4'}"]
        if is_veo_above_720p(world, task):
            names.append(names[0].replace(".", "-720p.", 1))
        if world.options.stock_clip:
            for name in names:
                stock = await asyncio.to_thread(_stock, Path(name).suffix)
                await asyncio.to_thread((world.results / name).write_bytes, stock)
        else:
            spec = await self._spec(task, wish, world.results / names[0])
            for name, lines in zip(names, (wish.lines, 720), strict=False):
                await self._render(spec.at(str(world.results / name), lines))
        if world.faults.strike("result-size") and not wish.still:
            pad(world.results / names[0], round(world.faults.number("result-size") * _MEGABYTE))
        return tuple(names)

    async def _spec(self, task: Task, wish: Wish, target: Path) -> Spec:
        world = self._world
        wanted = (wish.first, wish.last, *wish.references)
        paths = await asyncio.gather(*(fetch(world, self._session, url) for url in wanted))
        if world.faults.strike("strict-media") and any(
            url and not path for url, path in zip(wanted, paths, strict=True)
        ):
            raise _Failed(FAILURES["fetch"])
        first, last, *references = (str(path) if path else None for path in paths)
        missing = wish.first if wish.first and not first else None
        ends = len(wish.scenes) - 1
        scenes = tuple(
            Scene(
                text,
                seconds,
                first=first if number == 0 else None,
                last=last if number == ends else None,
                missing=missing if number == 0 else None,
            )
            for number, (text, seconds) in enumerate(wish.scenes)
        )
        return Spec(
            target=str(target),
            title=world.model_of(task).name,
            scenes=scenes,
            lines=wish.lines,
            aspect=wish.aspect,
            sound=wish.sound,
            facts=wish.facts,
            references=tuple(path for path in references if path),
            still=wish.still,
        )

    async def _render(self, spec: Spec) -> None:
        """In a process of its own, so that this loop never waits. Raises _Failed."""
        async with self._renderers:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot.sandbox.render",
                cwd=_PROJECT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                _, complaint = await process.communicate(spec.to_json().encode())
            except asyncio.CancelledError:
                process.kill()
                await process.wait()
                raise
        if process.returncode:
            log.error("the renderer failed: %s", complaint.decode(errors="replace").strip()[-2000:])
            raise _Failed(FAILURES[""])


LIVES: web.AppKey[Lives] = web.AppKey("lives", Lives)


def pad(file: Path, size: int) -> None:
    """Make an MP4 `size` bytes large by a box that players skip (ISO/IEC 14496-12, `free`). Sparse on most disks."""
    gap = size - file.stat().st_size
    if gap < 8:
        return
    with file.open("r+b") as stream:
        stream.seek(0, 2)
        stream.write(gap.to_bytes(4, "big") + b"free")
        stream.truncate(size)


def _fail_code(world: World) -> Any:
    """failCode is null, "", a number, numeric text or a word, as it happens (kie-api.md 9)."""
    if not world.faults.strike("fail-code"):
        return "500"
    value = world.faults.value("fail-code") or "GENERATION_FAILED"
    return {"null": None, "empty": "", "number": 500}.get(value, value)


@cache
def _stock(suffix: str) -> bytes:
    """One tiny file for every task, made once."""
    from bot.sandbox.render.clip import render

    scenes = (Scene("The same for every task", 1.0),)
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        target = Path(folder) / f"stock{suffix}"
        render(Spec(str(target), "Stock", scenes, lines=90, still=suffix == ".png"))
        return target.read_bytes()
