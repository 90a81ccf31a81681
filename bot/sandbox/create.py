"""POST /api/v1/jobs/createTask: checks the input as KIE does, takes the credits, starts the task (kie-api.md 2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from bot.catalog import Facts, Model, Problem, check, fill_defaults, price, price_from
from bot.errors import UserError
from bot.sandbox.life import LIVES
from bot.sandbox.wire import Refusal, good, hang_up, key_of, limited, read_object, too_often
from bot.sandbox.wish import SECONDS_IF_OPEN, open_length
from bot.sandbox.world import WORLD, Task, World

UNSUPPORTED = "The model name you specified is not supported. Please check the model name and try again."
PAUSED = "This interface is temporarily paused."
_REQUIRED_KEYS = ("catalog.missing", "catalog.rule_at_least_one")


async def create_task(request: web.Request) -> web.StreamResponse:
    body = await read_object(request)
    given = body.get("input")
    if given is not None and not isinstance(given, dict):
        raise Refusal(422, "input must be an object")
    return await accept(request, str(body.get("model") or ""), given or {}, body)


async def accept(
    request: web.Request, kie: str, given: Mapping[str, Any], body: Mapping[str, Any]
) -> web.StreamResponse:
    """Make the task or raise Refusal; the same for the jobs address and the older ones."""
    world = request.app[WORLD]
    _refuse_by_fault(world, request)
    task = _made(world, kie, given, body)
    world.add(task)
    world.created.append(dict(body))
    request.app[LIVES].begin(task)
    if world.faults.strike("drop-reply"):
        hang_up(request)
    if world.faults.strike("slow-create"):
        await asyncio.sleep(world.faults.number("slow-create"))
    if world.faults.strike("create-no-id"):
        return good(None)
    return good({"taskId": task.id, "recordId": task.id})


def _refuse_by_fault(world: World, request: web.Request) -> None:
    faults = world.faults
    if faults.strike("drop-request"):
        hang_up(request)
    if faults.strike("http-429"):
        raise Refusal(429, status=429)
    if faults.strike("body-429"):
        raise Refusal(429)
    if faults.strike("create-code"):
        raise Refusal(int(faults.number("create-code")))
    if limited(world) and not world.creations.take(key_of(request), world.clock.monotonic()):
        raise too_often(world)


def _made(world: World, kie: str, given: Mapping[str, Any], body: Mapping[str, Any]) -> Task:
    model = world.catalog.by_kie(kie, given)
    if model is None or world.unsupported(model):
        raise Refusal(422, UNSUPPORTED)
    if world.paused(model):
        raise Refusal(500, PAUSED)
    known = {name: value for name, value in given.items() if name in model.fields and value is not None}
    # KIE refuses an empty input even where every required field has a default: the free liveness probe.
    strict = world.faults.on("strict-defaults") or not given
    filled = fill_defaults(model, known)
    for problem in check(model, known if strict else filled):
        raise _refusal(problem)
    cost = _price(model, filled)
    if cost > world.balance:
        raise Refusal(402)
    return Task(
        id=world.new_task_id(kie),
        model=model.id,
        kie=kie,
        sent=dict(given),
        input=json.loads(json.dumps(filled, default=float)),
        price=str(cost),
        created=world.clock.now(),
        callback=_address(body, "callBackUrl"),
        progress_callback=_address(body, "progressCallBackUrl"),
    )


def _refusal(problem: Problem) -> Refusal:
    """KIE's odd codes: 500 for a missing field and a word outside the list, 422 for the rest (kie-api.md 1)."""
    if problem.kind == "missing" or problem.key in _REQUIRED_KEYS:
        return Refusal(500, f"{problem.field} is required")
    if problem.kind == "enum":
        return Refusal(500, f"{problem.field} is not within the range of allowed options")
    return Refusal(422, problem.message())


def _price(model: Model, filled: Mapping[str, Any]) -> Decimal:
    """The list price. Lengths that nobody can know (of a foreign clip, of -1) count as SECONDS_IF_OPEN.

    Where it hangs on an earlier task, the cheapest listed one. Raises Refusal for what is not sold.
    """
    seconds = SECONDS_IF_OPEN
    facts = Facts(input_seconds=seconds, source_seconds=seconds, audio_seconds=seconds)
    try:
        return price(model, open_length(model, filled), facts)[0]
    except UserError as error:
        cheapest, _ = price_from(model)
        if cheapest is not None and any(rule.derived for rule in model.prices):
            return cheapest
        raise Refusal(422, str(error)) from error


def _address(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise Refusal(422, f"{name} is not a valid URL")
    return value
