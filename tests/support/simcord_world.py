"""A whole bot in simcord's in-memory Discord: real discord.py, real Talk and studio, fakes only at KIE and media.

The few things simcord does not do as Discord does are put right here (testing-discord.md), so that no test knows of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
import discord
import simcord
import simcord.interactions
from simcord.backend.errors import BackendError
from simcord.results import to_discord_message
from support.house import House, open_house

from adapters.discord.chat import DiscordChat
from adapters.discord.client import DiscordClient
from bot.domain import Button, UserRef
from bot.durable import DurableMemory
from bot.masking import Secret
from bot.talk import Talk

UPLOAD_MOST = 20 * 2**20
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40


@dataclass
class World:
    """One server with one channel, Ada and Bob in it, and the bot."""

    env: simcord.Env
    house: House
    chat: DiscordChat
    talk: Talk
    memory: DurableMemory
    guild: Any
    channel: Any
    ada: Any
    bob: Any
    noticed: list[tuple[str, str, Sequence[Button]]]
    how: How

    async def pass_time(self, seconds: float) -> None:
        """For Discord and for the bot alike."""
        self.house.clock.advance(seconds)
        await self.env.advance_time(seconds)

    async def restart(self) -> None:
        """Another process with the same database."""
        self.chat = new_chat(self.house, self.talk, self.memory)
        await self.client.shelf.refresh()
        await self.env.restart_bot(self.client)
        lend_session(self.client)
        await self.client.tree.sync()

    @property
    def client(self) -> DiscordClient:
        return self.chat.client

    @contextmanager
    def told_twice(self) -> Iterator[None]:
        """Discord tells the bot of each thing twice, as after a resumed connection."""
        emit = self.env.backend.emit

        def twice(event: str, payload: Any, *args: Any, **kwargs: Any) -> None:
            emit(event, payload, *args, **kwargs)
            if event == "INTERACTION_CREATE" or (
                event == "MESSAGE_CREATE" and not payload["author"].get("bot")
            ):
                emit(event, payload, *args, **kwargs)

        with patch.object(self.env.backend, "emit", twice):
            yield

    def ref(self, actor: Any) -> UserRef:
        return UserRef("discord", str(actor.id))

    def seen(self, message: Any) -> list[Any]:
        """All messages of a message's channel, oldest first."""
        messages = self.env.backend.messages.get(message.channel_id, {})
        return [to_discord_message(self.env, each) for _, each in sorted(messages.items())]

    def said_to(self, actor: Any) -> list[Any]:
        """The direct messages between the bot and somebody, oldest first."""
        channel = self.env.backend.get_dm_channel(actor.id)
        messages = self.env.backend.messages.get(channel.id, {})
        return [to_discord_message(self.env, each) for _, each in sorted(messages.items())]

    async def dm(self, actor: Any, words: str, *files: tuple[str, bytes]) -> None:
        """Somebody writes to the bot."""
        channel = self.env.backend.get_dm_channel(actor.id)
        await actor.send_dm(words, attachments=self.env.backend.store_attachments(channel.id, files))

    def requests(self, method: str, ending: str) -> list[Any]:
        """What the bot asked of Discord over HTTP."""
        return [
            each for each in self.env.http_requests if each.method == method and each.path.endswith(ending)
        ]


@dataclass
class How:
    """How Discord presents the next interactions."""

    locale: str = "en-US"
    user_install: bool = False
    context: int | None = None
    app_permissions: int | None = None
    upload: int = UPLOAD_MOST


@contextmanager
def as_discord(how: How) -> Iterator[None]:
    """Interactions with the fields that simcord fixes."""
    base = simcord.interactions.base_payload

    def payload(backend: Any, **given: Any) -> Any:
        record, made = base(backend, **given)
        made["locale"] = how.locale
        made["attachment_size_limit"] = how.upload
        guild = str(given["guild_id"] or 0)
        made["authorizing_integration_owners"] = (
            {"1": str(given["user_id"])} if how.user_install else {"0": guild}
        )
        if how.context is not None:
            made["context"] = how.context
        if how.app_permissions is not None:
            made["app_permissions"] = str(how.app_permissions)
        return record, made

    with patch.object(simcord.interactions, "base_payload", payload):
        yield


@contextmanager
def faults_as_discord(env: simcord.Env, how: How) -> Iterator[None]:
    """Files over the limit are 413 / 40005 (discord.md 4), an expired token is 401 / 50027 (discord.md 2); and a
    follow-up after a "thinking" that was deleted is a message of its own."""
    cdn, backend = env.backend.cdn, env.backend
    take, find = cdn.store_attachment, backend.interaction_by_token

    def store(aid: Any, cid: Any, name: Any, data: Any, description: Any) -> Any:
        if len(data) > how.upload:
            raise BackendError(413, 40005, "Request entity too large")
        return take(aid, cid, name, data, description)

    def by_token(token: Any) -> Any:
        try:
            record = find(token)
        except BackendError as error:
            if error.code == 10015:
                raise BackendError(401, 50027, "Invalid Webhook Token") from None
            raise
        if record.loading and record.message_id not in backend.messages[record.channel_id]:
            record.complete_deferred()
        return record

    with (
        patch.object(cdn, "store_attachment", store),
        patch.object(backend, "interaction_by_token", by_token),
    ):
        yield


@dataclass
class CdnSession:
    """The session the bot reads files by, as far as it does; simcord serves no addresses."""

    client: discord.Client

    @asynccontextmanager
    async def get(self, url: str, **_: Any) -> AsyncIterator[Any]:
        try:
            data = await self.client.http.get_from_cdn(url)
        except discord.HTTPException as error:
            raise aiohttp.ClientError(str(error)) from error

        async def whole() -> AsyncIterator[bytes]:
            yield data

        yield SimpleNamespace(status=200, content=SimpleNamespace(iter_any=whole))

    async def close(self) -> None:
        pass


def lend_session(client: DiscordClient) -> None:
    vars(client.pictures)["_session"] = CdnSession(client)


def new_chat(house: House, talk: Talk, memory: DurableMemory) -> DiscordChat:
    """As in the composition root; simcord stands where `start` would log in."""
    chat = DiscordChat(
        Secret("a-token"),
        "https://cdn.simcord.invalid/api/v10",  # where its files are
        talk=talk,
        studio=house.studio,
        memory=memory,
        clock=house.clock,
        fit=house.media.fit,
    )
    house.adapters[chat.platform] = chat
    return chat


@asynccontextmanager
async def open_world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """A bot in `folder`, open to everyone unless told otherwise, at home in one server."""
    how = How()
    noticed: list[tuple[str, str, Sequence[Button]]] = []

    async def notice(kind: str, text: str, buttons: Sequence[Button]) -> None:
        noticed.append((kind, text, buttons))

    async def tell(who: UserRef, text: str) -> bool:
        return True

    async with open_house(folder, **settings) as house:
        talk = Talk(studio=house.studio, office=house.office, tell=tell, notice=notice)
        memory = DurableMemory(house.store, house.clock)
        chat = new_chat(house, talk, memory)
        client = chat.client
        await client.shelf.refresh()
        with ExitStack() as stack:
            stack.enter_context(as_discord(how))
            env = simcord.Env(client, shard_count=1)
            await env.start()
            try:
                stack.enter_context(faults_as_discord(env, how))
                lend_session(client)
                await client.tree.sync()
                guild = env.create_guild()
                channel = guild.create_text_channel("videos")
                ada, bob = (guild.add_member(env.create_user(name)) for name in ("ada", "bob"))
                yield World(env, house, chat, talk, memory, guild, channel, ada, bob, noticed, how)
            finally:
                await env.shutdown()
            # what the bot raised and nobody caught
            env.raise_errors()


# --- reading what people see ---------------------------------------------------------------------------------------


def parts(message: Any) -> Iterator[dict[str, Any]]:
    """Every component of a message, outer ones first."""
    waiting = list(message.components if not isinstance(message, discord.Message) else raw(message))
    while waiting:
        each = waiting.pop(0)
        yield each
        inner = [*each.get("components", ()), *filter(None, [each.get("accessory")])]
        waiting = inner + waiting


def raw(message: discord.Message) -> list[dict[str, Any]]:
    return [dict(each.to_dict()) for each in message.components]


def text_of(message: Any) -> str:
    """All words of a message."""
    return "\n".join(each["content"] for each in parts(message) if each["type"] == 10)


def labels(message: Any) -> list[str]:
    """The words on its buttons, in order."""
    return [each["label"] for each in parts(message) if each["type"] == 2]


def button(message: Any, label: str) -> str:
    """The custom id of the button whose words begin so."""
    found = [each for each in parts(message) if each["type"] == 2 and each["label"].startswith(label)]
    assert found, f"no button {label!r} among {labels(message)}"
    return str(found[0]["custom_id"])


def field_ids(modal: dict[str, Any]) -> dict[str, str]:
    """The ids of a form's entries by their labels."""
    return {
        each["label"]: each["component"]["custom_id"] for each in modal["components"] if each["type"] == 18
    }
