"""What Telegram's refusals mean for us, decided once: from aiogram's errors to our own (telegram.md 2, 4, 10)."""

from __future__ import annotations

import re

from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    DetailedAiogramError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from bot.errors import DeliveryUnknown, KiebotError, RetryLater, RouteClosed
from bot.masking import mask

OUT_OF_ORDER_SECONDS = 60.0
EXCERPT = 300  # characters of an answer that nobody can read


class Refused(KiebotError):
    """Telegram says no to this very call; the same again would be refused again."""


class ReplyGone(Refused):
    """The message to reply to was deleted."""


class TopicClosed(Refused):
    """The topic is closed or deleted."""


class MediaForbidden(Refused):
    """The chat takes words from us, but no videos."""


class FileGone(Refused):
    """A `file_id` that is no longer worth anything, or stands for another kind of file."""


class Oversize(Refused):
    """413: more bytes than this server takes."""


class Unchanged(Refused):
    """The message says that already."""


class TooOld(Refused):
    """The press was too long ago to be answered."""


class Flood(RetryLater):
    """429: nothing was done, and nothing will be for `after` seconds."""


class Moved(KiebotError):
    """The group became a supergroup, with a number of its own."""

    def __init__(self, chat: int) -> None:
        super().__init__(f"the group is now {chat}")
        self.chat = chat


_SHUT = "|".join(
    (
        r"chat not found|user not found|peer_id_invalid|user is deactivated|user_is_blocked|user_deactivated",
        r"group chat was (deleted|deactivated)|bot was kicked|not a member|channel_private|chat_restricted",
        r"rights to send text|no rights to send|need administrator rights",
        r"chat_write_forbidden|chat_send_plain_forbidden",
    )
)
_MEANINGS: tuple[tuple[re.Pattern[str], type[KiebotError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"message is not modified", Unchanged),
        (r"query is too old|query_id_invalid", TooOld),
        (r"message to be replied not found|replied message not found|reply_message_id_invalid", ReplyGone),
        (r"topic_closed|topic_deleted|thread not found", TopicClosed),
        (r"rights to send (?!text)|chat_send_(?!plain)\w+_forbidden", MediaForbidden),
        (r"wrong (remote )?file|file_reference|can't use file of type|wrong type of file", FileGone),
        (r"file is too big|request entity too large", Oversize),
        (_SHUT, RouteClosed),
    )
)


def translate(error: AiogramError, *, is_send: bool, left: bool, secrets: tuple[str, ...]) -> KiebotError:
    """`is_send`: done twice it shows twice; `left`: bytes of it may have arrived. `secrets` are masked in the text."""
    text = mask(error.message if isinstance(error, DetailedAiogramError) else _answer(error), secrets)
    match error:
        case TelegramRetryAfter():
            return Flood(text, float(error.retry_after))
        case TelegramMigrateToChat():
            return Moved(error.migrate_to_chat_id)
        case TelegramEntityTooLarge():
            return Oversize(text)
        case TelegramBadRequest() | TelegramForbiddenError():
            return _refusal(error, text)
        case ClientDecodeError() if re.search("413 (Request Entity|Payload|Content) Too Large", text):
            return Oversize("413 from a server in between")
        case TelegramNetworkError() | TelegramServerError() | ClientDecodeError():
            return DeliveryUnknown(text) if is_send and left else RetryLater(text)
    # the token is refused, or Telegram has a new word for no: that is nobody's chat's fault
    return RetryLater(text, OUT_OF_ORDER_SECONDS)


def _refusal(error: TelegramBadRequest | TelegramForbiddenError, text: str) -> KiebotError:
    found = (meaning for pattern, meaning in _MEANINGS if pattern.search(text))
    default = RouteClosed if isinstance(error, TelegramForbiddenError) else Refused
    return next(found, default)(text)


def message_id_in(error: AiogramError) -> int | None:
    """A send that worked, although aiogram cannot read all of its answer: the message's id (telegram.md 10)."""
    if not isinstance(error, ClientDecodeError):
        return None
    found = re.search(r"""['"]ok['"]: ?[Tt]rue.*?['"]message_id['"]: ?(\d+)""", str(error.data), re.DOTALL)
    return int(found[1]) if found else None


def _answer(error: AiogramError) -> str:
    data = str(error.data)[:EXCERPT] if isinstance(error, ClientDecodeError) else ""
    return f"{type(error).__name__}: {data}" if data else type(error).__name__
