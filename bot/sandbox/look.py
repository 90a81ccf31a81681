"""GET /api/v1/jobs/recordInfo and the other reads about the account (kie-api.md 3, 5 and 6)."""

from __future__ import annotations

from aiohttp import web

from bot.sandbox.record import record
from bot.sandbox.wire import Refusal, base_of, good, key_of, limited, plain_number, read_object, too_often
from bot.sandbox.world import WORLD, Task, World

NO_RECORD = "recordInfo is null"
_FLAKES = ("429", "455", "500", "cut")
_LINK_MINUTES = 20


async def record_info(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    task = found(request)
    flake = _flake(world)
    if flake == "cut":
        return web.Response(
            text='{"code":200,"msg":"success","data":{"taskId":"' + task.id[:9],
            content_type="application/json",
        )
    if flake:
        raise Refusal(int(flake))
    return good(record(world, task, base_of(request), task.state_at(world.clock.now())))


def found(request: web.Request) -> Task:
    """The task that is asked for. Raises Refusal when it is not known, not known yet, or asked for too often."""
    world = request.app[WORLD]
    if limited(world) and not world.looks.take(key_of(request), world.clock.monotonic()):
        raise too_often(world)
    task_id = request.query.get("taskId", "")
    if not task_id:
        raise Refusal(400, "taskId is required")
    task = world.tasks.get(task_id)
    if task is None or world.faults.strike("lost-record") or _too_new(world, task):
        raise Refusal(422, NO_RECORD)
    return task


def _too_new(world: World, task: Task) -> bool:
    if not world.faults.on("null-record"):
        return False
    return world.clock.now() < task.created + world.faults.number("null-record") * 1000


def _flake(world: World) -> str | None:
    turn = world.faults.every_second("flaky-polls")
    if turn is None:
        return None
    return world.faults.value("flaky-polls") or _FLAKES[turn % len(_FLAKES)]


async def credit(request: web.Request) -> web.Response:
    return good(plain_number(request.app[WORLD].balance))


async def download_url(request: web.Request) -> web.Response:
    """A link that lives 20 minutes, for our own results only."""
    world = request.app[WORLD]
    url = str((await read_object(request)).get("url") or "")
    _, mark, name = url.partition("/files/results/")
    if not mark or not url.startswith((base_of(request), world.url)) or not (world.results / name).is_file():
        raise Refusal(422, "url is wrong")
    expires = world.clock.now() + _LINK_MINUTES * 60_000
    return good(f"{base_of(request)}/files/results/{name}?expires={expires}")
