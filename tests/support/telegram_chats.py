"""What people do in a chat of the Bot API stand-in; each act makes exactly the updates that Telegram would send."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.telegram_html import Rich, plain
from support.telegram_media import Given, Media
from support.telegram_messages import Message, Press, User
from support.telegram_rooms import RIGHTS, Member, Room, Topic
from support.telegram_updates import CALLBACK_SECONDS

_ATTACHABLE = ("photo", "document", "video", "animation", "sticker", "voice")
File = Given | bytes | Path


class Chat(Room):
    """A chat with its people. Acts return when their updates wait for the bot."""

    async def says(
        self,
        user: User,
        text: str = "",
        *,
        reply_to: Message | None = None,
        topic: int | None = None,
        album: Sequence[File] = (),
        caption: str = "",
        anonymous: bool = False,
        extra: Mapping[str, Any] | None = None,
        **attached: File,
    ) -> Message:
        """Somebody writes; `photo=`, `document=`, `video=`, `animation=`, `sticker=`, `voice=` attach a file.

        An album is one message and one update for each picture (photos, or documents when given by name); the first,
        which carries the caption, is returned. `extra` adds fields of its own, such as a location.
        """
        files = [self.world.files.given(kind, file) for kind, file in self._attached(attached)]
        files += [self.world.files.given(_kind_in_album(file), file) for file in album]
        group = str(self.world.next_number()) if album else None
        first: Message | None = None
        for media in files or (None,):
            message = self._written(user, caption or text, media, reply_to, topic, anonymous=anonymous)
            message.album = group
            message.extra = dict(extra or {})
            first, text, caption = first or message, "", ""
            self._deliver(message)
        await asyncio.sleep(0)
        assert first is not None
        return first

    async def starts(self, user: User, payload: str = "") -> Message:
        """Somebody presses Start, or opens a deep link with this payload (telegram.md 3)."""
        assert re.fullmatch(r"[\w-]{0,64}", payload, re.ASCII), "Telegram opens no such link"
        command = "/start" if self.is_private else f"/start@{self.world.bot.username}"
        return await self.says(user, f"{command} {payload}")

    async def edits(self, user: User, message: Message, text: str) -> Message:
        """Somebody changes the words of a message of theirs."""
        message.remember(self.world.date())
        message.rich = plain(text)
        if self._reaches_bot(message):
            self._update("edited_message", message.json())
        await asyncio.sleep(0)
        return message

    async def deletes(self, user: User, message: Message) -> None:
        """A message disappears; bots are told nothing."""
        message.deleted = True
        self.world.changed()
        await asyncio.sleep(0)

    async def press(
        self,
        user: User,
        message: Message,
        button: str = "",
        *,
        data: str | None = None,
        inaccessible: bool = False,
    ) -> Press:
        """Press a button by its label, its data or a part of its label that only one has.

        `data`: a button that no longer stands there, as an old client or an earlier version of the bot showed it.
        `inaccessible`: as for a message that Telegram no longer shows to the bot.
        """
        data = _button(message, button) if data is None else data
        press = Press(str(self.world.next_number()), user, message, data, self.world.now())
        self.world.presses[press.id] = press
        shown = message.json()
        if inaccessible or message.deleted:
            shown = {"chat": self.json(), "message_id": message.id, "date": 0}
        body = {"id": press.id, "from": user.json(), "message": shown, "data": data}
        body["chat_instance"] = str(7_000_000 + abs(self.id))
        self.world.updates.add("callback_query", body, f"user:{user.id}", CALLBACK_SECONDS)
        await asyncio.sleep(0)
        return press

    async def other_bot_says(self, text: str, name: str = "OtherBot") -> Message:
        """Another bot writes here: no bot sees it, but plain commands now go to that one."""
        bot = self.world.user(self.world.next_number(), name, username=name, is_bot=True)
        return await self.says(bot, text)

    async def posts(self, text: str) -> Message:
        """A post in a channel."""
        message = self._written(None, text, None, None, None, anonymous=False)
        message.sender_chat = self
        self._deliver(message)
        await asyncio.sleep(0)
        return message

    # --- who is in it

    async def add_bot(self, by: User, *, admin: bool = False) -> None:
        """Somebody adds the bot to a group."""
        self._bot_becomes(by, "administrator" if admin else "member")
        self._service(by, {"new_chat_members": [self.world.bot.json()]})
        await asyncio.sleep(0)

    async def create_with_bot(self, by: User) -> None:
        """Somebody makes this group with the bot in it from the start."""
        self._bot_becomes(by, "member")
        self._service(by, {"group_chat_created": True})
        await asyncio.sleep(0)

    async def remove_bot(self, by: User) -> None:
        """Somebody throws the bot out."""
        self._bot_becomes(by, "kicked")
        await asyncio.sleep(0)

    async def block_bot(self, user: User) -> None:
        self.blocked = True
        self._private_member(user, "member", "kicked")
        await asyncio.sleep(0)

    async def unblock(self, user: User) -> None:
        self.blocked = False
        self._private_member(user, "kicked", "member")
        await asyncio.sleep(0)

    async def joins(self, user: User) -> None:
        self.members[user.id] = Member(user)
        self._service(user, {"new_chat_members": [user.json()]})
        await asyncio.sleep(0)

    async def leaves(self, user: User) -> None:
        self.members[user.id].status = "left"
        self._service(user, {"left_chat_member": user.json()})
        await asyncio.sleep(0)

    async def make_admin(
        self,
        user: User,
        *,
        by: User | None = None,
        rights: Iterable[str] | None = None,
        anonymous: bool = False,
    ) -> None:
        """Make a person or the bot an administrator, with all rights but those to promote unless named."""
        given = frozenset(rights) if rights is not None else frozenset(RIGHTS) - {"can_promote_members"}
        if user is self.world.bot:
            self._bot_becomes(by or self._anybody(), "administrator", given)
        else:
            before = self.members.get(user.id, Member(user)).json()
            self.members[user.id] = Member(user, "administrator", given, anonymous)
            change = self._change(by or user, before, self.members[user.id].json())
            self._update("chat_member", change)
        await asyncio.sleep(0)

    async def migrate_group(self) -> Chat:
        """The group becomes a supergroup with a new id, which is returned; this one is closed."""
        new = self.world.add_chat("supergroup", self.title)
        new.members = {key: replace(member) for key, member in self.members.items()}
        new.last_bot = self.last_bot
        self._service(None, {"migrate_to_chat_id": new.id})
        self.migrated_to = new
        new._service(None, {"migrate_from_chat_id": self.id})
        await asyncio.sleep(0)
        return new

    # --- topics

    async def open_topic(self, name: str, user: User | None = None) -> int:
        """A new topic; its thread id is returned."""
        message = self._service(
            user or self._anybody(), {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        )
        self.topics[message.id] = Topic(message.id, name)
        await asyncio.sleep(0)
        return message.id

    async def close_topic(self, topic: int, user: User | None = None) -> None:
        self.topics[topic].closed = True
        self._service(user or self._anybody(), {"forum_topic_closed": {}}, topic)
        await asyncio.sleep(0)

    async def reopen_topic(self, topic: int, user: User | None = None) -> None:
        self.topics[topic].closed = False
        self._service(user or self._anybody(), {"forum_topic_reopened": {}}, topic)
        await asyncio.sleep(0)

    # --- within

    def bot_left(self) -> None:
        """The bot has left by itself, of which it is told as well."""
        self._bot_becomes(self.world.bot, "left")

    def forbid(self, *kinds: str) -> None:
        """The bot may no longer send these: `videos`, `photos`, `documents`, `animations`, `text messages`."""
        self.forbidden_media |= set(kinds)

    def allow(self, *kinds: str) -> None:
        self.forbidden_media -= set(kinds)

    def _attached(self, attached: Mapping[str, File]) -> list[tuple[str, File]]:
        if unknown := set(attached) - set(_ATTACHABLE):
            raise TypeError(f"says() takes no {', '.join(sorted(unknown))}")
        return list(attached.items())

    def _anybody(self) -> User:
        return next(each.user for each in self.members.values() if not each.user.is_bot)

    def _written(
        self,
        user: User | None,
        text: str,
        media: Media | None,
        reply_to: Message | None,
        topic: int | None,
        *,
        anonymous: bool,
    ) -> Message:
        """A message by somebody, put where Telegram puts it."""
        rich = plain(text) if text else Rich()
        is_personal = not self.is_private and self.world.is_ephemeral_command(text)
        number = 0 if is_personal else self.new_id()
        message = Message(number, self, self.world.date(), user, rich=rich, media=media, reply_to=reply_to)
        if is_personal:
            message.ephemeral_to = self.world.bot
        if anonymous:
            message.sender, message.sender_chat = self.world.anonymous, self
        if self.forum:
            message.topic = topic or (reply_to.topic if reply_to else None)
        elif self.kind == "supergroup" and reply_to:
            message.thread = reply_to.thread or reply_to.id
        if self.is_private:
            assert not self.blocked, "who blocked the bot must unblock it first"
            self.started = True
        return self.keep(message)

    def _deliver(self, message: Message) -> None:
        if self._reaches_bot(message):
            self._update("channel_post" if self.kind == "channel" else "message", message.json())

    def _update(self, kind: str, body: dict[str, Any]) -> None:
        self.world.updates.add(kind, body, f"chat:{self.id}")

    def _reaches_bot(self, message: Message) -> bool:
        """Privacy mode (telegram.md 6)."""
        if self.is_private:
            return True
        if not self.bot.is_in or (self.kind == "channel" and not self.bot.is_admin):
            return False
        by_bot = message.sender is not None and message.sender.is_bot and not message.sender_chat
        if by_bot:
            return False
        is_for_all = self.kind == "channel" or bool(message.service) or message.ephemeral_to is not None
        if is_for_all or self.bot.is_admin or not self.world.privacy_mode:
            return True
        if message.reply_to and message.reply_to.sender is self.world.bot:
            return True
        # A command in a caption does not count.
        return message.media is None and self._is_command_for_bot(message.text)

    def _is_command_for_bot(self, text: str) -> bool:
        if not text.startswith("/"):
            return False
        _, _, addressed = text.split(maxsplit=1)[0].partition("@")
        if addressed:
            return addressed.lower() == (self.world.bot.username or "").lower()
        return self.last_bot is self.world.bot

    def _service(self, user: User | None, what: dict[str, Any], topic: int | None = None) -> Message:
        message = Message(self.new_id(), self, self.world.date(), user, service=what, topic=topic)
        if "forum_topic_created" in what:
            message.topic = message.id
        if user is None:
            message.sender, message.sender_chat = self.world.anonymous, self
        self.keep(message)
        self._deliver(message)
        return message

    def _change(self, by: User, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        chat = {"chat": self.json(), "from": by.json(), "date": self.world.date()}
        return chat | {"old_chat_member": old, "new_chat_member": new}

    def _bot_becomes(self, by: User, status: str, rights: frozenset[str] = frozenset()) -> None:
        before = self.bot.json()
        if status == "administrator" and not rights:
            rights = frozenset(RIGHTS) - {"can_promote_members"}
        self.members[self.world.bot.id] = Member(self.world.bot, status, rights)
        self._update("my_chat_member", self._change(by, before, self.bot.json()))

    def _private_member(self, user: User, old: str, new: str) -> None:
        before, after = Member(self.world.bot, old).json(), Member(self.world.bot, new).json()
        self._update("my_chat_member", self._change(user, before, after))


def _kind_in_album(file: File) -> str:
    return "document" if isinstance(file, Given) and file.name else "photo"


def _button(message: Message, wanted: str) -> str:
    buttons = {
        button["text"]: button["callback_data"]
        for row in message.rows
        for button in row
        if "callback_data" in button
    }
    if wanted in buttons:
        return str(buttons[wanted])
    if wanted in buttons.values():
        return wanted
    fitting = [data for label, data in buttons.items() if wanted in label]
    if len(fitting) != 1:
        raise AssertionError(f"{len(fitting)} buttons say {wanted!r}; there are {list(message.buttons)}")
    return str(fitting[0])
