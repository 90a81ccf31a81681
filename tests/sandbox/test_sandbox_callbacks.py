"""Callbacks, received by a real server."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from support.kie_caller import KieCaller, calling

from bot.sandbox.callbacks import signature
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox

KEY = "example-hmac-key"
OPTIONS = SandboxOptions(speed=math.inf, rate_limits=False, stock_clip=True, webhook_key=KEY)


@dataclass
class Hook:
    """Notes every call; answers the first `failing` ones with 500."""

    url: str = ""
    failing: int = 0
    calls: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        async with self.came:
            self.calls.append((await request.json(), dict(request.headers)))
            self.came.notify_all()
            status = 500 if len(self.calls) <= self.failing else 200
        return web.json_response({"code": 200, "msg": "success"}, status=status)

    async def wait(self, count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(lambda: len(self.calls) >= count)
        return self.calls[-1][0]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    await runner.cleanup()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Sandbox, KieCaller]]:
    async with calling(OPTIONS) as pair:
        yield pair


def good_signature(call: tuple[dict[str, Any], dict[str, str]], task_id: str) -> bool:
    headers = call[1]
    return headers["X-Webhook-Signature"] == signature(KEY, task_id, int(headers["X-Webhook-Timestamp"]))


def test_the_signature_is_the_one_of_the_fact_sheet() -> None:
    expected = "4SFBcHlyv3kY/6kophwVuLXWhFhLtD+WucCZDfxoh8c="
    assert signature(KEY, "0123456789abcdef0123456789abcdef", 1_795_000_000) == expected


async def test_a_success_is_called_back_signed_and_equals_the_record(
    pair: tuple[Sandbox, KieCaller], hook: Hook
) -> None:
    _, kie = pair
    task_id = await kie.task(callBackUrl=hook.url)
    body = await hook.wait()
    assert (body["code"], body["msg"]) == (200, "Playground task completed successfully.")
    assert good_signature(hook.calls[0], task_id)
    assert abs(int(hook.calls[0][1]["X-Webhook-Timestamp"]) - time.time()) < 60
    told = dict(body["data"])
    told.pop("updateTime")
    assert told == await kie.end(task_id)


async def test_a_failure_is_called_back_with_501(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("fail", "Generation failed")
    task_id = await kie.task(callBackUrl=hook.url)
    body = await hook.wait()
    assert (body["code"], body["msg"]) == (501, "Playground task failed.")
    assert (body["data"]["taskId"], body["data"]["state"], body["data"]["resultJson"]) == (
        task_id,
        "fail",
        None,
    )


async def test_without_a_key_nothing_is_signed(hook: Hook) -> None:
    async with calling(replace(OPTIONS, webhook_key=None)) as (_, kie):
        await kie.task(callBackUrl=hook.url)
        await hook.wait()
    assert not any(name.startswith("X-Webhook") for name in hook.calls[0][1])


async def test_a_failing_receiver_is_called_again_and_then_left_alone(hook: Hook) -> None:
    hook.failing = 2
    async with calling(replace(OPTIONS, speed=10_000.0)) as (_, kie):
        task_id = await kie.task(callBackUrl=hook.url)
        await hook.wait(3)
        nobody = await kie.task(callBackUrl="http://127.0.0.1:9/hook")
        assert (await kie.end(nobody))["state"] == "success"
    assert {call[0]["data"]["taskId"] for call in hook.calls} == {task_id}


async def test_a_progress_address_hears_of_generating(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    _, kie = pair
    await kie.task(progressCallBackUrl=hook.url)
    assert (await hook.wait())["data"]["state"] == "generating"


async def test_no_callback_comes(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-none", times=1)
    await kie.end(await kie.task(callBackUrl=hook.url))
    second = await kie.task(callBackUrl=hook.url)
    assert (await hook.wait())["data"]["taskId"] == second


async def test_a_callback_comes_late(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-late", 0.2)
    await kie.end(await kie.task(callBackUrl=hook.url))
    assert hook.calls == []
    await hook.wait()


async def test_a_callback_comes_before_the_record_shows_the_end(
    pair: tuple[Sandbox, KieCaller], hook: Hook
) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-early", 0.3)
    task_id = await kie.task(callBackUrl=hook.url)
    assert (await hook.wait())["data"]["state"] == "success"
    assert (await kie.look(task_id))["data"]["state"] == "generating"
    assert (await kie.end(task_id))["state"] == "success"


@pytest.mark.parametrize("fault", ["callback-twice", "callback-concurrent"])
async def test_a_callback_comes_twice(pair: tuple[Sandbox, KieCaller], hook: Hook, fault: str) -> None:
    sandbox, kie = pair
    sandbox.faults.set(fault)
    await kie.task(callBackUrl=hook.url)
    await hook.wait(2)
    assert hook.calls[0][0] == hook.calls[1][0]


async def test_a_callback_has_a_wrong_signature(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-bad-signature")
    task_id = await kie.task(callBackUrl=hook.url)
    await hook.wait()
    assert not good_signature(hook.calls[0], task_id)


async def test_a_callback_is_signed_well_but_altered(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-altered-body")
    task_id = await kie.task(callBackUrl=hook.url)
    body = await hook.wait()
    assert good_signature(hook.calls[0], task_id)
    assert "attacker.example" in json.loads(body["data"]["resultJson"])["resultUrls"][0]


async def test_a_callback_uses_the_other_name_of_the_id(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-task-id-key")
    task_id = await kie.task(callBackUrl=hook.url)
    data = (await hook.wait())["data"]
    assert (data["task_id"], "taskId" in data) == (task_id, False)


async def test_a_callback_is_signed_well_but_an_hour_old(pair: tuple[Sandbox, KieCaller], hook: Hook) -> None:
    sandbox, kie = pair
    sandbox.faults.set("callback-old-timestamp")
    task_id = await kie.task(callBackUrl=hook.url)
    await hook.wait()
    assert good_signature(hook.calls[0], task_id)
    assert time.time() - int(hook.calls[0][1]["X-Webhook-Timestamp"]) > 3500
