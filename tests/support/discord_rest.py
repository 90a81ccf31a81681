"""The REST routes of the stand-in that a bot token opens: itself, commands, channels, messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from support import discord_commands as commands
from support import discord_messages as messages
from support.discord_components import V2
from support.discord_errors import invalid, refusal
from support.discord_faults import json_response
from support.discord_files import Body
from support.discord_gateway import Gateway
from support.discord_messages import Message
from support.discord_places import DM, THREAD, Channel
from support.discord_world import World

Json = dict[str, Any]
Handler = Callable[[web.Request, Body], Awaitable[web.StreamResponse]]


class Rest:
    """Handlers by method and path; `needs_token` says which of them want the bot's token."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world = world
        self._gateway = gateway

    def routes(self) -> list[tuple[str, str, Handler]]:
        channel = "/channels/{channel}"
        message = channel + "/messages/{message}"
        command = "/applications/{app}/commands"
        guild_command = "/applications/{app}/guilds/{guild}/commands"
        return [
            ("GET", "/gateway", self.gateway),
            ("GET", "/gateway/bot", self.gateway),
            ("GET", "/users/@me", self.me),
            ("GET", "/users/{user}", self.user),
            ("POST", "/users/@me/channels", self.open_dm),
            ("GET", "/users/@me/guilds", self.my_guilds),
            ("GET", "/applications/@me", self.application),
            ("GET", "/oauth2/applications/@me", self.application),
            ("GET", command, self.list_commands),
            ("PUT", command, self.put_commands),
            ("GET", guild_command, self.list_commands),
            ("PUT", guild_command, self.put_commands),
            ("GET", "/guilds/{guild}", self.guild),
            ("GET", "/guilds/{guild}/members/{user}", self.member),
            ("GET", channel, self.channel),
            ("POST", channel + "/typing", self.typing),
            ("GET", channel + "/messages", self.history),
            ("POST", channel + "/messages", self.post),
            ("GET", message, self.get_message),
            ("PATCH", message, self.edit_message),
            ("DELETE", message, self.delete_message),
        ]

    # --- itself

    async def gateway(self, request: web.Request, body: Body) -> web.Response:
        data = self._gateway.bot_json()
        return json_response(data if request.path.endswith("/bot") else {"url": data["url"]})

    async def me(self, request: web.Request, body: Body) -> web.Response:
        return json_response({**self._world.bot.json(), "verified": True, "mfa_enabled": True, "flags": 0})

    async def user(self, request: web.Request, body: Body) -> web.Response:
        user = self._world.users.get(int(request.match_info["user"]))
        if user is None:
            raise refusal(10013)
        return json_response(user.json())

    async def application(self, request: web.Request, body: Body) -> web.Response:
        world = self._world
        # The flags of an app with fewer than 10 000 users say which privileged intents are switched on.
        intents = self._gateway.allowed_intents
        flags = (1 << 15) * bool(intents & 1 << 1) | (1 << 13) * bool(intents & 1 << 8)
        flags |= (1 << 19) * bool(intents & 1 << 15)
        data: Json = {
            "id": str(world.app_id),
            "name": world.bot.name,
            "icon": None,
            "description": "",
            "summary": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": flags,
            "owner": {**world.bot.json(), "id": "1", "username": "owner", "bot": False},
            "team": None,
            "bot": world.bot.json(),
            "integration_types_config": {"0": {}, "1": {}},
            "approximate_guild_count": sum(each.bot_in for each in world.guilds.values()),
            "approximate_user_install_count": sum(each.installed for each in world.users.values()),
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            **world.application,
        }
        return json_response(data)

    async def my_guilds(self, request: web.Request, body: Body) -> web.Response:
        after, most = int(request.query.get("after", 0)), int(request.query.get("limit", 200))
        mine = sorted(
            (each for each in self._world.guilds.values() if each.bot_in and each.id > after),
            key=lambda each: each.id,
        )[:most]
        data: list[Json] = [
            {
                "id": str(each.id),
                "name": each.name,
                "icon": None,
                "owner": False,
                "permissions": str(each.rights),
                "features": [],
            }
            for each in mine
        ]
        return json_response(data)

    # --- commands

    def _scope(self, request: web.Request) -> int | None:
        if request.match_info["app"] != str(self._world.app_id):
            raise refusal(50001)
        guild = request.match_info.get("guild")
        if guild is None:
            return None
        found = self._world.guilds.get(int(guild))
        if found is None or not found.bot_in:
            raise refusal(50001)
        return found.id

    async def list_commands(self, request: web.Request, body: Body) -> web.Response:
        return json_response(self._world.commands.get(self._scope(request), []))

    async def put_commands(self, request: web.Request, body: Body) -> web.Response:
        return json_response(commands.register(self._world, self._scope(request), body.json or []))

    # --- places

    def _channel(self, request: web.Request, *permissions: str) -> Channel:
        channel = self._world.channel(int(request.match_info["channel"]))
        channel.require(*permissions)
        return channel

    async def guild(self, request: web.Request, body: Body) -> web.Response:
        guild = self._world.guilds.get(int(request.match_info["guild"]))
        if guild is None or not guild.bot_in:
            raise refusal(10004)
        return json_response(guild.json())

    async def member(self, request: web.Request, body: Body) -> web.Response:
        guild = self._world.guilds.get(int(request.match_info["guild"]))
        user = self._world.users.get(int(request.match_info["user"]))
        if guild is None or not guild.bot_in:
            raise refusal(10004)
        if user is None or (user.id not in guild.members and not user.is_bot):
            raise refusal(10013)
        return json_response(guild.member_json(user))

    async def channel(self, request: web.Request, body: Body) -> web.Response:
        return json_response(self._channel(request).json())

    async def open_dm(self, request: web.Request, body: Body) -> web.Response:
        user = self._world.users.get(int(body.json.get("recipient_id") or 0))
        if user is None or user is self._world.bot:
            raise invalid(("recipient_id", "no such user"))
        return json_response(self._world.dm(user).json())

    async def typing(self, request: web.Request, body: Body) -> web.Response:
        self._channel(request, "send_messages")
        return json_response(None, 204)

    # --- messages

    async def history(self, request: web.Request, body: Body) -> web.Response:
        channel = self._channel(request)
        found = [each for each in channel.messages if not each.ephemeral]
        if channel.guild and not channel.bot_may("read_message_history"):
            found = []
        query, limit = request.query, int(request.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise invalid(("limit", "int value should be between 1 and 100"))
        if "around" in query:
            middle = int(query["around"])
            found = sorted(
                sorted(found, key=lambda each: abs(each.id - middle))[:limit], key=lambda each: each.id
            )
        elif "after" in query:
            found = [each for each in found if each.id > int(query["after"])][:limit]
        elif "before" in query:
            found = [each for each in found if each.id < int(query["before"])]
        return json_response([self._json(each) for each in reversed(found[-limit:])])

    def _json(self, message: Message) -> Json:
        """As the bot may read it: others' words in servers are hidden without the intent."""
        bot = self._world.bot
        open_to_bot = message.channel.guild is None or message.author is bot or bot.mention in message.content
        return message.json(hidden=not (open_to_bot or self._gateway.allowed_intents & 1 << 15))

    def _message(self, request: web.Request, channel: Channel) -> Message:
        message = channel.by_id.get(int(request.match_info["message"]))
        if message is None or message.deleted or message.ephemeral:
            raise refusal(10008)
        return message

    async def get_message(self, request: web.Request, body: Body) -> web.Response:
        channel = self._channel(request, "read_message_history")
        return json_response(self._json(self._message(request, channel)))

    async def post(self, request: web.Request, body: Body) -> web.Response:
        channel = self._world.channel(int(request.match_info["channel"]))
        channel.require(channel.send_permission)
        data = body.json
        self._check_place(channel, data, body)
        nonce = None if data.get("nonce") is None else str(data["nonce"])
        if nonce is not None and len(nonce) > 25:
            raise invalid(("nonce", "Must be 25 or fewer in length."))
        now = self._world.clock.now()
        if nonce and data.get("enforce_nonce"):
            at, first = self._world.nonces.get(nonce, (0, None))
            if first is not None and now - at < self._world.nonce_life * 1000:
                return json_response(first.json())
        reference = self._reference(channel, data.get("message_reference"))
        new = messages.take_files(self._world, body, channel.upload_limit)
        message = messages.create(
            channel,
            self._world.bot,
            data,
            messages.arrange(data, new, []),
            flags=(data.get("flags") or 0) & (V2 | 1 << 2 | 1 << 12),
            reference=reference,
            kind=19 if reference else 0,
        )
        message.nonce = nonce
        if nonce and data.get("enforce_nonce"):
            self._world.nonces[nonce] = (now, message)
        return json_response(message.json())

    def _check_place(self, channel: Channel, data: Json, body: Body) -> None:
        if body.files:
            channel.require("attach_files")
            if channel.uploads_limited:
                raise refusal(400001)
        if channel.kind == THREAD and channel.archived:
            raise refusal(50083)
        if channel.kind == DM:
            for user in channel.people:
                if user.refuses_with:
                    raise refusal(user.refuses_with)

    def _reference(self, channel: Channel, wanted: Json | None) -> int | None:
        if wanted is None:
            return None
        if channel.guild and not channel.bot_may("read_message_history"):
            raise refusal(160002)
        found = channel.by_id.get(int(wanted["message_id"]))
        if found is None or found.deleted or found.ephemeral:
            if wanted.get("fail_if_not_exists", True):
                raise invalid(("message_reference", "Unknown message"))
            return None
        return found.id

    async def edit_message(self, request: web.Request, body: Body) -> web.Response:
        channel = self._channel(request)
        message = self._message(request, channel)
        if message.author is not self._world.bot:
            raise refusal(50005)
        if channel.kind == THREAD and channel.archived:
            raise refusal(50083)
        if body.files:
            channel.require("attach_files")
        new = messages.take_files(self._world, body, channel.upload_limit)
        return json_response(messages.edit(message, body.json, new).json())

    async def delete_message(self, request: web.Request, body: Body) -> web.Response:
        channel = self._channel(request)
        message = self._message(request, channel)
        if message.author is not self._world.bot:
            channel.require("manage_messages")
        messages.delete(message)
        return json_response(None, 204)
