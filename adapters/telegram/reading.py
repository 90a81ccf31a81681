"""Which updates are for the bot, from their raw JSON: whose they are, and in which lane they wait. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.ports import Update

PLATFORM = "telegram"
# Passed explicitly each time: what is left out here must not stay on from an earlier program (telegram.md 5).
ALLOWED = ["message", "callback_query", "my_chat_member"]
PRESS_LANE = "press:"

_COMMAND = re.compile(r"/([a-z0-9_]{1,32})(?:@(\w+))?[,;:.]*(?!\S)", re.IGNORECASE)
_GROUPS = ("group", "supergroup")
# A group changes its number: what is known of it must follow.
_MIGRATION = ("migrate_to_chat_id", "migrate_from_chat_id")
# People who hide behind their group or channel: they are told to write as themselves.
_HIDDEN = (1087968824, 136817688)
_ALBUMS_REMEMBERED = 200

Raw = Mapping[str, Any]


@dataclass(slots=True)
class Reader:
    """Decides for one bot. `commands` are the names it answers to; in groups others belong to other bots.

    Talk of a group that is not for the bot is left out here, before anything is stored: that is the privacy promise.
    """

    bot_id: int
    username: str
    commands: Collection[str]
    _albums: dict[tuple[str, str], None] = field(default_factory=dict)

    def read(self, raws: Sequence[Raw]) -> list[Update]:
        """Those of a batch that are for the bot, in their order."""
        # The words of an album stand on one of its parts, and not always on the first.
        for message in _messages(raws):
            if self._is_addressed(message):
                self._remember_album(message)
        return [update for raw in raws if (update := self._read(raw))]

    def _read(self, raw: Raw) -> Update | None:
        if press := _object(raw, "callback_query"):
            sender = _id(press, "from")
            return _update(raw, f"{PRESS_LANE}{sender}", sender)
        if change := _object(raw, "my_chat_member"):
            return _update(raw, f"chat:{_id(change, 'chat')}", _id(change, "from"))
        message = _object(raw, "message")
        if not message:
            return _update(raw, "unreadable", "") if _is_strange(raw) else None
        if not self._is_for_us(message):
            return None
        chat, sender = _id(message, "chat"), _id(message, "from")
        is_private = _object(message, "chat").get("type") == "private"
        return _update(raw, f"chat:{chat}" if is_private else f"chat:{chat}:{sender}", sender)

    def _is_for_us(self, message: Raw) -> bool:
        chat = _object(message, "chat")
        if chat.get("type") == "private":
            return True
        if chat.get("type") not in _GROUPS:
            return False
        return (
            any(name in message for name in _MIGRATION)
            or self._is_addressed(message)
            or _album(message) in self._albums
        )

    def _is_addressed(self, message: Raw) -> bool:
        sender = _object(message, "from")
        is_other_bot = sender.get("is_bot") and sender.get("id") not in _HIDDEN
        if is_other_bot or message.get("is_automatic_forward"):
            return False
        text = _words(message)
        if command := _COMMAND.match(text):
            name, addressee = command[1].lower(), command[2]
            return addressee.lower() == self.username.lower() if addressee else name in self.commands
        return self._is_reply_to_us(message) or self._is_mentioned(text)

    def _is_reply_to_us(self, message: Raw) -> bool:
        """In a topic every message replies to the one that opened it."""
        replied = _object(message, "reply_to_message")
        return _object(replied, "from").get("id") == self.bot_id and "forum_topic_created" not in replied

    def _is_mentioned(self, text: str) -> bool:
        return bool(re.search(rf"(?<!\w)@{re.escape(self.username)}(?!\w)", text, re.IGNORECASE))

    def _remember_album(self, message: Raw) -> None:
        if album := _album(message):
            self._albums[album] = None
            while len(self._albums) > _ALBUMS_REMEMBERED:
                del self._albums[next(iter(self._albums))]


def album_of(payload: str) -> str:
    """What the parts of one album have in common; empty for anything else."""
    return str(_object(json.loads(payload), "message").get("media_group_id") or "")


def has_file(payload: str) -> bool:
    """Whether a file came with it or with what it replies to. Quotes in somebody's words are escaped."""
    return '"file_id":' in payload


def update_id(raw: object) -> int | None:
    """The number of an update, if this is one."""
    found = raw.get("update_id") if isinstance(raw, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _messages(raws: Sequence[Raw]) -> Iterator[Raw]:
    return (message for raw in raws if (message := _object(raw, "message")))


def _update(raw: Raw, lane: str, sender: str) -> Update:
    # escaped, so that half a surrogate pair can be stored too
    return Update(PLATFORM, raw["update_id"], lane, sender, json.dumps(raw, separators=(",", ":")))


def _is_strange(raw: Raw) -> bool:
    """One of the kinds we asked for, in no known shape: it is set aside for whoever looks into it."""
    return any(kind in raw for kind in ALLOWED)


def _words(message: Raw) -> str:
    found = message.get("text") or message.get("caption")
    return found if isinstance(found, str) else ""


def _album(message: Raw) -> tuple[str, str] | None:
    album = message.get("media_group_id")
    return (_id(message, "chat"), str(album)) if album else None


def _object(raw: Raw, name: str) -> Raw:
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def _id(raw: Raw, name: str) -> str:
    return str(_object(raw, name).get("id", ""))
