"""The Bot API stand-in as a process of its own, and the way to act in it from another one: `/control/...`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from support.telegram_chats import Chat
from support.telegram_media import Given, Media
from support.telegram_messages import Call, Message, User
from support.telegram_server import TelegramServer
from support.telegram_world import RealNow

_HERE = Path(__file__).parent
_START_SECONDS = 20
_ATTACHABLE = ("photo", "document", "video", "animation", "sticker", "voice")


class ShiftedNow:
    """The real time, moved by what tests ask for."""

    def __init__(self) -> None:
        self.shift = 0

    def now(self) -> int:
        return RealNow().now() + self.shift


def view(message: Message) -> dict[str, Any]:
    """A message as JSON, for those in another process."""
    return {
        "id": message.id,
        "chat": message.chat.id,
        "date": message.date,
        "from": message.sender.id if message.sender else None,
        "text": message.text,
        "html": message.html,
        "buttons": message.buttons,
        "media": _media(message.media),
        "reply_to": message.reply_to.id if message.reply_to else None,
        "topic": message.topic,
        "silent": message.silent,
        "edits": len(message.edits),
        "deleted": message.deleted,
        "ephemeral_to": message.ephemeral_to.id if message.ephemeral_to else None,
    }


def _media(media: Media | None) -> dict[str, Any] | None:
    if media is None:
        return None
    names = ("kind", "size", "sha256", "name", "mime", "width", "height", "duration", "supports_streaming")
    return {name: getattr(media, name) for name in names} | {"thumbnail": media.thumbnail is not None}


def _call(call: Call) -> dict[str, Any]:
    return {"method": call.method, "params": call.params, "at": call.at, "status": call.status}


@dataclass
class Control:
    """What can be asked for at `/control/<name>`: a JSON object in, a JSON value out."""

    server: TelegramServer
    clock: ShiftedNow

    def routes(self) -> tuple[web.RouteDef, ...]:
        return (web.post("/control/{name}", self._answer),)

    async def _answer(self, request: web.Request) -> web.Response:
        action = getattr(self, f"do_{request.match_info['name']}", None)
        if action is None:
            return web.json_response({"error": "no such action"}, status=404)
        try:
            result = await action(**await request.json())
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response(result, dumps=lambda value: json.dumps(value, default=str))

    def _user(self, user: int) -> User:
        return self.server.world.users[user]

    def _chat(self, chat: int | None, user: int) -> Chat:
        world = self.server.world
        return world.private(self._user(user)) if chat is None else world.chats[chat]

    async def do_user(self, user: int, name: str, **more: Any) -> Any:
        return self.server.world.user(user, name, **more).json()

    async def do_group(self, title: str, members: list[int], **more: Any) -> Any:
        return self.server.world.group(title, [self._user(each) for each in members], **more).id

    async def do_says(
        self, user: int, text: str = "", chat: int | None = None, reply_to: int | None = None, **more: Any
    ) -> Any:
        """Files are `photo="<base64>"`; `file_name` names them."""
        place, name = self._chat(chat, user), more.pop("file_name", None)
        for kind in set(_ATTACHABLE) & set(more):
            more[kind] = Given(base64.b64decode(more[kind]), name)
        replied = place.message(reply_to) if reply_to else None
        return view(await place.says(self._user(user), text, reply_to=replied, **more))

    async def do_press(self, user: int, message: int, button: str, chat: int | None = None) -> Any:
        place = self._chat(chat, user)
        pressed = place.message(message)
        if pressed is None:
            raise ValueError(f"there is no message {message}")
        return (await place.press(self._user(user), pressed, button)).id

    async def do_pressed(self, press: str) -> Any:
        found = self.server.world.presses[press]
        return {"answered": found.answered, "text": found.text, "alert": found.alert}

    async def do_act(self, act: str, chat: int | None = None, user: int | None = None, **more: Any) -> Any:
        """Any other act of a chat: block_bot, unblock, add_bot, remove_bot, migrate_group, open_topic, close_topic ..."""
        place = self._chat(chat, user or 0)
        result = await getattr(place, act)(*([self._user(user)] if user else []), **more)
        return (
            result.id if isinstance(result, Chat) else view(result) if isinstance(result, Message) else result
        )

    async def do_inject(self, update: dict[str, Any]) -> Any:
        return self.server.world.inject(update)

    async def do_fault(self, method: str, kind: str, times: int = 1, skip: int = 0, **details: Any) -> Any:
        self.server.fault(method, kind, times, skip=skip, **details)

    async def do_messages(self, chat: int | None = None, since: int = 0) -> Any:
        """What the bot has sent, to one chat or to all; `since`: only from this one on, by their order."""
        chats = [self.server.world.chats[chat]] if chat else list(self.server.world.chats.values())
        return [view(message) for each in chats for message in each.messages][since:]

    async def do_calls(self, method: str | None = None, since: int = 0) -> Any:
        calls = self.server.world.calls
        return [_call(each) for each in calls if method in (None, each.method)][since:]

    async def do_pending(self) -> Any:
        return len(self.server.world.updates.waiting)

    async def do_advance(self, seconds: float) -> Any:
        self.clock.shift += round(seconds * 1000)

    async def do_set(self, **settings: Any) -> Any:
        """`upload_limit=...`, `privacy_mode=...`."""
        if "privacy_mode" in settings:
            self.server.world.privacy_mode = settings.pop("privacy_mode")
        if settings:
            self.server.upload_limit = int(settings["upload_limit"])


async def serve(port: int, state: Path | None, *, keep_uploads: bool) -> None:
    """Serve until a signal comes. The first line on stdout, and in the state file, tells where; there a line per call follows."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(state.open("a", encoding="utf-8")) if state else None

        def note(line: Mapping[str, Any]) -> None:
            if file:
                file.write(json.dumps(line, default=str) + "\n")
                file.flush()

        clock = ShiftedNow()
        server = TelegramServer(clock, keep_uploads=keep_uploads)
        server.on_call = lambda call: note(_call(call))
        await server.start(port, mounts=Control(server, clock).routes())
        ready = {"url": server.url, "token": server.token}
        note(ready)
        print(json.dumps(ready), flush=True)
        stop = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await stop.wait()
        await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.telegram_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, help="a file that gets a line of JSON for every call")
    parser.add_argument("--drop-uploads", action="store_true", help="sum uploads up, and forget their bytes")
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, asked.state, keep_uploads=not asked.drop_uploads))


@dataclass
class Remote:
    """The stand-in in another process: `await remote.do("says", user=1, text="/start")`."""

    url: str
    token: str
    pid: int
    session: aiohttp.ClientSession = field(repr=False)

    async def do(self, action: str, **arguments: Any) -> Any:
        """What `Control.do_<action>` returns. Raises AssertionError with its words when it refuses."""
        async with self.session.post(f"{self.url}/control/{action}", json=arguments) as answer:
            result = await answer.json()
            assert answer.status == 200, result["error"]
            return result


@contextlib.asynccontextmanager
async def telegram_process(*arguments: str) -> AsyncIterator[Remote]:
    """Start it, and end it at last."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.telegram_server", *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_HERE.parent)},
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), _START_SECONDS))
        async with aiohttp.ClientSession() as session:
            yield Remote(ready["url"], ready["token"], process.pid, session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
