"""KIE's calls to `callBackUrl`: signed when a key is set, sent again at most three times (kie-api.md 4)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.sandbox.faults import Faults
from bot.sandbox.record import record
from bot.sandbox.world import SUCCESS, Task, World

log = logging.getLogger(__name__)

RESENDS = 3
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_PAUSE_SECONDS = 2.0
_AN_HOUR = 3600
_ELSEWHERE = "https://attacker.example/not-your-video.mp4"
_TEXTS = {True: (200, "Playground task completed successfully."), False: (501, "Playground task failed.")}


def signature(key: str, task_id: str, timestamp: int) -> str:
    """Base64 of HMAC-SHA256 over `<taskId>.<timestamp>`; the body is not covered."""
    digest = hmac.digest(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


async def tell_end(world: World, session: aiohttp.ClientSession, task: Task) -> None:
    """The call at the end of a task, or what the faults make of it. Never raises for what the other side does."""
    faults = world.faults
    if not task.callback or faults.strike("callback-none"):
        return
    if faults.strike("callback-late"):
        await asyncio.sleep(faults.number("callback-late"))
    body = _body(world, task)
    calls = 2 if faults.strike("callback-concurrent") else 1
    await asyncio.gather(*(_deliver(world, session, task.callback, task.id, body) for _ in range(calls)))
    if faults.strike("callback-twice"):
        await _deliver(world, session, task.callback, task.id, body)


async def tell_progress(world: World, session: aiohttp.ClientSession, task: Task) -> None:
    """The call to `progressCallBackUrl` when generating begins; its payload is nowhere documented (kie-api.md 4)."""
    if task.progress_callback:
        body = {"code": 200, "msg": "success", "data": record(world, task, world.url)}
        await _deliver(world, session, task.progress_callback, task.id, body)


def _body(world: World, task: Task) -> dict[str, Any]:
    succeeded = task.state == SUCCESS
    code, text = _TEXTS[succeeded]
    data = record(world, task, world.url)
    data["updateTime"] = task.completed
    if not succeeded:
        data["resultJson"] = None
    if world.faults.strike("callback-altered-body"):
        data.update(state=SUCCESS, resultJson=json.dumps({"resultUrls": [_ELSEWHERE]}))
    if world.faults.strike("callback-task-id-key"):
        data["task_id"] = data.pop("taskId")
    return {"code": code, "msg": text, "data": data}


def _headers(key: str | None, faults: Faults, task_id: str, now: int) -> dict[str, str]:
    if key is None:
        return {}
    timestamp = now // 1000 - (_AN_HOUR if faults.strike("callback-old-timestamp") else 0)
    signed = "another-task" if faults.strike("callback-bad-signature") else task_id
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": signature(key, signed, timestamp)}


async def _deliver(
    world: World, session: aiohttp.ClientSession, url: str, task_id: str, body: Mapping[str, Any]
) -> None:
    headers = _headers(world.options.webhook_key, world.faults, task_id, world.clock.now())
    for attempt in range(1 + RESENDS):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS * attempt / max(1.0, world.options.speed))
        try:
            async with session.post(url, json=body, headers=headers, timeout=_TIMEOUT) as answer:
                if answer.status < 300:
                    return
                problem = f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = type(error).__name__
        log.info("callback of %s failed (%s), attempt %d", task_id, problem, attempt + 1)
