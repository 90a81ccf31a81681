"""The REST routes of the stand-in that an interaction's token opens: callback, original reply, follow-ups."""

from __future__ import annotations

from aiohttp import web
from support import discord_messages as messages
from support.discord_errors import refusal
from support.discord_faults import json_response
from support.discord_files import Body
from support.discord_interactions import Interaction
from support.discord_rest import Handler
from support.discord_world import World


class Tokens:
    """Handlers that need no bot token."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        webhook = "/webhooks/{app}/{token}"
        message = webhook + "/messages/{message}"
        return [
            ("POST", "/interactions/{interaction}/{token}/callback", self.acknowledge),
            ("POST", webhook, self.follow_up),
            ("GET", message, self.get),
            ("PATCH", message, self.edit),
            ("DELETE", message, self.delete),
        ]

    async def acknowledge(self, request: web.Request, body: Body) -> web.Response:
        interaction = self._world.by_token.get(request.match_info["token"])
        if interaction is None or str(interaction.id) != request.match_info["interaction"]:
            raise refusal(10062)
        interaction.acknowledge(body)
        if request.query.get("with_response", "").lower() in ("1", "true"):
            return json_response(interaction.callback_json())
        return json_response(None, 204)

    def _interaction(self, request: web.Request) -> Interaction:
        interaction = self._world.by_token.get(request.match_info["token"])
        if interaction is None or request.match_info["app"] != str(self._world.app_id):
            raise refusal(50027 if interaction is None else 10015)
        interaction.require_live()
        return interaction

    async def follow_up(self, request: web.Request, body: Body) -> web.Response:
        return json_response(self._interaction(request).follow_up(body.json, body).json())

    async def get(self, request: web.Request, body: Body) -> web.Response:
        interaction = self._interaction(request)
        return json_response(interaction.message(request.match_info["message"]).json())

    async def edit(self, request: web.Request, body: Body) -> web.Response:
        interaction = self._interaction(request)
        message = interaction.message(request.match_info["message"])
        return json_response(interaction.edit(message, body.json, body).json())

    async def delete(self, request: web.Request, body: Body) -> web.Response:
        messages.delete(self._interaction(request).message(request.match_info["message"]))
        return json_response(None, 204)
