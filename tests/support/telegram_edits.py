"""Methods of the Bot API stand-in that change what is there: edits, deletions, reactions, answers to presses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.telegram_html import Rich
from support.telegram_media import Media
from support.telegram_messages import Message
from support.telegram_schema import bad
from support.telegram_sends import Ask, Handler, caption_of, media_of, text_of
from support.telegram_updates import CALLBACK_SECONDS

_DELETABLE_SECONDS = 48 * 3600
_ANSWER_CHARACTERS = 200
_EMOJI = "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 👀 🎃 💯 ⚡ 🏆 💔 ✍ 🤝 🫡 🆒 😎"
_REACTIONS = frozenset(_EMOJI.split())
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current"
    " content and reply markup of the message"
)


def _target(ask: Ask) -> Message:
    """The message to edit: of the bot itself, and without a keyboard of another kind. Raises ApiError."""
    if "inline_message_id" in ask.params:
        raise bad("MESSAGE_ID_INVALID")
    if "chat_id" not in ask.params:
        raise bad("chat_id is empty")
    chat = ask.world.chat(ask.params["chat_id"])
    chat.check_reachable()
    if "ephemeral_message_id" in ask.params:
        found = chat.ephemeral(ask.params["receiver_user_id"], ask.params["ephemeral_message_id"])
    else:
        found = chat.message(ask.get("message_id", 0))
    if found is None:
        raise bad("message to edit not found")
    if found.sender is not ask.world.bot or (found.markup and "inline_keyboard" not in found.markup):
        raise bad("message can't be edited")
    return found


def _change(
    ask: Ask, message: Message, rich: Rich, media: Media | None, markup: Mapping[str, Any] | None
) -> Any:
    """Edit, unless nothing would change. A keyboard that is not sent along goes away."""
    old = (
        message.rich.text,
        list(message.rich.entities),
        message.media and message.media.file_id,
        message.rows,
    )
    rows = (markup or {}).get("inline_keyboard", [])
    if old == (rich.text, list(rich.entities), media and media.file_id, rows):
        raise bad(_NOT_MODIFIED)
    message.remember(ask.world.date())
    message.rich, message.media, message.markup = rich, media, dict(markup) if markup else None
    ask.world.changed()
    return True if message.ephemeral_to else message.json()


async def edit_text(ask: Ask) -> Any:
    message = _target(ask)
    if message.media:
        raise bad("there is no text in the message to edit")
    return _change(ask, message, text_of(ask.params), None, ask.get("reply_markup"))


async def edit_caption(ask: Ask) -> Any:
    message = _target(ask)
    if not message.media:
        raise bad("there is no caption in the message to edit")
    return _change(ask, message, caption_of(ask.params), message.media, ask.get("reply_markup"))


async def edit_media(ask: Ask) -> Any:
    """Also turns a text into a video (telegram.md 2)."""
    message, wanted = _target(ask), ask.params["media"]
    rich = caption_of(wanted)
    message.chat.check_may_send(wanted["type"])
    media = await media_of(ask, wanted["type"], wanted, "media")
    return _change(ask, message, rich, media, ask.get("reply_markup"))


async def edit_markup(ask: Ask) -> Any:
    message = _target(ask)
    return _change(ask, message, message.rich, message.media, ask.get("reply_markup"))


def _check_deletable(ask: Ask, message: Message | None) -> Message:
    if message is None:
        raise bad("message to delete not found")
    chat = message.chat
    may = chat.is_private or (chat.bot.is_admin and "can_delete_messages" in chat.bot.rights)
    is_own = message.sender is ask.world.bot
    is_late = ask.world.date() - message.date > _DELETABLE_SECONDS
    if (is_late and (chat.is_private or not may)) or not (is_own or may):
        raise bad("message can't be deleted for everyone" if is_late else "message can't be deleted")
    return message


async def delete_message(ask: Ask) -> Any:
    chat = ask.world.chat(ask.params["chat_id"])
    chat.check_reachable()
    _check_deletable(ask, chat.message(ask.params["message_id"])).deleted = True
    ask.world.changed()
    return True


async def delete_messages(ask: Ask) -> Any:
    """Those that cannot be found are passed over."""
    chat, ids = ask.world.chat(ask.params["chat_id"]), ask.params["message_ids"]
    if not 1 <= len(ids) <= 100:
        raise bad("message identifiers must be 1-100")
    chat.check_reachable()
    found = [message for each in ids if (message := chat.message(each))]
    for message in [_check_deletable(ask, each) for each in found]:
        message.deleted = True
    ask.world.changed()
    return True


async def delete_ephemeral(ask: Ask) -> Any:
    _target(ask).deleted = True
    ask.world.changed()
    return True


async def answer_callback(ask: Ask) -> Any:
    """Once, and only within 150 s."""
    press = ask.world.presses.get(ask.params["callback_query_id"])
    is_late = press is None or ask.world.now() - press.at > CALLBACK_SECONDS * 1000
    if press is None or is_late or press.answered:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    if len(ask.get("text", "")) > _ANSWER_CHARACTERS:
        raise bad("MESSAGE_TOO_LONG")
    if "url" in ask.params and not ask.params["url"].startswith(f"https://t.me/{ask.world.bot.username}?"):
        raise bad("URL_INVALID")
    press.text, press.url = ask.get("text"), ask.get("url")
    press.alert = bool(ask.get("show_alert"))
    press.answered = True
    press.done.set()
    ask.world.changed()
    return True


async def react(ask: Ask) -> Any:
    chat = ask.world.chat(ask.params["chat_id"])
    chat.check_reachable()
    message = chat.message(ask.params["message_id"])
    if message is None:
        raise bad("message to react not found")
    emoji = [each.get("emoji", "") for each in ask.get("reaction", [])]
    if len(emoji) > 1 or not set(emoji) <= _REACTIONS:
        raise bad("REACTION_INVALID" if len(emoji) <= 1 else "REACTIONS_TOO_MANY")
    message.reactions = emoji
    ask.world.changed()
    return True


EDITS: dict[str, Handler] = {
    **dict.fromkeys(("editMessageText", "editEphemeralMessageText"), edit_text),
    **dict.fromkeys(("editMessageCaption", "editEphemeralMessageCaption"), edit_caption),
    **dict.fromkeys(("editMessageMedia", "editEphemeralMessageMedia"), edit_media),
    **dict.fromkeys(("editMessageReplyMarkup", "editEphemeralMessageReplyMarkup"), edit_markup),
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
    "deleteEphemeralMessage": delete_ephemeral,
    "answerCallbackQuery": answer_callback,
    "setMessageReaction": react,
}
