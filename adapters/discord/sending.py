"""Every request that delivery makes of Discord: by a token or as the bot itself, errors turned into ours, files streamed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
from aiohttp import ClientResponse, ClientTimeout
from discord.http import HTTPClient, MultipartParameters, Route, handle_message_parameters, json_or_text

from adapters.discord import render
from adapters.discord.address import Ticket
from adapters.discord.buttons import shortened
from adapters.discord.errors import TROUBLE, NoRights, Refused, ReplyForbidden, translate
from adapters.discord.render import DESCRIPTION_MOST
from bot.errors import RetryLater
from bot.ports import Clock

log = logging.getLogger(__name__)

CALL_SECONDS, CONNECT_SECONDS = 30.0, 15.0
SLOWEST = 200_000  # bytes a second; aiohttp's own 300 s would end a large upload (discord.md 10)
CLOSED_SECONDS = 300.0  # refused with 403, a channel is left alone for so long (discord.md 6)
ORIGINAL = "@original"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """What a message is to be. `mention` is the only user it may ping, `reply_to` a message that need not exist any more,
    `nonce` lets Discord take it once, `hidden` shows it to the presser only (by a token)."""

    view: discord.ui.LayoutView
    file: Path | None = None
    name: str = ""
    description: str = ""
    mention: int | None = None
    reply_to: int | None = None
    nonce: str | None = None
    hidden: bool = False


class Upload(discord.File):
    """Streamed from disk. `may_have_arrived`: all of it was read, in this try of the library's or an earlier one; until
    then Discord cannot have taken the message."""

    __slots__ = ("_read_once", "size")

    def __init__(self, post: Post, file: Path) -> None:
        super().__init__(file, post.name, description=shortened(post.description, DESCRIPTION_MOST) or None)
        self.size = file.stat().st_size
        self._read_once = False

    @property
    def may_have_arrived(self) -> bool:
        return self._read_once or self.fp.tell() >= self.size

    def reset(self, *, seek: int | bool = True) -> None:
        self._read_once = self.may_have_arrived
        super().reset(seek=seek)


class Rest:
    """Raises `errors.Refused` and its kinds, Oversize, RetryLater (nothing was done), DeliveryUnknown (a message whose
    answer was lost). discord.py sleeps through rate limits and repeats a 5xx up to five times (discord.md 10)."""

    def __init__(self, client: discord.Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._closed: dict[tuple[int, bool], float] = {}

    # --- by a token ----------------------------------------------------------------------------------------------

    async def edit_by_token(self, ticket: Ticket, post: Post, message: str = ORIGINAL) -> str:
        """Repeatable, unlike `add_by_token`. Returns the message's id."""
        return str((await self._ask(_by_token("PATCH", ticket, message), post))["id"])

    async def add_by_token(self, ticket: Ticket, post: Post) -> str:
        """A follow-up: Discord takes as many as are sent, so nothing that matters goes this way."""
        self._require_connection()
        try:
            return str((await follow_up(self._client.http, ticket.application, ticket.token, post))["id"])
        except TROUBLE as error:
            found = translate(error, by_token=True)
        raise found

    async def delete_by_token(self, ticket: Ticket, message: str) -> None:
        await self._plain(_by_token("DELETE", ticket, message), by_token=True)

    async def get_by_token(self, ticket: Ticket) -> Json:
        found: Json = await self._plain(_by_token("GET", ticket, ORIGINAL), by_token=True)
        return found

    # --- as the bot ----------------------------------------------------------------------------------------------

    async def send(self, channel: int, post: Post) -> str:
        """As a reply, where that is allowed."""
        key = (channel, post.file is not None)
        if self._closed.get(key, 0.0) > self._clock.monotonic():
            raise NoRights(f"channel {channel} was closed to us a moment ago")
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel)
        try:
            try:
                sent = await self._ask(route, post)
            except ReplyForbidden:
                sent = await self._ask(route, post, replying=False)
        except NoRights:
            now = self._clock.monotonic()
            self._closed = {each: until for each, until in self._closed.items() if until > now}
            self._closed[key] = now + CLOSED_SECONDS
            raise
        return str(sent["id"])

    async def edit(self, channel: int, message: int, post: Post) -> None:
        await self._ask(_message("PATCH", channel, message), post)

    async def get(self, channel: int, message: int) -> Json:
        found: Json = await self._plain(_message("GET", channel, message))
        return found

    async def messages_since(self, channel: int, at: int, most: int) -> Sequence[Json]:
        """The first `most` (at most 100) messages after a moment in Unix ms, in no certain order."""
        after = (at - discord.utils.DISCORD_EPOCH) << 22
        return await self._messages(channel, {"limit": most, "after": after})

    async def can_read(self, channel: int) -> bool:
        """Without the right to read the past, Discord shows an empty one."""
        return bool(await self._messages(channel, {"limit": 1}))

    async def is_member(self, guild: int, user: int) -> bool:
        """Whether this person is in that server, as long as the bot is in it too. Needs no intent (discord.md 7). Raises
        RetryLater."""
        route = Route("GET", "/guilds/{guild_id}/members/{member_id}", guild_id=guild, member_id=user)
        try:
            await self._plain(route)
        except Refused as error:
            log.info("discord:%s is not seen in discord-server:%s: %s", user, guild, error)
            return False
        return True

    async def dm(self, user: int) -> int:
        """The channel of direct messages with this person: opened once, then the same (discord.md 2)."""
        self._require_connection()
        try:
            return (await self._client.create_dm(discord.Object(user))).id
        except TROUBLE as error:
            found = translate(error, may_have_happened=False)
        raise found

    # --- one request ---------------------------------------------------------------------------------------------

    async def _messages(self, channel: int, params: dict[str, int]) -> Sequence[Json]:
        route = Route("GET", "/channels/{channel_id}/messages", channel_id=channel)
        found: Sequence[Json] = await self._plain(route, params=params)
        return found

    async def _plain(
        self, route: Route, *, by_token: bool = False, params: dict[str, int] | None = None
    ) -> Any:
        self._require_connection()
        try:
            return await self._client.http.request(route, params=params, timeout=_timeout(0))
        except TROUBLE as error:
            found = translate(error, by_token=by_token, may_have_happened=False)
        raise found

    async def _ask(self, route: Route, post: Post, *, replying: bool = True) -> Any:
        self._require_connection()
        file = Upload(post, post.file) if post.file else None
        with _parameters(route, post, file, replying=replying) as made:
            try:
                if file:
                    return await self._client.http.request(
                        route, form=made.multipart, files=[file], timeout=_timeout(file.size)
                    )
                return await self._client.http.request(route, json=made.payload, timeout=_timeout(0))
            except TROUBLE as error:
                arrived = file is None or file.may_have_arrived
                found = translate(error, by_token="webhooks" in route.path, may_have_happened=arrived)
        # out here, so that nothing of what was raised hangs on to it
        raise found

    def _require_connection(self) -> None:
        if self._client.user is None or self._client.is_closed():
            raise RetryLater("there is no connection to Discord")


async def follow_up(
    http: HTTPClient, application: int, token: str, post: Post, file: discord.File | None = None
) -> Json:
    """A message of its own by a token, sent once: it has no nonce, so that whatever is sent again comes again. Raises
    TROUBLE; after a 5xx nobody knows whether Discord took it."""
    route = Route(
        "POST", "/webhooks/{webhook_id}/{webhook_token}", webhook_id=application, webhook_token=token
    )
    with _parameters(route, post, file, replying=False) as made:
        body: dict[str, Any] = {"form": made.multipart, "files": [file]} if file else {"json": made.payload}
        sent: Json = await http.request(route, timeout=_timeout(0), raise_for_status=_unrepeated, **body)
    return sent


async def _unrepeated(response: ClientResponse) -> None:
    """Raised before discord.py sees the answer, which it would ask for up to five times (discord.md 10)."""
    if response.status >= 500:
        raise discord.DiscordServerError(response, await json_or_text(response))


def _by_token(method: str, ticket: Ticket, message: str) -> Route:
    """The library must not encode `@original`, so it stands in the path itself."""
    path = "/webhooks/{webhook_id}/{webhook_token}/messages/" + message
    return Route(method, path, webhook_id=ticket.application, webhook_token=ticket.token)


def _message(method: str, channel: int, message: int) -> Route:
    path = "/channels/{channel_id}/messages/{message_id}"
    return Route(method, path, channel_id=channel, message_id=message)


def _parameters(
    route: Route, post: Post, file: discord.File | None, *, replying: bool
) -> MultipartParameters:
    more: dict[str, Any] = {}
    if route.method == "PATCH":
        more["attachments"] = [file] if file else []
    elif file:
        more["file"] = file
    if post.reply_to and replying:
        more["message_reference"] = {
            "message_id": post.reply_to,
            "channel_id": route.channel_id,
            "fail_if_not_exists": False,
        }
    if post.hidden:
        more["flags"] = discord.MessageFlags(ephemeral=True)
    return handle_message_parameters(
        view=post.view, nonce=post.nonce, allowed_mentions=render.only(post.mention), **more
    )


def _timeout(size: int) -> ClientTimeout:
    return ClientTimeout(total=CALL_SECONDS + size / SLOWEST, sock_connect=CONNECT_SECONDS)
