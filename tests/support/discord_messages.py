"""Messages of the stand-in: posting, editing and deleting them by Discord's rules, and what tests read of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support import discord_components as parts
from support.discord_components import EPHEMERAL, LOADING, V2
from support.discord_errors import ApiError, invalid, refusal
from support.discord_files import Body, Upload
from support.discord_places import Channel, stamp

if TYPE_CHECKING:
    from support.discord_interactions import Interaction
    from support.discord_people import User
    from support.discord_world import World

Json = dict[str, Any]


@dataclass(eq=False)
class Message:
    """A message as it stands now. `edits` holds what each edit sent, `pings` whom its posting notified."""

    channel: Channel
    id: int
    author: User
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Upload] = field(default_factory=list)
    flags: int = 0
    nonce: str | None = None
    reference: int | None = None
    allowed_mentions: Json | None = None
    pings: list[str] = field(default_factory=list)
    edits: list[Json] = field(default_factory=list)
    edited_at: int | None = None
    deleted: bool = False
    interaction: Interaction | None = None
    kind: int = 0

    def __repr__(self) -> str:
        names = [each.name for each in self.attachments]
        return f"<Message {self.id} by {self.author.name}: {self.text!r} {names} {list(self.buttons())}>"

    # --- what tests read

    def texts(self) -> list[str]:
        """All words: content, embeds, text displays."""
        found: list[str | None] = [self.content]
        for embed in self.embeds:
            found += [embed.get("title"), embed.get("description")]
            found += [part for each in embed.get("fields") or [] for part in (each["name"], each["value"])]
            found += [(embed.get("footer") or {}).get("text")]
        found += [each["content"] for each in parts.walk(self.components) if each["type"] == parts.TEXT]
        return [each for each in found if each]

    @property
    def text(self) -> str:
        return "\n".join(self.texts())

    def buttons(self) -> dict[str, str]:
        """Label to custom_id, or to the url of a link button."""
        found = [each for each in parts.walk(self.components) if each["type"] == parts.BUTTON]
        return {
            parts.label_of(each): each.get("custom_id") or each.get("url") or each["sku_id"] for each in found
        }

    def selects(self) -> dict[str, list[str]]:
        """custom_id to the labels offered."""
        found = [each for each in parts.walk(self.components) if each["type"] in parts.SELECTS]
        return {each["custom_id"]: [option["label"] for option in each.get("options", [])] for each in found}

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """It says only "thinking"."""
        return bool(self.flags & LOADING)

    def unseen(self) -> list[str]:
        """Names of attachments that nobody sees, since a V2 message shows only those a component names."""
        return [each.name for each in self.attachments if self.flags & V2 and not self._uses(each)]

    def media(self) -> list[str]:
        """The addresses of the pictures and videos that its components show, as a client is given them now."""
        return [each["url"] for each in parts.media(self._components_json())]

    async def until(self, look: Callable[[Message], Any], within: float = 5.0) -> Message:
        """Wait until `look(message)` is true."""
        await self.world.until(lambda: look(self), within, "a change of a message", lambda: repr(self))
        return self

    async def shows(self, words: str, within: float = 5.0) -> Message:
        """Wait until it contains `words`."""
        return await self.until(lambda message: words in message.text, within)

    def redeliver(self) -> None:
        """Send its MESSAGE_CREATE once more."""
        announce(self, "MESSAGE_CREATE")

    # --- as JSON

    @property
    def world(self) -> World:
        return self.channel.world

    @property
    def at(self) -> int:
        """When it was posted, Unix time in ms."""
        return (self.id >> 22) + 1_420_070_400_000

    def json(self, *, hidden: bool = False) -> Json:
        """As the API gives it; `hidden`: without what needs the intent for message content."""
        users = self.world.users
        mentioned = [users[each] for each in sorted(named(self.text)) if each in users]
        data: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "author": self.author.json(),
            "content": "" if hidden else self.content,
            "embeds": [] if hidden else self.embeds,
            "attachments": [] if hidden else self._attachments_json(),
            "components": [] if hidden else self._components_json(),
            "timestamp": stamp(self.at),
            "edited_timestamp": stamp(self.edited_at) if self.edited_at else None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [each.json() for each in mentioned],
            "mention_roles": [],
            "pinned": False,
            "type": self.kind,
            "flags": self.flags,
        }
        if self.nonce is not None:
            data["nonce"] = self.nonce
        if self.reference is not None:
            data |= self._reference_json(self.reference)
        if self.author.is_bot:
            data["application_id"] = str(self.world.app_id)
        if self.interaction is not None:
            data |= {
                "webhook_id": str(self.world.app_id),
                "interaction_metadata": self.interaction.metadata(),
            }
        return data

    def _reference_json(self, reference: int) -> Json:
        found = self.channel.by_id.get(reference)
        link = {"type": 0, "message_id": str(reference), "channel_id": str(self.channel.id)}
        if self.channel.guild:
            link["guild_id"] = str(self.channel.guild.id)
        shallow = copy.copy(found) if found and not found.deleted else None
        if shallow:
            shallow.reference = None
        return {"message_reference": link, "referenced_message": shallow.json() if shallow else None}

    def file_json(self, upload: Upload) -> Json:
        url = self.world.files.link(upload, self.channel.id, self.world.clock.now())
        return upload_json(upload, url)

    def _attachments_json(self) -> list[Json]:
        """Since April 2026 without those that components show (discord-api-docs#8277, #8279)."""
        listed = self.world.lists_shown_files
        return [self.file_json(each) for each in self.attachments if listed or not self._uses(each)]

    def _uses(self, upload: Upload) -> bool:
        address = self.world.files.address(upload, self.channel.id)
        return any(each["url"].partition("?")[0] == address for each in parts.media(self.components))

    def _components_json(self) -> list[Json]:
        """Files of its own and bare addresses of the CDN are signed anew each time; what was given with a signature is
        shown by that, as long as it lives (discord.md 4). Of what stands elsewhere it has no copy."""
        files, now = self.world.files, self.world.clock.now()
        components = copy.deepcopy(self.components)
        for each in parts.media(components):
            bare = each["url"].startswith(f"{files.base_url}/attachments/") and "?" not in each["url"]
            if bare or "attachment_id" in each:
                each["url"] = files.signed(each["url"], now)
                each |= {"width": None, "height": None}
            if each["url"].startswith(files.base_url):
                each["proxy_url"] = each["url"]
        return components


def upload_json(upload: Upload, url: str) -> Json:
    data: Json = {"id": str(upload.id), "filename": upload.name, "size": upload.size}
    data |= {"url": url, "proxy_url": url, "ephemeral": upload.ephemeral}
    if upload.content_type:
        data["content_type"] = upload.content_type
    if upload.description:
        data["description"] = upload.description
    return data


def announce(message: Message, event: str) -> None:
    """Tell the bot, if it is there, as Discord does: without the content of others' messages unless it is meant."""
    channel = message.channel
    message.world.ring()
    if message.ephemeral or not channel.within_reach:
        return
    extra: Json = {"channel_type": channel.kind}
    if channel.guild:
        extra["guild_id"] = str(channel.guild.id)
        extra["member"] = channel.guild.member_json(message.author)
        del extra["member"]["user"]
    if event == "MESSAGE_DELETE":
        message.world.emit(
            event, {"id": str(message.id), "channel_id": str(channel.id), **extra}, guild_of(channel)
        )
        return
    bot = message.world.bot
    meant = message.author is bot or channel.guild is None or f"<@{bot.id}>" in message.content
    replied = channel.by_id.get(message.reference or 0)
    meant = meant or (replied is not None and replied.author is bot and replied.interaction is None)
    full = message.json() | extra
    message.world.emit(event, full, guild_of(channel), None if meant else message.json(hidden=True) | extra)


def guild_of(channel: Channel) -> int | None:
    return channel.guild.id if channel.guild else None


def take_files(world: World, body: Body, limit: int, *, ephemeral: bool = False) -> dict[int, Upload]:
    """The new files of a request with their descriptions, keyed by n of `files[n]`."""
    if any(each.size > limit for each in body.files.values()):
        raise refusal(40005)
    if len(body.files) > 10:
        raise ApiError(400, 30015, "Maximum number of attachments in a message reached (10)")
    for each in body.files.values():
        each.id = world.next_id()
        world.files.register(each)
        if ephemeral:
            each.ephemeral, each.gone_at = True, world.clock.now() + int(world.ephemeral_files_life * 1000)
    return body.files


def arrange(data: Json, new: dict[int, Upload], old: list[Upload]) -> list[Upload]:
    """The attachments after a post or an edit: those listed, or all if none are (discord.md 4)."""
    if len({each.name for each in new.values()}) < len(new):
        raise invalid(("attachments", "two files of the same name"))
    if data.get("attachments") is None:
        return old + list(new.values())
    kept = listed(data, new, old)
    return kept + [each for each in new.values() if each not in kept]


def listed(data: Json, new: dict[int, Upload], old: list[Upload]) -> list[Upload]:
    """The files that the request names, with the descriptions it gives them."""
    found = []
    for number, entry in enumerate(data.get("attachments") or ()):
        upload = new.get(int(entry["id"])) or next(
            (each for each in old if each.id == int(entry["id"])), None
        )
        if upload is None:
            raise invalid(
                (f"attachments.{number}.id", "neither a file of this request nor one of the message")
            )
        if entry.get("description") is not None:
            upload.description = entry["description"]
        found.append(upload)
    return found


def placed(components: list[Json], files: list[Upload], channel: Channel) -> list[Json]:
    """With the files that they name by `attachment://` in their places."""
    by_name = {each.name: each for each in files}
    for each in parts.media(components):
        if upload := by_name.get(each["url"].removeprefix("attachment://")):
            each["url"] = channel.world.files.address(upload, channel.id)
            each |= {"attachment_id": str(upload.id), "content_type": upload.content_type}
    return components


def create(
    channel: Channel,
    author: User,
    data: Json,
    files: list[Upload],
    *,
    flags: int = 0,
    reference: int | None = None,
    interaction: Interaction | None = None,
    kind: int = 0,
) -> Message:
    """Check and post a message, and announce it."""
    world = channel.world
    content, embeds = data.get("content") or "", data.get("embeds") or []
    components = parts.numbered(copy.deepcopy(data.get("components") or []))
    if not (content or embeds or components or files or flags & LOADING or data.get("sticker_ids")):
        raise refusal(50006)
    parts.check_message(flags, content, embeds, components, [each.name for each in files])
    components = placed(components, files, channel)
    message = Message(channel, world.next_id(), author, content, embeds, components, files, flags)
    message.reference, message.interaction, message.kind = reference, interaction, kind
    message.allowed_mentions = data.get("allowed_mentions")
    message.pings = pinged(message)
    channel.messages.append(message)
    channel.by_id[message.id] = message
    announce(message, "MESSAGE_CREATE")
    return message


def edit(message: Message, data: Json, new: dict[int, Upload]) -> Message:
    """Check and apply an edit, and announce it."""
    flags = (message.flags & ~LOADING) | ((data.get("flags") or 0) & (V2 | 1 << 2))
    content = (data["content"] or "") if "content" in data else message.content
    embeds = (data["embeds"] or []) if "embeds" in data else message.embeds
    components = message.components
    if "components" in data:
        components = parts.numbered(copy.deepcopy(data["components"] or []))
    files = arrange(data, new, message.attachments)
    if not (content or embeds or components or files):
        raise refusal(50006)
    # An edit's components find only files that it lists (discord-api-docs#7529).
    findable = listed(data, new, message.attachments)
    parts.check_message(flags, content, embeds, components, [each.name for each in findable])
    for each in message.attachments:
        if each not in files:
            each.gone_at = 0
    message.flags, message.content, message.embeds = flags, content, embeds
    message.components, message.attachments = placed(components, findable, message.channel), files
    if "allowed_mentions" in data:
        message.allowed_mentions = data["allowed_mentions"]
    message.edited_at = message.world.clock.now()
    message.edits.append(data)
    announce(message, "MESSAGE_UPDATE")
    return message


def delete(message: Message) -> None:
    message.deleted = True
    message.channel.messages.remove(message)
    for each in message.attachments:
        each.gone_at = 0
    announce(message, "MESSAGE_DELETE")


def named(text: str) -> set[int]:
    """The ids of the users that a text mentions."""
    return {int(each) for each in re.findall(r"<@!?(\d+)>", text)}


def pinged(message: Message) -> list[str]:
    """The names of those whom posting it notifies."""
    allowed = message.allowed_mentions
    ids = named(message.text)
    if allowed is not None and "users" not in (allowed.get("parse") or []):
        ids &= {int(each) for each in allowed.get("users") or []}
    replied = message.channel.by_id.get(message.reference or 0)
    if replied and (allowed is None or allowed.get("replied_user")) and not message.interaction:
        ids.add(replied.author.id)
    if message.flags & EPHEMERAL:
        return []
    users = message.world.users
    return [users[each].name for each in sorted(ids) if each in users and users[each] is not message.author]
