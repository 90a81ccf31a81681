"""What a naive bot does instead: a background task per job that polls every five seconds, and whole files in memory."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

POLL_SECONDS = 5
KEY = {"Authorization": "Bearer naive"}


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers=KEY)


async def create(http: aiohttp.ClientSession, url: str) -> str:
    body = {
        "model": "veo-3-1",
        "input": {"model": "veo3_lite", "prompt": "a happy dog running in the garden"},
    }
    async with http.post(f"{url}/api/v1/jobs/createTask", json=body) as answer:
        task: str = (await answer.json())["data"]["taskId"]
        return task


async def look(http: aiohttp.ClientSession, url: str, task: str) -> dict[str, Any]:
    async with http.get(f"{url}/api/v1/jobs/recordInfo", params={"taskId": task}) as answer:
        record: dict[str, Any] = (await answer.json())["data"]
        return record


async def follow(
    http: aiohttp.ClientSession,
    url: str,
    task: str,
    looked: Callable[[], None] = lambda: None,
    ready: float = 0,
) -> dict[str, Any]:
    """Poll until the task has succeeded, which counts only from the moment `ready` on."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        record = await look(http, url, task)
        looked()
        if record["state"] == "success" and time.perf_counter() >= ready:
            return record


async def pass_on(http: aiohttp.ClientSession, record: dict[str, Any], target: Path) -> None:
    """Read the whole video, then write it, while everything else waits."""
    (address, *_) = json.loads(record["resultJson"])["resultUrls"]
    async with http.get(address) as answer:
        video = await answer.read()
    target.write_bytes(video)  # noqa: ASYNC240
