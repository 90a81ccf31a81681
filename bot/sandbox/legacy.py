"""The older addresses of Veo and Runway, with flat bodies and their own records (kie-models.md 3.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.sandbox.create import accept
from bot.sandbox.look import found
from bot.sandbox.record import result_urls
from bot.sandbox.wire import base_of, good, read_object
from bot.sandbox.world import FAIL, SUCCESS, WORLD, Task

_VEO_NAMES = {
    "imageUrls": "image_urls",
    "generationType": "generation_type",
    "aspectRatio": "aspect_ratio",
    "enableTranslation": "enable_translation",
}
_RUNWAY_NAMES = {"imageUrl": "image_url", "aspectRatio": "aspect_ratio", "waterMark": "watermark"}
_ENVELOPE = ("callBackUrl",)
_RUNWAY_STATES = {"waiting": "wait", "queuing": "queueing", "generating": "generating"}


async def veo_generate(request: web.Request) -> web.StreamResponse:
    body = await read_object(request)
    return await accept(request, "veo-3-1", _modern(body, _VEO_NAMES), body)


async def runway_generate(request: web.Request) -> web.StreamResponse:
    body = await read_object(request)
    return await accept(request, "runway", _modern(body, _RUNWAY_NAMES), body)


async def veo_record(request: web.Request) -> web.Response:
    task = found(request)
    urls = result_urls(task, base_of(request))
    state = task.state_at(request.app[WORLD].clock.now())
    ended = state in (SUCCESS, FAIL)
    response = {
        "taskId": task.id,
        "resultUrls": urls[:1],
        "originUrls": urls[1:] or None,
        "resolution": task.input.get("resolution"),
    }
    return good(
        {
            "taskId": task.id,
            "paramJson": json.dumps(task.sent),
            "completeTime": task.completed if ended else None,
            "response": response if state == SUCCESS else None,
            "successFlag": {SUCCESS: 1, FAIL: 3}.get(state, 0),
            "errorCode": 500 if state == FAIL else None,
            "errorMessage": task.fail_text if state == FAIL else None,
            "createTime": task.created,
            "fallbackFlag": False,
        }
    )


async def runway_detail(request: web.Request) -> web.Response:
    task = found(request)
    state = task.state_at(request.app[WORLD].clock.now())
    return good(
        {
            "taskId": task.id,
            "parentTaskId": None,
            "generateParam": task.sent,
            "state": _RUNWAY_STATES.get(state, state),
            "generateTime": _written(task) if state == SUCCESS else None,
            "videoInfo": _video_info(task, base_of(request)) if state == SUCCESS else None,
            "failCode": 500 if state == FAIL else None,
            "failMsg": task.fail_text if state == FAIL else None,
            "expireFlag": 0,
        }
    )


def _video_info(task: Task, base: str) -> dict[str, Any]:
    return {"videoId": task.id, "taskId": task.id, "videoUrl": result_urls(task, base)[0], "imageUrl": None}


def _written(task: Task) -> str:
    moment = datetime.fromtimestamp((task.completed or task.created) / 1000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _modern(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The flat body as the `input` of the jobs form."""
    return {names.get(name, name): value for name, value in body.items() if name not in _ENVELOPE}
