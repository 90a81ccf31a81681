"""A plain KIE client as anybody would write it with httpx, for the sandbox's tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox

SORA = {
    "prompt": "A paper boat crosses a puddle",
    "aspect_ratio": "portrait",
    "n_frames": "10",
    "remove_watermark": True,
    "upload_method": "s3",
}


class KieCaller:
    """`http` is open for whatever a test wants to ask by itself."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def create(
        self, model: str = "sora-2-text-to-video", body_input: Any = None, **envelope: Any
    ) -> dict[str, Any]:
        body = {"model": model, "input": SORA if body_input is None else body_input, **envelope}
        return await self.post("/api/v1/jobs/createTask", body)

    async def task(self, model: str = "sora-2-text-to-video", body_input: Any = None, **envelope: Any) -> str:
        answer = await self.create(model, body_input, **envelope)
        assert answer["code"] == 200, answer
        return str(answer["data"]["taskId"])

    async def look(self, task_id: str) -> dict[str, Any]:
        answer = await self.http.get("/api/v1/jobs/recordInfo", params={"taskId": task_id})
        return dict(answer.json())

    async def end(self, task_id: str, seconds: float = 20) -> dict[str, Any]:
        """`data` of recordInfo once the task has ended."""
        async with asyncio.timeout(seconds):
            while True:
                answer = await self.look(task_id)
                data = answer["data"] or {}
                if data.get("state") in ("success", "fail"):
                    return dict(data)
                await asyncio.sleep(0.02)

    async def result(self, model: str = "sora-2-text-to-video", body_input: Any = None) -> str:
        """The address of a finished task's file."""
        data = await self.end(await self.task(model, body_input))
        return str(json.loads(data["resultJson"])["resultUrls"][0])

    async def credit(self) -> float:
        return float((await self.http.get("/api/v1/chat/credit")).json()["data"])

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        return dict((await self.http.post(path, json=body)).json())

    async def get(self, path: str) -> dict[str, Any]:
        return dict((await self.http.get(path)).json())


@asynccontextmanager
async def calling(options: SandboxOptions) -> AsyncIterator[tuple[Sandbox, KieCaller]]:
    """A running sandbox and a client with some key."""
    async with Sandbox(options) as sandbox:
        headers = {"Authorization": "Bearer any-key"}
        async with httpx.AsyncClient(base_url=sandbox.url, headers=headers, trust_env=False) as http:
            yield sandbox, KieCaller(http)
