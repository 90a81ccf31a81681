"""Who speaks in a Telegram message, to whom, and what it hangs on; read without asking anyone."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.types import Message, MessageOriginUser, User

from bot.domain import CommunityRef, UserRef

PLATFORM = "telegram"
# GroupAnonymousBot and Channel_Bot: people who hide behind their group or channel; nobody could be charged.
HIDDEN = (1087968824, 136817688)
GROUPS = ("group", "supergroup")


def words(message: Message) -> str:
    """What somebody wrote, under a picture or by itself."""
    return message.text or message.caption or ""


def replied(message: Message) -> Message | None:
    """What it replies to. In a topic every message replies to the one that opened it; that is none."""
    target = message.reply_to_message
    return None if target is None or target.forum_topic_created else target


def user_ref(user: User) -> UserRef:
    return UserRef(PLATFORM, str(user.id))


def community_ref(chat_id: int) -> CommunityRef:
    return CommunityRef("telegram-chat", str(chat_id))


def is_hidden(message: Message) -> bool:
    """An anonymous admin or a channel speaks, not a person (telegram.md 6)."""
    return bool(message.sender_chat or (message.from_user and message.from_user.id in HIDDEN))


def meant(message: Message, bot_id: int) -> UserRef | None:
    """The person an operator points at: named in the text, replied to, or whose words they forwarded."""
    for each in message.entities or ():
        if each.type == "text_mention" and each.user and not each.user.is_bot:
            return user_ref(each.user)
    target = replied(message)
    if target is None or is_hidden(target):
        return None
    origin = target.forward_origin
    user = origin.sender_user if isinstance(origin, MessageOriginUser) else target.from_user
    return user_ref(user) if user and user.id != bot_id and not user.is_bot else None


def caption_of(messages: Sequence[Message]) -> Message:
    """The part of an album that has the words: usually the first (telegram.md 1)."""
    return next((each for each in messages if words(each)), messages[0])
