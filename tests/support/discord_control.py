"""`/control/...`: the stand-in's driver over HTTP, for programs that cannot hold its objects.

Everything is JSON. POST: `users` {name, installed?, locale?}, `guilds` {name, boost_tier?, bot_in?, channels: [names]},
`dm` {user}, `slash` {user, channel, command, options?}, `autocomplete` {user, channel, command, option, typed, options?},
`click` {user, message, what}, `select` {user, message, which?, chosen}, `menu` {user, name, message},
`modal` {user, interaction, values}, `says` {user, channel, text, files?}, `redeliver` {interaction | message},
`fault` (see `Fault`), `advance` {seconds}, `gateway` {do: drop|reconnect|invalidate|close, code?}.
GET: `messages?channel=`, `interaction?id=`, `requests?method=&path=`, `commands`.
Users and channels are given by name or id, messages and interactions by id; a file is `{"file": name, "base64": ...}` or
`{"file": name, "path": ...}`, a person among options `{"user": name}`. An act waits for the bot's first answer for up to
`wait` seconds (5; 0: not at all) and gives the interaction as it then stands.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from support.discord_faults import json_response
from support.discord_interactions import Interaction
from support.discord_messages import Message
from support.discord_people import User
from support.discord_places import Channel

if TYPE_CHECKING:
    from support.discord_server import DiscordServer

Json = dict[str, Any]


class Control:
    """The routes."""

    def __init__(self, server: DiscordServer) -> None:
        self._server = server
        self._world = server.world

    def add_routes(self, application: web.Application) -> None:
        acts: list[Callable[[Json], Interaction]] = [self.slash, self.autocomplete, self.click, self.select]
        for act in (*acts, self.menu, self.modal):
            application.router.add_post(f"/control/{act.__name__}", self._acting(act))
        plain = [self.users, self.guilds, self.dm, self.says, self.redeliver, self.fault, self.advance]
        for each in plain:
            application.router.add_post(f"/control/{each.__name__}", self._plain(each))
        application.router.add_post("/control/gateway", self.gateway)
        for look in (self.messages, self.interaction, self.requests, self.commands):
            application.router.add_get(f"/control/{look.__name__}", self._looking(look))

    def _plain(self, do: Callable[[Json], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                return json_response(do(await request.json()))
            except (AssertionError, LookupError) as wrong:
                return json_response({"error": str(wrong)}, 400)

        return handle

    def _looking(
        self, look: Callable[[web.Request], object]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return json_response(look(request))

        return handle

    def _acting(self, act: Callable[[Json], Interaction]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            asked = await request.json()
            try:
                interaction = act(asked)
                if wait := asked.get("wait", 5.0):
                    await interaction.acknowledged(wait)
            except (AssertionError, LookupError) as wrong:
                return json_response({"error": str(wrong)}, 400)
            return json_response(interaction_json(interaction))

        return handle

    # --- finding what is meant

    def _user(self, asked: Json) -> User:
        found = [each for each in self._world.users.values() if asked["user"] in (each.name, str(each.id))]
        assert found, f"nobody is called {asked['user']}"
        return found[-1]

    def _channel(self, which: str) -> Channel:
        found = [each for each in self._world.channels.values() if which in (each.name, str(each.id))]
        assert found, f"no channel {which}"
        return found[-1]

    def _message(self, which: str) -> Message:
        for channel in self._world.channels.values():
            if found := channel.by_id.get(int(which)):
                return found
        raise LookupError(f"no message {which}")

    def _interaction(self, which: str) -> Interaction:
        found = [each for each in self._world.interactions if str(each.id) == which]
        assert found, f"no interaction {which}"
        return found[0]

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if isinstance(value, dict) and "file" in value:
            data = Path(value["path"]) if "path" in value else base64.b64decode(value["base64"])
            return value["file"], data
        return self._user(value) if isinstance(value, dict) else value

    def _values(self, asked: Json, name: str) -> Json:
        return {key: self._value(value) for key, value in asked.get(name, {}).items()}

    # --- acts

    def slash(self, asked: Json) -> Interaction:
        channel = self._channel(asked["channel"])
        return self._user(asked).slash(channel, asked["command"], **self._values(asked, "options"))

    def autocomplete(self, asked: Json) -> Interaction:
        channel, others = self._channel(asked["channel"]), self._values(asked, "options")
        return self._user(asked).autocomplete(
            channel, asked["command"], asked["option"], asked["typed"], **others
        )

    def click(self, asked: Json) -> Interaction:
        return self._user(asked).click(self._message(asked["message"]), asked["what"])

    def select(self, asked: Json) -> Interaction:
        message = self._message(asked["message"])
        return self._user(asked).select(message, asked.get("which"), *asked["chosen"])

    def menu(self, asked: Json) -> Interaction:
        return self._user(asked).context_menu(asked["name"], self._message(asked["message"]))

    def modal(self, asked: Json) -> Interaction:
        opened = self._interaction(asked["interaction"])
        return self._user(asked).submit_modal(opened, self._values(asked, "values"))

    # --- the rest

    def users(self, asked: Json) -> Json:
        return {"id": str(self._world.user(**asked).id)}

    def guilds(self, asked: Json) -> Json:
        names = asked.pop("channels", ["general"])
        guild = self._world.guild(**asked)
        channels = {name: str(guild.text_channel(name).id) for name in names}
        return {"id": str(guild.id), "channels": channels}

    def dm(self, asked: Json) -> Json:
        return {"id": str(self._world.dm(self._user(asked)).id)}

    def says(self, asked: Json) -> Json:
        files = self._value(asked.get("files", []))
        return message_json(self._user(asked).says(self._channel(asked["channel"]), asked["text"], files))

    def redeliver(self, asked: Json) -> None:
        if "interaction" in asked:
            self._interaction(asked["interaction"]).redeliver()
        else:
            self._message(asked["message"]).redeliver()

    def fault(self, asked: Json) -> None:
        self._server.fault(asked.pop("method"), asked.pop("path"), **asked)

    def advance(self, asked: Json) -> None:
        self._server.advance(asked["seconds"])

    async def gateway(self, request: web.Request) -> web.Response:
        asked, gateway = await request.json(), self._server.gateway
        if asked["do"] == "close":
            await gateway.close(asked["code"])
        else:
            {"drop": gateway.drop, "reconnect": gateway.reconnect, "invalidate": gateway.invalidate}[
                asked["do"]
            ]()
        return json_response(None, 204)

    # --- looks

    def messages(self, request: web.Request) -> list[Json]:
        return [message_json(each) for each in self._channel(request.query["channel"]).messages]

    def interaction(self, request: web.Request) -> Json:
        return interaction_json(self._interaction(request.query["id"]))

    def requests(self, request: web.Request) -> list[Json]:
        query = request.query
        found = self._server.seen(query.get("method", "*"), query.get("path", "*"))
        return [asdict(each) for each in found]

    def commands(self, request: web.Request) -> list[Json]:
        return [each for scope in self._world.commands.values() for each in scope]


def message_json(message: Message) -> Json:
    """What tests want to know of a message."""
    return {
        "id": str(message.id),
        "channel": str(message.channel.id),
        "author": message.author.name,
        "text": message.text,
        "buttons": message.buttons(),
        "selects": message.selects(),
        "components": message.components,
        "attachments": [
            {"name": each.name, "size": each.size, "sha256": each.sha256, "description": each.description}
            for each in message.attachments
        ],
        "flags": message.flags,
        "ephemeral": message.ephemeral,
        "loading": message.loading,
        "nonce": message.nonce,
        "reference": None if message.reference is None else str(message.reference),
        "pings": message.pings,
        "edits": len(message.edits),
        "deleted": message.deleted,
    }


def interaction_json(interaction: Interaction) -> Json:
    """What tests want to know of an interaction."""
    response = interaction.response
    return {
        "id": str(interaction.id),
        "acked_after": interaction.acked_after,
        "answer": interaction.answer,
        "response": message_json(response) if response else None,
        "followups": [message_json(each) for each in interaction.followups],
        "modal": interaction.modal,
        "choices": interaction.choices,
        "refused": interaction.refused,
    }
