"""A chat as the Bot API stand-in keeps it: who is in it, what the bot may do there, what was written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.telegram_messages import Message, User
from support.telegram_schema import ApiError, bad, forbidden

if TYPE_CHECKING:
    from support.telegram_world import World

_NAMES = {"group": "group chat", "supergroup": "supergroup chat", "channel": "channel chat"}
_SAID = {"photo": "photos", "video": "videos", "animation": "animations", "document": "documents"}
RIGHTS = (
    *("can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members"),
    *("can_promote_members", "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories"),
    *("can_delete_stories", "can_send_welcome_messages", "can_pin_messages", "can_manage_topics"),
    *("can_post_messages", "can_edit_messages"),
)
_RESTRICTIONS = (
    *("can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos"),
    *("can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages"),
    *("can_add_web_page_previews", "can_react_to_messages", "can_edit_tag", "can_change_info"),
    *("can_invite_users", "can_pin_messages", "can_manage_topics"),
)


@dataclass(slots=True)
class Topic:
    id: int
    name: str
    closed: bool = False


@dataclass(slots=True)
class Member:
    """Somebody in a chat: creator, administrator, member, restricted, left, kicked."""

    user: User
    status: str = "member"
    rights: frozenset[str] = frozenset()
    anonymous: bool = False

    @property
    def is_in(self) -> bool:
        return self.status not in ("left", "kicked")

    @property
    def is_admin(self) -> bool:
        return self.status in ("creator", "administrator")

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"user": self.user.json(), "status": self.status}
        if self.is_admin:
            body["is_anonymous"] = self.anonymous
        if self.status == "administrator":
            body |= {"can_be_edited": False} | {name: name in self.rights for name in RIGHTS}
        if self.status == "restricted":
            body |= {"is_member": True, "until_date": 0} | dict.fromkeys(_RESTRICTIONS, False)
        return body | ({"until_date": 0} if self.status == "kicked" else {})


@dataclass(eq=False)
class Room:
    """What is known of a chat. `messages` are the bot's own, `history` is everybody's; both in their order."""

    world: World
    id: int
    kind: str
    title: str | None = None
    username: str | None = None
    user: User | None = None
    forum: bool = False
    started: bool = False
    blocked: bool = False
    migrated_to: Room | None = None
    members: dict[int, Member] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    forbidden_media: set[str] = field(default_factory=set)
    history: list[Message] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    chat_actions: list[str] = field(default_factory=list)
    last_bot: User | None = None
    _by_id: dict[int, Message] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _ephemeral_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": self.id, "type": self.kind}
        if self.user:
            body["first_name"] = self.user.first_name
        if self.title:
            body["title"] = self.title
        if username := self.username or (self.user and self.user.username):
            body["username"] = username
        return body | ({"is_forum": True} if self.forum else {})

    @property
    def is_private(self) -> bool:
        return self.kind == "private"

    @property
    def bot(self) -> Member:
        """The bot's own place in this chat."""
        return self.members[self.world.bot.id]

    # --- messages

    def new_id(self) -> int:
        """Supergroups and channels count for themselves; all other chats of an account share one count."""
        return next(self._ids if self.kind in ("supergroup", "channel") else self.world.message_ids)

    def keep(self, message: Message) -> Message:
        """Put a message where it belongs, and wake who waits for it."""
        if message.ephemeral_to:
            message.ephemeral_id = next(self._ephemeral_ids)
        elif message.id:
            self._by_id[message.id] = message
        self.history.append(message)
        if message.sender is self.world.bot:
            self.messages.append(message)
        if message.sender and message.sender.is_bot and not message.sender_chat:
            self.last_bot = message.sender
        self.world.changed()
        return message

    def message(self, message_id: int) -> Message | None:
        """The message of this id, unless it is deleted."""
        found = self._by_id.get(message_id)
        return None if found is None or found.deleted else found

    def ephemeral(self, user_id: int, ephemeral_id: int) -> Message | None:
        """What only this person and the bot see, from either of them."""
        found = (each for each in self.history if each.ephemeral_id == ephemeral_id and not each.deleted)
        return next((each for each in found if user_id in each.ephemeral_between), None)

    @property
    def last(self) -> Message:
        """The bot's last message that still stands."""
        return next(each for each in reversed(self.messages) if not each.deleted)

    def wait_for(
        self, wanted: Callable[[Message], object], timeout: float = 5
    ) -> Coroutine[Any, Any, Message]:
        """The first standing message of the bot that fits, now or later. Raises AssertionError after `timeout` s."""
        return self._found(wanted, timeout)

    async def _found(self, wanted: Callable[[Message], object], seconds: float) -> Message:
        def look() -> Message | None:
            return next((each for each in self.messages if not each.deleted and wanted(each)), None)

        try:
            found = await self.world.wait_until(look, seconds)
        except AssertionError:
            said = "\n".join(f"  {each!r}" for each in self.history[-12:])
            raise AssertionError(f"no such message within {seconds} s; what was said:\n{said}") from None
        assert found is not None
        return found

    # --- what the bot may do

    def check_reachable(self) -> None:
        """Raises ApiError where the bot cannot write (telegram.md 4)."""
        if self.migrated_to:
            raise bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.migrated_to.id)
        if self.user:
            self._check_private(self.user)
        elif self.bot.status == "kicked":
            raise forbidden(f"bot was kicked from the {_NAMES[self.kind]}")
        elif self.bot.status == "left":
            raise forbidden(f"bot is not a member of the {_NAMES[self.kind]}")
        elif self.kind == "channel" and not self.bot.is_admin:
            raise bad("need administrator rights in the channel chat")

    def _check_private(self, user: User) -> None:
        if user.is_bot:
            raise forbidden("bot can't send messages to bots")
        if user.deactivated:
            raise forbidden("user is deactivated")
        if self.blocked:
            raise forbidden("bot was blocked by the user")
        if not self.started:
            raise forbidden("bot can't initiate conversation with a user")

    def check_may_send(self, kind: str) -> None:
        """Raises ApiError 400 where this kind of message (`text`, `video` ...) is not allowed to the bot."""
        said = _SAID.get(kind, "text messages")
        if said in self.forbidden_media and not self.bot.is_admin:
            raise bad(f"not enough rights to send {said} to the chat")

    def check_topic(self, thread: int | None) -> int | None:
        """The topic a message goes to. Raises ApiError 400 for one that does not exist or is closed."""
        if thread is None:
            return None
        # The general topic has no id here: sent along as 1 it is refused, as by Telegram.
        topic = self.topics.get(thread)
        if topic is None:
            raise bad("message thread not found")
        if topic.closed and not (self.bot.is_admin and "can_manage_topics" in self.bot.rights):
            raise ApiError(400, "Bad Request: TOPIC_CLOSED")
        return thread
