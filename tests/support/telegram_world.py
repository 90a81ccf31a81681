"""Telegram as the stand-in keeps it: people, chats, files, what waits for the bot, what the bot has called."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from support.telegram_chats import Chat
from support.telegram_media import Files
from support.telegram_messages import Call, Press, User
from support.telegram_rooms import Member
from support.telegram_schema import bad
from support.telegram_updates import Updates

T = TypeVar("T")
_LOOK_AGAIN_SECONDS = 0.05
_ANONYMOUS_ID = 1087968824  # Telegram's own GroupAnonymousBot


class Now(Protocol):
    """Whoever tells the time, in ms; `bot.ports.Clock` does."""

    def now(self) -> int: ...


class RealNow:
    def now(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass
class World:
    """Everything. `privacy_mode` is the bot's setting at BotFather; a group reads it at each message."""

    clock: Now
    files: Files
    bot: User
    privacy_mode: bool = True
    users: dict[int, User] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    presses: dict[str, Press] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    # (scope, language) -> commands; and what the bot says about itself.
    commands: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.updates = Updates(self.now)
        self.anonymous = User(_ANONYMOUS_ID, "Group", "GroupAnonymousBot", is_bot=True)
        self.message_ids = itertools.count(1)
        self._numbers = itertools.count(4_000_000_001)
        self._waiters: set[asyncio.Future[None]] = set()

    def now(self) -> int:
        return self.clock.now()

    def date(self) -> int:
        """Seconds, as the API writes dates."""
        return self.now() // 1000

    def next_number(self) -> int:
        return next(self._numbers)

    # --- people and places

    def user(
        self,
        user_id: int,
        name: str,
        *,
        username: str | None = None,
        language_code: str | None = "en",
        is_bot: bool = False,
    ) -> User:
        """A person; the same id is the same person."""
        if user_id not in self.users:
            self.users[user_id] = User(user_id, name, username, language_code, is_bot)
        return self.users[user_id]

    def private(self, user: User) -> Chat:
        """The chat of a person with the bot: closed until the person says something or `started` is set."""
        if user.id not in self.chats:
            chat = Chat(self, user.id, "private", user=user)
            chat.members = {user.id: Member(user), self.bot.id: Member(self.bot)}
            self.chats[user.id] = chat
        return self.chats[user.id]

    def group(
        self,
        title: str,
        members: Sequence[User] = (),
        *,
        supergroup: bool = False,
        forum: bool = False,
        privacy_mode: bool | None = None,
        bot: bool = True,
    ) -> Chat:
        """A group whose first member made it. With `bot=False` the bot is not in yet: `add_bot`."""
        chat = self.add_chat("supergroup" if supergroup or forum else "group", title)
        chat.forum = forum
        if forum:
            chat.new_id()  # the first message of a forum is its general topic
        for place, user in enumerate(members):
            chat.members[user.id] = Member(user, "member" if place else "creator")
        chat.bot.status = "member" if bot else "left"
        if privacy_mode is not None:
            self.privacy_mode = privacy_mode
        return chat

    def channel(self, title: str, username: str | None = None) -> Chat:
        """A channel with the bot as administrator."""
        chat = self.add_chat("channel", title)
        chat.username = username
        chat.members[self.bot.id] = Member(self.bot, "administrator", frozenset({"can_post_messages"}))
        return chat

    def add_chat(self, kind: str, title: str | None) -> Chat:
        number = self.next_number()
        chat = Chat(self, -number if kind == "group" else -1_000_000_000_000 - number, kind, title)
        chat.members = {self.bot.id: Member(self.bot)}
        self.chats[chat.id] = chat
        return chat

    def chat(self, chat_id: int | str) -> Chat:
        """Raises ApiError 400 for a chat that the bot cannot know."""
        if isinstance(chat_id, str):
            named = (each for each in self.chats.values() if each.username == chat_id.removeprefix("@"))
            found = next(named, None)
        elif chat_id in self.users:
            found = self.private(self.users[chat_id])
        else:
            found = self.chats.get(chat_id)
        if found is None:
            raise bad("chat not found" if chat_id else "chat_id is empty")
        return found

    def is_ephemeral_command(self, text: str) -> bool:
        """Whether the bot has registered the command that this text begins with as ephemeral."""
        name = text.split(maxsplit=1)[0].partition("@")[0].removeprefix("/") if text.startswith("/") else ""
        registered = [each for commands in self.commands.values() for each in commands]
        return any(each["command"] == name and each.get("is_ephemeral") for each in registered)

    # --- what happened

    def calls_of(self, method: str) -> list[Call]:
        return [each for each in self.calls if each.method == method]

    def changed(self) -> None:
        """Wake who waits."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def wait_until(self, wanted: Callable[[], T], timeout: float = 5) -> Coroutine[Any, Any, T]:
        """What `wanted` returns once it is true. Raises AssertionError after so many (real) seconds."""
        return self._came_true(wanted, timeout)

    async def _came_true(self, wanted: Callable[[], T], seconds: float) -> T:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not (found := wanted()):
            left = until - loop.time()
            if left <= 0:
                last = [f"{each.method}: {each.status}" for each in self.calls[-12:]]
                raise AssertionError(f"it did not come true within {seconds} s; last calls: {last}")
            waiter = loop.create_future()
            self._waiters.add(waiter)
            # What is waited for may also change outside of Telegram, which tells nobody.
            await asyncio.wait([waiter], timeout=min(left, _LOOK_AGAIN_SECONDS))
            self._waiters.discard(waiter)
        return found

    # --- strange updates

    def inject(self, body: dict[str, Any], lane: str = "raw") -> int:
        """Any object as an update; returns its `update_id`."""
        return self.updates.inject(body, lane)

    def future_update(self, user: User) -> int:
        """A message no current client can read: forwarded from an origin of a kind that is yet to come."""
        chat = self.private(user)
        origin = {"type": "from_the_future", "date": self.date()}
        message = {"message_id": chat.new_id(), "date": self.date(), "chat": chat.json(), "from": user.json()}
        return self.inject(
            {"message": {**message, "text": "hello", "forward_origin": origin}}, f"chat:{chat.id}"
        )

    def nonsense_update(self) -> int:
        """An update of no known shape at all."""
        return self.inject({"message": "not an object", "quantum_state": [None, {"spin": "up"}]})
