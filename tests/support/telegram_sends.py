"""Methods of the Bot API stand-in that send: texts, files, albums, copies; also to one person only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from mimetypes import guess_type
from typing import Any

from support.telegram_chats import Chat
from support.telegram_html import CAPTION_UNITS, TEXT_UNITS, Rich, read_text
from support.telegram_media import PHOTO_BYTES, THUMBNAIL_BYTES, Media, Stored, looks_like_mp4
from support.telegram_messages import Message
from support.telegram_schema import bad
from support.telegram_world import World

_EPHEMERAL_SECONDS = 15
CHAT_ACTIONS = (
    *("typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice"),
    *("upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note"),
)


@dataclass(slots=True)
class Ask:
    """One call as it came: typed parameters, uploaded parts by name, and a twist that a fault wants."""

    world: World
    method: str
    params: dict[str, Any]
    parts: Mapping[str, Stored] = field(default_factory=dict)
    twist: str | None = None
    fetch: Callable[[str, int], Awaitable[Stored]] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        return self.params.get(name, default)

    def part(self, value: str | Stored) -> Stored | None:
        """The uploaded bytes that a field means, if it means any."""
        if isinstance(value, Stored):
            return value
        return self.parts.get(value.removeprefix("attach://")) if value.startswith("attach://") else None


Handler = Callable[[Ask], Awaitable[Any]]


def text_of(fields: Mapping[str, Any]) -> Rich:
    """Raises ApiError 400 for broken markup, nothing, or more than 4096 UTF-16 units."""
    rich = read_text(fields.get("text", ""), fields.get("parse_mode"), fields.get("entities"))
    if not rich.text:
        raise bad("message text is empty")
    if rich.units > TEXT_UNITS:
        raise bad("message is too long")
    return rich


def caption_of(fields: Mapping[str, Any]) -> Rich:
    rich = read_text(fields.get("caption", ""), fields.get("parse_mode"), fields.get("caption_entities"))
    if rich.units > CAPTION_UNITS:
        raise bad("message caption is too long")
    return rich


async def media_of(ask: Ask, kind: str, fields: Mapping[str, Any], name: str) -> Media:
    """The file that a send names: an upload, an address, or a `file_id` of the same kind. Raises ApiError 400."""
    value: str | Stored = fields[name]
    files = ask.world.files
    file = ask.part(value)
    if file is None and isinstance(value, str) and value.startswith(("http://", "https://")) and ask.fetch:
        file = await ask.fetch(value, 5_000_000 if kind == "photo" else 20_000_000)
    if file is None:
        assert isinstance(value, str)
        return replace(files.known(value, kind), spoiler=bool(fields.get("has_spoiler")))
    if not file.size:
        raise bad("file must be non-empty")
    spoiler = bool(fields.get("has_spoiler"))
    if kind == "photo":
        if file.size > PHOTO_BYTES:
            raise bad(
                f"file of size {file.size} bytes is too big for a photo; the maximum size is {PHOTO_BYTES} bytes"
            )
        return files.photo(file, spoiler=spoiler)
    if kind == "video" and not looks_like_mp4(file):
        kind = "document"
    if kind == "video" and ask.twist == "animation":
        kind = "animation"
    details = {each: fields[each] for each in ("width", "height", "duration") if each in fields}
    mime = "video/mp4" if looks_like_mp4(file) else guess_type(file.name or "")[0] or file.mime
    return files.add(
        kind,
        files.settle(replace(file, mime=mime)),
        thumbnail=_thumbnail(ask, fields),
        cover=ask.part(fields.get("cover", "")),
        supports_streaming=bool(fields.get("supports_streaming")),
        spoiler=spoiler,
        **details,
    )


def _thumbnail(ask: Ask, fields: Mapping[str, Any]) -> Stored | None:
    """It counts only when it is uploaded anew, a JPEG, and small; else it is ignored (telegram.md 2)."""
    file = ask.part(fields.get("thumbnail", ""))
    if file is None or file.size > THUMBNAIL_BYTES or not file.first.startswith(b"\xff\xd8"):
        return None
    return ask.world.files.settle(file)


def _reply_target(ask: Ask, chat: Chat) -> Message | None:
    asked = ask.get("reply_parameters")
    if not asked:
        return None
    room = ask.world.chat(asked["chat_id"]) if "chat_id" in asked else chat
    if "ephemeral_message_id" in asked:
        to = ask.get("ephemeral_message_parameters", {}).get("receiver_user_id", 0)
        found = room.ephemeral(to, asked["ephemeral_message_id"])
    else:
        found = room.message(asked.get("message_id", 0))
    if found is None and not asked.get("allow_sending_without_reply"):
        raise bad("message to be replied not found")
    if found and "quote" in asked and asked["quote"] not in found.text:
        raise bad("QUOTE_TEXT_INVALID")
    return found


def send(ask: Ask, kind: str, rich: Rich, media: Media | None = None, album: str | None = None) -> Message:
    """Put a message of the bot into its chat, with everything that may stand against it. Raises ApiError."""
    world = ask.world
    chat = world.chat(ask.params["chat_id"])
    chat.check_reachable()
    reply_to = _reply_target(ask, chat)
    asked = ask.get("message_thread_id")
    topic = chat.check_topic(asked or (reply_to.topic if reply_to and reply_to.chat is chat else None))
    chat.check_may_send(kind)
    message = Message(
        0, chat, world.date(), world.bot, rich=rich, media=media, reply_to=reply_to, topic=topic
    )
    if chat.kind == "supergroup" and not chat.forum and reply_to:
        message.thread = reply_to.thread or reply_to.id
    message.album = album
    message.silent = bool(ask.get("disable_notification"))
    message.markup = ask.get("reply_markup")
    message.params = ask.params
    if chat.kind == "channel":
        message.sender_chat = chat
    if personal := ask.get("ephemeral_message_parameters"):
        _make_ephemeral(ask, chat, message, personal)
    elif ask.twist != "scheduled":
        message.id = chat.new_id()
    return chat.keep(message)


def _make_ephemeral(ask: Ask, chat: Chat, message: Message, personal: Mapping[str, Any]) -> None:
    """For one member of a group: an administrator at any time, others as an answer within 15 s (telegram.md 6)."""
    world, to = ask.world, personal["receiver_user_id"]
    if chat.kind not in ("group", "supergroup"):
        raise bad("ephemeral messages can be sent only to groups and supergroups")
    member = chat.members.get(to)
    if member is None or not member.is_in or member.user.is_bot:
        raise bad("USER_NOT_PARTICIPANT")
    since = None
    if query := personal.get("callback_query_id"):
        press = world.presses.get(query)
        if press is None or press.user.id != to:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if personal.get("replace_callback_query_message") and press.message.ephemeral_to:
            raise bad("replace_callback_query_message can't be used for ephemeral messages")
        since = press.at
    elif message.reply_to and message.reply_to.ephemeral_to is world.bot:
        since = message.reply_to.date * 1000
    if not chat.bot.is_admin and (since is None or world.now() - since > _EPHEMERAL_SECONDS * 1000):
        raise bad("not enough rights to send ephemeral messages to the user")
    message.ephemeral_to = member.user


async def send_message(ask: Ask) -> Any:
    return send(ask, "text", text_of(ask.params)).json()


def _sender(kind: str) -> Handler:
    async def handler(ask: Ask) -> Any:
        # What cannot be sent there is refused before the file is looked at.
        ask.world.chat(ask.params["chat_id"]).check_reachable()
        rich = caption_of(ask.params)
        media = await media_of(ask, kind, ask.params, kind)
        return send(ask, kind, rich, media).json()

    return handler


async def send_media_group(ask: Ask) -> Any:
    items = ask.params["media"]
    if not 2 <= len(items) <= 10:
        raise bad("media group must include 2-10 items")
    kinds = {each["type"] for each in items}
    if len(kinds) > 1 and kinds & {"document", "audio"}:
        raise bad("documents and audio can't be mixed with other media types")
    if "animation" in kinds:
        raise bad("animation can't be used in albums")
    album = str(ask.world.next_number())
    ready = [
        (each["type"], caption_of(each), await media_of(ask, each["type"], each, "media")) for each in items
    ]
    return [send(ask, kind, rich, media, album).json() for kind, rich, media in ready]


async def send_chat_action(ask: Ask) -> Any:
    chat = ask.world.chat(ask.params["chat_id"])
    chat.check_reachable()
    chat.check_topic(ask.get("message_thread_id"))
    if ask.params["action"] not in CHAT_ACTIONS:
        raise bad("wrong parameter action in request")
    chat.chat_actions.append(ask.params["action"])
    return True


def _source(ask: Ask) -> Message:
    found = ask.world.chat(ask.params["from_chat_id"]).message(ask.params["message_id"])
    if found is None or found.service:
        raise bad(f"message to {'copy' if ask.method == 'copyMessage' else 'forward'} not found")
    return found


async def copy_message(ask: Ask) -> Any:
    source = _source(ask)
    rich = caption_of(ask.params) if "caption" in ask.params and source.media else source.rich
    kind = source.media.kind if source.media else "text"
    return {"message_id": send(ask, kind, rich, source.media).id}


async def forward_message(ask: Ask) -> Any:
    source = _source(ask)
    message = send(ask, source.media.kind if source.media else "text", source.rich, source.media)
    origin: dict[str, Any] = {"date": source.date}
    if source.sender:
        origin |= {"type": "user", "sender_user": source.sender.json()}
    else:
        origin |= {"type": "channel", "chat": source.chat.json(), "message_id": source.id}
    message.extra = {"forward_origin": origin}
    return message.json()


SENDS: dict[str, Handler] = {
    "sendMessage": send_message,
    "sendVideo": _sender("video"),
    "sendAnimation": _sender("animation"),
    "sendDocument": _sender("document"),
    "sendPhoto": _sender("photo"),
    "sendMediaGroup": send_media_group,
    "sendChatAction": send_chat_action,
    "copyMessage": copy_message,
    "forwardMessage": forward_message,
}
