"""Discord on loopback: REST, gateway and CDN under one address, for a real discord.py.

    async with DiscordServer() as server:          # clock=FakeClock(), token=..., keep_files=False
        world = server.world                       # server.api_url is DISCORD_API_URL, server.token the bot's token
        guild = world.guild("studio", boost_tier=2)   # bot_in=False, commands_only=True, shard=(2, 4), locale=
        general = guild.text_channel("general")       # guild.thread(general, "idea"); world.dm(ada); world.group_dm(...)
        ada = guild.member(world.user("ada"), admin=False)   # world.user(name, installed=True, locale=, upload_limit=)
        ... start the bot ...
        await server.gateway.ready()               # a session is connected; ready(2) for two shards
        await world.registered()                   # commands are there

Acts begin at once and give an Interaction; `await` it for the first answer:
    ada.slash(general, "sora", prompt="a cat", image=("cat.png", data))     # "operator allow" for subcommands
    ada.autocomplete(general, "sora", "model", "ve", prompt="...")          # -> .choices
    ada.click(message, "✅ Confirm")   ada.select(message, None, "Portrait")  # label, its beginning, or custom_id
    ada.submit_modal(interaction, {"Prompt": "a cat", "First frame": ("a.png", data)})
    ada.context_menu("Animate this image", message)
    ada.says(general, "hi", attachments=[("a.png", data)], reply_to=m)      # -> Message; edits(m, text), deletes(m)
    ada.close_dms()  ada.leave_common_servers()  ada.open_dms()             # 50007, 50278
Interaction: .acked .acked_after (s) .answer (callback type) .failed .response .followups .modal .choices .refused .owners
    await i.acknowledged() | i.answered() -> Message | i.shows("words") -> Message | i.until(lambda i: ...); i.redeliver()
Message: .id .author .content .embeds .components .attachments .flags .ephemeral .loading .nonce .reference
    .allowed_mentions .pings .edits .deleted .text .texts() .buttons() .selects() .unseen() .media() .json()
    await m.shows("words") | m.until(lambda m: ...); m.redeliver()
    an attachment: .id .name .size .sha256 .description .content_type .ephemeral .read()
Channel: .messages .last .upload_limit, await channel.shows("words"); .deny("attach_files", ...) .permit(...) .delete()
    .uploads_limited .archived; guild.kick_bot() .invite_bot(); world.posted(): all that the bot posted
    await world.until(lambda: something); world.commands, world.registrations, world.interactions
    world.lists_shown_files = True: messages list the files that their components show, as before April 2026

Time: server.advance(901): tokens are dead (15 min), 86 401: links, 301: nonces, 7 201: ephemeral files.
Faults: server.fault("POST", "/channels/*/messages", status=502, after=True, times=1); see `Fault`:
    status= code= message=; retry_after= via=False is_global= with status=429; drop=True (connection breaks);
    hang=seconds (alone: only slow); after=True: what was asked is done all the same; files=True: only with files.
    `.hits` counts.
    server.rate_limit("PATCH", "/webhooks/*/messages/*", 5, per=2): a real bucket with Discord's headers. `.refused`.
    CDN: fault("GET", "/ephemeral-attachments/*", ...)
Requests: server.requests, server.seen("PUT", "/applications/*/commands"): .method .path .json .status .code .seconds
Gateway: server.gateway.drop() .reconnect() .invalidate(resumable=) await .close(4000); .shards .starts_left
    .allowed_intents |= MESSAGE_CONTENT; .acks = False: heartbeats stay unanswered; .connected .identifies .resumes .heartbeats

A bare discord.py client for it: discord_probe.py (`aimed_at(server)`, `Probe`, `running`, `open_scene`).
Alone: `PYTHONPATH=.:tests python -m support.discord_server [--port N] [--token T]` prints one JSON line with api_url, token
and control, the address of discord_control.py's API. Refusals are Discord's own (discord_errors.py), bodies are checked by
Discord's OpenAPI description (discord_schema.py): an unknown field is 400/50035.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from aiohttp import web
from support import discord_schema
from support.discord_control import Control
from support.discord_errors import ApiError, invalid, refusal
from support.discord_faults import Bucket, Fault, FaultPlan, HungUp, hang_up, json_response
from support.discord_files import FileStore
from support.discord_gateway import Gateway
from support.discord_rest import Handler, Rest
from support.discord_tokens import Tokens
from support.discord_world import World

from bot.clock import SystemClock
from bot.ports import Clock

PREFIX = "/api/v10"
KEPT_REQUESTS = 20_000


class MovableClock(Clock, Protocol):
    """A clock that tests push forward: `ShiftedClock`, `support.clock.FakeClock`."""

    def advance(self, seconds: float) -> None: ...


class ShiftedClock(SystemClock):
    """The machine's time, pushed forward by what `advance` was told."""

    def __init__(self) -> None:
        self._ahead = 0

    def now(self) -> int:
        return super().now() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += round(seconds * 1000)


@dataclass
class Seen:
    """A request as it arrived and how it was answered (`status` 0: not at all)."""

    method: str
    path: str
    json: Any = None
    status: int = 0
    code: int = 0
    seconds: float = 0.0


SEEN = web.RequestKey("seen", Seen)


class DiscordServer:
    """See the module's docstring. `clock` needs `now()` in ms; the default one is real and can be pushed forward."""

    def __init__(
        self, clock: MovableClock | None = None, *, token: str = "bot-token", keep_files: bool = True
    ) -> None:
        self.token = token
        self.clock: MovableClock = clock or ShiftedClock()
        self.files = FileStore(keep_files)
        self.world = World(self.clock, self.files)
        self.gateway = Gateway(self.world, token)
        self.faults = FaultPlan()
        self.requests: deque[Seen] = deque(maxlen=KEPT_REQUESTS)
        self.url = ""
        self._runner: web.AppRunner | None = None

    # --- life

    async def start(self, port: int = 0) -> None:
        self.files.folder = Path(tempfile.mkdtemp(prefix="discord-"))
        application = web.Application(client_max_size=1 << 24)
        for part in (Rest(self.world, self.gateway), Tokens(self.world)):
            for method, path, handler in part.routes():
                wrapped = self._wrap(handler, path, with_bot_token=isinstance(part, Rest))
                application.router.add_route(method, PREFIX + path, wrapped)
        Control(self).add_routes(application)
        application.router.add_get("/gateway-socket/", self.gateway.handle)
        application.router.add_get("/{kind:(ephemeral-)?attachments}/{channel}/{upload}/{name}", self._cdn)
        application.router.add_route("*", "/{tail:.*}", self._unknown)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]
        self.url = self.files.base_url = f"http://127.0.0.1:{self.port}"
        self.gateway.url = f"ws://127.0.0.1:{self.port}/gateway-socket/"

    async def stop(self) -> None:
        for socket in list(self.gateway.sockets):
            socket.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        shutil.rmtree(self.files.folder, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def api_url(self) -> str:
        return self.url + PREFIX

    # --- what tests do

    def advance(self, seconds: float) -> None:
        """Push the clock forward (tokens expire, links die, nonces are forgotten)."""
        self.clock.advance(seconds)
        self.world.ring()

    def fault(self, method: str, path: str, **what: Any) -> Fault:
        """Let the next `times` (1; None: all) requests to `path` (glob, without /api/v10) go wrong: see `Fault`."""
        fault = Fault(method, path, **what)
        self.faults.faults.append(fault)
        return fault

    def rate_limit(self, method: str, path: str, limit: int, per: float) -> Bucket:
        """At most `limit` requests per `per` real seconds to each path that matches."""
        bucket = Bucket(method, path, limit, per)
        self.faults.buckets.append(bucket)
        return bucket

    def seen(self, method: str, path: str) -> list[Seen]:
        """The requests to paths that match this glob."""
        return [
            each for each in self.requests if method in ("*", each.method) and fnmatchcase(each.path, path)
        ]

    # --- answering

    def _wrap(
        self, handler: Handler, path: str, *, with_bot_token: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        shape = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))

        async def answer(request: web.Request) -> web.StreamResponse:
            if with_bot_token and request.headers.get("Authorization") != f"Bot {self.token}":
                raise refusal(0)
            body = await self.files.read_body(request)
            request[SEEN].json = body.json
            discord_schema.check(f"{request.method} {shape}", body.json)
            return await handler(request, body)

        async def guarded(request: web.Request) -> web.StreamResponse:
            started = time.monotonic()
            seen = request[SEEN] = Seen(request.method, request.path.removeprefix(PREFIX))
            self.requests.append(seen)
            response = await self._with_faults(request, seen, answer)
            seen.status = 0 if isinstance(response, HungUp) else response.status
            seen.seconds = time.monotonic() - started
            self.world.ring()
            return response

        return guarded

    async def _with_faults(
        self,
        request: web.Request,
        seen: Seen,
        answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        headers, busy = self.faults.limit(seen.method, seen.path)
        fault = self.faults.next(request, seen.path) if busy is None else None
        if busy is not None:
            await self.files.read_body(request)
            response: web.StreamResponse = busy
        elif fault is not None and not fault.after:
            response = await self._instead(request, fault, answer)
        else:
            response = await self._guard(request, seen, answer)
            if fault is not None:
                response = await self._spoil(request, fault, response)
        if not response.prepared:
            response.headers.update(headers)
        return response

    async def _instead(
        self,
        request: web.Request,
        fault: Fault,
        answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        if fault.hang:
            await asyncio.sleep(fault.hang)
        if fault.drop:
            return hang_up(request)
        if fault.status is None:  # only slow
            return await self._guard(request, request[SEEN], answer)
        await self.files.read_body(request)
        return fault.answer()

    async def _spoil(
        self, request: web.Request, fault: Fault, response: web.StreamResponse
    ) -> web.StreamResponse:
        """What was done stays done, but the answer is another, late, or none."""
        if fault.hang:
            await asyncio.sleep(fault.hang)
        if fault.drop:
            return hang_up(request)
        return response if fault.status is None else fault.answer()

    async def _guard(
        self,
        request: web.Request,
        seen: Seen,
        answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            return await answer(request)
        except ApiError as refused:
            error = refused
        except (json.JSONDecodeError, ValueError) as unreadable:
            error = invalid(("", f"unreadable: {unreadable}"))
        seen.code = error.body["code"]
        token = request.match_info.get("token", "")
        if interaction := self.world.by_token.get(token):
            interaction.refused.append(str(error))
        return json_response(error.body, error.status)

    async def _cdn(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.path)
        self.requests.append(seen)

        async def serve(request: web.Request) -> web.StreamResponse:
            return self.files.serve(request, self.clock.now())

        request[SEEN] = seen
        response = await self._with_faults(request, seen, serve)
        seen.status = response.status
        return response

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(Seen(request.method, request.path.removeprefix(PREFIX), status=404))
        return json_response({"message": f"404: Not Found: {request.method} {request.path}", "code": 0}, 404)


async def serve(port: int, token: str) -> None:
    server = DiscordServer(token=token)
    await server.start(port)
    told = {"api_url": server.api_url, "token": token, "control": f"{server.url}/control"}
    print(json.dumps(told), flush=True)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    await over.wait()
    await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Discord on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="bot-token")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.token))


if __name__ == "__main__":
    main()
