"""Our own stand-in of Telegram's Bot API 10.3, over real HTTP on loopback, strict about everything it is sent.

Start it
    async with TelegramServer(clock=None, keep_uploads=True) as server:
        server.url, server.token          # for TELEGRAM_API_URL and TELEGRAM_BOT_TOKEN
        server.world, server.fault(...)   # people and chats; what goes wrong
    `clock` is anything with `now() -> ms` (expiry of updates and presses); long polls wait in real time.
    `upload_limit` (bytes, 50,000,000) may be lowered while it runs. `keep_uploads=False` keeps sums, not bytes.

People and chats
    ada = world.user(1001, "Ada", language_code="de")     chat = world.private(ada)
    group = world.group("Cats", [ada, bob], supergroup=False, forum=False, privacy_mode=None, bot=True)
    channel = world.channel("News")                        world.privacy_mode (true at first; the bot's own setting)
    A private chat is closed until its person says something (or `chat.started = True`).

Acts (each makes the updates that Telegram would, if the bot would get any)
    message = await chat.says(ada, "/sora a dog", reply_to=None, topic=None, caption="", anonymous=False,
                              photo=bytes, document=Given(bytes, "a.png"), video=, animation=, sticker=, voice=,
                              album=[bytes, Given(...)], extra={"location": {...}})
    press = await chat.press(ada, message, "Confirm")      # label, data, or a part of one label
    (await press.answer()).text, .alert                    # waits until the bot has answered
    chat.press(ada, message, data="old:1")                 # a button that stands there no longer
    chat.starts(ada, payload)                              # the Start button, or a deep link
    chat.edits(user, message, text)  deletes(user, message)  posts(text)  other_bot_says(text)
    chat.add_bot(by)  create_with_bot(by)  remove_bot(by)  block_bot(user)  unblock(user)  joins(user)  leaves(user)
    chat.make_admin(user or world.bot, rights=None, anonymous=False)   new = await chat.migrate_group()
    topic = await chat.open_topic("Films")   chat.close_topic(topic)   chat.reopen_topic(topic)
    chat.forbid("videos", "photos", "documents", "animations", "text messages")   chat.allow("videos")   (no await)
    ada.deactivated = True
    Given(data: bytes | Path, name, mime, size, width, height, duration): `size` may announce more than is there.
    tiny_mp4(size, seed), tiny_picture(width, height, colour, form): real enough. What is no MP4 comes back as a
    document, as from Telegram; a picture that is none is refused.

What the bot did
    chat.messages (the bot's), chat.history (everybody's), chat.last, chat.chat_actions, world.commands, world.profile
    message.id .text .caption .html .buttons {label: data} .rows .keyboard .asks_for_reply .media .reply_to .topic
           .silent .album .edits .deleted .reactions .ephemeral_to .ephemeral_id .params (as called)
    message.media.kind .size .sha256 .name .mime .width .height .duration .thumbnail .cover .supports_streaming
           .spoiler .file_id .bytes()      media.file.first, .last: 64 bytes of each end
    world.calls, world.calls_of("sendVideo"): .method .params .at .status (0: cut off) .result .ok
    await chat.wait_for(lambda m: "ready" in m.text, timeout=5)     await world.wait_until(lambda: ..., timeout=5)

Faults: server.fault(method, kind, times=1, skip=0, **details); method "*" is any, "download" a file
    flood(retry_after=)  forbidden(description=)  bad_request(description=)  migrate(migrate_to_chat_id=)
    unauthorized  conflict  error(code=, description=)         refused with that answer
    bad_gateway                                                502 with HTML; not done
    hang(seconds=)  drop_before                                not done, no answer
    hang_after(seconds=)  drop_after                           done, but the answer is late or lost
    slow(seconds=)                                             the upload stalls after its first chunk
    scheduled                                                  message_id 0
    animation                                                  a sent video comes back as an animation
    repeat                                                     getUpdates brings confirmed updates again
    world.updates.repeat(n): the last n confirmed updates again, also to a webhook
    world.future_update(ada)  world.nonsense_update()  world.inject({...}): updates that no client can read

Webhook: real deliveries; server.webhook.scale shortens the waits between tries (0.01),
    server.webhook.routes["https://bot.example"] = "http://127.0.0.1:8080" leads public addresses to a local port,
    server.webhook.tries counts posts. world.updates.waiting lists what waits.

Another process: python -m support.telegram_server --port 0 --state FILE [--drop-uploads] prints {"url", "token"};
    FILE gets a line of JSON for each call. async with telegram_process() as remote (support.telegram_control):
    remote.url, .token, await remote.do(name, **arguments), that is POST /control/<name> with JSON:
    user(user, name)  group(title, members)  says(user, text, chat, reply_to, photo="base64")  press(user, message, button, chat)
    pressed(press)  act(act, chat, user, ...)  inject(update)  fault(method, kind, ...)  messages(chat, since)
    calls(method, since)  pending()  advance(seconds)  set(upload_limit=, privacy_mode=)

Left out: payments, inline mode, business, parse modes but HTML, webhook answers that carry a method.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from support.telegram_edits import EDITS
from support.telegram_faults import Fault, Faults
from support.telegram_media import Files
from support.telegram_messages import Call, User
from support.telegram_profile import PROFILE
from support.telegram_schema import ApiError, bad, method_named, methods, read_params
from support.telegram_sends import SENDS, Ask, Handler
from support.telegram_webhook import Webhook
from support.telegram_wire import Body, bad_gateway, cut, failure, fetch, read_body, success
from support.telegram_world import Now, RealNow, World

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw4"
UPLOAD_BYTES = 50_000_000
_SHUTDOWN_SECONDS = 0.2


class TelegramServer:
    """The server; everything that people do goes through `world`, everything that goes wrong through `fault`."""

    def __init__(
        self,
        clock: Now | None = None,
        *,
        folder: Path | None = None,
        keep_uploads: bool = True,
        token: str = TOKEN,
        username: str = "kie_video_bot",
        webhook_scale: float = 0.01,
    ) -> None:
        self.token = token
        self.upload_limit = UPLOAD_BYTES
        self.faults = Faults()
        self.on_call: Callable[[Call], None] = lambda _: None
        self.url = ""
        self._stack = contextlib.AsyncExitStack()
        if folder is None:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="telegram-")))
        bot = User(int(token.partition(":")[0]), "Kie Video", username, None, is_bot=True)
        clock = clock or RealNow()
        self.world = World(clock, Files(folder, clock.now, keep=keep_uploads), bot)
        self.webhook = Webhook(self.world, webhook_scale)
        self._handlers: Mapping[str, Handler] = {
            **SENDS,
            **EDITS,
            **PROFILE,
            "getUpdates": self._get_updates,
            "setWebhook": self.webhook.set,
            "deleteWebhook": self.webhook.delete,
            "getWebhookInfo": self.webhook.info,
        }

    async def start(self, port: int = 0, *, mounts: tuple[web.RouteDef, ...] = ()) -> str:
        """Listen on loopback; returns the address, for TELEGRAM_API_URL."""
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_routes(mounts)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handler_cancellation=True
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(self.webhook.close)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        self.world.updates.end_poll("terminated: the stand-in stops")
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def fault(self, method: str, kind: str, times: int = 1, *, skip: int = 0, **details: Any) -> Fault:
        """Order a fault for the next `times` calls of `method` (`*`: any; `download`: files), after `skip` others."""
        return self.faults.add(method, kind, times, skip, **details)

    # --- one call

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            method = self._method(request)
        except ApiError as error:
            return failure(error)
        fault = self.faults.take(method)
        call = Call(method, {}, self.world.now())
        self.world.calls.append(call)
        if fault and fault.kind == "drop_before":
            return cut(request)
        body = Body()
        try:
            body = await self._body(request, method, fault)
            if fault and (early := await self._early(fault)):
                call.params, call.status = body.values, early.status
                return early
            call.result = await self._do(method, body, call, fault)
            call.status = 200
        except ApiError as error:
            call.status, call.result = error.code, error.description
            return failure(error)
        finally:
            for part in body.parts.values():
                self.world.files.settle(part)
            self.on_call(call)
            self.world.changed()
        if fault and fault.kind == "hang_after":
            await self._hang(fault)
        if fault and fault.kind == "drop_after":
            return cut(request)
        return success(call.result)

    def _method(self, request: web.Request) -> str:
        self._check_token(request.match_info["token"])
        method = method_named(request.match_info["method"])
        if method is None:
            raise ApiError(404, "Not Found: method not found")
        return method

    def _check_token(self, token: str) -> None:
        number, _, secret = token.partition(":")
        if not (number.isdigit() and len(secret) >= 30):
            raise ApiError(404, "Not Found")
        if token != self.token:
            raise ApiError(401, "Unauthorized")

    async def _body(self, request: web.Request, method: str, fault: Fault | None) -> Body:
        pause = float(fault.details.get("seconds", 1)) if fault and fault.kind == "slow" else 0
        body = await read_body(request, self.world.files, self.upload_limit, pause)
        body.settle(methods()[method])
        return body

    async def _early(self, fault: Fault) -> web.Response | None:
        """The answer where a fault keeps the call from being done at all."""
        if fault.is_refusal:
            raise fault.error()
        if fault.kind == "hang":
            await self._hang(fault)
            return bad_gateway()
        return bad_gateway() if fault.kind == "bad_gateway" else None

    async def _hang(self, fault: Fault) -> None:
        await asyncio.sleep(float(fault.details.get("seconds", 3600)))

    async def _do(self, method: str, body: Body, call: Call, fault: Fault | None) -> Any:
        call.params = body.values
        call.params = read_params(method, body.values)
        handler = self._handlers.get(method)
        if handler is None:
            raise bad(f"this stand-in does not know how to {method}")
        twist = fault.twist if fault else None

        async def fetched(url: str, limit: int) -> Any:
            return await fetch(self.world.files, url, limit)

        return await handler(Ask(self.world, method, dict(call.params), body.parts, twist, fetched))

    async def _get_updates(self, ask: Ask) -> Any:
        if ask.twist == "repeat":
            self.world.updates.repeat(100)
            ask.params.pop("offset", None)
        return await self.world.updates.poll(
            ask.get("offset", 0), ask.get("limit", 100), ask.get("timeout", 0), ask.get("allowed_updates")
        )

    # --- files

    async def _download(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take("download")
        path = request.match_info["path"]
        call = Call("download", {"path": path}, self.world.now())
        self.world.calls.append(call)
        if fault and fault.kind in ("drop_before", "drop_after"):
            return cut(request)
        try:
            self._check_token(request.match_info["token"])
            if fault and (early := await self._early(fault)):
                return early
            if fault and fault.kind == "slow":
                await asyncio.sleep(float(fault.details.get("seconds", 1)))
            file = self.world.files.at(path)
        except ApiError as error:
            call.status, call.result = error.code, error.description
            return failure(error)
        call.status = 200
        # aiohttp's FileResponse leaves its file open when a killed bot's request is cancelled
        return web.Response(body=await asyncio.to_thread(file.read_bytes))


if __name__ == "__main__":
    from support.telegram_control import main

    main()
