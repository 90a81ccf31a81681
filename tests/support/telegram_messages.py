"""What the Bot API stand-in remembers: people, messages, presses of buttons, calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.telegram_html import Rich
from support.telegram_media import Media

if TYPE_CHECKING:
    from support.telegram_chats import Chat


@dataclass(eq=False, slots=True)
class User:
    """A person, or a bot."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = "en"
    is_bot: bool = False
    deactivated: bool = False

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.username:
            body["username"] = self.username
        if self.language_code and not self.is_bot:
            body["language_code"] = self.language_code
        return body


@dataclass(frozen=True, slots=True)
class Edit:
    """How a message was before an edit."""

    text: str
    html: str
    buttons: Mapping[str, str]
    media: Media | None
    at: int


@dataclass(eq=False, slots=True)
class Message:
    """One message of any chat. `text` is its words or its caption as people read them, `html` as it was sent."""

    id: int
    chat: Chat
    date: int
    sender: User | None = None
    sender_chat: Chat | None = None
    rich: Rich = field(default_factory=Rich)
    media: Media | None = None
    markup: dict[str, Any] | None = None
    reply_to: Message | None = None
    topic: int | None = None
    thread: int | None = None
    silent: bool = False
    album: str | None = None
    service: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    edited_at: int | None = None
    deleted: bool = False
    reactions: list[str] = field(default_factory=list)
    ephemeral_to: User | None = None
    ephemeral_id: int | None = None

    @property
    def text(self) -> str:
        return self.rich.text

    @property
    def html(self) -> str:
        return self.rich.html

    @property
    def caption(self) -> str | None:
        return self.rich.text if self.media else None

    @property
    def rows(self) -> list[list[dict[str, Any]]]:
        """The inline keyboard as it lies."""
        rows: list[list[dict[str, Any]]] = (self.markup or {}).get("inline_keyboard", [])
        return rows

    @property
    def buttons(self) -> dict[str, str]:
        """Label -> what the button does: its data, its address, or the name of its action."""
        return {button["text"]: _action(button) for row in self.rows for button in row}

    @property
    def keyboard(self) -> list[str]:
        """Labels of a reply keyboard."""
        rows = (self.markup or {}).get("keyboard", [])
        return [button["text"] for row in rows for button in row]

    @property
    def ephemeral_between(self) -> set[int]:
        """Ids of the two who see an ephemeral message."""
        return {each.id for each in (self.sender, self.ephemeral_to) if each and self.ephemeral_to}

    @property
    def asks_for_reply(self) -> bool:
        return bool((self.markup or {}).get("force_reply"))

    def remember(self, at: int) -> None:
        """Put the present state into the history of edits."""
        self.edits.append(Edit(self.text, self.html, self.buttons, self.media, at))
        self.edited_at = at

    def json(self, *, deep: bool = True) -> dict[str, Any]:
        return dict(self._fields(deep=deep))

    def _fields(self, *, deep: bool) -> Iterator[tuple[str, Any]]:
        yield "message_id", self.id
        if self.ephemeral_to:
            yield "receiver_user", self.ephemeral_to.json()
            yield "ephemeral_message_id", self.ephemeral_id
        if self.sender and self.chat.kind != "channel":
            yield "from", self.sender.json()
        if self.sender_chat:
            yield "sender_chat", self.sender_chat.json()
        yield "chat", self.chat.json()
        yield "date", self.date
        if self.edited_at:
            yield "edit_date", self.edited_at
        if self.topic or self.thread:
            yield "message_thread_id", self.topic or self.thread
        if self.topic:
            yield "is_topic_message", True
        if self.album:
            yield "media_group_id", self.album
        if deep and (original := self._hangs_on()):
            yield "reply_to_message", original.json(deep=False)
        if self.media:
            yield from self.media.fields().items()
        words = ("caption", "caption_entities") if self.media else ("text", "entities")
        if self.text:
            yield words[0], self.text
        if self.rich.entities:
            yield words[1], list(self.rich.entities)
        if self.rows:
            yield "reply_markup", {"inline_keyboard": self.rows}
        yield from self.service.items()
        yield from self.extra.items()

    def _hangs_on(self) -> Message | None:
        """What it replies to; in a topic everything else hangs on the message that opened it."""
        if self.reply_to:
            return None if self.reply_to.deleted else self.reply_to
        return self.chat.message(self.topic) if self.topic and self.topic != self.id else None

    def __repr__(self) -> str:
        marks = [f"[{self.media.kind}]"] if self.media else []
        marks += [f"<{label}>" for label in self.buttons]
        if self.deleted:
            marks.append("(deleted)")
        who = self.sender.first_name if self.sender else "?"
        return f"#{self.id} {who}: {' '.join([self.text or str(self.service or ''), *marks])}"


def _action(button: Mapping[str, Any]) -> str:
    if "callback_data" in button:
        return str(button["callback_data"])
    if "url" in button:
        return str(button["url"])
    return next(name for name in button if name not in ("text", "style", "icon_custom_emoji_id"))


@dataclass(eq=False, slots=True)
class Press:
    """A press of a button: `await press.answer()` waits until the bot has answered it."""

    id: str
    user: User
    message: Message
    data: str
    at: int
    answered: bool = False
    text: str | None = None
    alert: bool = False
    url: str | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, timeout: float = 5) -> Coroutine[Any, Any, Press]:
        """Itself, answered. Raises AssertionError if the button still spins after so many seconds."""
        return self._answered(timeout)

    async def _answered(self, seconds: float) -> Press:
        try:
            await asyncio.wait_for(self.done.wait(), seconds)
        except TimeoutError:
            raise AssertionError(f"the press of {self.data!r} was never answered") from None
        return self


@dataclass(eq=False, slots=True)
class Call:
    """One call of the API: what came, when (ms), the HTTP status (0: cut off) and the result or the description."""

    method: str
    params: Mapping[str, Any]
    at: int
    status: int = 0
    result: Any = None

    @property
    def ok(self) -> bool:
        return self.status == 200
