"""A task as recordInfo and callbacks show it, with every oddity that a fault may ask for (kie-api.md 3 and 9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.sandbox.faults import Faults
from bot.sandbox.wire import plain_number
from bot.sandbox.wish import above_720p
from bot.sandbox.world import FAIL, OPEN, SUCCESS, Task, World

_SHAPES = (
    "result-empty",
    "result-null",
    "result-broken",
    "result-object",
    "result-no-urls",
    "result-in-response",
    "result-in-data",
    "result-in-watermark",
)
_SPARSE = ("taskId", "state", "resultJson", "response", "resultUrls", "failCode", "failMsg")


def record(world: World, task: Task, base: str, state: str | None = None) -> dict[str, Any]:
    """`data` of recordInfo, as live replies have it: no updateTime, no progress, costTime in whole seconds."""
    state = state or task.state
    ended = state in (SUCCESS, FAIL)
    data: dict[str, Any] = {
        "taskId": task.id,
        "model": task.kie,
        "state": state,
        "param": _param(world.faults, task),
        "resultJson": "",
        "failCode": task.fail_code if state == FAIL else None,
        "failMsg": task.fail_text if state == FAIL else None,
        "costTime": _cost_time(world.faults, task) if ended else None,
        "completeTime": task.completed if ended else None,
        "createTime": task.created,
        "creditsConsumed": plain_number(task.bill if ended else Decimal(task.price)),
    }
    if state == SUCCESS:
        data.update(_result(world, task, base))
    if state in OPEN and world.faults.strike("odd-state"):
        data["state"] = world.faults.value("odd-state") or "paused_upstream"
    if world.faults.strike("documented-fields"):
        data["updateTime"] = task.completed if ended else task.created
        data["progress"] = 100 if state == SUCCESS else 0
    if world.faults.strike("sparse-fields"):
        data = {name: data[name] for name in _SPARSE if data.get(name) is not None}
    return data


def result_urls(task: Task, base: str) -> list[str]:
    return [f"{base}/files/results/{name}" for name in task.files]


def _param(faults: Faults, task: Task) -> str:
    """A JSON text whose `input` is a JSON text again; of late 2025, an object."""
    sent: Any = task.sent if faults.strike("param-object") else _json(task.sent)
    param = {"model": task.kie, "input": sent}
    if task.callback:
        param["callBackUrl"] = task.callback
    return _json(param)


def _cost_time(faults: Faults, task: Task) -> int:
    milliseconds = (task.completed or task.created) - task.created
    return milliseconds if faults.strike("cost-ms") else round(milliseconds / 1000)


def _result(world: World, task: Task, base: str) -> dict[str, Any]:
    urls = result_urls(task, base)
    shape = next((name for name in _SHAPES if world.faults.strike(name)), "")
    plain = result_json(world, task, base)
    shapes: dict[str, dict[str, Any]] = {
        "result-empty": {"resultJson": ""},
        "result-null": {"resultJson": None},
        "result-broken": {"resultJson": _json(plain)[:-3]},
        "result-object": {"resultJson": plain},
        "result-no-urls": {"resultJson": "{}"},
        "result-in-response": {"resultJson": "", "response": {"resultUrls": urls[:1]}},
        "result-in-data": {"resultJson": "", "resultUrls": urls[:1]},
        "result-in-watermark": {"resultJson": _json({"resultWaterMarkUrls": urls[:1]})},
    }
    return shapes.get(shape, {"resultJson": _json(plain)})


def result_json(world: World, task: Task, base: str) -> Mapping[str, Any]:
    """What resultJson holds: `resultUrls`, or Veo's own shape above 720p (kie-models.md 3.1)."""
    urls = result_urls(task, base)
    if is_veo_above_720p(world, task):
        return {"data": {"result_urls": urls[:1], "origin_urls": urls[1:]}}
    return {"resultUrls": urls[:1]}


def is_veo_above_720p(world: World, task: Task) -> bool:
    """Such a task has two results: the wanted file and a 720p copy."""
    return task.kie == "veo-3-1" and above_720p(world.model_of(task), task.input)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
